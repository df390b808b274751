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
