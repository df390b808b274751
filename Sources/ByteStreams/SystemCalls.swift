#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The system's text for an error number, such as `No space left on device`.
func systemText(_ number: Int32) -> String { String(cString: strerror(number)) }

/// Makes a system call again for as long as a signal interrupts it.
@inline(__always)
func retryingInterrupted<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        if result != -1 || errno != EINTR { return result }
    }
}

/// Waits until a descriptor that somebody made non-blocking is ready, so that it can be used like a blocking one.
func waitUntilReady(_ descriptor: Int32, for events: Int16) {
    var request = pollfd(fd: descriptor, events: events, revents: 0)
    _ = retryingInterrupted { poll(&request, 1, -1) }
}

/// The open descriptor of this process that a path such as `/dev/stdout` or `/dev/fd/3` names; nil for any other path.
///
/// On Linux opening such a path begins at the start of the file; the descriptor itself stands where its owner has come to.
package func namedDescriptor(_ path: String) -> Int32? {
    switch path {
    case "/dev/stdin": return 0
    case "/dev/stdout": return 1
    case "/dev/stderr": return 2
    default:
        for directory in ["/dev/fd/", "/proc/self/fd/"] where path.hasPrefix(directory) {
            let name = path.dropFirst(directory.count)
            guard let number = Int32(name), number >= 0, String(number) == name else { return nil }
            return number
        }
        return nil
    }
}

/// A second descriptor for what an open one stands for; both have one position in the file.
///
/// - Parameters:
///   - name: for messages.
///   - code: the failure where there is no such descriptor, or it is open the other way.
func duplicateDescriptor(
    _ number: Int32, name: String, forWriting: Bool, code: RekeyError.Code
) throws(RekeyError) -> Int32 {
    let flags = fcntl(number, F_GETFL)
    guard flags >= 0 else {
        throw RekeyError(code, "descriptor \(number) is not open; check the number", source: name)
    }
    guard flags & O_ACCMODE != (forWriting ? O_RDONLY : O_WRONLY) else {
        let (way, other) = forWriting ? ("writing", "reading") : ("reading", "writing")
        throw RekeyError(code, "descriptor \(number) is open for \(other), not for \(way)", source: name)
    }
    let copy = fcntl(number, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0 else { throw RekeyError(.inputOutput, "cannot be used: \(systemText(errno))", source: name) }
    return copy
}

/// Forces a descriptor's data to the disk. Returns 0 or the error number.
func synchronize(_ descriptor: Int32) -> Int32 {
    #if canImport(Darwin)
        // fsync on macOS stops at the drive's cache.
        if fcntl(descriptor, F_FULLFSYNC) == 0 { return 0 }
    #endif
    return retryingInterrupted { fsync(descriptor) } == 0 ? 0 : errno
}

/// What stands at a path.
enum FileKind {
    case missing
    case regular
    case directory
    case symbolicLink
    /// A FIFO, a device or a socket: something to write to, not to replace.
    case special
    /// It cannot be looked at; the error number says why.
    case unknown(Int32)

    /// Looks at `path`; a symbolic link is reported itself unless `followingLinks`.
    init(of path: String, followingLinks: Bool) {
        var status = stat()
        guard (followingLinks ? stat(path, &status) : lstat(path, &status)) == 0 else {
            self = errno == ENOENT || errno == ENOTDIR ? .missing : .unknown(errno)
            return
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: self = .regular
        case S_IFDIR: self = .directory
        case S_IFLNK: self = .symbolicLink
        default: self = .special
        }
    }
}
