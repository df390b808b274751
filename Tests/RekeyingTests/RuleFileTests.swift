import ByteStreams
import Rekeying
import Testing

/// The Plan migration, as the design states it.
let planRules = """
    name: plan-structure
    key: {partition: PK, sort: SK}
    rules:
      - from: {PK: "PLAN#{id}", SK: "META"}
        to:   {PK: "PLAN",      SK: "META#{id}"}
        where: {tp: plan}
    references:
      - in: {PK: "USR#{user}", SK: "META"}
        attribute: dat.plan_id
        names: {PK: "PLAN", SK: "META#{value}"}
    """

func ruleSet(_ rules: String, key: String = "{partition: PK, sort: SK}", more: String = "") throws -> RuleSet {
    try RuleSet.parse(yaml: "name: test\nkey: \(key)\n\(more)rules:\n\(rules)", source: "test.yaml")
}

@Suite struct RuleFileTests {
    @Test func readsThePlanMigration() throws {
        let rules = try RuleSet.parse(yaml: planRules, source: "plan.yaml")
        #expect(rules.name == "plan-structure")
        #expect(rules.noun == "item")
        #expect(rules.partition == "PK")
        #expect(rules.sort == "SK")
        let rule = try #require(rules.rules.first)
        #expect(rule.line == 4)
        #expect(rule.captureNames == ["id"])
        #expect(rule.source.literalPartitionPrefix == Array("PLAN#".utf8))
        #expect(rule.source.literalPartition == nil)
        #expect(rule.source.literalSort == Array("META".utf8))
        #expect(rule.target.literalPartition == Array("PLAN".utf8))
        #expect(rule.target.literalSortPrefix == Array("META#".utf8))
        #expect(rule.conditions.map(\.description) == ["tp = \"plan\""])
        #expect(rules.references.first?.attribute.names == ["dat", "plan_id"])
        #expect(rules.check().findings == [])
    }

