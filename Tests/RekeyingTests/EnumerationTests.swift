import ByteStreams
import Rekeying
import TestSupport
import Testing

extension Matcher {
    /// The rule that moves `key`, and the new key.
    mutating func move(_ key: SmallKey) -> (rule: Int, key: SmallKey)? {
        withBytes(of: key) { matcher, partition, sort in
            guard let rule = matcher.source(partition: partition, sort: sort) else { return nil }
            var (newPartition, newSort): ([UInt8], [UInt8]) = ([], [])
            matcher.renderTarget(rule, oldSort: sort, partition: &newPartition, sort: &newSort)
            let text = String(decoding: newPartition, as: UTF8.self)
            return (
                rule, SmallKey(partition: text, sort: sort == nil ? nil : String(decoding: newSort, as: UTF8.self))
            )
        }
    }

    mutating func produces(_ key: SmallKey) -> Int? {
        withBytes(of: key) { $0.produces(partition: $1, sort: $2) }
    }

    private mutating func withBytes<R>(
        of key: SmallKey, _ body: (inout Matcher, UnsafeRawBufferPointer, UnsafeRawBufferPointer?) -> R
    ) -> R {
        Array(key.partition.utf8).withUnsafeBytes { partition in
            guard let sort = key.sort else { return body(&self, partition, nil) }
            return Array(sort.utf8).withUnsafeBytes { body(&self, partition, $0) }
        }
    }
}

/// What a rule set can be wrong in, found by trying every key.
struct EnumeratedFacts {
    var moved = 0
    var failures: [String] = []

    /// Moves each of `keys`, each moved key again, and each back.
    init(_ rules: RuleSet, keys: [SmallKey]) throws {
        var forward = Matcher(rules)
        var backward = Matcher(try rules.inverted())
        var origins: [SmallKey: SmallKey] = [:]
        for key in keys {
            if let (_, back) = backward.move(key) {
                // The inverse moves exactly what the rules can make.
                if forward.move(back)?.key != key { failures.append("the inverse moves \(key), which nothing made") }
                if forward.produces(key) == nil { failures.append("\(key) is not said to be produced") }
            } else if forward.produces(key) != nil {
                failures.append("\(key) is said to be produced, and the inverse leaves it")
            }
            guard let (_, new) = forward.move(key) else { continue }
            moved += 1
            if let other = origins.updateValue(key, forKey: new) { failures.append("\(key), \(other) → \(new)") }
            if let (_, again) = forward.move(new) { failures.append("\(key) → \(new) → \(again)") }
            if forward.produces(new) == nil { failures.append("\(key) → \(new), which is not produced") }
            if backward.move(new)?.key != key { failures.append("\(new) does not go back to \(key)") }
        }
    }
}

@Suite struct EnumerationTests {
    /// Every rule set that is accepted keeps its promises on every key of a small world.
    @Test(arguments: [true, false])
    func whatIsAcceptedIsSafe(hasSort: Bool) throws {
        let seed = testSeed("whatIsAcceptedIsSafe")
        var generator = RuleFileGenerator(random: SeededGenerator(seed: seed), hasSort: hasSort)
        let keys = Self.keys(hasSort: hasSort)
        var (accepted, refused, moved) = (0, 0, 0)
        while accepted < (hasSort ? 60 : 250) || moved <= 1000, accepted + refused < 20_000 {
            let file = generator.file()
            guard let rules = try? RuleSet.parse(yaml: file.text, source: "random") else { continue }
            #expect(try RuleSet.parse(yaml: rules.yaml, source: "again") == rules, "seed \(seed)\n\(file.text)")
            guard rules.check().isAccepted else {
                refused += 1
                continue
            }
            accepted += 1
            let inverse = try rules.inverted()
            #expect(try RuleSet.parse(yaml: inverse.yaml, source: "again") == inverse, "seed \(seed)\n\(file.text)")
            let facts = try EnumeratedFacts(rules, keys: keys)
            moved += facts.moved
            #expect(facts.failures.prefix(5) == [], "seed \(seed)\n\(file.text)\n\(inverse.yaml)")
        }
        print("accepted \(accepted), refused \(refused), keys moved \(moved)")
        #expect(accepted > 0)
        #expect(refused > 0)
        #expect(moved > 1000)
    }

