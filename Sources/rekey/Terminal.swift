import ByteStreams
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What goes to the user: results on standard output, everything else on standard error.
enum Terminal {
    /// One line on standard output. Throws `.brokenPipe` where its reader is gone.
    ///
    /// - Parameter mark: written before it as it is, colours and all.
    static func print(_ line: String, after mark: String = "") throws(RekeyError) {
        var failure: RekeyError?
        ProgressDisplay.aside(mark + shown(line) + "\n", to: 1) { text in
            do throws(RekeyError) { try write(text, to: 1) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Something for the user, `rekey VERB: …`: a line on standard error, or an object with `--log-format json`.
    static func error(_ line: String) { Log.say(line: line, .info) }

    /// One line on standard error, whatever the log's format; a failure to write it is nobody's to hear.
    static func line(_ line: String, after mark: String = "") {
        ProgressDisplay.aside(mark + shown(line) + "\n", to: 2) { try? write($0, to: 2) }
    }

    /// A command's result, on the standard error that it shares with messages.
    static func result(_ value: JSONValue) {
        if Log.settings.isJSON { Log.say(.info, "result", [("result", value)]) } else { line(value.text) }
    }

    /// Whether what goes to a descriptor may be coloured (https://no-color.org).
    static func isColoured(_ descriptor: Int32) -> Bool {
        isTerminal(descriptor) && Environment.value("NO_COLOR") == nil
            && !["", "dumb"].contains(Environment.value("TERM") ?? "")
    }

    /// Empties the screen.
    static func clear() throws(RekeyError) { try write("\u{1B}[H\u{1B}[2J", to: 1) }

    /// Text with what a terminal would obey escaped as JSON does it: names in manifests and words of services come from
    /// elsewhere. Line ends and tabs stay.
    private static func shown(_ text: String) -> String {
        func isObeyed(_ scalar: Unicode.Scalar) -> Bool {
            switch scalar.value {
            case 0x09, 0x0A: false
            case 0..<0x20, 0x7F..<0xA0: true
            default: false
            }
        }
        guard text.unicodeScalars.contains(where: isObeyed) else { return text }
        var shown = ""
        for scalar in text.unicodeScalars {
            if isObeyed(scalar) {
                shown += (scalar.value < 0x10 ? "\\u000" : "\\u00") + String(scalar.value, radix: 16)
            } else {
                shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }

    static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    /// How wide the terminal is; 80 where it does not say.
    static func columns(_ descriptor: Int32) -> Int {
        var size = winsize()
        return ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }

    /// A line typed by the user; nil at the end of input.
    static func readAnswer(prompt: String) -> String? {
        ProgressDisplay.hold(true)
        Interruption.isAsking.store(true, ordering: .relaxed)
        defer {
            Interruption.isAsking.store(false, ordering: .relaxed)
            ProgressDisplay.hold(false)
        }
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
    private static let isUnderWay = Atomic(false)
    /// Whether the user has yet to allow the first write.
    static let isAsking = Atomic(false)

    /// Does not return once a signal has come: what fails from then on, such as a command that was ended with it, is no news.
    static func yield() {
        while isUnderWay.load(ordering: .acquiring) { sleep(1) }
    }

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
        isUnderWay.store(true, ordering: .releasing)
        let wasAsking = isAsking.load(ordering: .relaxed)
        TemporaryPaths.removeAll()
        ProgressDisplay.stop()
        // The cursor stands behind the question.
        if wasAsking, Terminal.isTerminal(2) { Terminal.line("") }
        Terminal.error(
            "rekey: interrupted; \(wasAsking ? "nothing was written" : "what was not finished was removed")")
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
