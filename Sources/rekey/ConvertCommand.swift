import ArgumentParser
import ByteStreams
import Stages

/// `rekey convert`.
struct ConvertCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Items as export lines, bare typed items, plain JSON or CSV; says what is lost.",
        usage: "rekey convert <from> --to <form> [--output <file>] [<options>]",
        discussion: """
            export is {"Item":{…}}, items the typed item alone: both hold everything. json is plain JSON with exact numbers; it has no \
            sets and binaries, so an item with one stops it unless --lossy. csv is a table for looking. --plain reads plain JSON back.

              rekey convert data/algoitny_main --to json | jq .PK
              rekey convert local:plans.db --to csv --columns PK,SK,tp --output plans.csv
              rekey convert plans.json --plain --to export | rekey load local:plans.db

            \(ExitStatus.help)
            """)

    @Argument(
        help: ArgumentHelp("FILE, DIR, dynamodb:TABLE, local:FILE.db, or - for standard input.", valueName: "from"),
        completion: locationCompletion)
    var from = "-"

    @Option(help: ArgumentHelp("The form of the output: export, items, json or csv.", valueName: "form"))
    var to: Convert.Form

    @Flag(help: "The input is plain JSON, an object a line; strings, numbers, lists and maps get their types back.")
    var plain = false

    @Flag(help: "With --to json: write sets as arrays and binaries as base64 text.")
    var lossy = false

    @Option(
        help: ArgumentHelp(
            "The columns of CSV, as PK,SK,tp; else the attributes of the first items.", valueName: "names"))
    var columns: String?

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Write to this file (.gz compresses) and not to standard output.", valueName: "file"),
        completion: .file())
    var output = "-"

    @Flag(help: "Refuse a stream that ends without a seal: the stage before did not finish.")
    var sealed = false

    @Option(
        help: ArgumentHelp("Set bad records aside here with their reasons, and go on.", valueName: "file"),
        completion: .file())
    var rejects: String?

    @OptionGroup var live: ReadingArguments
    @OptionGroup var reporting: ReportOptions

    func run() async throws {
        let streamsToOutput = FileUse.isStandardOutput(output)
        try FileUse.check(
            reads: [("FROM", from)],
            writes: [("--output", output), FileUse.result(reporting.json && !streamsToOutput)],
            files: [("--rejects", rejects)])
        try live.requireEffect(on: [from])
        var stage = Convert(
            from: try Location.parse(from), form: to, output: output,
            options: StreamOptions(
                requiresSeal: sealed, rejects: rejects, offersRejects: true, services: live.services))
        stage.isPlain = plain
        stage.isLossy = lossy
        stage.columns = columns.map { $0.split(separator: ",").map(String.init) }
        let (result, losses) = try await stage.run()
        try report(result, verb: "convert", options: reporting, streamOnOutput: streamsToOutput)
        if !reporting.json && !reporting.quiet {
            for sentence in losses { Terminal.error("rekey convert: lost: \(sentence)") }
        }
        try result.requireNoRejects()
    }
}

extension Convert.Form: ExpressibleByArgument {}
