/// Decides the properties of a rule set with finite automata; see docs/rules.md for the argument.
struct Prover {
    private let ruleSet: RuleSet
    private let alphabet: ByteAlphabet
    /// For each rule and capture, the values it can hold; nil if that takes too many states.
    private let values: [[Automaton]?]

    private static let stateLimit = 20_000

    init(_ ruleSet: RuleSet) {
        self.ruleSet = ruleSet
        var sets: Set<ByteSet> = []
        var bytes: Set<UInt8> = []
        for rule in ruleSet.rules {
            for template in (rule.sourceBindings + rule.targetBindings).compactMap(\.template) {
                sets.formUnion(template.segments.map(\.allowed))
                bytes.formUnion(template.literals)
            }
        }
        let alphabet = ByteAlphabet(sets: sets, bytes: bytes)
        self.alphabet = alphabet
        values = ruleSet.rules.map { Self.values(of: $0, withTarget: $0.isRoundtrip, alphabet) }
    }

    /// What each capture can hold: what every place in `from` reads back, since a repeated capture holds the same
    /// everywhere, and every place in `to` as well if so asked. Nil if it takes too many states.
    private static func values(of rule: Rule, withTarget: Bool, _ alphabet: ByteAlphabet) -> [Automaton]? {
        let bindings = rule.sourceBindings + (withTarget ? rule.targetBindings : [])
        var values: [Automaton?] = Array(repeating: nil, count: rule.captureNames.count)
        var seen: [CapturePlace] = []
        for place in bindings.flatMap({ $0.template?.places ?? [] }) where !seen.contains(place) {
            seen.append(place)
            let here = Automaton.values(at: place, alphabet)
            if let known = values[place.capture] {
                guard let both = known.product(here, limit: stateLimit) else { return nil }
                values[place.capture] = both
            } else {
                values[place.capture] = here
            }
        }
        return values.map { $0 ?? .nonEmpty(alphabet) }
    }

    func findings(oneWay: Bool) -> [Finding] {
        var findings: [Finding] = []
        for index in ruleSet.rules.indices {
            if values[index] == nil {
                findings.append(
                    finding(.tooComplex, index, "its captures are repeated too often to prove anything about them"))
                continue
            }
            findings += lengths(index)
            findings += unknownCaptures(index)
            findings += lostValues(index, severity: oneWay ? .note : .refusal)
            findings += unreadableValues(index, severity: oneWay || ruleSet.isRoundtrip ? .note : .refusal)
            findings += pairs(index)
        }
        return findings
    }

    private func finding(
        _ code: Finding.Code, _ index: Int, other: Int? = nil, severity: Finding.Severity = .refusal, _ text: String,
        witness: Witness? = nil
    ) -> Finding {
        Finding(
            code: code, severity: severity, rule: index, otherRule: other, line: ruleSet.rules[index].line,
            message: "rule \(index + 1): \(text)", witness: witness)
    }

    // MARK: - One rule

    /// DynamoDB's limits in bytes: partition key, sort key.
    private static let keyLimits = (partition: 2048, sort: 1024)

    private func lengths(_ index: Int) -> [Finding] {
        let rule = ruleSet.rules[index]
        var findings: [Finding] = []
        for (code, side, pattern) in [
            (Finding.Code.neverMatches, "from", rule.source), (.keyTooLong, "to", rule.target),
        ] {
            for (what, template, limit) in [
                ("partition", pattern.partition, Self.keyLimits.partition), ("sort", pattern.sort, Self.keyLimits.sort),
            ] {
                guard let template, template.minimumCount > limit else { continue }
                findings.append(
                    finding(
                        code, index,
                        "the \(what) key of \(side) is \(template.minimumCount) bytes or longer, and DynamoDB allows "
                            + "\(limit)"))
            }
        }
        return findings
    }

    private func unknownCaptures(_ index: Int) -> [Finding] {
        let rule = ruleSet.rules[index]
        return rule.captureNames[rule.sourceCaptureCount...].map { name in
            finding(.unknownCapture, index, "to uses {\(name)}, which is no capture of from")
        }
    }

