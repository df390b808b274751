import ByteStreams

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What goes to the user: results on standard output, everything else on standard error.
enum Terminal {
    /// One line on standard output. Throws `.brokenPipe` where its reader is gone.
    static func print(_ line: String) throws(RekeyError) {
        var failure: RekeyError?
        ProgressDisplay.aside(line + "\n", to: 1) { text in
            do throws(RekeyError) { try write(text, to: 1) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Something for the user, `rekey VERB: …`: a line on standard error, or an object with `--log-format json`.
    static func error(_ line: String) { Log.say(line: line, .info) }

    /// One line on standard error as it is; a failure to write it is nobody's to hear.
    static func line(_ line: String) { ProgressDisplay.aside(line + "\n", to: 2) { try? write($0, to: 2) } }

    /// A command's result, on the standard error that it shares with messages.
    static func result(_ value: JSONValue) {
        if Log.settings.isJSON { Log.say(.info, "result", [("result", value)]) } else { line(value.text) }
    }

    /// Whether what goes to a descriptor may be coloured (https://no-color.org).
    static func isColoured(_ descriptor: Int32) -> Bool {
        isTerminal(descriptor) && Environment.value("NO_COLOR") == nil
            && !["", "dumb"].contains(Environment.value("TERM") ?? "")
    }

    static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    /// A line typed by the user; nil at the end of input.
    static func readAnswer(prompt: String) -> String? {
        ProgressDisplay.hold(true)
        defer { ProgressDisplay.hold(false) }
        try? write(prompt, to: 2)
        return readLine(strippingNewline: true)
    }

    private static func write(_ text: String, to descriptor: Int32) throws(RekeyError) {
        let sink = FileDescriptorSink(
            descriptor, name: descriptor == 1 ? "standard output" : "standard error", closes: false)
        try sink.write(utf8: text)
        try sink.finish()
    }
}

/// Interruption by SIGINT, SIGTERM or SIGHUP: temporary files are removed, then the process ends with 128 and the signal's number.
enum Interruption {
    /// Where the handler writes the signal's number; set once, before the handler is installed.
    private nonisolated(unsafe) static var wakeUp: Int32 = -1
    private nonisolated(unsafe) static var readEnd: Int32 = -1

    /// Installs the handlers and starts the thread that acts on them. A signal that the caller ignores, as nohup does, stays ignored.
    ///
    /// Blocking the signals and waiting for them is not enough: the main thread of an async program unblocks all signals.
    static func watch() {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return }
        readEnd = ends[0]
        wakeUp = ends[1]
        for number in [SIGINT, SIGTERM, SIGHUP] {
            let previous = signal(number) { number in
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(Interruption.wakeUp, &byte, 1)
            }
            if unsafeBitCast(previous, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) { signal(number, SIG_IGN) }
        }
        #if canImport(Glibc)
            var thread = pthread_t()
            pthread_create(&thread, nil, { _ in Interruption.wait() }, nil)
        #else
            var thread: pthread_t?
            pthread_create(&thread, nil, { _ in Interruption.wait() }, nil)
        #endif
    }

    private static func wait() -> UnsafeMutableRawPointer? {
        var number: UInt8 = 0
        while read(readEnd, &number, 1) != 1 {}
        TemporaryPaths.removeAll()
        ProgressDisplay.stop()
        Terminal.error("rekey: interrupted; what was not finished was removed")
        _exit(128 + Int32(number))
    }
}

/// The environment, read here alone.
enum Environment {
    static func value(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// All of it, for the settings of AWS.
    static var all: [String: String] {
        var variables: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let parts = String(cString: entry).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
            next += 1
        }
        return variables
    }

    static var temporaryDirectory: String { value("TMPDIR") ?? "/tmp" }

    static var wantsSeal: Bool { value("REKEY_SEAL") == "1" }
}
