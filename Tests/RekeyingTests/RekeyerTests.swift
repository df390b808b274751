import Items
import Rekeying
import TestSupport
import Testing

/// An item of nothing but its key and `more`, as a line.
private func line(_ key: SmallKey, more: String = "") -> [UInt8] {
    Array("{\"PK\":{\"S\":\"\(key.partition)\"}\(key.sort.map { ",\"SK\":{\"S\":\"\($0)\"}" } ?? "")\(more)}".utf8)
}

/// Calls `body` with the item of a line.
private func withView<R>(_ line: [UInt8], _ body: (ItemView) throws -> R) throws -> R {
    try line.withUnsafeBytes { bytes in
        var scanner = RecordScanner()
        _ = try scanner.scan(bytes)
        return try body(ItemView(line: bytes, attributes: scanner.attributes))
    }
}

@Suite struct RekeyerTests {
    /// A key that is named without its item moves exactly where and when the item itself does, forwards and back.
    @Test(arguments: [true, false])
    func aKeyMovesAsItsItem(hasSort: Bool) throws {
        let seed = testSeed("aKeyMovesAsItsItem")
        var generator = RuleFileGenerator(random: SeededGenerator(seed: seed), hasSort: hasSort)
        let keys = EnumerationTests.keys(hasSort: hasSort)
        var (files, moved, stayed) = (0, 0, 0)
        // Of some seeds few keys move in the first files.
        while files < 60 || (moved <= 100 && files < 1000) {
            let file = generator.file()
            guard let rules = try? RuleSet.parse(yaml: file.text, source: "random"), rules.check().isAccepted else {
                continue
            }
            files += 1
            for rules in [rules, try rules.inverted()] {
                var rekeyer = Rekeyer(rules)
                for key in keys.shuffled(using: &generator.random).prefix(400) {
                    let bytes = line(key)
                    try withView(bytes) { view in
                        var item = ByteWriter()
                        var alone = ByteWriter()
                        let (_, newKey) = try rekeyer.rewrite(view, range: 0..<bytes.count, from: 0, into: &item)
                        let moves = try rekeyer.movesKey(view, at: 0)
                        try rekeyer.rewriteKey(view, range: 0..<bytes.count, from: 0, into: &alone)
                        let isAlike = moves == (newKey != nil) && item.array == alone.array
                        #expect(isAlike, "seed \(seed), key \(key)\n\(file.text)")
                        if moves { moved += 1 } else { stayed += 1 }
                    }
                }
            }
        }
        #expect(moved > 100 && stayed > 100)
    }

    /// Every key that rules make lies in the range of their `to`, also of rules that only `--one-way` allows.
    @Test(arguments: [true, false])
    func whatIsMadeIsInRange(hasSort: Bool) throws {
        let seed = testSeed("whatIsMadeIsInRange")
        var generator = RuleFileGenerator(random: SeededGenerator(seed: seed), hasSort: hasSort)
        let keys = EnumerationTests.keys(hasSort: hasSort)
        var (files, oneWay, moved) = (0, 0, 0)
        while files < 150 || oneWay < 40 || (moved <= 100 && files < 2000) {
            let file = generator.file()
            guard let rules = try? RuleSet.parse(yaml: file.text, source: "random"),
                rules.check(oneWay: true).isAccepted
            else { continue }
            files += 1
            if !rules.check().isAccepted { oneWay += 1 }
            var rekeyer = Rekeyer(rules)
            for key in keys.shuffled(using: &generator.random).prefix(400) {
                let bytes = line(key)
                var made = ByteWriter()
                let newKey = try withView(bytes) { view in
                    try rekeyer.rewrite(view, range: 0..<bytes.count, from: 0, into: &made).newKey
                }
                guard newKey != nil else { continue }
                moved += 1
                let isInRange = try withView(made.array) { try rekeyer.produces($0) }
                #expect(isInRange, "seed \(seed), key \(key)\n\(file.text)")
            }
        }
        #expect(moved > 100)
    }

    /// An attribute that stands in the way of a rule is no error where the rule does not take the item anyhow.
    @Test func aRuleThatDoesNotApplyIsNoError() throws {
        let rules = try RuleSet.parse(
            yaml: """
                name: odd
                key: {partition: PK, sort: SK}
                rules:
                  - from: {PK: "A#{a}", SK: "M", kind: "k{n}"}
                    to:   {PK: "B", SK: "M#{a}", index: "i{n}", kind: "k{n}"}
                """, source: "odd")
        var rekeyer = Rekeyer(rules)
        let key = SmallKey(partition: "A#1", sort: "M")
        let index = ",\"index\":{\"S\":\"x\"}"
        #expect(try withView(line(key, more: index)) { try rekeyer.match($0) } == nil)
        #expect(try withView(line(key, more: index + ",\"kind\":{\"S\":\"other\"}")) { try rekeyer.match($0) } == nil)
        #expect(try withView(line(key, more: ",\"kind\":{\"S\":\"k1\"}")) { try rekeyer.match($0) } == 0)
        #expect(throws: ItemError.self) {
            _ = try withView(line(key, more: index + ",\"kind\":{\"S\":\"k1\"}")) { try rekeyer.match($0) }
        }
    }

    /// DynamoDB compares names byte by byte: é and e with a combining accent are two attributes.
    @Test func namesAreBytes() throws {
        let (composed, decomposed) = ("\u{E9}", "e\u{301}")
        let rules = try RuleSet.parse(
            yaml: """
                name: names
                key: {partition: PK, sort: SK}
                rules:
                  - from: {PK: "A#{a}", SK: "M", "\(composed)": "x"}
                    to:   {PK: "B", SK: "M#{a}", "\(decomposed)": "y"}
                    where: {"\(decomposed)z": 1}
                """, source: "names")
        #expect(rules.rules[0].sourceAttributes.count == 2)
        var rekeyer = Rekeyer(rules)
        let bytes = line(
            SmallKey(partition: "A#1", sort: "M"),
            more: ",\"\(composed)\":{\"S\":\"x\"},\"\(decomposed)z\":{\"N\":\"1\"}")
        var made = ByteWriter()
        _ = try withView(bytes) { try rekeyer.rewrite($0, range: 0..<bytes.count, from: 0, into: &made) }
        let text = String(decoding: made.array, as: UTF8.self)
        #expect(
            text.utf8.elementsEqual(
                ("{\"PK\":{\"S\":\"B\"},\"SK\":{\"S\":\"M#1\"},\"\(composed)\":{\"S\":\"x\"},\"\(decomposed)z\":{\"N\":\"1\"}"
                    + ",\"\(decomposed)\":{\"S\":\"y\"}}").utf8))
        #expect(AttributePath(composed) != AttributePath(decomposed))
    }
}
