import ArgumentParser
import ByteStreams
import Stages

/// `rekey query`.
struct QueryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query",
        abstract: "The items of one partition of a table, as NDJSON: to look around.",
        usage: "rekey query <table> --pk <text> [--sk-begins <text> | --sk <text>] [<options>]",
        discussion: """
            Reads consistently, by one Query. A key that is a number is written as such, a binary one as base64.

              rekey query local:plans.db --pk PLAN --sk-begins META#
              rekey query dynamodb:algoitny_main --pk PLAN#1 --sk META --pretty

            \(ExitStatus.help)
            """)

    @Argument(
        help: ArgumentHelp("The table: dynamodb:TABLE or local:FILE.db.", valueName: "table"),
        completion: locationCompletion)
    var table: String

    @Option(help: ArgumentHelp("The partition key.", valueName: "text"))
    var pk: String

    @Option(help: ArgumentHelp("Only the item under this sort key.", valueName: "text"))
    var sk: String?

    @Option(help: ArgumentHelp("Only sort keys that begin so.", valueName: "text"))
    var skBegins: String?

    @Option(help: ArgumentHelp("So many items at most.", valueName: "count"))
    var limit: Int?

    @Flag(help: "From the last sort key to the first.")
    var reverse = false

    @Flag(help: "Write each item over several lines, for people.")
    var pretty = false

    @OptionGroup var live: QueryingArguments
    @OptionGroup var reporting: ReportOptions

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit \(limit): 1 or more") }
    }

    func run() async throws {
        try live.requireEffect(on: [table])
        var stage = Query(
            from: try Location.parse(table), partition: pk, options: StreamOptions(services: live.services))
        stage.sort = sk
        stage.sortBegins = skBegins
        stage.limit = limit
        stage.isDescending = reverse
        stage.isPretty = pretty
        let outcome = try await stage.run()
        if reporting.json {
            return Terminal.error(
                JSONValue.object([
                    ("command", .string("query")), ("count", .integer(outcome.count)),
                    ("readUnits", .decimal(outcome.readUnits)), ("cut", .boolean(outcome.isCut)),
                ]).text)
        }
        if reporting.quiet { return }
        let units = JSONValue.decimal(outcome.readUnits).text
        Terminal.error(
            "rekey query: \(outcome.count) item\(outcome.count == 1 ? "" : "s"), \(units) read unit\(units == "1" ? "" : "s")\(outcome.isCut ? "; there are more, --limit ended it" : "")"
        )
    }
}
