import ArgumentParser
import ByteStreams
import Items
import Migration
import Stages
import Tables

/// `rekey preflight`.
struct PreflightCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "preflight",
        abstract: "Look at a table before a migration: identity, region, key schema, PITR, real counts, collisions.",
        usage: "rekey preflight --table <table> --rules <file> [<options>]",
        discussion: """
            Ends with status 79 when something blocks. The table is read once as a whole, for counts that are right. On a live table \
            STS is asked who calls and CloudWatch for the quietest hours of the last week; without that permission a check is a warning.

              rekey preflight --table local:t.db --rules plan-structure.yaml
              rekey preflight --table dynamodb:plans --rules rules.yaml --count 'USR#'

            \(ExitStatus.help)
            """)

    @OptionGroup var table: TableArgument
    @OptionGroup var rules: RulesArgument

    @Flag(name: .customLong("without-pitr"), help: "Warn and do not block where point-in-time recovery is off.")
    var withoutRecovery = false

    @Option(
        help: ArgumentHelp(
            "Count the items whose partition key begins with this too. May be given more than once.",
            valueName: "prefix"))
    var count: [String] = []

    @Option(
        help: ArgumentHelp(
            "USD for a million write units on demand; else the price known for the region.", valueName: "usd"))
    var writePrice: Double?

    @OptionGroup var reporting: ReportOptions

    func run() async throws {
        let ruleSet = try rules.load()
        try requireProof(ruleSet, source: rules.rules)
        if let writePrice, !(writePrice >= 0 && writePrice < 1_000_000) {
            throw RekeyError(.usage, "--write-price is no price")
        }
        let services = table.live.services
        let (text, table, watch) = try await table.open()
        var preflight = Preflight(
            table: table, rules: ruleSet, allowsMissingRecovery: withoutRecovery,
            temporaryDirectory: Environment.temporaryDirectory
        )
        preflight.watch = watch
        preflight.counting = count
        preflight.writePrice = writePrice
        if text.hasPrefix("dynamodb:") { preflight.services = services }
        let report = try await preflight.run()
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
                    ("references", .integer(report.survey.references.items)),
                    ("counts", .object(report.survey.counts.map { ($0.prefix, .integer($0.count)) })),
                    ("checks", .array(checks)),
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
