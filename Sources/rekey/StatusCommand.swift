import ArgumentParser
import ByteStreams
import Migration

/// `rekey status`.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Where runs stand: all of them, or one with its steps.",
        discussion: """
              rekey status
              rekey status 20261123_211500-plan-structure --json

            \(ExitStatus.help)
            """)

    @Argument(
        help: ArgumentHelp("A run's directory or name; all runs without it.", valueName: "run"),
        completion: runCompletion)
    var name: String?

    @OptionGroup var runs: RunsArgument
    @OptionGroup var reporting: ReportOptions

    func run() throws {
        if let name { return try show(try RunStatus(try RunDirectory.find(name, runs: runs.runs))) }
        try runs.requirePresent()
        let (found, unreadable) = try RunStatus.list(runs.runs)
        if reporting.json {
            try Terminal.print(
                JSONValue.object([("command", .string("status")), ("runs", .array(found.map(json)))]).text)
        } else if found.isEmpty, unreadable.isEmpty {
            try Terminal.print("no runs in \(runs.runs)")
        } else {
            for status in found {
                try Terminal.print(
                    "\(status.plan.id)  \(status.state.rawValue)  \(status.plan.oldCount) items  \(status.plan.table)")
            }
        }
        if let first = unreadable.first { throw first }
    }

    private func show(_ status: RunStatus) throws(RekeyError) {
        if reporting.json { return try Terminal.print(json(status).text) }
        try Terminal.print("run       \(status.plan.id)")
        try Terminal.print("state     \(status.state.rawValue)")
        try Terminal.print("table     \(status.plan.table)  \(status.plan.tableARN)")
        try Terminal.print("items     \(status.plan.oldCount)")
        try Terminal.print("before    \(status.plan.tableCount) in the table, digest \(status.plan.tableDigest)")
        try Terminal.print("snapshot  \(status.path)/\(status.plan.snapshot)")
        for step in status.steps {
            let facts = step.facts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
            try Terminal.print("\(step.time)  \(step.step.rawValue)\(facts.isEmpty ? "" : ": \(facts)")")
        }
        switch status.state {
        case .running, .rollingBack:
            try Terminal.print("to lead it: rekey control \(status.path) pause, go, stop or --max-wcu UNITS")
        case .stopped where status.isGoingBack:
            try Terminal.print("to go on: rekey rollback \(status.path) --execute")
        case .stopped: try Terminal.print("to go on: rekey resume \(status.path)")
        case .finished: try Terminal.print("to go back: rekey rollback \(status.path) --execute")
        case .rolledBack: break
        }
    }

    private func json(_ status: RunStatus) -> JSONValue {
        .object([
            ("run", .string(status.plan.id)), ("path", .string(status.path)),
            ("state", .string(status.state.rawValue)), ("table", .string(status.plan.table)),
            ("items", .integer(status.plan.oldCount)), ("startedAt", .string(status.plan.startedAt)),
            (
                "before",
                .object([
                    ("count", .integer(status.plan.tableCount)), ("digest", .string(status.plan.tableDigest)),
                ])
            ),
            (
                "steps",
                .array(
                    status.steps.map { step in
                        .object(
                            [("step", .string(step.step.rawValue)), ("time", .string(step.time))]
                                + step.facts.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
                    })
            ),
        ])
    }
}