    /// 40 lists, each twice the one before: as a key they would be compared for ever.
    @Test func refusesManyAliases() {
        let lists = (1..<40).map { "a\($0): &a\($0) [*a\($0 - 1),*a\($0 - 1)]\n" }.joined()
        let error = #expect(throws: RekeyError.self) {
            try RuleSet.parse(yaml: "a: &a0 [x,x]\n\(lists)? *a39\n: 1\n", source: "bomb.yaml")
        }
        #expect(error?.code == .rulesRefused && error?.message.contains("aliases") == true)
        #expect(throws: Never.self) {
            try RuleSet.parse(
                yaml: planRules.replacing("where: {tp: plan}", with: "where: {tp: &p plan, of: *p}"),
                source: "few.yaml")
        }
    }

    @Test func invertsThePlanMigration() throws {
        let rules = try RuleSet.parse(yaml: planRules, source: "plan.yaml")
        let expected = """
            name: "plan-structure-inverse"
            key: {partition: PK, sort: SK}
            rules:
              - from: {PK: "PLAN", SK: "META#{id}"}
                to: {PK: "PLAN#{id}", SK: "META"}
                where: {tp: "plan"}

            """
        #expect(rules.check().inverse == expected)
        #expect(try rules.inverted() == RuleSet.parse(yaml: expected, source: "inverse.yaml"))
        #expect(try rules.inverted().inverted().rules == rules.rules)
    }

    @Test(arguments: [
        ("7", "7"), ("007.50", "75E-1"), ("-0.0", "0"), ("100", "1E2"), ("1.50", "15E-1"), ("-12e-3", "-12E-3"),
        ("+5", "5"), (".5", "5E-1"), ("1E125", "1E125"), ("12345678901234567890123456789012345678", nil),
    ])
    func canonicalNumbers(text: String, canonical: String?) throws {
        let value = try #require(Condition.Value.reading(number: text))
        #expect(value == .number(text: text, canonical: Array((canonical ?? text).utf8)))
    }

    @Test(arguments: ["1E126", "1E-131", "123456789012345678901234567890123456789", "", "1e", "0x1", "--1", "1_0"])
    func refusedNumbers(text: String) {
        #expect(Condition.Value.reading(number: text) == nil)
    }

    @Test func whereKnowsTypesAndPaths() throws {
        let rules = try ruleSet(
            """
              - from: {PK: "A{x}"}
                to: {PK: "B{x}"}
                where: {a: 1.50, b.c: "1.50", d\\.e: true, f: null, g: text, "h": ~}
            """)
        #expect(
            rules.rules[0].conditions.map(\.description) == [
                "a = 1.50", "b.c = \"1.50\"", "d\\.e = true", "f = null", "g = \"text\"", "h = null",
            ])
        #expect(rules.rules[0].conditions[2].path.names == ["d.e"])
        #expect(try RuleSet.parse(yaml: rules.yaml, source: "again") == rules)
    }

    @Test(arguments: [
        "  - {from: {PK: 'A{{{x:[^#]+}}}', SK: '{x}#{y:int}'}, to: {PK: 'B', SK: '{y}#{x}'}}",
        "  - {from: {PK: 'A#{x:[a-z0-9_\\-\\]]}', G: null, H: 'h{z}'}, to: {PK: 'B#{x}', G: 'g{z}', H: null}}",
        "  - {from: {PK: 'é\"\\#{x}'}, to: {PK: \"\\x07{x}\\u2028\", 'no': 'x', 'a b': ''}}",
    ])
    func writesWhatItReads(rules: String) throws {
        let first = try ruleSet(rules, more: "title: \"Überschrift: #1\"\nlabel: a.b\\.c\nnoun: 'no'\n")
        let second = try RuleSet.parse(yaml: first.yaml, source: "again")
        #expect(second == first)
        #expect(second.yaml == first.yaml)
    }

    @Test func sayWhenTheHookRuns() throws {
        let rule = "  - {from: {PK: 'A{x}'}, to: {PK: 'B{x}'}}"
        #expect(try ruleSet(rule).hookPlace == .after)
        #expect(try ruleSet(rule, more: "hook: after\n") == ruleSet(rule))
        let before = try ruleSet(rule, more: "hook: before-delete\n")
        #expect(before.hookPlace == .beforeDelete)
        #expect(try RuleSet.parse(yaml: before.yaml, source: "again") == before)
        // The way back has no deployment between put and delete.
        #expect(try before.inverted().hookPlace == .after)
    }

    /// What is wrong, and the whole message that says so.
    static let refused: [(yaml: String, message: String)] = [
        ("", "r.yaml: the rule file is empty; see docs/rules.md for an example"),
        ("name: [", "r.yaml: line 2: not YAML: while parsing a flow node did not find expected node content"),
        ("name: a\nname: b", "r.yaml: line 1: 'name' is given twice"),
        ("- a", "r.yaml: line 1: a rule file is not a mapping of names to values"),
        (
            "name: a\nkey: {partition: PK}\nrulez: []",
            "r.yaml: line 3: unknown field 'rulez' in a rule file; known are name, title, noun, label, key, rules, "
                + "references, roundtrip, hook"
        ),
        ("key: {partition: PK}", "r.yaml: line 1: the rule file has no 'name'"),
        (
            "hook: ./deploy.sh\n" + rule("{from: {PK: 'a{x}'}, to: {PK: 'b{x}'}}"),
            "r.yaml: line 1: hook is before-delete or after: when migrate runs its --hook; the command itself does not stand here"
        ),
        ("name: a b", "r.yaml: line 1: name 'a b' may have letters, digits, '.', '_' and '-' only"),
        ("name: a\nkey: {sort: SK}", "r.yaml: line 2: key has no 'partition'"),
        (
            "name: a\nkey: {partition: PK, sort: PK}",
            "r.yaml: line 2: partition and sort are the same attribute 'PK'"
        ),
        ("name: a\nkey: {partition: PK}\nrules: []", "r.yaml: line 3: rules is empty"),
        (rule("{to: {PK: a}}"), "r.yaml: line 4: a rule has no 'from'"),
        (rule("{from: {PK: a}}"), "r.yaml: line 4: a rule has no 'to'"),
        (
            rule("{from: {PK: a}, too: {PK: b}}"),
            "r.yaml: line 4: unknown field 'too' in a rule; known are from, to, where"
        ),
        (rule("{from: {SK: a}, to: {PK: b}}"), "r.yaml: line 4: from does not name the partition key 'PK'"),
        (rule("{from: {PK: a}, to: {G: b}}"), "r.yaml: line 4: to does not name the partition key 'PK'"),
        (
            rule("{from: {PK: a}, to: {PK: b, SK: c}}"),
            "r.yaml: line 4: to sets the sort key 'SK' and from does not name it; say in from what it was, "
                + "for example SK: \"{sort}\""
        ),
        (
            rule("{from: {PK: null}, to: {PK: b}}"),
            "r.yaml: line 4: from: 'PK' is a key attribute, which is never absent"
        ),
        (
            rule("{from: {PK: ''}, to: {PK: b}}"),
            "r.yaml: line 4: from: 'PK' is a key attribute, which is never empty"
        ),
        (
            rule("{from: {PK: {id}}, to: {PK: b}}"),
            "r.yaml: line 4: from: the template of 'PK' is not a text; put it in double quotes"
        ),
        (
            rule("{from: {PK: '{a}{b}'}, to: {PK: b}}"),
            "r.yaml: line 4: from: PK: {a} and {b} stand side by side, so nothing says where the first one ends; "
                + "put a literal between them"
        ),
        (
            rule("{from: {PK: 'a}'}, to: {PK: b}}"),
            "r.yaml: line 4: from: PK: a lone } in a template; a literal brace is written }}"
        ),
        (rule("{from: {PK: '{a'}, to: {PK: b}}"), "r.yaml: line 4: from: PK: the capture {a has no closing brace"),
        (
            rule("{from: {PK: '{1a}'}, to: {PK: b}}"),
            "r.yaml: line 4: from: PK: '{1a' does not begin a capture such as {id}; names are letters, digits and _, "
                + "and a literal brace is written {{"
        ),
        (
            rule("{from: {PK: '{a:digits}'}, to: {PK: b}}"),
            "r.yaml: line 4: from: PK: {a:digits} has no class that is known; write int, or a class in brackets such as "
                + "[^#] or [a-z0-9_-]"
        ),
        (rule("{from: {PK: '{a:[b}'}, to: {PK: b}}"), "r.yaml: line 4: from: PK: the class of {a} has no closing ]"),
        (
            rule("{from: {PK: '{a:[b]*}'}, to: {PK: b}}"),
            "r.yaml: line 4: from: PK: the class of {a} is not followed by a closing brace"
        ),
        (rule("{from: {PK: '{a:[]}'}, to: {PK: b}}"), "r.yaml: line 4: from: PK: {a}: a class is empty"),
        (
            rule("{from: {PK: '{a:[z-a]}'}, to: {PK: b}}"),
            "r.yaml: line 4: from: PK: {a}: a class has a range that runs backwards"
        ),
        (
            rule("{from: {PK: '{a:[é]}'}, to: {PK: b}}"),
            "r.yaml: line 4: from: PK: {a}: a class may list ASCII characters only; [^…] already takes every non-ASCII "
                + "character"
        ),
        (
            rule("{from: {PK: '{a:int}', SK: '{a:[a-z]}'}, to: {PK: b}}"),
            "r.yaml: line 4: from can never match: the classes of {a} have no character in common"
        ),
        (
            rule("{from: {PK: 'a{a}'}, to: {PK: 'b{a:int}'}}"),
            "r.yaml: line 4: to: PK: write {a} here; the class of a capture stands in from"
        ),
        (
            rule("{from: {PK: a}, to: {PK: b}, where: {PK: a}}"),
            "r.yaml: line 4: where names 'PK', which from or to names already; put its value into from"
        ),
        (
            rule("{from: {PK: a}, to: {PK: b}, where: {x: yes}}"),
            "r.yaml: line 4: where: x: YAML versions read yes differently; write true, false or \"yes\""
        ),
        (
            rule("{from: {PK: a}, to: {PK: b}, where: {x: 007}}"),
            "r.yaml: line 4: where: x: YAML versions read 007 differently; quote it for a text, or leave out the "
                + "leading zeros for a number"
        ),
        (
            rule("{from: {PK: a}, to: {PK: b}, where: {x: 1e999}}"),
            "r.yaml: line 4: where: x: 1e999 is not a number that DynamoDB holds; put it in double quotes if it is a text"
        ),
        (
            rule("{from: {PK: a}, to: {PK: b}, where: {x: [1]}}"),
            "r.yaml: line 4: where: x has no single value; write a text, a number, true, false or null"
        ),
        (
            rule("{from: {PK: a}, to: {PK: b}, where: {x..y: 1}}"),
            "r.yaml: line 4: where: 'x..y' is no path; write names with dots between them, and \\. for a dot in a name"
        ),
        (
            reference("{in: {PK: 'U{u}'}, attribute: x, names: {PK: b}}"),
            "r.yaml: line 6: names does not give the sort key 'SK'"
        ),
        (
            reference("{in: {PK: 'U{u}'}, attribute: x, names: {PK: b, SK: '{v}'}}"),
            "r.yaml: line 6: {v} is neither {value} nor a capture of in"
        ),
        (
            reference("{in: {PK: 'U{value}'}, attribute: x, names: {PK: b, SK: '{value}'}}"),
            "r.yaml: line 6: {value} stands for the attribute's value; call the capture otherwise"
        ),
        (
            reference("{in: {PK: U}, attribute: x, names: {PK: b, SK: c, G: d}}"),
            "r.yaml: line 6: names gives a key, and 'G' is not a key attribute"
        ),
    ]

    static func rule(_ rule: String) -> String { "name: a\nkey: {partition: PK, sort: SK}\nrules:\n  - \(rule)" }
    static func reference(_ reference: String) -> String {
        rule("{from: {PK: a}, to: {PK: b}}") + "\nreferences:\n  - \(reference)"
    }

    @Test(arguments: refused.indices)
    func refusesWithALine(index: Int) {
        let (yaml, message) = Self.refused[index]
        #expect {
            try RuleSet.parse(yaml: yaml, source: "r.yaml")
        } throws: { error in
            #expect((error as? RekeyError)?.description == message)
            return (error as? RekeyError)?.code == .rulesRefused
        }
    }
}
