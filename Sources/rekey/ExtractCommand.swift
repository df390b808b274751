import AWS
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

            With --export-to, DynamoDB exports the live table to S3 first: one state of it, without its capacity.

              rekey extract dynamodb:plans --export-to s3://BUCKET/PREFIX > all.ndjson

            \(ExitStatus.help)
            """)

    @Argument(
        help: ArgumentHelp(
            "FILE, DIR (an export or snapshot), s3://BUCKET/KEY, dynamodb:TABLE, local:FILE.db, or - for standard input.",
            valueName: "from"))
    var from: String

    @Option(help: ArgumentHelp("Only items whose partition key begins so.", valueName: "text"))
    var prefix: String?

    @Option(help: ArgumentHelp("Only items that these rules move.", valueName: "file"))
    var rules: String?

    @Flag(help: "The changes are of an export with NEW_AND_OLD_IMAGES: one without an OldImage is of a new item.")
    var oldImages = false

    @OptionGroup var part: SegmentArgument

    @Option(help: ArgumentHelp("The key attributes, as PK,SK.", valueName: "names"))
    var key = "PK,SK"

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Write to this file or s3://BUCKET/KEY (.gz compresses) and not to standard output.", valueName: "file"))
    var output = "-"

    @Option(
        help: ArgumentHelp(
            "Let DynamoDB export the live table there, wait, and read the export.", valueName: "s3://bucket/prefix"))
    var exportTo: String?

    @Option(help: ArgumentHelp("Wait for an export that was asked for already, and read it.", valueName: "arn"))
    var exportArn: String?

    @OptionGroup var stream: StreamArguments<ReadingArguments>
    @OptionGroup var reporting: ReportOptions

    func run() async throws {
        let streamsToOutput = FileUse.isStandardOutput(output)
        try FileUse.check(
            reads: [("FROM", from), ("--rules", rules)],
            writes: [("--output", output), FileUse.result(reporting.json && !streamsToOutput)],
            files: [("--rejects", stream.rejects)])
        let isExported = exportTo != nil || exportArn != nil
        let segment = try part.segment(stream.live)
        // What DynamoDB exports is not read out of the table.
        try stream.live.requireEffect(on: isExported ? [] : [from])
        var options = stream.options
        options.hasOldImages = try saysOldImages(oldImages, of: from)
        if oldImages && rules == nil {
            throw RekeyError(.usage, "--old-images has no effect without --rules; leave it out")
        }
        let stage = Extract(
            from: try await source(), prefix: prefix,
            rules: try rules.map { path throws(RekeyError) in try loadRules(path) },
            partitionName: try KeyNames.parse(key).partition, segment: segment, output: output,
            options: options)
        let result = try await stage.run()
        try report(result, verb: "extract", options: reporting, streamOnOutput: streamsToOutput)
        try result.requireNoRejects()
    }

    /// The location to read: of a table that is to be exported, its export.
    private func source() async throws(RekeyError) -> Location {
        let location = try Location.parse(from)
        guard exportTo != nil || exportArn != nil else { return location }
        guard exportTo == nil || exportArn == nil else {
            throw RekeyError(.usage, "--export-to asks for an export, --export-arn waits for one: give one of them")
        }
        let isQuiet = reporting.quiet
        let export = ExportToS3(services: stream.live.services) { line in
            if !isQuiet { Terminal.error("rekey extract: \(line)") }
        }
        if let exportTo { return try await export.run(table: location, to: try S3Path(exportTo)) }
        return try await export.wait(for: exportArn ?? "", of: location)
    }
}