    private func lostValues(_ index: Int, severity: Finding.Severity) -> [Finding] {
        let rule = ruleSet.rules[index]
        func captures(_ templates: [Template?]) -> Set<Int> {
            Set(templates.flatMap { $0?.segments.map(\.capture) ?? [] })
        }
        let inNewKey = captures([rule.target.partition, rule.target.sort])
        let inNewItem = inNewKey.union(captures((rule.targetAttributes + rule.stayingAttributes).map(\.template)))
        let inOldKey = captures([rule.source.partition, rule.source.sort])
        var findings: [Finding] = []
        for capture in 0..<rule.sourceCaptureCount {
            let name = rule.captureNames[capture]
            if inOldKey.contains(capture), !inNewKey.contains(capture) {
                findings.append(
                    finding(
                        .valueLost, index, severity: severity,
                        "{\(name)} is in the old key and not in the new one, so old keys that differ only there get "
                            + "one new key; use it in to, or allow one-way rules"))
            } else if !inNewItem.contains(capture) {
                findings.append(
                    finding(
                        .valueLost, index, severity: severity,
                        "{\(name)} is in no attribute of the new item, so there is no way back; use it in to, "
                            + "or allow one-way rules"))
            }
        }
        for binding in rule.targetAttributes where binding.template == nil {
            if rule.sourceAttributes.contains(where: { $0.attribute == binding.attribute }) { continue }
            findings.append(
                finding(
                    .valueLost, index, severity: severity,
                    "to removes '\(binding.attribute)' whatever it holds, so there is no way back; say in from what it "
                        + "holds, or allow one-way rules"))
        }
        return findings
    }

    /// Whether `to` of every rule reads back each value that `from` lets a capture hold.
    var readsBack: Bool {
        ruleSet.rules.indices.allSatisfy { values[$0] != nil && unreadable($0) == nil }
    }

    /// The first place of `to` that does not read back each value the capture can hold, with a shortest such value.
    private func unreadable(_ index: Int) -> (binding: TemplateBinding, place: CapturePlace, value: [UInt8])? {
        let rule = ruleSet.rules[index]
        guard let values = Self.values(of: rule, withTarget: false, alphabet) else { return nil }
        for binding in rule.targetBindings {
            for place in binding.template?.places ?? [] where place.capture < rule.sourceCaptureCount {
                if let word = values[place.capture].beyond(.values(at: place, alphabet)) {
                    return (binding, place, alphabet.bytes(word))
                }
            }
        }
        return nil
    }

    private func unreadableValues(_ index: Int, severity: Finding.Severity) -> [Finding] {
        let rule = ruleSet.rules[index]
        guard let (binding, place, value) = unreadable(index) else { return [] }
        let name = rule.captureNames[place.capture]
        let text = binding.template!.syntax(names: rule.captureNames, withClasses: false).text
        let start = (value + place.literal).withUnsafeBytes { bytes in
            place.literal.withUnsafeBytes { firstOccurrence(of: $0, in: bytes, from: 1) } ?? value.count
        }
        let advice = ruleSet.isRoundtrip ? "such items are left alone" : advice(place, name: name)
        return [
            finding(
                .doesNotReadBack, index, severity: severity,
                "{\(name)} can be \(quotedForMessage(value)), and \(binding.attribute) \(quotedForMessage(text)) "
                    + "would read it back as \(quotedForMessage((value + place.literal)[..<start])); \(advice)",
                witness: .value(capture: name, value))
        ]
    }

    /// How to make the place read back: a class without the first byte of the literal that follows.
    private func advice(_ place: CapturePlace, name: String) -> String {
        let first = place.literal[0]
        let others = first < 0x80 ? ByteSet(first...first).inverted : ByteSet(0...0x7F)
        let narrower = others.intersection(place.allowed)
        guard let text = narrower.text, !narrower.isEmpty else { return "put another literal behind it in to" }
        return "narrow it in from, for example {\(name):\(text)}"
    }

    // MARK: - Two rules

