import ArgumentParser
import ByteStreams
import Items
import Stages

/// `rekey verify`.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compare what rules should have made of OLD with what stands in NEW.",
        usage: "rekey verify <old> <new> --rules <file> [--diff] [<options>]",
        discussion: """
            Counts and digests of the moved items; with --diff one line an item: = equal, - missing, + only in NEW, * different. \
            Differences end with status 76, and so do rules that concern no item of OLD.

              rekey verify backup/ local:t.db --rules plan-structure.yaml --diff

            \(ExitStatus.help)
            """)

    @Argument(help: "Where the old items are: FILE, DIR, s3://BUCKET/KEY, dynamodb:TABLE, local:FILE.db or -.")
    var old: String

    @Argument(help: "Where the new items are.")
    var new: String

    @OptionGroup var rules: RulesArgument

    @Flag(help: "One line an item: = equal, - missing in NEW, + only in NEW, * different.")
    var diff = false

    @Flag(help: "Compare the items that no rule concerns too.")
    var all = false

    @Flag(help: "Fail where items still stand under old keys in NEW.")
    var gone = false

    @OptionGroup var stream: StreamArguments<ReadingArguments>
    @OptionGroup var reporting: ReportOptions

    func run() async throws {
        guard old != "-" || new != "-" else {
            throw RekeyError(.usage, "only one of OLD and NEW can be standard input")
        }
        try FileUse.check(
            reads: [("OLD", old), ("NEW", new), ("--rules", rules.rules)],
            writes: [FileUse.result(diff || reporting.json)], files: [("--rejects", stream.rejects)])
        try stream.live.requireEffect(on: [old, new])
        saySealHasNoEffect(stream.seal, reporting)
        let ruleSet = try rules.load()
        try requireProof(ruleSet, source: rules.rules)
        let stage = Verify(
            old: try Location.parse(old), new: try Location.parse(new), rules: ruleSet,
            differences: diff ? (reporting.json ? "/dev/stderr" : "-") : nil, everything: all, requiresOldGone: gone,
            options: stream.options, temporaryDirectory: Environment.temporaryDirectory)
        let result = try await stage.run()
        if reporting.json {
            try Terminal.print(json(result).text)
        } else if !reporting.quiet {
            Terminal.error("rekey verify: expected \(result.expected.count) \(result.expected.hex)")
            Terminal.error("rekey verify: found    \(result.found.count) \(result.found.hex)")
            Terminal.error("rekey verify: under old keys in NEW: \(result.oldLeft)")
        }
        guard result.isEqual else { throw difference(result) }
        if !reporting.json && !reporting.quiet { Terminal.error("rekey verify: equal") }
    }

    private func difference(_ result: VerifyResult) -> RekeyError {
        guard result.expected == result.found else {
            return RekeyError(
                .differences,
                "missing \(result.missing), different \(result.different), only in NEW \(result.extra); see each with --diff",
                source: new)
        }
        if result.comparesNothing {
            return RekeyError(
                .differences,
                "no item of OLD is concerned by the rules, so nothing was compared; correct OLD or the rules, or compare all items with --all",
                source: old)
        }
        return RekeyError(
            .differences,
            "\(result.oldLeft) item\(result.oldLeft == 1 ? " still stands" : "s still stand") under old keys; delete them when the new ones are verified",
            source: new)
    }

    private func json(_ result: VerifyResult) -> JSONValue {
        .object([
            ("command", .string("verify")), ("equal", .boolean(result.isEqual)),
            (
                "expected",
                .object([("count", .integer(result.expected.count)), ("digest", .string(result.expected.hex))])
            ),
            ("found", .object([("count", .integer(result.found.count)), ("digest", .string(result.found.hex))])),
            ("moved", .integer(result.moved)), ("oldLeft", .integer(result.oldLeft)),
            ("missing", .integer(result.missing)), ("different", .integer(result.different)),
            ("extra", .integer(result.extra)),
        ])
    }
}
