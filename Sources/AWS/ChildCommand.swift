import ByteStreams

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Runs a program for what it prints.
package enum ChildCommand {
    /// Without anything that the program wrote.
    package enum Failure: Error, Equatable, CustomStringConvertible {
        case notFound
        case notStarted(Int32)
        case timedOut
        case tooLarge
        case ended(status: Int32)
        case killed(signal: Int32)

        /// Goes on from a subject: `the command …`.
        package var description: String {
            switch self {
            case .notFound: "was not found"
            case .notStarted(let number): "could not be started: \(String(cString: strerror(number)))"
            case .timedOut: "did not end in time and was stopped"
            case .tooLarge: "wrote more than credentials can be and was stopped"
            case .ended(let status): "ended with exit status \(status)"
            case .killed(let signal): "was ended by signal \(signal)"
            }
        }
    }

    /// The standard output of a program that ended with exit status 0. Its input is empty, its error output is dropped; it stays
    /// in the process group, so that an interrupt reaches it, and may ask for a password on the terminal.
    ///
    /// - Parameters:
    ///   - words: the program, looked for in the `PATH` of `environment` where it has no slash, and its arguments.
    ///   - limit: bytes of output.
    static func run(
        _ words: [String], environment: [String: String], limit: Int, timeLimit: Duration
    ) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        let child = try start(words, environment, isFollowed: false)
        try attend(child, until: ContinuousClock.now + timeLimit) { block throws(Failure) in
            guard bytes.count + block.count <= limit else { throw .tooLarge }
            bytes += block
        }
        return bytes
    }

    /// Runs a program and hands over what it writes, to its error output too, as it comes. Its input is empty. It has a process group
    /// of its own: when the time is over, or when this program is interrupted, that group is ended with all that the program started.
    ///
    /// Blocks the thread until the program has ended; what it leaves behind then is left alone.
    ///
    /// - Parameters:
    ///   - words: as in `run`.
    ///   - output: takes blocks of any length, on this thread.
    package static func follow(
        _ words: [String], environment: [String: String], timeLimit: Duration, output: (ArraySlice<UInt8>) -> Void
    ) throws(Failure) {
        let child = try start(words, environment, isFollowed: true)
        let name = "process group \(child.id)"
        TemporaryPaths.register(name) { kill(-child.id, SIGTERM) }
        defer { TemporaryPaths.forget(name) }
        try attend(child, until: ContinuousClock.now + timeLimit) { block throws(Failure) in output(block) }
    }

    /// A program that was started.
    private struct Child {
        var id: pid_t
        /// The end of the pipe that it writes to.
        var output: Int32
        var leadsGroup: Bool
    }

    /// Hands over what a program writes until it has ended.
    private static func attend(
        _ child: Child, until deadline: ContinuousClock.Instant, _ take: (ArraySlice<UInt8>) throws(Failure) -> Void
    ) throws(Failure) {
        defer { close(child.output) }
        do throws(Failure) {
            let status = try readAll(child, until: deadline, take)
            if status & 0x7F != 0 { throw .killed(signal: status & 0x7F) }
            let code = (status >> 8) & 0xFF
            if code != 0 { throw .ended(status: code) }
        } catch {
            if error == .timedOut || error == .tooLarge { stop(child) }
            throw error
        }
    }

    private static func path(of name: String, _ environment: [String: String]) -> String? {
        if name.contains("/") { return access(name, X_OK) == 0 ? name : nil }
        for folder in (environment.value("PATH") ?? "/usr/bin:/bin").split(separator: ":") {
            let path = "\(folder)/\(name)"
            var status = stat()
            if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, access(path, X_OK) == 0 { return path }
        }
        return nil
    }

    /// - Parameter isFollowed: its error output comes too, and it leads a process group; else that output is dropped.
    private static func start(
        _ words: [String], _ environment: [String: String], isFollowed: Bool
    ) throws(Failure) -> Child {
        guard let name = words.first, let program = path(of: name, environment) else { throw .notFound }
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .notStarted(errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        #if canImport(Glibc)
            var actions = posix_spawn_file_actions_t()
            var attributes = posix_spawnattr_t()
        #else
            var actions: posix_spawn_file_actions_t?
            var attributes: posix_spawnattr_t?
        #endif
        defer { close(ends[1]) }
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        if isFollowed {
            posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
        } else {
            posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        }
        // This process may hold signals back for a thread of its own; programs expect them as they are by default.
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var all = sigset_t()
        var none = sigset_t()
        sigfillset(&all)
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETSIGDEF) | Int16(POSIX_SPAWN_SETSIGMASK)
                | (isFollowed ? Int16(POSIX_SPAWN_SETPGROUP) : 0))

        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in arguments + variables { free(pointer) } }
        var child: pid_t = 0
        let number = posix_spawn(&child, program, &actions, &attributes, &arguments, &variables)
        guard number == 0 else {
            close(ends[0])
            throw .notStarted(number)
        }
        return Child(id: child, output: ends[0], leadsGroup: isFollowed)
    }

    /// Hands over what the program writes until it ends, and gives its status as `waitpid` does. Programs that it leaves behind may
    /// keep the pipe open.
    private static func readAll(
        _ child: Child, until deadline: ContinuousClock.Instant, _ take: (ArraySlice<UInt8>) throws(Failure) -> Void
    ) throws(Failure) -> Int32 {
        var block = [UInt8](repeating: 0, count: 16 << 10)
        var status: Int32?
        var isOpen = true
        while isOpen {
            guard ContinuousClock.now < deadline else { throw .timedOut }
            var request = pollfd(fd: child.output, events: Int16(POLLIN), revents: 0)
            let ready = poll(&request, 1, status == nil ? 10 : 0)
            if ready < 0 { continue }
            if ready == 0 {
                if status != nil { break }
                status = self.status(of: child.id)
                continue
            }
            let count = read(child.output, &block, block.count)
            if count < 0, errno == EINTR { continue }
            if count > 0 { try take(block[..<count]) } else { isOpen = false }
        }
        if let status { return status }
        return try wait(for: child.id, until: deadline)
    }

    /// nil while it runs.
    private static func status(of child: pid_t) -> Int32? {
        var status: Int32 = 0
        let result = waitpid(child, &status, WNOHANG)
        if result == child { return status }
        // Where children are not kept for their parents, the output alone tells.
        return result < 0 && errno != EINTR ? 0 : nil
    }

    private static func wait(for child: pid_t, until deadline: ContinuousClock.Instant) throws(Failure) -> Int32 {
        while true {
            if let status = status(of: child) { return status }
            guard ContinuousClock.now < deadline else { throw .timedOut }
            usleep(2000)
        }
    }

    /// Ends a program, or its whole group: asks, and a second later no longer asks.
    private static func stop(_ child: Child) {
        let target = child.leadsGroup ? -child.id : child.id
        kill(target, SIGTERM)
        let grace = ContinuousClock.now + .seconds(1)
        let hasEnded = (try? wait(for: child.id, until: grace)) != nil
        if hasEnded, !child.leadsGroup { return }
        kill(target, SIGKILL)
        if hasEnded { return }
        var status: Int32 = 0
        while waitpid(child.id, &status, 0) < 0, errno == EINTR {}
    }
}
