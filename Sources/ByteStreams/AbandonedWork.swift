#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A lock on unfinished work, which the system releases with its process however that ends.
package final class WorkLock {
    private let descriptor: Int32

    /// Takes the lock of a file or directory; nil where another process has it, or there is nothing to lock.
    package init?(_ path: String) {
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
///
/// - Parameter suffixes: what the names of files have that a library makes beside the unfinished one, and which go with it.
func removeAbandonedFiles(of output: String, suffixes: [String] = []) {
    guard let place = try? PartialPath(output), let names = try? listFiles(place.directory) else { return }
    for name in names where name.hasPrefix(place.beginning) {
        let suffix = suffixes.first(where: name.hasSuffix) ?? ""
        let work = String(name.dropLast(suffix.count))
        guard let process = processOfPartial(work), kill(process, 0) != 0, errno == ESRCH else { continue }
        let above = place.directory == "/" ? "/" : place.directory + "/"
        guard case .regular = FileKind(of: above + name, followingLinks: false) else { continue }
        let lock = WorkLock(above + work)
        if lock == nil {
            guard !suffix.isEmpty, case .missing = FileKind(of: above + work, followingLinks: false) else { continue }
        }
        unlink(above + name)
        withExtendedLifetime(lock) {}
    }
}

/// A name beside `output` for a file that a library makes, to be linked into place once it is whole, and to be locked by a `WorkLock`
/// meanwhile. What killed processes left of the same output is removed.
///
/// - Parameter suffixes: as of `removeAbandonedFiles`.
/// - Throws: `.cannotCreate` where the path has no last name.
package func nameOfUnfinished(_ output: String, suffixes: [String]) throws(RekeyError) -> String {
    let place = try PartialPath(output)
    removeAbandonedFiles(of: output, suffixes: suffixes)
    return place.partial
}

/// Removes a directory with everything in it, as unfinished work of `output`: what a kill leaves of it, the next work beside it removes.
///
/// - Throws: `.inputOutput` where something could not be removed; then the rest is left to the next work too.
package func removeDirectory(_ path: String, asWorkOf output: String) throws(RekeyError) {
    let place = try PartialPath(output)
    removeAbandonedWork(in: place.directory)
    let lock = WorkLock(path)
    TemporaryPaths.register(place.partial)
    defer { TemporaryPaths.forget(place.partial) }
    guard rename(path, place.partial) == 0 else {
        throw RekeyError(.inputOutput, "cannot be removed: \(systemText(errno))", source: output)
    }
    try removeTree(place.partial)
    withExtendedLifetime(lock) {}
    try syncDirectory(place.directory)
}

/// The process in a name as `PartialPath` makes them, `.NAME.partial-PID-RANDOM`; nil for others.
private func processOfPartial(_ name: String) -> pid_t? {
    let parts = name.split(separator: "-", omittingEmptySubsequences: false)
    guard name.hasPrefix("."), parts.count >= 3, parts[parts.count - 3].hasSuffix(".partial"),
        UInt32(parts[parts.count - 1], radix: 16) != nil, let process = pid_t(parts[parts.count - 2]), process > 0
    else { return nil }
    return process
}
