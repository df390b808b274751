import ByteStreams

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What goes to the user: results on standard output, everything else on standard error.
enum Terminal {
    /// One line on standard output. Throws `.brokenPipe` where its reader is gone.
    static func print(_ line: String) throws(RekeyError) { try write(line + "\n", to: 1) }

    /// One line on standard error; a failure to write it is nobody's to hear.
    static func error(_ line: String) { try? write(line + "\n", to: 2) }

    static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    /// A line typed by the user; nil at the end of input.
    static func readAnswer(prompt: String) -> String? {
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
    /// Starts a thread that waits for the signals; called before any other thread is made.
    static func watch() {
        var set = sigset_t()
        sigemptyset(&set)
        for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&set, number) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
        #if canImport(Glibc)
            var thread = pthread_t()
            pthread_create(&thread, nil, { _ in Interruption.wait() }, nil)
        #else
            var thread: pthread_t?
            pthread_create(&thread, nil, { _ in Interruption.wait() }, nil)
        #endif
    }

    private static func wait() -> UnsafeMutableRawPointer? {
        var set = sigset_t()
        sigemptyset(&set)
        for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&set, number) }
        var number: Int32 = 0
        while sigwait(&set, &number) != 0 {}
        TemporaryPaths.removeAll()
        Terminal.error("rekey: interrupted; what was not finished was removed")
        _exit(number == SIGINT ? 130 : 128 + number)
    }
}

/// The environment, read here alone.
enum Environment {
    static func value(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    static var temporaryDirectory: String { value("TMPDIR") ?? "/tmp" }

    static var wantsSeal: Bool { value("REKEY_SEAL") == "1" }
}
