import ArgumentParser
import ByteStreams
import Items
import Migration
import Tables

/// `rekey preflight`.
struct PreflightCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "preflight",
        abstract: "Look at a table before a migration: identity, region, key schema, PITR, real counts, collisions.",
        usage: "rekey preflight --table <table> --rules <file> [<options>]",
        discussion: """
            Ends with status 79 when something blocks.

              rekey preflight --table local:t.db --rules plan-structure.yaml

            \(ExitStatus.help)
            """)

    @OptionGroup var table: TableArgument
    @OptionGroup var rules: RulesArgument

    @Flag(name: .customLong("without-pitr"), help: "Warn and do not block where point-in-time recovery is off.")
    var withoutRecovery = false

    @OptionGroup var reporting: ReportOptions

    func run() async throws {
        let ruleSet = try rules.load()
        try requireProof(ruleSet, source: rules.rules)
        let (_, table) = try await table.open()
        let report = try await Preflight(
            table: table, rules: ruleSet, allowsMissingRecovery: withoutRecovery,
            temporaryDirectory: Environment.temporaryDirectory
        ).run()
        if reporting.json {
            let checks = report.checks.map { check in
                JSONValue.object([
                    ("name", .string(check.name)), ("verdict", .string(check.verdict.rawValue)),
                    ("detail", .string(check.detail)),
                ])
            }
            try Terminal.print(
                JSONValue.object([
                    ("command", .string("preflight")), ("passed", .boolean(report.isPassed)),
                    ("table", .string(report.description.arn)), ("items", .integer(report.survey.table.count)),
                    ("old", .integer(report.survey.old.count)), ("new", .integer(report.survey.new.count)),
                    ("references", .integer(report.survey.references.items)), ("checks", .array(checks)),
                ]).text)
        } else {
            let width = report.checks.map(\.name.count).max() ?? 0
            for check in report.checks {
                let mark = check.verdict == .ok ? "✓" : check.verdict == .warning ? "!" : "✗"
                let name = check.name + String(repeating: " ", count: width - check.name.count)
                try Terminal.print("\(mark) \(name)  \(check.detail)")
            }
        }
        let blocked = report.checks.filter { $0.verdict == .blocked }
        if let first = blocked.first {
            throw RekeyError(.preflightRefused, "\(first.name): \(first.detail)", source: table.name)
        }
    }
}
