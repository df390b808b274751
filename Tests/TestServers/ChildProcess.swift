#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A program in a process group of its own, with default signals, and with this process's environment but for some changes.
public struct ChildProcess: Sendable {
    public enum Input: Sendable {
        case nothing
        case descriptor(Int32)
    }

    let id: pid_t

    /// Starts it. Output goes to files, which are made anew; both may be the same one.
    ///
    /// - Parameter changes: environment variables to set; all others whose name begins with `AWS_` are left out unless they name
    ///   certificates, so that no test ever uses the user's own account.
    public init(
        _ words: [String], changes: [String: String], input: Input = .nothing, output: String, errors: String
    ) throws(TestServerError) {
        #if canImport(Glibc)
            var actions = posix_spawn_file_actions_t()
            var attributes = posix_spawnattr_t()
        #else
            var actions: posix_spawn_file_actions_t?
            var attributes: posix_spawnattr_t?
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }

        switch input {
        case .nothing: posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        case .descriptor(let descriptor): posix_spawn_file_actions_adddup2(&actions, descriptor, 0)
        }
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        if errors == output {
            posix_spawn_file_actions_adddup2(&actions, 1, 2)
        } else {
            posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        }
        // A server that kept other tests' pipes open would keep those from ever seeing their end.
        #if canImport(Glibc)
            for descriptor in 3..<min(Int32(sysconf(Int32(_SC_OPEN_MAX))), 4096) {
                posix_spawn_file_actions_addclose(&actions, descriptor)
            }
            let closing: Int32 = 0
        #else
            let closing = Int32(POSIX_SPAWN_CLOEXEC_DEFAULT)
        #endif
        var all = sigset_t()
        var none = sigset_t()
        sigfillset(&all)
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags =
            closing | Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETPGROUP)
        posix_spawnattr_setflags(&attributes, Int16(flags))

        var variables = Self.environment().filter { !$0.key.hasPrefix("AWS_") || $0.key == "AWS_CA_BUNDLE" }
        variables.merge(changes) { _, new in new }
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        var settings: [UnsafeMutablePointer<CChar>?] = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in arguments + settings { free(pointer) } }
        var child: pid_t = 0
        let code = posix_spawnp(&child, words[0], &actions, &attributes, &arguments, &settings)
        guard code == 0 else { throw TestServerError("\(words[0]): \(String(cString: strerror(code)))") }
        id = child
    }

    /// Its exit status, or 128 and the number of the signal that ended it; nil while it runs.
    public func poll() -> Int32? {
        var status: Int32 = 0
        return waitpid(id, &status, WNOHANG) == id ? Self.status(status) : nil
    }

    /// Ends it by SIGKILL, which no program can catch; `poll` or `wait` has to see its end.
    public func kill() { _ = systemKill(id, SIGKILL) }

    /// Waits for its end.
    public func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(id, &status, 0) != id { if errno != EINTR { return -1 } }
        return Self.status(status)
    }

    private static func status(_ status: Int32) -> Int32 {
        let signal = status & 0x7F
        return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
    }

    private static func environment() -> [String: String] {
        var variables: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let parts = String(cString: entry).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
            next += 1
        }
        return variables
    }
}

/// The system's `kill`, which a method of that name would hide.
private func systemKill(_ id: pid_t, _ signal: Int32) -> Int32 { kill(id, signal) }
