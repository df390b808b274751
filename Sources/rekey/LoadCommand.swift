import ArgumentParser
import ByteStreams
import Stages

/// `rekey load`.
struct LoadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "NDJSON into a table, by batches; a dry run without --execute.",
        usage: "rekey load <to> [<from>] [--execute] [<options>]",
        discussion: """
            Puts items and deletes what DeleteRequest lines name. A file, snapshot or object in S3 is read and checked whole before the \
            first write; a pipe is checked as it comes. A write that the table does not take at once is sent again until it is \
            done, or the command fails and says so. A local table that does not exist yet is made from the first item's key.

              rekey load local:plans.db plans.ndjson
              rekey load local:plans.db --sealed --execute < plans.ndjson

            \(ExitStatus.help)
            """)

    @Argument(help: ArgumentHelp("The table: dynamodb:TABLE or local:FILE.db.", valueName: "to"))
    var to: String

    @Argument(help: ArgumentHelp("FILE, DIR, s3://BUCKET/KEY, a table, or - for standard input.", valueName: "from"))
    var from = "-"

    @Flag(help: "Write. Without it, say what would be written.")
    var execute = false

    @Option(help: ArgumentHelp("The key attributes of a table to be made, as PK,SK.", valueName: "names"))
    var key = "PK,SK"

    @OptionGroup var comparison: ComparisonArguments
    @OptionGroup var stream: StreamArguments<RestoringArguments>
    @OptionGroup var reporting: ReportOptions

    func run() async throws {
        try FileUse.check(
            reads: [("TO", to), ("FROM", from)], writes: [FileUse.result(reporting.json)],
            files: [("--rejects", stream.rejects)])
        try stream.live.requireEffect(on: [to, from])
        if stream.live.reads.readUnits != nil, !comparison.compare, try !Location.parse(from).isTable {
            throw RekeyError(
                .usage, "--max-rcu has no effect: load reads a table for --compare, or where FROM is one; leave it out")
        }
        saySealHasNoEffect(stream.seal, reporting)
        var stage = Load(
            from: try Location.parse(from), to: try Location.parse(to), execute: execute,
            keyNames: try KeyNames.parse(key), options: stream.options,
            temporaryDirectory: Environment.temporaryDirectory)
        stage.wantsDigest = reporting.json
        stage.compares = try comparison.wanted(execute: execute)
        let result = try await stage.run()
        try report(result, verb: "load", options: reporting, streamOnOutput: false)
        func fact(_ name: String) -> String { result.facts.first { $0.name == name }?.value.text ?? "" }
        let what =
            "\(fact("puts")) puts and \(fact("deletes")) deletes, \(fact("bytes")) bytes, \(fact("writeUnits")) write units"
        let place = "\(to)\(fact("newTable") == "yes" ? " (new)" : try noTable)"
        if !reporting.json && !reporting.quiet {
            if let sentence = result.comparisonSentence(stage.to) { Terminal.error("rekey load: dry run: \(sentence)") }
            Terminal.error(
                execute
                    ? "rekey load: wrote \(what) to \(place)"
                    : "rekey load: dry run: would write \(what) to \(place); add --execute")
        }
        try result.requireNoRejects()
    }

    /// What is to be said of a local table that is not there after all: nothing came that says its key.
    private var noTable: String {
        get throws(RekeyError) {
            guard case .local(let path) = try Location.parse(to), !fileExists(path) else { return "" }
            return " (no table \(execute ? "was" : "would be") made: nothing came)"
        }
    }
}
