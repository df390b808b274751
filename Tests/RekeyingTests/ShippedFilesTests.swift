import ByteStreams
import Rekeying
import Testing

/// The rule files that users read and copy.
@Suite struct ShippedFilesTests {
    static func text(_ path: String) throws -> String {
        let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
        return String(decoding: try readWhole("\(root)/\(path)", limit: 1 << 20), as: UTF8.self)
    }

    @Test func thePlanMigrationIsProven() throws {
        let rules = try RuleSet.parse(yaml: Self.text("pipelines/plan-structure.yaml"), source: "plan-structure.yaml")
        #expect(rules.title == "PRODUCTION PLAN STRUCTURE MIGRATION")
        #expect(rules.noun == "plan")
        #expect(rules.label?.names == ["dat", "nm"])
        #expect(rules.check().findings == [])
        #expect(try rules.rules == RuleSet.parse(yaml: planRules, source: "design").rules)
        #expect(
            rules.explain(partition: "PLAN#1", sort: "META").lines.contains("  new key: PLAN / META#1"))
    }

    @Test func theExampleInTheDocumentationIsProven() throws {
        let page = try Self.text("docs/rules.md")
        let lines = page.split(separator: "\n", omittingEmptySubsequences: false)
        let block = lines.drop { $0 != "```yaml" }.dropFirst().prefix { $0 != "```" }
        let rules = try RuleSet.parse(yaml: block.joined(separator: "\n"), source: "rules.md")
        #expect(rules.check().findings == [])
        #expect(try rules.rules == RuleSet.parse(yaml: planRules, source: "design").rules)
    }

    @Test func theDocumentationNamesEveryFinding() throws {
        let page = try Self.text("docs/rules.md")
        for code in Finding.Code.allCases { #expect(page.contains("| `\(code.rawValue)` |"), "\(code)") }
    }

    /// A reference is followed as `docs/rules.md` says: `in` selects, the value is bound, `names` is rendered.
    @Test func referencesNameTheNewKey() throws {
        let rules = try RuleSet.parse(yaml: Self.text("pipelines/plan-structure.yaml"), source: "plan-structure.yaml")
        let reference = try #require(rules.references.first)
        #expect(reference.attribute.names == ["dat", "plan_id"])
        let (user, sort, value) = (Array("USR#7".utf8), Array("META".utf8), Array("42".utf8))
        try user.withUnsafeBytes { user in
            try sort.withUnsafeBytes { sort in
                try value.withUnsafeBytes { value in
                    var captures = CaptureTable()
                    captures.reset(count: reference.captureNames.count)
                    let isSelected = reference.source.match(partitionKey: user, sortKey: sort, into: &captures)
                    #expect(isSelected)
                    let isBound = captures.bind(reference.valueCapture, to: value)
                    #expect(isBound)
                    var (partitionKey, sortKey): ([UInt8], [UInt8]) = ([], [])
                    reference.names.partition.render(captures, into: &partitionKey)
                    try #require(reference.names.sort).render(captures, into: &sortKey)
                    #expect(partitionKey == Array("PLAN".utf8))
                    #expect(sortKey == Array("META#42".utf8))
                }
            }
        }
    }
}