    private func key(_ pattern: KeyPattern, _ index: Int) -> (partition: Automaton, sort: Automaton) {
        let values = values[index]!
        return (
            Automaton(pattern.partition, values: values, alphabet),
            pattern.sort.map { Automaton($0, values: values, alphabet) } ?? .nonEmpty(alphabet)
        )
    }

    /// A key that both patterns can have, captures taken as independent of each other.
    private func commonKey(_ a: KeyPattern, _ indexA: Int, _ b: KeyPattern, _ indexB: Int) -> Witness? {
        if disjointPrefixes(a.partition, b.partition) { return nil }
        if let sortA = a.sort, let sortB = b.sort, disjointPrefixes(sortA, sortB) { return nil }
        let (keyA, keyB) = (key(a, indexA), key(b, indexB))
        guard let partition = keyA.partition.common(keyB.partition), let sort = keyA.sort.common(keyB.sort) else {
            return nil
        }
        return .key(
            partition: alphabet.bytes(partition), sort: ruleSet.sort == nil ? nil : alphabet.bytes(sort))
    }

    /// Whether the templates' leading literals already exclude a common text: saves building automata.
    private func disjointPrefixes(_ a: Template, _ b: Template) -> Bool {
        zip(a.literalPrefix, b.literalPrefix).contains { $0 != $1 }
    }

    private func pairs(_ index: Int) -> [Finding] {
        let rules = ruleSet.rules
        var findings: [Finding] = []
        for other in 0..<index where values[other] != nil {
            if let witness = commonKey(rules[other].target, other, rules[index].target, index) {
                findings.append(
                    finding(
                        .sameNewKey, index, other: other,
                        "it can make the new key \(display(witness)), and so can rule \(other + 1); give one of them "
                            + "another literal in to", witness: witness))
            }
        }
        for other in rules.indices where values[other] != nil {
            if let witness = commonKey(rules[index].target, index, rules[other].source, other) {
                let who = other == index ? "its own from" : "from of rule \(other + 1)"
                findings.append(
                    finding(
                        .movesAgain, index, other: other,
                        "it can make the new key \(display(witness)), which \(who) matches, so a second run would "
                            + "move it again; give to another literal, or narrow from", witness: witness))
            }
        }
        for other in 0..<index where values[other] != nil {
            if let witness = commonItem(other, index) {
                findings.append(
                    finding(
                        .sameItem, index, other: other,
                        "from matches \(display(witness)), and so does rule \(other + 1); narrow one of them, or let "
                            + "where ask one attribute for different values", witness: witness))
            }
        }
        return findings
    }

    /// A key that both rules take, unless another attribute keeps them apart.
    private func commonItem(_ a: Int, _ b: Int) -> Witness? {
        let (ruleA, ruleB) = (ruleSet.rules[a], ruleSet.rules[b])
        for condition in ruleA.conditions {
            for other in ruleB.conditions where condition.path == other.path && condition.value.excludes(other.value) {
                return nil
            }
        }
        for binding in ruleA.sourceAttributes {
            guard let other = ruleB.sourceAttributes.first(where: { $0.attribute == binding.attribute }) else {
                continue
            }
            switch (binding.template, other.template) {
            case (let templateA?, let templateB?):
                let textsA = Automaton(templateA, values: values[a]!, alphabet)
                if textsA.common(Automaton(templateB, values: values[b]!, alphabet)) == nil { return nil }
            case (nil, nil): break
            default: return nil
            }
        }
        return commonKey(ruleA.source, a, ruleB.source, b)
    }

    private func quotedForMessage(_ text: String) -> String { "\"\(text)\"" }
    private func quotedForMessage(_ bytes: some Collection<UInt8>) -> String { "\"\(displayed(bytes))\"" }

    private func display(_ witness: Witness) -> String {
        switch witness {
        case .key(let partition, let sort?): "\(displayed(partition)) / \(displayed(sort))"
        case .key(let partition, nil): displayed(partition)
        case .value(_, let bytes): displayed(bytes)
        }
    }
}
