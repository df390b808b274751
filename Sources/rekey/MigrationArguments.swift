import ArgumentParser
import ByteStreams
import Migration
import Rekeying
import Stages
import Tables

/// `--table`, or `DYNAMODB_TABLE`.
struct TableArgument: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The table: dynamodb:TABLE or local:FILE.db. DYNAMODB_TABLE names it where this is not given.",
            valueName: "table"))
    var table: String?

    @OptionGroup var live: LiveArguments

    /// The table's location. `DYNAMODB_TABLE=NAME`, without a scheme, is a live table, as for the guide's script.
    func location(or fallback: String?) throws(RekeyError) -> Location {
        if let table { return try Location.parse(table) }
        if let name = Environment.value("DYNAMODB_TABLE") {
            let isBare = name.hasPrefix("arn:") || !name.contains(":")
            return try Location.parse(isBare ? "dynamodb:\(name)" : name)
        }
        guard let fallback else { throw RekeyError(.usage, "name the table with --table or DYNAMODB_TABLE") }
        return try Location.parse(fallback)
    }

    /// Opens the table of a run, which has to be the one that it was begun with; what is refused says what has named another.
    func open(
        of plan: RunPlan
    ) async throws(RekeyError) -> (table: any Table, watch: RunWatch, description: TableDescription) {
        let naming: RunPlan.TableNaming
        if let table {
            naming = .option(table)
        } else {
            let text = try location(or: plan.table).text
            naming = Environment.value("DYNAMODB_TABLE") == nil ? .plan : .environment(text)
        }
        let opened: (text: String, table: any Table, watch: RunWatch)
        let description: TableDescription
        do throws(RekeyError) {
            opened = try await open(or: plan.table)
            description = try await opened.table.describe()
        } catch {
            throw plan.explained(error, namedBy: naming)
        }
        try plan.requireTable(description, namedBy: naming)
        return (opened.table, opened.watch, description)
    }

    /// Opens the table, or `fallback` where none is named, with what watches and leads the calls to it.
    func open(
        or fallback: String? = nil
    ) async throws(RekeyError) -> (text: String, table: any Table, watch: RunWatch) {
        let location = try location(or: fallback)
        try live.requireEffect(on: [location.text])
        let services = live.services
        let table = try await openTable(location, services: services)
        return (location.text, table, RunWatch(progress: ProgressDisplay.counters, governor: services.governor))
    }
}

/// `--runs`.
struct RunsArgument: ParsableArguments {
    @Option(help: ArgumentHelp("Where runs are kept.", valueName: "dir"), completion: .directory)
    var runs = RunsArgument.standard

    private static let standard = ".rekey/runs"

    /// Throws `.inputMissing` where the user names a directory that is not there; that of a first run has yet to be made.
    func requirePresent() throws(RekeyError) {
        guard runs != RunsArgument.standard, try !isPresent(runs) else { return }
        throw RekeyError(.inputMissing, "no such directory; check --runs", source: runs)
    }
}

/// `--lang`.
struct LanguageArgument: ParsableArguments {
    @Option(help: ArgumentHelp("The language of what is said and reported: en or ko.", valueName: "code"))
    var lang = Language.english

    func validate() throws { Log.configure { $0.language = lang } }
}

extension Language: ExpressibleByArgument {}

/// Prints events as the guide's script does.
struct EventPrinter: Sendable {
    var json: Bool
    var quiet: Bool

    static let rule = String(repeating: "=", count: 70)

    func callAsFunction(_ event: Event) {
        if quiet { return }
        if Log.settings.isJSON { return log(event) }
        switch event {
        case .heading(let lines):
            say(Self.rule)
            for (number, line) in lines.enumerated() {
                say(text(line))
                if number == 0 { say(Self.rule) }
            }
            say(Self.rule)
        case .information(let text): say("[INFO] \(self.text(text))")
        case .success(let text): say(" \(self.text(text))", after: tag("[SUCCESS]", 32))
        case .warning(let text): say(" \(self.text(text))", after: tag("[WARNING]", 33))
        case .detail(let text): say("  - \(self.text(text))")
        case .table(let rows): for row in rows { say(row) }
        }
    }

    /// With `--log-format json`: an object an event.
    private func log(_ event: Event) {
        func say(_ kind: String, _ message: Message, _ level: Log.Level = .info) {
            Log.say(level, text(message), [("event", .string(kind))])
        }
        switch event {
        case .heading(let lines): for line in lines { say("heading", line) }
        case .information(let text): say("information", text)
        case .success(let text): say("success", text)
        case .warning(let text): say("warning", text, .warning)
        case .detail(let text): say("detail", text)
        // A program reads the plan from --json or --plan-out.
        case .table: break
        }
    }

    private func text(_ message: Message) -> String { message.text(in: Log.settings.language) }

    private func tag(_ text: String, _ colour: Int) -> String {
        Terminal.isColoured(json ? 2 : 1) ? "\u{1B}[\(colour)m\(text)\u{1B}[0m" : text
    }

    /// With --json, standard output is for the result alone.
    private func say(_ line: String, after mark: String = "") {
        if json { Terminal.line(line, after: mark) } else { try? Terminal.print(line, after: mark) }
    }
}

/// Asks for the word that lets a command write: on a terminal by typing, else by `--confirm`.
func confirm(_ word: String, given: String?, what: Message) throws(RekeyError) {
    if let given {
        guard given == word else { throw RekeyError(.usage, "--confirm \(given): the word is \(word)") }
        return
    }
    guard Terminal.isTerminal(0) else {
        throw RekeyError(.usage, "\(what), and there is no terminal to type \(word) on; add --confirm \(word)")
    }
    guard
        Terminal.readAnswer(
            prompt: Message("\(what.text(in: Log.settings.language)). Type \(word) to go on: ").text(
                in: Log.settings.language)) == word
    else {
        throw RekeyError(.interrupted, "\(word) was not typed; nothing was written")
    }
}
