import ByteStreams
import Migration
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What is said on standard error, as lines for people or as one JSON object each.
enum Log {
    enum Level: String {
        /// Requests and retries: said only with `--verbose`.
        case debug
        case info
        case warning
        case error
    }

    struct Settings {
        var isJSON = false
        var isQuiet = false
        var isVerbose = false
        var language = Language.english
        /// `snapshot create`, for messages.
        var verb = ""
    }

    private static let state = Mutex(Settings())

    static var settings: Settings { state.withLock { $0 } }

    static func configure(_ change: (inout Settings) -> Void) { state.withLock { change(&$0) } }

    /// Says one thing.
    ///
    /// - Parameter fields: only in JSON; they are not to hold what is secret.
    static func say(_ level: Level, _ message: String, _ fields: [(String, JSONValue)] = []) {
        let settings = settings
        if level == .debug, !settings.isVerbose { return }
        guard settings.isJSON else {
            Terminal.line(settings.verb.isEmpty ? message : "rekey \(settings.verb): \(message)")
            return
        }
        var members: [(String, JSONValue)] = [
            ("time", .string(now())), ("level", .string(level.rawValue)), ("message", .string(message)),
        ]
        if !settings.verb.isEmpty { members.append(("command", .string(settings.verb))) }
        Terminal.line(JSONValue.object(members + fields).text)
    }

    /// A line of the form `rekey VERB: message`, in the format that was asked for.
    static func say(line: String, _ level: Level) {
        let settings = settings
        guard settings.isJSON else { return Terminal.line(line) }
        let prefix = "rekey \(settings.verb): "
        say(level, line.hasPrefix(prefix) ? String(line.dropFirst(prefix.count)) : line)
    }

    /// UTC, with milliseconds (RFC 3339).
    private static func now() -> String {
        var clock = timespec()
        clock_gettime(CLOCK_REALTIME, &clock)
        var fields = tm()
        gmtime_r(&clock.tv_sec, &fields)
        func digits(_ value: Int, _ width: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        let day = [Int(fields.tm_year) + 1900, Int(fields.tm_mon) + 1, Int(fields.tm_mday)]
        let hour = [Int(fields.tm_hour), Int(fields.tm_min), Int(fields.tm_sec)]
        return day.map { digits($0, 2) }.joined(separator: "-") + "T"
            + hour.map { digits($0, 2) }.joined(separator: ":") + ".\(digits(clock.tv_nsec / 1_000_000, 3))Z"
    }
}
