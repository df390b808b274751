import ByteStreams
import Rekeying
import Testing

@Suite struct ProofTests {
    /// A rule file's rules, and each finding's code and whole message.
    static let refused: [(rules: String, findings: [(Finding.Code, String)])] = [
        (
            "  - {from: {PK: 'A#{a}#{b}'}, to: {PK: 'B#{a}'}}",
            [
                (
                    .valueLost,
                    "rule 1: {b} is in the old key and not in the new one, so old keys that differ only there get one "
                        + "new key; use it in to, or allow one-way rules"
                )
            ]
        ),
        (
            "  - {from: {PK: 'A#{a}', G: '{a}'}, to: {PK: 'B'}}",
            [
                (
                    .valueLost,
                    "rule 1: {a} is in the old key and not in the new one, so old keys that differ only there get one "
                        + "new key; use it in to, or allow one-way rules"
                )
            ]
        ),
        (
            "  - {from: {PK: 'A#{a:[#]}#{b}'}, to: {PK: 'B#{b}#{a}'}}",
            [
                (
                    .doesNotReadBack,
                    "rule 1: {b} can be \"a#\", and PK \"B#{b}#{a}\" would read it back as \"a\"; narrow it in from, "
                        + "for example {b:[^#]}"
                )
            ]
        ),
        (
            "  - {from: {PK: 'A{a:[#]}'}, to: {PK: 'B{a}#'}}",
            [
                (
                    .doesNotReadBack,
                    "rule 1: {a} can be \"##\", and PK \"B{a}#\" would read it back as \"#\"; put another literal behind "
                        + "it in to"
                )
            ]
        ),
        (
            "  - {from: {PK: 'A#{a}', G: 'g{b}'}, to: {PK: 'B#{a}', G: 'h'}}",
            [
                (
                    .valueLost,
                    "rule 1: {b} is in no attribute of the new item, so there is no way back; use it in to, or allow "
                        + "one-way rules"
                )
            ]
        ),
        (
            "  - {from: {PK: 'A#{a}'}, to: {PK: 'B#{a}', G: null}}",
            [
                (
                    .valueLost,
                    "rule 1: to removes 'G' whatever it holds, so there is no way back; say in from what it holds, or "
                        + "allow one-way rules"
                )
            ]
        ),
        (
            "  - {from: {PK: 'A#{a}'}, to: {PK: 'B#{b}#{a}'}}",
            [(.unknownCapture, "rule 1: to uses {b}, which is no capture of from")]
        ),
        (
            "  - {from: {PK: 'A#{a}', SK: '{b}'}, to: {PK: 'B#{a}#{b}', SK: 'META'}}",
            [
                (
                    .doesNotReadBack,
                    "rule 1: {a} can be \"a#\", and PK \"B#{a}#{b}\" would read it back as \"a\"; narrow it in from, "
                        + "for example {a:[^#]}"
                )
            ]
        ),
        (
            "  - {from: {PK: 'A#{a}'}, to: {PK: 'C#{a}'}}\n  - {from: {PK: 'B#{a:int}'}, to: {PK: 'C#1{a}'}}",
            [
                (
                    .sameNewKey,
                    "rule 2: it can make the new key C#11 / a, and so can rule 1; give one of them another literal in to"
                )
            ]
        ),
        (
            "  - {from: {PK: 'A{a}'}, to: {PK: 'AB{a}'}}",
            [
                (
                    .movesAgain,
                    "rule 1: it can make the new key ABa / a, which its own from matches, so a second run would move it "
                        + "again; give to another literal, or narrow from"
                )
            ]
        ),
        (
            "  - {from: {PK: 'A{a}'}, to: {PK: 'B{a}'}}\n  - {from: {PK: 'B1{a}'}, to: {PK: 'C{a}'}}",
            [
                (
                    .movesAgain,
                    "rule 1: it can make the new key B1a / a, which from of rule 2 matches, so a second run would move "
                        + "it again; give to another literal, or narrow from"
                )
            ]
        ),
        (
            "  - {from: {PK: 'A{a}', SK: '{s:int}'}, to: {PK: 'B{a}'}}\n"
                + "  - {from: {PK: '{a}z', SK: 'S{s}'}, to: {PK: 'z'}}\n"
                + "  - {from: {PK: '{a}z'}, to: {PK: 'C{a}'}}",
            [
                (
                    .valueLost,
                    "rule 2: {a} is in the old key and not in the new one, so old keys that differ only there get one "
                        + "new key; use it in to, or allow one-way rules"
                ),
                (
                    .sameItem,
                    "rule 3: from matches Az / 1, and so does rule 1; narrow one of them, or let where ask one attribute "
                        + "for different values"
                ),
                (
                    .sameItem,
                    "rule 3: from matches az / Sa, and so does rule 2; narrow one of them, or let where ask one "
                        + "attribute for different values"
                ),
            ]
        ),
        (
            "  - {from: {PK: 'A{a}', SK: 'x'}, to: {PK: '\(String(repeating: "B", count: 2048)){a}', SK: x}}",
            [
                (
                    .keyTooLong,
                    "rule 1: the partition key of to is 2049 bytes or longer, and DynamoDB allows 2048"
                )
            ]
        ),
    ]

    @Test(arguments: refused.indices)
    func refuses(index: Int) throws {
        let (rules, expected) = Self.refused[index]
        let proof = try ruleSet(rules).check()
        let found = proof.findings.filter { $0.code != .movesAgain || expected.contains { $0.0 == .movesAgain } }
        #expect(found.map(\.code) == expected.map(\.0))
        #expect(found.map(\.message) == expected.map(\.1))
        #expect(proof.findings.allSatisfy { $0.severity == .refusal && $0.line == 4 + $0.rule })
        #expect(!proof.isAccepted)
        #expect(proof.inverse == nil)
        #expect(throws: RekeyError.self) { try ruleSet(rules).inverted() }
    }

