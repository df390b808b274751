#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Runs a program for what it prints.
enum ChildCommand {
    /// Without anything that the program wrote.
    enum Failure: Error, Equatable, CustomStringConvertible {
        case notFound
        case notStarted(Int32)
        case timedOut
        case tooLarge
        case ended(status: Int32)
        case killed(signal: Int32)

        /// Goes on from a subject: `the command …`.
        var description: String {
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
        guard let name = words.first, let program = path(of: name, environment) else { throw .notFound }
        let deadline = ContinuousClock.now + timeLimit
        let (child, output) = try start(program, words, environment)
        defer { close(output) }
        do throws(Failure) {
            let (bytes, status) = try readAll(output, of: child, limit: limit, until: deadline)
            if status & 0x7F != 0 { throw .killed(signal: status & 0x7F) }
            let code = (status >> 8) & 0xFF
            if code != 0 { throw .ended(status: code) }
            return bytes
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

    private static func start(
        _ program: String, _ words: [String], _ environment: [String: String]
    ) throws(Failure) -> (child: pid_t, output: Int32) {
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
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        // This process may hold signals back for a thread of its own; programs expect them as they are by default.
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var all = sigset_t()
        var none = sigset_t()
        sigfillset(&all)
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF) | Int16(POSIX_SPAWN_SETSIGMASK))

        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in arguments + variables { free(pointer) } }
        var child: pid_t = 0
        let number = posix_spawn(&child, program, &actions, &attributes, &arguments, &variables)
        guard number == 0 else {
            close(ends[0])
            throw .notStarted(number)
        }
        return (child, ends[0])
    }

    /// What the program wrote until it ended, and its status as `waitpid` gives it. Programs that it leaves behind may keep
    /// the pipe open.
    private static func readAll(
        _ descriptor: Int32, of child: pid_t, limit: Int, until deadline: ContinuousClock.Instant
    ) throws(Failure) -> (bytes: [UInt8], status: Int32) {
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 16 << 10)
        var status: Int32?
        var isOpen = true
        while isOpen {
            guard ContinuousClock.now < deadline else { throw .timedOut }
            var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = poll(&request, 1, status == nil ? 10 : 0)
            if ready < 0 { continue }
            if ready == 0 {
                if status != nil { break }
                status = self.status(of: child)
                continue
            }
            let count = read(descriptor, &block, block.count)
            if count < 0, errno == EINTR { continue }
            guard bytes.count + max(count, 0) <= limit else { throw .tooLarge }
            if count > 0 { bytes += block[..<count] } else { isOpen = false }
        }
        if let status { return (bytes, status) }
        return (bytes, try wait(for: child, until: deadline))
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

    private static func stop(_ child: pid_t) {
        kill(child, SIGTERM)
        let grace = ContinuousClock.now + .seconds(1)
        if (try? wait(for: child, until: grace)) != nil { return }
        kill(child, SIGKILL)
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
    }
}
