/// What a rule set does with one key, and why.
package struct Explanation: Sendable, Equatable {
    /// How one rule fared.
    package struct Attempt: Sendable, Equatable {
        /// Index into the rules.
        package let rule: Int
        /// Where `from` failed; nil if it matched.
        package let failure: String?
    }

    /// The rules that were tried, up to the first that matched.
    package let attempts: [Attempt]
    /// The rule that moves the key; nil if none.
    package let rule: Int?
    /// What the captures hold, as text for a message.
    package let captures: [(name: String, value: String)]
    /// The new key; nil if no rule matched. `newSort` is nil too in a table without a sort key.
    package let newPartition: String?
    package let newSort: String?
    /// What an item must have besides the key, one sentence each.
    package let demands: [String]
    /// The rule whose `to` could have made the key: then it looks as if it has moved already.
    package let producer: Int?

    package static func == (a: Explanation, b: Explanation) -> Bool {
        a.attempts == b.attempts && a.rule == b.rule && a.newPartition == b.newPartition && a.newSort == b.newSort
            && a.demands == b.demands && a.producer == b.producer
            && a.captures.elementsEqual(b.captures, by: ==)
    }

    /// The whole explanation, one line each, for a person.
    package var lines: [String] {
        var lines: [String] = []
        for attempt in attempts {
            lines.append("rule \(attempt.rule + 1): " + (attempt.failure ?? "matches"))
        }
        for (name, value) in captures { lines.append("  {\(name)} is \"\(value)\"") }
        for demand in demands { lines.append("  only if \(demand)") }
        if let newPartition { lines.append("  new key: \(newPartition)" + (newSort.map { " / \($0)" } ?? "")) }
        if let producer { lines.append("rule \(producer + 1) can make this key: it looks as if moved already") }
        if rule == nil, producer == nil { lines.append("no rule matches: the item is left alone") }
        return lines
    }
}

extension RuleSet {
    /// Which rule moves a key of strings, to where, and why the rules before it do not. Give a sort key exactly if the
    /// table has one.
    package func explain(partition: String, sort: String?) -> Explanation {
        let (partitionBytes, sortBytes) = (Array(partition.utf8), sort.map { Array($0.utf8) })
        return partitionBytes.withUnsafeBytes { partition in
            guard let sortBytes else { return explain(partition, nil) }
            return sortBytes.withUnsafeBytes { sort in explain(partition, sort) }
        }
    }

    private func explain(_ partition: UnsafeRawBufferPointer, _ sort: UnsafeRawBufferPointer?) -> Explanation {
        var matcher = Matcher(self)
        let producer = matcher.produces(partition: partition, sort: sort)
        var attempts: [Explanation.Attempt] = []
        for (index, rule) in rules.enumerated() {
            guard matcher.matchesSource(index, partition: partition, sort: sort) else {
                attempts.append(
                    Explanation.Attempt(rule: index, failure: failure(of: rule, partition: partition, sort: sort)))
                continue
            }
            attempts.append(Explanation.Attempt(rule: index, failure: nil))
            var captures: [(name: String, value: String)] = []
            for (number, name) in rule.captureNames.enumerated() {
                if let value = matcher.captures[number] { captures.append((name, displayed(value))) }
            }
            // Captures of other attributes are not known from the key: they stand in the new key by name.
            func text(_ template: Template) -> String {
                template.syntax(names: rule.captureNames, withClasses: false).parts.map { part in
                    switch part {
                    case .literal(let bytes): displayed(bytes)
                    case .capture(let name, _): captures.first { $0.name == name }?.value ?? "{\(name)}"
                    }
                }.joined()
            }
            return Explanation(
                attempts: attempts, rule: index, captures: captures, newPartition: text(rule.target.partition),
                newSort: rule.target.sort.map(text) ?? sort.map { displayed($0) }, demands: demands(of: rule),
                producer: producer)
        }
        return Explanation(
            attempts: attempts, rule: nil, captures: [], newPartition: nil, newSort: nil, demands: [],
            producer: producer)
    }

    private func demands(of rule: Rule) -> [String] {
        rule.sourceAttributes.map { binding in
            binding.template.map { template in
                "\(binding.attribute) is a text like \"\(template.syntax(names: rule.captureNames, withClasses: true).text)\""
            } ?? "\(binding.attribute) is absent"
        } + rule.conditions.map(\.description)
    }

    /// Where `from` of a rule that does not match stops to match.
    private func failure(
        of rule: Rule, partition partitionKey: UnsafeRawBufferPointer, sort sortKey: UnsafeRawBufferPointer?
    ) -> String {
        var captures = CaptureTable(count: rule.captureNames.count)
        if !rule.source.partition.match(partitionKey, into: &captures) {
            return partition + ": " + rule.source.partition.mismatch(partitionKey, names: rule.captureNames)
        }
        guard let template = rule.source.sort, let sort else { return "its new key would not read back" }
        guard let sortKey else { return "\(sort): the key has none" }
        var withSort = captures
        if !template.match(sortKey, into: &withSort) {
            return sort + ": " + template.mismatch(sortKey, names: rule.captureNames, bound: captures)
        }
        return "its new key would not read back"
    }
}

extension Template {
    /// Why `bytes` do not match: the same walk as `match`, with words.
    fileprivate func mismatch(
        _ bytes: UnsafeRawBufferPointer, names: [String], bound: CaptureTable? = nil
    ) -> String {
        let same = zip(literalPrefix, bytes).prefix { $0 == $1 }.count
        guard same == prefixCount else {
            return "differs from \"\(displayed(literalPrefix))\" at byte \(same)"
        }
        var captures = bound ?? CaptureTable(count: names.count)
        var position = prefixCount
        for segment in segments {
            let name = names[segment.capture]
            let literal = literals[segment.literal]
            var end = bytes.count
            if !literal.isEmpty {
                let found = Array(literal).withUnsafeBytes { firstOccurrence(of: $0, in: bytes, from: position + 1) }
                guard let found else {
                    return
                        "nothing ends {\(name)}, which begins at byte \(position): no \"\(displayed(literal))\" follows"
                }
                end = found
            }
            guard end > position else { return "{\(name)} would be empty at byte \(position)" }
            let value = UnsafeRawBufferPointer(rebasing: bytes[position..<end])
            if let wrong = value.firstIndex(where: { !segment.allowed.contains($0) }) {
                return "{\(name)} is \"\(displayed(value))\", which is not \(segment.allowed.text ?? "") at byte "
                    + "\(position + wrong)"
            }
            if !captures.bind(segment.capture, to: value) {
                return "{\(name)} is \"\(displayed(value))\" at byte \(position), and something else before"
            }
            position = end + literal.count
        }
        return "\"\(displayed(bytes[position...]))\" is left over at byte \(position)"
    }
}