    static func keys(hasSort: Bool) -> [SmallKey] {
        let texts = allTexts("ab#1/", upTo: hasSort ? 3 : 5)
        guard hasSort else { return texts.map { SmallKey(partition: $0) } }
        return texts.flatMap { partition in texts.map { SmallKey(partition: partition, sort: $0) } }
    }

    /// Matching and rendering do what the language says, accepted or not.
    @Test(arguments: [true, false])
    func movesAsThePlainReading(hasSort: Bool) throws {
        let seed = testSeed("movesAsThePlainReading")
        var generator = RuleFileGenerator(random: SeededGenerator(seed: seed), hasSort: hasSort)
        let keys = Self.keys(hasSort: hasSort)
        var moved = 0
        for _ in 0..<120 {
            let file = generator.file()
            guard let rules = try? RuleSet.parse(yaml: file.text, source: "random"),
                !rules.check().findings.contains(where: { $0.code == .unknownCapture })
            else { continue }
            var matcher = Matcher(rules)
            for key in keys.shuffled(using: &generator.random).prefix(500) {
                let expected = file.rules.lazy.compactMap { $0.move(key, isRoundtrip: file.isRoundtrip) }.first
                let actual = matcher.move(key)?.key
                moved += actual == nil ? 0 : 1
                #expect(actual == expected, "seed \(seed), key \(key)\n\(file.text)")
            }
        }
        #expect(moved > 100)
    }

    /// Each witness of a refusal is true, as far as captures are not repeated.
    @Test(arguments: [true, false])
    func witnessesAreTrue(hasSort: Bool) throws {
        let seed = testSeed("witnessesAreTrue")
        var generator = RuleFileGenerator(random: SeededGenerator(seed: seed), hasSort: hasSort)
        var counts: [Finding.Code: Int] = [:]
        for _ in 0..<1000 {
            let file = generator.file()
            guard let rules = try? RuleSet.parse(yaml: file.text, source: "random") else { continue }
            let proof = rules.check()
            // What is lost on the way has no unique old key to try.
            if file.rules.contains(where: \.repeatsCaptures)
                || proof.findings.contains(where: { $0.code == .valueLost })
            {
                continue
            }
            for finding in proof.findings {
                counts[finding.code, default: 0] += 1
                let isTrue = Self.isTrue(finding, in: file)
                #expect(isTrue, "seed \(seed)\n\(file.text)\(finding.message)")
            }
        }
        print(counts)
        for code in [Finding.Code.doesNotReadBack, .sameNewKey, .movesAgain, .sameItem] {
            #expect(counts[code, default: 0] > 10, "\(code)")
        }
    }

    private static func isTrue(_ finding: Finding, in file: RuleFileGenerator.File) -> Bool {
        let rule = file.rules[finding.rule]
        let other = finding.otherRule.map { file.rules[$0] }
        switch finding.witness {
        case .key(let partition, let sort):
            let key = SmallKey(
                partition: String(decoding: partition, as: UTF8.self),
                sort: sort.map { String(decoding: $0, as: UTF8.self) })
            func makes(_ rule: PlainRule) -> Bool { rule.makes(key, isRoundtrip: file.isRoundtrip) }
            func takes(_ rule: PlainRule) -> Bool { rule.move(key, isRoundtrip: file.isRoundtrip) != nil }
            switch finding.code {
            case .sameNewKey: return makes(rule) && makes(other!)
            case .movesAgain: return makes(rule) && takes(other!)
            case .sameItem: return takes(rule) && takes(other!)
            default: return false
            }
        case .value(let capture, let bytes):
            // Any other capture holds one character of its class, which each of these classes has.
            var values = [capture: String(decoding: bytes, as: UTF8.self)]
            for part in rule.from.partition.parts + (rule.from.sort?.parts ?? []) {
                if case .capture(let name, let allowed) = part, name != capture {
                    values[name] = allowed.allows("a") ? "a" : "1"
                }
            }
            guard finding.code == .doesNotReadBack, let old = rule.render(rule.from, values, sort: "a") else {
                return false
            }
            return rule.move(old, isRoundtrip: false) != nil && rule.move(old, isRoundtrip: true) == nil
        case nil:
            return false
        }
    }
}
