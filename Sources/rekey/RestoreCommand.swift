import ArgumentParser
import ByteStreams
import Stages

/// `rekey restore`.
struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "A snapshot or export into a table, every item read back; a dry run without --execute.",
        usage: "rekey restore <snapshot> <to> [--execute] [<options>]",
        discussion: """
            The snapshot is checked whole before the first write. Reads rekey's snapshots, AWS exports, files of lines, and the \
            plan_backup_*.json of the script in the migration guide: {"plans":[…]}, or {"items":[…]}.

              rekey restore backups/plan_backup_20261123_211500 local:t.db --execute

            With --import, DynamoDB makes a new table of a snapshot in S3 by itself, without write capacity.

              rekey restore s3://BUCKET/PREFIX dynamodb:NEW --import --execute

            \(ExitStatus.help)
            """)

    @Argument(help: "The snapshot, export or file; s3:// too.")
    var snapshot: String

    @Argument(help: ArgumentHelp("The table: dynamodb:TABLE or local:FILE.db.", valueName: "to"))
    var to: String

    @Flag(help: "Write. Without it, say what would be written.")
    var execute = false

    @Flag(name: .customLong("import"), help: "Let DynamoDB import a snapshot in S3 into a new table.")
    var imports = false

    @Option(help: ArgumentHelp("The key attributes of a table to be made, as PK,SK.", valueName: "names"))
    var key = "PK,SK"

    @Option(
        help: ArgumentHelp(
            "What an item is called, where a plain JSON backup names its array so: user for {\"users\":[…]}.",
            valueName: "noun"))
    var noun: String?

    @OptionGroup var comparison: ComparisonArguments
    @OptionGroup var live: RestoringArguments
    @OptionGroup var reporting: ReportOptions

    func run() async throws {
        try live.requireEffect(on: [to])
        if imports { return try await importTable() }
        var stage = Restore(
            snapshot: snapshot, to: try Location.parse(to), execute: execute, keyNames: try KeyNames.parse(key),
            temporaryDirectory: Environment.temporaryDirectory, services: live.services)
        stage.noun = noun
        stage.compares = try comparison.wanted(execute: execute)
        let result = try await stage.run()
        try report(result, verb: "restore", options: reporting, streamOnOutput: false)
        if reporting.json || reporting.quiet { return }
        func fact(_ name: String) -> String { result.facts.first { $0.name == name }?.value.text ?? "0" }
        if let sentence = result.comparisonSentence(stage.to) { Terminal.error("rekey restore: dry run: \(sentence)") }
        Terminal.error(
            execute
                ? "rekey restore: wrote \(fact("puts")) items to \(to) and read \(fact("verified")) back, all equal"
                : "rekey restore: dry run: would write \(fact("puts")) items, \(fact("bytes")) bytes, \(fact("writeUnits")) write units to \(to); add --execute"
        )
    }

    private func importTable() async throws {
        let isQuiet = reporting.quiet || reporting.json
        let stage = ImportFromS3(
            snapshot: try Location.parse(snapshot), to: try Location.parse(to), execute: execute,
            keyNames: try KeyNames.parse(key), services: live.services
        ) { line in
            if !isQuiet { Terminal.error("rekey restore: \(line)") }
        }
        let result = try await stage.run()
        try report(result, verb: "restore", options: reporting, streamOnOutput: false)
        if isQuiet { return }
        func fact(_ name: String) -> String { result.facts.first { $0.name == name }?.value.text ?? "" }
        Terminal.error(
            execute
                ? "rekey restore: \(to) is new, holds \(fact("verified")) items, and has the snapshot's digest"
                : "rekey restore: dry run: DynamoDB would import \(fact("puts")) items, \(fact("bytes")) bytes compressed, from \(fact("source")) into the new table \(to) with the keys \(fact("keys")), on demand; add --execute"
        )
    }
}
