import ArgumentParser
import ByteStreams
import Items
import Migration
import Rekeying
import Stages

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// `rekey rehearse`.
struct RehearseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rehearse",
        abstract: "The whole migration and its rollback on a local copy of an export.",
        usage: "rekey rehearse --from <location> --rules <file> [<options>]",
        discussion: """
            Copies the items into a local table in a temporary directory, migrates it, takes that back, and compares the digests.

              rekey rehearse --from data/algoitny_main --rules plan-structure.yaml

            \(ExitStatus.help)
            """)

    @Option(help: ArgumentHelp("The export, snapshot or file to copy; s3:// too.", valueName: "location"))
    var from: String

    @OptionGroup var rules: RulesArgument

    @Option(help: ArgumentHelp("Keep the copy, the run and the snapshot in this new directory.", valueName: "dir"))
    var keep: String?

    @OptionGroup var live: ReadingArguments
    @OptionGroup var reporting: ReportOptions

    func run() async throws {
        try FileUse.check(reads: [("--from", from), ("--rules", rules.rules)], writes: [])
        try live.requireEffect(on: [from])
        let (ruleSet, rulesText) = try readRules(rules.rules)
        try requireProof(ruleSet, source: rules.rules)
        let location = try Location.parse(from)
        let work = try AtomicDirectory(keep ?? "\(Environment.temporaryDirectory)/rekey-rehearsal-\(getpid())")
        defer { work.abandon() }
        let printer = EventPrinter(json: reporting.json, quiet: reporting.quiet)
        var rehearse = Rehearse(
            from: location, rules: ruleSet, rulesText: rulesText, workDirectory: work.workPath,
            tool: "rekey \(toolVersion)", events: { printer($0) })
        if let keep { rehearse.finalDirectory = keep }
        rehearse.services = live.services
        let result = try await rehearse.run()
        if keep != nil { try work.commit() }
        if reporting.json {
            func digest(_ digest: (count: Int, hex: String)) -> JSONValue {
                .object([("count", .integer(digest.count)), ("digest", .string(digest.hex))])
            }
            let object = JSONValue.object([
                ("command", .string("rehearse")), ("moved", .integer(result.moved)),
                ("equal", .boolean(result.isEqual)),
                ("before", digest((result.before.count, result.before.hex))),
                ("migrated", digest((result.migrated.count, result.migrated.hex))),
                ("after", digest((result.after.count, result.after.hex))),
            ])
            try Terminal.print(object.text)
        }
    }
}