    /// What the automata, `where` or another attribute show to be safe.
    @Test(arguments: [
        "  - {from: {PK: 'A#{a:[^#]}#{b}'}, to: {PK: 'B#{a}##{b}'}}",
        "  - {from: {PK: 'A{a}'}, to: {PK: 'B{a}'}}\n  - {from: {PK: 'C{a}'}, to: {PK: 'D{a}'}}",
        "  - {from: {PK: 'A{a}'}, to: {PK: 'B1{a}'}, where: {t: 1}}\n"
            + "  - {from: {PK: 'A{a}'}, to: {PK: 'B2{a}'}, where: {t: 2.0}}",
        "  - {from: {PK: 'A{a}', G: 'x{g}'}, to: {PK: 'B1{a}'}}\n  - {from: {PK: 'A{a}', G: null}, to: {PK: 'B2{a}'}}",
        "  - {from: {PK: 'A{a}', G: 'x{g}'}, to: {PK: 'B1{a}'}}\n"
            + "  - {from: {PK: 'A{a}', G: 'y{g}'}, to: {PK: 'B2{a}', G: 'n{g}'}}",
        "  - {from: {PK: 'A{a:int}'}, to: {PK: 'B{a}x'}}\n  - {from: {PK: 'B{a:int}'}, to: {PK: 'C{a}'}}",
    ])
    func accepts(rules: String) throws {
        let rules = try ruleSet(rules)
        #expect(rules.check().findings == [])
        let inverse = try rules.inverted()
        // Rules that only where or another attribute keeps apart lead back to one key: true, and harmless after a move.
        let backward = inverse.check().findings.map(\.code)
        #expect(backward == [] || backward == [.sameNewKey])
        if backward == [] { #expect(try inverse.inverted().rules == rules.rules) }
        #expect(try RuleSet.parse(yaml: inverse.yaml, source: "inverse") == inverse)
    }

    @Test func equalNumbersDoNotKeepRulesApart() throws {
        let rules = try ruleSet(
            "  - {from: {PK: 'A{a}'}, to: {PK: 'B1{a}'}, where: {t: 1}}\n"
                + "  - {from: {PK: 'A{a}'}, to: {PK: 'B2{a}'}, where: {t: 1.0}}")
        #expect(rules.check().findings.map(\.code) == [.sameItem])
    }

    @Test func oneWayMakesNotesOfWhatIsLost() throws {
        let rules = try ruleSet("  - {from: {PK: 'A#{a}#{b}'}, to: {PK: 'B#{a}'}}")
        let proof = rules.check(oneWay: true)
        #expect(proof.isAccepted)
        #expect(proof.inverse == nil)
        #expect(proof.findings.map(\.severity) == [.note])
        let again = try ruleSet("  - {from: {PK: 'A#{a}#{b}'}, to: {PK: 'A#{a}##'}}").check(oneWay: true)
        #expect(!again.isAccepted)
    }

    /// `{a}` of `to` would read more than `from` can have held: the inverse says so, and is exact.
    @Test func inverseTakesOnlyWhatWasMade() throws {
        let rules = try ruleSet("  - {from: {PK: 'A#{a}#{b:int}', SK: 'M'}, to: {PK: 'B', SK: '{b}#{a}'}}")
        #expect(rules.check().findings == [])
        let inverse = try rules.inverted()
        #expect(inverse.isRoundtrip)
        var backward = Matcher(inverse)
        #expect(backward.move(SmallKey(partition: "B", sort: "1#x"))?.key == SmallKey(partition: "A#x#1", sort: "M"))
        // It would become A#x#y#1, which reads as x and y#1.
        #expect(backward.move(SmallKey(partition: "B", sort: "1#x#y")) == nil)
        var forward = Matcher(rules)
        #expect(forward.produces(SmallKey(partition: "B", sort: "1#x")) == 0)
        #expect(forward.produces(SmallKey(partition: "B", sort: "1#x#y")) == nil)
    }

    @Test func roundtripMakesANoteOfWhatIsLeftAlone() throws {
        let file = "  - {from: {PK: 'A#{a}', SK: '{b}'}, to: {PK: 'B#{a}#{b}', SK: 'M'}}"
        let proof = try ruleSet(file, more: "roundtrip: true\n").check()
        #expect(proof.isAccepted)
        #expect(
            proof.findings.map(\.message) == [
                "rule 1: {a} can be \"a#\", and PK \"B#{a}#{b}\" would read it back as \"a\"; such items are left alone"
            ])
        #expect(proof.inverse != nil)
    }

    @Test func movesIndexKeysAndBack() throws {
        let rules = try ruleSet(
            "  - {from: {PK: 'A#{a}', Old: 'o{a}', Stays: 's{b}'}, to: {PK: 'B#{a}', Old: null, GSI1PK: 'P#{b}'}}")
        #expect(rules.check().findings == [])
        #expect(
            try rules.inverted().yaml == """
                name: "test-inverse"
                key: {partition: PK, sort: SK}
                rules:
                  - from: {PK: "B#{a}", GSI1PK: "P#{b}", Old: null, Stays: "s{b}"}
                    to: {PK: "A#{a}", GSI1PK: null, Old: "o{a}"}

                """)
    }

    @Test func manyRulesAndLongLiteralsAreProvenToo() throws {
        let literal = String(repeating: "abcab", count: 100)
        let rules = (0..<60).map { "  - {from: {PK: 'A\($0)#{a}\(literal)'}, to: {PK: 'B\($0)#{a}\(literal)'}}\n" }
        #expect(try ruleSet(rules.joined()).check().findings == [])
    }
}
