import ArgumentParser
import ByteStreams
import Rekeying
import Stages

/// `rekey transform`.
struct TransformCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transform",
        abstract: "NDJSON in, NDJSON out, keys rewritten by rules.",
        usage: "rekey transform [<from>] --rules <file> [--inverse] [<options>]",
        discussion: """
            Items that no rule matches pass byte for byte; of a moved item only the key changes. The rules are proven before the first line \
            is read, and keys that two items would share are found before the output is finished.

              rekey transform --rules rules.yaml < old.ndjson > new.ndjson
              rekey transform --inverse --rules rules.yaml < new.ndjson | cmp - old.ndjson

            \(ExitStatus.help)
            """)

    @Argument(
        help: ArgumentHelp(
            "FILE, DIR, s3://BUCKET/KEY, dynamodb:TABLE, local:FILE.db, or - for standard input.",
            valueName: "from"))
    var from = "-"

    @OptionGroup var rules: RulesArgument

    @Flag(help: "Apply the inverse rules: new keys back to old ones.")
    var inverse = false

    @Flag(help: "Accept rules that have no inverse: there is no way back then.")
    var oneWay = false

    @Flag(help: "The changes are of an export with NEW_AND_OLD_IMAGES: one without an OldImage is of a new item.")
    var oldImages = false

    @Option(help: ArgumentHelp("Write the deletions of the old keys to this file, for rekey load.", valueName: "file"))
    var deletes: String?

    @Option(
        help: ArgumentHelp(
            "Write the keys in the range of a `to` to this file: one that is in the files of two parts would hold two items.",
            valueName: "file"))
    var targetKeys: String?

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Write to this file or s3://BUCKET/KEY (.gz compresses) and not to standard output.", valueName: "file"))
    var output = "-"

    @OptionGroup var stream: StreamArguments<ReadingArguments>
    @OptionGroup var reporting: ReportOptions

    func run() async throws {
        try FileUse.check(
            reads: [("FROM", from), ("--rules", rules.rules)],
            writes: [
                ("--output", output), ("--deletes", deletes), ("--target-keys", targetKeys),
                FileUse.result(reporting.json && !streamsToOutput),
            ], files: [("--rejects", stream.rejects)])
        try stream.live.requireEffect(on: [from])
        var options = stream.options
        options.hasOldImages = try saysOldImages(oldImages, of: from)
        var ruleSet = try rules.load()
        try requireProof(ruleSet, source: rules.rules, oneWay: oneWay)
        if inverse { ruleSet = try ruleSet.inverted() }
        let stage = Transform(
            from: try Location.parse(from), rules: ruleSet, output: output, deletes: deletes,
            targetKeys: targetKeys, options: options, temporaryDirectory: Environment.temporaryDirectory)
        let result = try await stage.run()
        try report(result, verb: "transform", options: reporting, streamOnOutput: streamsToOutput)
        try result.requireNoRejects()
    }

    private var streamsToOutput: Bool { FileUse.isStandardOutput(output) }
}
