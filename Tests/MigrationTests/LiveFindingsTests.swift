import AWS
import Items
import Rekeying
import Tables
import TestSupport
import Testing

@testable import Migration

@Suite struct LiveFindingsTests {
    private static let start = 1_795_392_000 / 86_400 * 86_400

    private func report(
        _ change: (inout TableDescription, inout Survey, inout LiveFindings) -> Void, rules text: String = planRulesText
    ) throws -> PreflightReport {
        var description = TableDescription(
            name: "plans", arn: "arn:aws:dynamodb:eu-west-1:123456789012:table/plans", id: "1", region: "eu-west-1",
            account: "123456789012", schema: .standard)
        var survey = Survey()
        survey.putUnits = 3
        survey.deleteUnits = 3
        survey.heaviestPartition = Survey.HeavyPartition(partition: "PLAN", units: 3)
        let empty = TableActivity(
            table: "plans", start: Self.start, period: 3600,
            series: [TableActivity.Series(index: nil, metric: .consumedWrite, sums: Array(repeating: 0, count: 168))])
        var findings = LiveFindings(
            identity: .found(CallerIdentity(account: "123456789012", arn: "arn:aws:iam::123456789012:user/me")),
            week: .found(empty), prices: .of(region: "eu-west-1"))
        change(&description, &survey, &findings)
        var report = PreflightReport(description: description, survey: survey)
        report.checks = ["identity", "region", "PITR"].map {
            PreflightReport.Check(name: $0, verdict: .ok, detail: "")
        }
        let rules = try RuleSet.parse(yaml: text, source: "test")
        if let indexes = report.indexes(rules) { report.checks.append(indexes) }
        report.add(findings, rules: rules)
        return report
    }

    private func check(_ name: String, _ report: PreflightReport) throws -> PreflightReport.Check {
        try #require(report.checks.first { $0.name == name })
    }

    @Test func allIsWell() throws {
        let report = try report { _, _, _ in }
        #expect(report.checks.allSatisfy { $0.verdict == .ok })
        #expect(
            report.checks.map(\.name) == [
                "identity", "region", "PITR", "billing", "hot partition", "cost", "quiet hours",
            ])
        #expect(try check("quiet hours", report).detail.contains("no use in the last 7 days"))
        #expect(try check("cost", report).detail.contains("in us-east-1; not known for eu-west-1"))
    }

    @Test func anothersTable() throws {
        let report = try report { _, _, findings in
            findings.identity = .found(CallerIdentity(account: "999999999999", arn: "arn:aws:iam::999999999999:root"))
        }
        let identity = try check("identity", report)
        #expect(identity.verdict == .warning && identity.detail.contains("the table is of account 123456789012"))
    }

    @Test func refusalsAreWarnings() throws {
        let report = try report { _, _, findings in
            findings.identity = .refused("who knows")
            findings.week = .refused("not for you")
        }
        #expect(try check("identity", report) == .init(name: "identity", verdict: .warning, detail: "who knows"))
        #expect(try check("quiet hours", report).verdict == .warning)
        #expect(report.isPassed)
    }

    /// 6 units at 1 a second are nothing, 7,200 are two hours; a partition takes 1,000 a second whatever is provisioned.
    @Test func whatCapacityAllows() throws {
        let slow = try report { description, survey, _ in
            description.billing = .provisioned(readUnits: 5, writeUnits: 1)
            survey.putUnits = 3600
            survey.deleteUnits = 3600
        }
        #expect(
            try check("billing", slow).verdict == .warning && check("billing", slow).detail.contains("at least 2 h"))
        #expect(try check("cost", slow).detail.contains("within what is provisioned"))
        let hot = try report { _, survey, _ in
            survey.putUnits = 1_000_000
            survey.heaviestPartition = Survey.HeavyPartition(partition: "PLAN", units: 900_000)
        }
        let partition = try check("hot partition", hot)
        #expect(
            partition.verdict == .warning && partition.detail.hasPrefix("90% of")
                && partition.detail.hasSuffix("15 min"))
    }

    /// Puts and deletes, in the table and each of two indexes, in each of two regions.
    @Test func priceOfIndexesAndReplicas() throws {
        let report = try report { description, survey, findings in
            survey.putUnits = 1_000_000
            survey.deleteUnits = 1_000_000
            description.replicas = ["us-east-1"]
            description.indexes = ["a", "b"].map {
                IndexDescription(
                    name: $0, kind: .global, schema: KeySchema(partition: KeyAttribute(name: $0, type: .string)))
            }
            findings.prices = .of(region: "eu-west-1", write: 2)
        }
        #expect(try check("cost", report).detail.hasPrefix("at most 12000000 write and about 0 read units: USD 24.00"))
    }

    @Test func indexKeysOfAnotherType() throws {
        let rules = planRulesText.replacing("SK: \"META#{id}\"}", with: "SK: \"META#{id}\", day: \"{id}\"}")
        func index(_ type: KeyType, _ status: String = "ACTIVE") throws -> PreflightReport.Check {
            try check(
                "indexes",
                report(
                    { description, _, _ in
                        description.indexes = [
                            IndexDescription(
                                name: "by-day", kind: .global,
                                schema: KeySchema(partition: KeyAttribute(name: "day", type: type)), status: status)
                        ]
                    }, rules: rules))
        }
        #expect(try index(.string).verdict == .ok)
        #expect(try index(.number).verdict == .blocked)
        #expect(try index(.string, "CREATING").verdict == .warning)
        #expect(try index(.binary, "CREATING").verdict == .blocked)
    }

    /// The heaviest key is found among many, and short of its sum by no more than is promised.
    @Test func heavyPartitionsInBoundedMemory() throws {
        var generator = SeededGenerator(seed: testSeed("partitions"))
        for capacity in [1, 4, 32] {
            var heavy = HeavyPartitions(capacity: capacity)
            var real: [KeyValue: Int] = [:]
            var total = 0
            for _ in 0..<5000 {
                let isHeavy = Int.random(in: 0..<10, using: &generator) < 6
                let key = KeyValue(isHeavy ? "PLAN" : "P\(Int.random(in: 0..<2000, using: &generator))")
                let units = Int.random(in: 1...4, using: &generator)
                heavy.add(key, units: units)
                real[key, default: 0] += units
                total += units
            }
            let found = try #require(heavy.heaviest)
            #expect(found.partition == KeyValue("PLAN"))
            let sum = try #require(real[found.partition])
            #expect(found.units <= sum && found.units >= sum - total / capacity)
        }
    }
}
