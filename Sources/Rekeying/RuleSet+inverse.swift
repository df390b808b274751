package import ByteStreams

extension RuleSet {
    /// The rule set that moves everything back: exactly the keys that these rules can make, and no other.
    ///
    /// It says `roundtrip: true` where its templates alone would take in keys that these rules never make. It needs no
    /// check of its own; `check` would refuse it with `sameNewKey` where only `where` or another attribute keeps two rules
    /// apart, for new items that nothing moved could lead back to one key.
    ///
    /// - Throws: `.rulesRefused` with the first finding if `check` refuses the rules.
    package func inverted() throws(RekeyError) -> RuleSet {
        let proof = check()
        if let finding = proof.findings.first(where: { $0.severity == .refusal }) {
            throw RekeyError(.rulesRefused, "the rules have no inverse: \(finding.message)", line: finding.line)
        }
        return uncheckedInverse()
    }

    /// The inverse of rules that `check` accepts.
    func uncheckedInverse() -> RuleSet {
        let plain = inverse(isRoundtrip: false)
        return Prover(plain).readsBack ? plain : inverse(isRoundtrip: true)
    }

    private func inverse(isRoundtrip: Bool) -> RuleSet {
        RuleSet(
            name: name.hasSuffix(Self.inverseSuffix)
                ? String(name.dropLast(Self.inverseSuffix.count)) : name + Self.inverseSuffix,
            title: title, noun: noun, label: label, partition: partition, sort: sort,
            rules: rules.map { $0.inverse(isRoundtrip: isRoundtrip) }, references: [], isRoundtrip: isRoundtrip,
            hookPlace: .after)
    }

    private static let inverseSuffix = "-inverse"
}

extension Rule {
    fileprivate func inverse(isRoundtrip: Bool) -> Rule {
        func templates(_ bindings: [TemplateBinding], withClasses: Bool) -> [AttributeName: TemplateSyntax?] {
            Dictionary(
                bindings.map { ($0.attribute, $0.template?.syntax(names: captureNames, withClasses: withClasses)) },
                uniquingKeysWith: { first, _ in first })
        }
        let staying = stayingAttributes
        var from = templates(targetBindings + staying, withClasses: true)
        var to = templates(sourceBindings, withClasses: false)
        for binding in staying { to.removeValue(forKey: binding.attribute) }
        if let sortName, !targetNamesSort, let sort = source.sort {
            from[sortName] = sort.syntax(names: captureNames, withClasses: true)
            to.removeValue(forKey: sortName)
        }
        return Rule(
            from: from, to: to, conditions: conditions, partition: partitionName, sort: sortName,
            isRoundtrip: isRoundtrip, line: line)
    }
}
