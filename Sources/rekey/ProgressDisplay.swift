import AWS
import ByteStreams
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Shows what the command does while it runs: on a terminal a line in place, elsewhere now and then a plain line.
///
/// The work only adds to counters; a timer of its own reads them.
enum ProgressDisplay {
    /// What the command's stages, tables and requests add to.
    static let counters = ProgressCounters()

    private struct State {
        var ticker: Ticker?
        var screen: SharedScreen?
        var line = ProgressLine()
        var start = ContinuousClock.now
        /// What stands on the screen now.
        var drawn: String?
        var isHeld = false
        var nextPlain = 0.0
        /// Seconds between plain lines; nil for none.
        var plainInterval: Double?
    }

    private static let state = Mutex(State())
    /// Nothing is shown of a command that ends before, and then five times a second at most.
    private static let delay = 1000
    private static let interval = 200

    /// Verbs that may write a stream to standard output: on a terminal it would run through the line.
    private static let streams: Set<String> = ["extract", "transform", "snapshot export", "query", "convert"]
    /// Begins to show; called once the command is known.
    static func start() {
        let settings = Log.settings
        if settings.isQuiet { return }
        let isPlain = settings.isJSON || (isatty(1) == 1 && streams.contains(settings.verb))
        let screen =
            isPlain
            ? nil
            : SharedScreen(
                directory: Environment.temporaryDirectory,
                isDumb: ["", "dumb"].contains(Environment.value("TERM") ?? ""))
        let plain: Double? =
            screen != nil
            ? nil : settings.isVerbose || settings.isJSON ? 10 : nil
        guard screen != nil || plain != nil else { return }
        state.withLock {
            $0.screen = screen
            $0.plainInterval = plain
            $0.nextPlain = plain ?? 0
            $0.start = .now
            $0.ticker = Ticker(after: delay, every: interval) { tick() }
        }
    }

    /// Takes the line away for good.
    static func stop() {
        state.withLock { state in
            state.ticker = nil
            if state.drawn != nil { state.screen?.draw(nil) }
            state.drawn = nil
            state.screen = nil
        }
    }

    /// Writes something while no line stands in the way, then draws the line again.
    static func aside(_ text: String, to descriptor: Int32, write: (String) -> Void) {
        state.withLock { state in
            // Others of the pipe may have lines there although this one has none yet.
            guard let screen = state.screen, isatty(descriptor) == 1 else { return write(text) }
            screen.draw(state.drawn, message: text, write: write)
        }
    }

    /// Keeps the line away while the user is asked.
    static func hold(_ isHeld: Bool) {
        state.withLock { state in
            state.isHeld = isHeld
            if isHeld, state.drawn != nil {
                state.screen?.draw(nil)
                state.drawn = nil
            }
        }
    }

    private static func tick() {
        let plain = state.withLock { state -> String? in
            guard state.ticker != nil, !state.isHeld else { return nil }
            let second = state.start.duration(to: .now) / .seconds(1)
            guard let text = state.line.text(counters.reading, at: second, verb: Log.settings.verb) else { return nil }
            if let screen = state.screen {
                if text != state.drawn { screen.draw(text) }
                state.drawn = text
                return nil
            }
            guard let interval = state.plainInterval, second >= state.nextPlain else { return nil }
            state.nextPlain = second + interval
            return text
        }
        guard let plain else { return }
        if Log.settings.isJSON { Log.progress(counters.reading) } else { Terminal.line("rekey \(plain)") }
    }
}

extension Log {
    /// The counts as fields.
    static func progress(_ reading: ProgressCounters.Reading) {
        var fields: [(String, JSONValue)] = []
        if let step = reading.step { fields.append(("step", .string(step))) }
        fields.append(("items", .integer(reading.items)))
        if let total = reading.totalItems { fields.append(("totalItems", .integer(total))) }
        fields += [
            ("bytes", .integer(reading.bytes)), ("readUnits", .decimal(reading.readUnits)),
            ("writeUnits", .decimal(reading.writeUnits)), ("requests", .integer(reading.requests)),
            ("retries", .integer(reading.retries)), ("throttled", .integer(reading.throttled)),
            ("rejected", .integer(reading.rejected)),
        ]
        say(.info, "progress", fields)
    }

    /// One request or retry, for `--verbose`.
    static func request(_ event: RequestEvent) {
        func milliseconds(_ time: Duration) -> Int { Int(time / .milliseconds(1)) }
        switch event {
        case .answered(let operation, let status, let time):
            say(
                .debug, "\(operation) answered \(status) after \(milliseconds(time)) ms",
                [
                    ("operation", .string(operation)), ("status", .integer(status)),
                    ("milliseconds", .integer(milliseconds(time))),
                ])
        case .retrying(let operation, let reason, let isThrottling, let attempt, let pause):
            say(
                .debug,
                "\(operation) failed (\(reason)), attempt \(attempt); again after \(milliseconds(pause)) ms",
                [
                    ("operation", .string(operation)), ("reason", .string(reason)), ("attempt", .integer(attempt)),
                    ("throttling", .boolean(isThrottling)), ("pauseMilliseconds", .integer(milliseconds(pause))),
                ])
        }
    }
}
