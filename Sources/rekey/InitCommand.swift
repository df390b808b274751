import ArgumentParser
import ByteStreams
import Rekeying
import Stages

/// `rekey init`.
struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Look at a table's or export's keys, and draft a rule file to fill in.",
        usage: "rekey init <from> [--prefix <text>] [--output <file>] [<options>]",
        discussion: """
            Shows the shapes of keys that it finds, with counts, and writes a rule file with a rule for each shape PREFIX#{id} / NAME: \
            it would become PREFIX / NAME#{id}, so that one query reads them all. With --prefix the rules of that prefix are ready; \
            else you choose. It reads the first 100000 items; --all reads everything.

              rekey init data/algoitny_main --prefix PLAN# --output rules.yaml
              rekey init dynamodb:algoitny_main > rules.yaml

            \(ExitStatus.help)
            """)

    @Argument(
        help: ArgumentHelp("FILE, DIR, dynamodb:TABLE, local:FILE.db, or - for standard input.", valueName: "from"),
        completion: locationCompletion)
    var from: String

    @Option(help: ArgumentHelp("Draft only what has partition keys that begin so.", valueName: "text"))
    var prefix: String?

    @Option(
        help: ArgumentHelp("The key attributes, as PK,SK; else the table's, or PK and SK.", valueName: "names"))
    var key: String?

    @Option(help: ArgumentHelp("Look at so many items at most.", valueName: "count"))
    var limit = 100_000

    @Flag(help: "Look at all items.")
    var all = false

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Write the draft to this file, which may not exist yet.", valueName: "file"),
        completion: .file(extensions: ["yaml"]))
    var output: String?

    @OptionGroup var live: ReadingArguments
    @OptionGroup var reporting: ReportOptions

    func validate() throws {
        if limit < 1 { throw ValidationError("--limit \(limit): 1 or more") }
    }

    func run() async throws {
        try FileUse.check(reads: [("FROM", from)], writes: [], files: [("--output", output)])
        try live.requireEffect(on: [from])
        if let output, fileExists(output) {
            throw RekeyError(
                .cannotCreate, "exists already; a draft never replaces a file: choose another name", source: output)
        }
        var stage = Init(
            from: try Location.parse(from),
            keyNames: try key.map { text throws(RekeyError) in try KeyNames.parse(text) },
            limit: all ? nil : limit, prefix: prefix, options: StreamOptions(services: live.services))
        if let output { stage.name = Self.name(of: output) }
        let outcome = try await stage.run()
        if reporting.json { return try Terminal.print(json(outcome).text) }
        for line in reporting.quiet ? [] : outcome.draft.table {
            if output == nil { Terminal.error(line) } else { try Terminal.print(line) }
        }
        guard let output else { return try Terminal.print(String(outcome.yaml.dropLast())) }
        let sink = try openSink(output, compression: .none)
        do throws(RekeyError) {
            try sink.write(utf8: outcome.yaml)
            try sink.finish()
        } catch {
            sink.abandon()
            throw error
        }
        if !reporting.quiet {
            Terminal.error(
                "rekey init: read \(outcome.read) items\(outcome.isWhole ? "" : ", not all; --all reads the rest"); fill in \(output), then: rekey rules check \(output)"
            )
        }
    }

    /// `plans` for `rules/plans.yaml`, with what a name may not hold left out.
    private static func name(of path: String) -> String {
        let file = path.split(separator: "/").last ?? ""
        let stem = file.prefix(upTo: file.lastIndex(of: ".") ?? file.endIndex)
        let name = stem.unicodeScalars.filter { scalar in
            scalar.isASCII && (scalar.properties.isAlphabetic || "0123456789._-".unicodeScalars.contains(scalar))
        }
        return name.isEmpty ? "new-keys" : String(String.UnicodeScalarView(name))
    }

    private func json(_ outcome: Init.Outcome) -> JSONValue {
        let draft = outcome.draft
        let shapes = draft.shapes.map { shape in
            JSONValue.object([
                ("partition", .string(shape.partitionText)), ("sort", shape.sortText.map { .string($0) } ?? .null),
                ("count", .integer(shape.count)), ("example", .string("\(shape.example)")),
                ("attributes", .array(shape.attributes.map { .string($0) })),
                ("constants", .object(shape.constants.map { ($0.name, .string($0.value)) })),
            ])
        }
        return .object([
            ("command", .string("init")), ("read", .integer(outcome.read)), ("whole", .boolean(outcome.isWhole)),
            ("partitionKey", .string(draft.partition)), ("sortKey", draft.sort.map { .string($0) } ?? .null),
            ("shapes", .array(shapes)), ("draft", .string(outcome.yaml)),
        ])
    }
}
