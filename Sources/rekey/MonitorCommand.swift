import AWS
import ArgumentParser
import ByteStreams
import Items
import Migration
import Stages
import Tables

/// `rekey monitor`.
struct MonitorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "monitor",
        abstract: "Show what a live table and its indexes consumed and had throttled, by CloudWatch.",
        usage: "rekey monitor dynamodb:<table> [--since 1h] [--watch] [--logs <group>] [--json] [<options>]",
        discussion: """
            On a terminal as plots; elsewhere as rows with tabs between, or with --json as one object a line for the table and each \
            index. CloudWatch is a minute or two behind. With --watch new rows follow as they come, until interrupted.

              rekey monitor dynamodb:algoitny_main --since 3h
              rekey monitor dynamodb:algoitny_main --watch --logs /aws/lambda/api

            Needs cloudwatch:GetMetricData, dynamodb:DescribeTable for the indexes, and logs:FilterLogEvents for --logs.

            \(ExitStatus.help)
            """)

    @Argument(help: "The table; else --table or DYNAMODB_TABLE.")
    var location: String?

    @Option(help: ArgumentHelp("The table: dynamodb:TABLE.", valueName: "table"))
    var table: String?

    @OptionGroup var live: AccountArguments

    @Option(help: ArgumentHelp("How far back, as 30m, 1h or 7d.", valueName: "time"))
    var since = "1h"

    @Flag(help: "Go on until interrupted.")
    var watch = false

    @Option(help: ArgumentHelp("With --watch, ask again after so many seconds.", valueName: "seconds"))
    var every = 30

    @Option(help: ArgumentHelp("Show the events of this CloudWatch Logs group too.", valueName: "group"))
    var logs: String?

    @Flag(help: "Print one JSON object a line.")
    var json = false

    /// Values of a period that ended less than so many seconds ago may still change.
    private static let settling = 120
    /// How many seconds after its time an event may still turn up in its group.
    private static let lateness = 300
    /// Events shown below a plot.
    private static let shownEvents = 15

    func run() async throws {
        guard let seconds = Monitor.seconds(of: since) else {
            throw RekeyError(.usage, "--since \(since) is no time such as 30m, 1h or 7d, up to 455d")
        }
        guard every >= 1, every <= 86_400 else { throw RekeyError(.usage, "--every takes 1 to 86400 seconds") }
        let name = try tableName()
        let services = live.services
        var indexes: [String] = []
        do throws(RekeyError) {
            let description = try await services.table(name).describe()
            indexes = description.indexes.filter { $0.kind == .global }.map(\.name)
        } catch {
            guard error.code == .permission else { throw error }
            Terminal.error("rekey monitor: indexes are left out: \(error)")
        }
        let monitor = try Monitor(table: name, indexes: indexes, services: services)
        if Terminal.isTerminal(1), !json {
            try await draw(monitor, seconds)
        } else {
            try await list(monitor, seconds)
        }
    }

    /// `DYNAMODB_TABLE` without a scheme is a live table, as for the other commands.
    private func tableName() throws(RekeyError) -> String {
        var text = location ?? table
        if text == nil, let name = Environment.value("DYNAMODB_TABLE") {
            text = name.hasPrefix("arn:") || !name.contains(":") ? "dynamodb:\(name)" : name
        }
        guard let text else { throw RekeyError(.usage, "name the table, as dynamodb:TABLE, or set DYNAMODB_TABLE") }
        guard case .table(let name) = try Location.parse(text) else {
            throw RekeyError(.usage, "\(text) is no live table, and CloudWatch knows no other; write dynamodb:TABLE")
        }
        return name
    }

    /// Plots, drawn anew each time.
    private func draw(_ monitor: Monitor, _ seconds: Int) async throws {
        repeat {
            // A column of text for each period, behind three for the axis and one that stays free.
            let period = Monitor.period(since: seconds, most: min(60, max(10, Terminal.columns(1) - 4)))
            let now = Timestamp.now()
            try await patiently {
                var lines = ActivityPlot(
                    try await monitor.activity(since: seconds, period: period, now: now)
                ).bars
                if let logs {
                    let events = try await monitor.events(group: logs, from: (now.seconds - seconds) * 1000)
                    lines += ["", "\(logs): \(events.count) events"]
                    lines += events.suffix(Self.shownEvents).map { "  \(Self.text(of: $0))" }
                }
                if watch { try Terminal.clear() }
                for line in lines { try Terminal.print(line) }
            }
            if watch { try await Task.sleep(for: .seconds(every)) }
        } while watch
    }

    /// Rows and events, each once.
    private func list(_ monitor: Monitor, _ seconds: Int) async throws {
        let period = Monitor.period(since: seconds)
        var nextRow = 0
        var nextEvent = (Timestamp.now().seconds - seconds) * 1000
        var seen: [String: Int] = [:]
        var isFirst = true
        repeat {
            let now = Timestamp.now()
            let settled = watch ? (now.seconds - Self.settling) / period * period : Int.max
            try await patiently {
                // What was not to be had for longer than `seconds` comes later all the same.
                let span = nextRow == 0 ? seconds : max(seconds, now.seconds - nextRow)
                let activity = try await monitor.activity(since: span, period: period, now: now)
                if isFirst, !json { try Terminal.print(ActivityPlot.heading) }
                isFirst = false
                for row in ActivityPlot(activity).rows where row.time >= nextRow && row.time < settled {
                    try Terminal.print(json ? Self.json(row, activity).text : row.text)
                }
                nextRow = max(nextRow, settled)
                guard let logs else { return }
                for event in try await monitor.events(group: logs, from: nextEvent) where seen[event.id] == nil {
                    seen[event.id] = event.time
                    try Terminal.print(
                        json ? Self.json(event, group: logs).text : "\(logs)\t\(Self.text(of: event))")
                }
                nextEvent = max(nextEvent, (now.seconds - Self.lateness) * 1000)
                seen = seen.filter { $0.value >= nextEvent }
            }
            if watch { try await Task.sleep(for: .seconds(every)) }
        } while watch
    }

    /// With --watch, what may be over in a minute is said and no end.
    private func patiently(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let error as RekeyError where watch && error.code == .serviceGaveUp {
            Terminal.error("rekey monitor: \(error)")
        }
    }

    private static func text(of event: LogEvent) -> String {
        let message = event.message.prefix { !$0.isNewline }
        return "\(Timestamp(seconds: event.time / 1000).text)\t\(displayText(message.prefix(300).utf8))"
    }

    private static func json(_ row: ActivityPlot.Row, _ activity: TableActivity) -> JSONValue {
        let values = zip(TableMetric.allCases, row.values).compactMap { metric, value in
            value.map { (metric.member, JSONValue.decimal($0)) }
        }
        return .object(
            [
                ("time", .string(Timestamp(seconds: row.time).text)), ("period", .integer(activity.period)),
                ("table", .string(activity.table)), ("index", row.index.map(JSONValue.string) ?? .null),
            ] + values)
    }

    private static func json(_ event: LogEvent, group: String) -> JSONValue {
        .object([
            ("time", .string(Timestamp(seconds: event.time / 1000).text)), ("milliseconds", .integer(event.time)),
            ("group", .string(group)), ("stream", .string(event.stream)), ("message", .string(event.message)),
        ])
    }
}
