import ArgumentParser
import ByteStreams
import Migration

/// `rekey control`.
struct ControlCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "control",
        abstract: "Slow, hurry, pause or stop a run that works in another terminal.",
        usage: "rekey control <run> [pause|go|stop] [--max-wcu <units>] [--max-rcu <units>]",
        discussion: """
            The run takes the order before its next request, and says so. stop ends it with status 75: rekey resume goes on. An order \
            is for the process that works now; a run that is resumed is neither paused nor limited by an old one.

              rekey control 20261123_211500-plan-structure --max-wcu 200
              rekey control 20261123_211500-plan-structure pause

            \(ExitStatus.help)
            """)

    enum Action: String, ExpressibleByArgument, CaseIterable { case pause, go, stop }

    @Argument(help: ArgumentHelp("A run's directory or name; rekey status lists them.", valueName: "run"))
    var name: String

    @Argument(help: "pause, go or stop.")
    var action: Action?

    @Option(
        name: .customLong("max-wcu"), help: ArgumentHelp("Write units a second from now on.", valueName: "units"))
    var writeUnits: Double?

    @Option(name: .customLong("max-rcu"), help: ArgumentHelp("Read units a second from now on.", valueName: "units"))
    var readUnits: Double?

    @OptionGroup var runs: RunsArgument
    @OptionGroup var reporting: ReportOptions

    func validate() throws {
        for (name, units) in [("--max-rcu", readUnits), ("--max-wcu", writeUnits)] {
            if let units, !(units >= 1 && units.isFinite) {
                throw ValidationError("\(name) \(units): units a second, 1 or more")
            }
        }
        let hasRates = writeUnits != nil || readUnits != nil
        if hasRates == (action != nil) {
            throw ValidationError("say one of pause, go, stop, or --max-wcu and --max-rcu")
        }
    }

    func run() async throws {
        let run = try RunDirectory.working(name, runs: runs.runs)
        let order: RunOrder =
            switch action {
            case .pause: .pause
            case .go: .go
            case .stop: .stop
            case nil: .rates(readUnits: readUnits, writeUnits: writeUnits)
            }
        let isTaken = try await run.give(order)
        if reporting.json {
            let result = JSONValue.object([
                ("command", .string("control")), ("run", .string(run.path)),
                ("order", .string(action?.rawValue ?? "rates")),
                ("taken", .boolean(isTaken)),
            ])
            return try Terminal.print(result.text)
        }
        if reporting.quiet { return }
        try Terminal.print(
            isTaken
                ? "\(run.id): taken"
                : "\(run.id): not taken yet; the run waits for an answer of its table, and takes the order then")
    }
}
