import ArgumentParser
import ByteStreams
import Items
import Stages

/// `rekey digest`.
struct DigestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "digest",
        abstract: "Count and order-free digest of a location's items.",
        usage: "rekey digest [<from> ...] [--segment <k/n>] [--combine] [<options>]",
        discussion: """
            Equal sets of items have equal digests, whatever their order, spelling of numbers or order of attributes. Digests of parts add up:

              rekey digest data/algoitny_main
              rekey digest --combine 3:<digest> 5:<digest>

            \(ExitStatus.help)
            """)

    @Argument(
        help: ArgumentHelp(
            "FILE, DIR, s3://BUCKET/KEY, dynamodb:TABLE, local:FILE.db, or - for standard input; with --combine, COUNT:DIGEST of each part.",
            valueName: "from"))
    var from: [String] = []

    @Flag(help: "Add up the digests of parts.")
    var combine = false

    @OptionGroup var part: SegmentArgument
    @OptionGroup var stream: StreamArguments<ReadingArguments>
    @OptionGroup var reporting: ReportOptions

    func run() async throws {
        let digest = combine ? try combined() : try await read()
        if reporting.json {
            let result = JSONValue.object([("count", .integer(digest.count)), ("digest", .string(digest.hex))])
            try Terminal.print(result.text)
        } else {
            try Terminal.print("\(digest.count) \(digest.hex)")
        }
    }

    private func read() async throws(RekeyError) -> Digest {
        guard from.count <= 1 else {
            throw RekeyError(.usage, "digest reads one location; add up several with --combine")
        }
        let text = from.first ?? "-"
        try FileUse.check(
            reads: [("FROM", text)], writes: [FileUse.result(true)], files: [("--rejects", stream.rejects)])
        let segment = try part.segment(stream.live)
        try stream.live.requireEffect(on: [text])
        saySealHasNoEffect(stream.seal, reporting)
        let stage = DigestStage(
            from: try Location.parse(text), segment: segment,
            options: stream.options)
        let result = try await stage.run()
        if !reporting.json && !reporting.quiet { Terminal.error("rekey digest: \(result.counts.sentence)") }
        try result.requireNoRejects()
        return result.digest ?? Digest()
    }

    private func combined() throws(RekeyError) -> Digest {
        var sum = Digest()
        guard part.text == nil else {
            throw RekeyError(.usage, "--segment reads a location; --combine adds up what was read")
        }
        for (option, isGiven) in [
            ("--rejects", stream.rejects != nil), ("--sealed", stream.sealed), ("--seal", stream.seal),
            ("--jobs", stream.jobs != nil),
        ] where isGiven {
            throw RekeyError(.usage, "\(option) is for reading a location; --combine adds up what was read")
        }
        try stream.live.requireEffect(on: [])
        guard !from.isEmpty else { throw RekeyError(.usage, "--combine needs COUNT:DIGEST of each part") }
        for part in from {
            let fields = part.split(whereSeparator: { $0 == ":" || $0 == " " }).map(String.init)
            guard fields.count == 2, let count = Int(fields[0]), let digest = Digest(count: count, hex: fields[1])
            else {
                throw RekeyError(.usage, "\(part) is not COUNT:DIGEST with 64 hexadecimal digits")
            }
            guard !sum.count.addingReportingOverflow(count).overflow else {
                throw RekeyError(.usage, "the counts add up to more than \(Int.max), which no tables hold; check them")
            }
            sum.combine(digest)
        }
        return sum
    }
}
