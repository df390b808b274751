import ArgumentParser
import ByteStreams
import Stages

/// `rekey extract`.
struct ExtractCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "extract",
        abstract: "Items out of an export, a snapshot, a file or a table, as NDJSON.",
        usage: "rekey extract <from> [--prefix <text>] [--rules <file>] [--segment <k/n>] [<options>]",
        discussion: """
            Lines of files pass byte for byte. With --prefix or --rules only the items that match come out; the sum at the end counts what was read.

              rekey extract data/algoitny_main --prefix PLAN#
              rekey extract local:t.db --rules plan-structure.yaml --seal > plans.ndjson
              rekey extract dynamodb:algoitny_main --segment 3/16 | gzip > part-03.json.gz

            \(ExitStatus.help)
            """)

    @Argument(
        help: ArgumentHelp(
            "FILE, DIR (an export or snapshot), dynamodb:TABLE, local:FILE.db, or - for standard input.",
            valueName: "from"))
    var from: String

    @Option(help: ArgumentHelp("Only items whose partition key begins so.", valueName: "text"))
    var prefix: String?

    @Option(help: ArgumentHelp("Only items that these rules move.", valueName: "file"))
    var rules: String?

    @OptionGroup var part: SegmentArgument

    @Option(help: ArgumentHelp("The key attributes, as PK,SK.", valueName: "names"))
    var key = "PK,SK"

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Write to this file (.gz compresses) and not to standard output.", valueName: "file"))
    var output = "-"

    @OptionGroup var stream: StreamArguments<ReadingArguments>
    @OptionGroup var reporting: ReportOptions

    func run() async throws {
        let stage = Extract(
            from: try Location.parse(from), prefix: prefix,
            rules: try rules.map { path throws(RekeyError) in try loadRules(path) },
            partitionName: try KeyNames.parse(key).partition, segment: try part.segment(stream.live), output: output,
            options: stream.options)
        let result = try await stage.run()
        try report(result, verb: "extract", options: reporting, streamOnOutput: output == "-")
        try result.requireNoRejects()
    }
}
