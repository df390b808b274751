#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A lock on unfinished work, which the system releases with its process however that ends.
final class WorkLock {
    private let descriptor: Int32

    /// Takes the lock of a file or directory; nil where another process has it, or there is nothing to lock.
    init?(_ path: String) {
        descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        // `deinit` runs where it fails, since every property is set, and closes the descriptor.
        guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return nil }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }
}

/// Removes unfinished directories that killed processes left in a directory: those whose name tells of a process that is no more, and
/// which none holds, on another machine either.
///
/// What cannot be removed stays, silently: it is in nobody's way.
func removeAbandonedWork(in directory: String) {
    guard let names = try? listFiles(directory) else { return }
    for name in names {
        guard let process = processOfPartial(name), kill(process, 0) != 0, errno == ESRCH else { continue }
        let path = directory == "/" ? "/" + name : directory + "/" + name
        guard isDirectory(path), let lock = WorkLock(path) else { continue }
        try? removeTree(path)
        withExtendedLifetime(lock) {}
    }
}

/// Removes unfinished files that killed processes left of one output, as `removeAbandonedWork` does directories.
func removeAbandonedFiles(of output: String) {
    guard let place = try? PartialPath(output), let names = try? listFiles(place.directory) else { return }
    for name in names where name.hasPrefix(place.beginning) {
        guard let process = processOfPartial(name), kill(process, 0) != 0, errno == ESRCH else { continue }
        let path = place.directory == "/" ? "/" + name : place.directory + "/" + name
        guard case .regular = FileKind(of: path, followingLinks: false), let lock = WorkLock(path) else { continue }
        unlink(path)
        withExtendedLifetime(lock) {}
    }
}

/// The process in a name as `PartialPath` makes them, `.NAME.partial-PID-RANDOM`; nil for others.
private func processOfPartial(_ name: String) -> pid_t? {
    let parts = name.split(separator: "-", omittingEmptySubsequences: false)
    guard name.hasPrefix("."), parts.count >= 3, parts[parts.count - 3].hasSuffix(".partial"),
        UInt32(parts[parts.count - 1], radix: 16) != nil, let process = pid_t(parts[parts.count - 2]), process > 0
    else { return nil }
    return process
}
