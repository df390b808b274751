import AWS
import ByteStreams
import Rekeying

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A command of the user's that a run waits for where the rule file says, such as a deployment.
///
/// It is run at least once: a run that is killed while it works runs it again. Nothing is asked of it but its exit status.
package struct Hook: Sendable {
    /// For `/bin/sh -c`.
    package var command: String
    /// After so long it is stopped, with all that it started.
    package var timeLimit: Duration
    /// What it sees, beside `REKEY_RUN`, the run's directory, and `REKEY_TABLE`, the table as the user named it.
    package var environment: [String: String]

    package init(command: String, timeLimit: Duration, environment: [String: String]) {
        self.command = command
        self.timeLimit = timeLimit
        self.environment = environment
    }

    /// - Throws: `.usage` where the rules want a hook at a point that the strategy does not have.
    static func requirePlace(_ rules: RuleSet, strategy: String) throws(RekeyError) {
        guard rules.hookPlace == .beforeDelete, strategy == Migrate.Strategy.transact.rawValue else { return }
        throw RekeyError(
            .usage,
            "the rule file has the hook run before the delete, and --strategy transact puts and deletes in one step; take --strategy batch, or write hook: after"
        )
    }

    /// Runs it and waits for its end. What it prints is said line by line, and added to `hook.log` in the run's directory.
    ///
    /// - Throws: `.stoppedResumable` where it cannot be started, fails, is killed, or takes too long.
    func run(in run: RunDirectory, plan: RunPlan, events: @escaping EventHandler) async throws(RekeyError) {
        var environment = environment
        environment["REKEY_RUN"] = resolvedPath(run.path) ?? run.path
        environment["REKEY_TABLE"] = plan.table
        let (words, timeLimit, log) = (["/bin/sh", "-c", command], timeLimit, run.hookLogPath)
        let id = run.id
        let variables = environment
        let result: Result<Void, RekeyError> = await withCheckedContinuation { continuation in
            do throws(RekeyError) {
                try startThread {
                    var lines = LineSplitter { events(.detail(Message(verbatim: $0))) }
                    let result = Result { () throws(ChildCommand.Failure) in
                        try ChildCommand.follow(words, environment: variables, timeLimit: timeLimit) { block in
                            // A log that cannot be written is no reason to stop a deployment half-way.
                            try? appendLine(Array(block), to: log)
                            lines.take(block)
                        }
                    }
                    lines.finish()
                    continuation.resume(returning: result.mapError { self.error($0, run: id, log: log) })
                }
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        try result.get()
    }

    private func error(_ failure: ChildCommand.Failure, run: String, log: String) -> RekeyError {
        let what =
            failure == .timedOut
            ? "did not end within \(timeLimit.components.seconds) s and was stopped, with what it had started"
            : failure.description
        let place = fileExists(log) ? "; what it printed is in \(log)" : ""
        return RekeyError(
            .stoppedResumable, "the hook \(what)\(place); mend it, then rekey resume runs it again", source: run)
    }
}

/// Cuts what a program prints into lines. A line of more than 4096 bytes is said in pieces.
struct LineSplitter {
    private var rest: [UInt8] = []
    private let say: (String) -> Void
    private static let longest = 4096

    init(_ say: @escaping (String) -> Void) { self.say = say }

    mutating func take(_ block: ArraySlice<UInt8>) {
        for byte in block {
            if byte == UInt8(ascii: "\n") {
                end()
            } else {
                rest.append(byte)
                if rest.count == Self.longest { end() }
            }
        }
    }

    /// Says a last line that has no newline.
    mutating func finish() { if !rest.isEmpty { end() } }

    private mutating func end() {
        if rest.last == UInt8(ascii: "\r") { rest.removeLast() }
        say(String(decoding: rest, as: UTF8.self))
        rest.removeAll(keepingCapacity: true)
    }
}

extension RunSteps {
    /// Runs the hook if this is its place and it has not ended well before. Before the delete, the API is asked then too.
    func runHook(at place: RuleSet.HookPlace, _ ledger: Ledger) async throws(RekeyError) {
        guard let hook, rules.hookPlace == place, !ledger.has(.hook) else { return }
        watch.begin("hook", items: nil)
        events(.information("Running the hook: \(hook.command)"))
        let start = ContinuousClock.now
        try await hook.run(in: run, plan: plan, events: events)
        let seconds = Int((ContinuousClock.now - start) / .seconds(1))
        if place == .beforeDelete, let check {
            do throws(RekeyError) {
                events(.success("✓ API check: \(check.address) answers \(try await check.run())"))
            } catch {
                throw RekeyError(
                    .stoppedResumable,
                    "the API \(error.message) after the hook; mend it, then rekey resume runs the hook again",
                    source: error.source)
            }
        }
        try ledger.append(.hook, [("place", place.rawValue), ("seconds", "\(seconds)")])
        events(.success("✓ The hook ended well"))
    }
}
