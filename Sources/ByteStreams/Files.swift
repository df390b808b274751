#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Reads a file, FIFO or (`-`) standard input whole, its bytes as they are.
///
/// - Throws: as `openRawSource`, and `.badInput` where there are more than `limit` bytes.
package func readWhole(_ path: String, limit: Int) throws(RekeyError) -> [UInt8] {
    try readWhole(openRawSource(path), limit: limit)
}

/// Reads what a source still has.
///
/// - Throws: `.badInput` where there are more than `limit` bytes.
package func readWhole(_ source: any ByteSource, limit: Int) throws(RekeyError) -> [UInt8] {
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    defer { block.deallocate() }
    var bytes: [UInt8] = []
    while true {
        let count = try source.read(into: block)
        if count == 0 { return bytes }
        guard bytes.count + count <= limit else {
            throw RekeyError(.badInput, "is larger than the \(limit) bytes allowed here", source: source.name)
        }
        bytes.append(contentsOf: block[..<count])
    }
}

/// The names of all entries of a directory, hidden ones too, without `.` and `..`, sorted by their UTF-8 bytes.
///
/// - Throws: `.inputMissing` where it does not exist or is no directory, `.permission`, `.inputOutput`.
package func listFiles(_ directory: String) throws(RekeyError) -> [String] {
    guard let stream = opendir(directory) else { throw lookingFailed(directory, errno) }
    defer { closedir(stream) }
    var names: [String] = []
    while true {
        errno = 0
        guard let entry = readdir(stream) else { break }
        let name = withEntryName(entry) { String(cString: $0) }
        if name != ".", name != ".." { names.append(name) }
    }
    if errno != 0 { throw lookingFailed(directory, errno) }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
}

/// The bytes of a file; links are followed.
///
/// - Throws: `.inputMissing`, `.permission`, `.inputOutput`.
package func fileSize(_ path: String) throws(RekeyError) -> Int {
    var status = stat()
    guard stat(path, &status) == 0 else { throw lookingFailed(path, errno) }
    return Int(status.st_size)
}

/// Whether a directory stands at `path`; links are followed.
package func isDirectory(_ path: String) -> Bool {
    if case .directory = FileKind(of: path, followingLinks: true) { return true }
    return false
}

/// Whether a file that can be read more than once stands at `path`; links are followed. A descriptor, as `/dev/stdin`, cannot.
package func isRegularFile(_ path: String) -> Bool {
    if namedDescriptor(path) != nil { return false }
    if case .regular = FileKind(of: path, followingLinks: true) { return true }
    return false
}

/// Whether anything that can be looked at stands at `path`; links are followed, so a dangling one does not count.
package func fileExists(_ path: String) -> Bool {
    switch FileKind(of: path, followingLinks: true) {
    case .missing, .unknown: false
    default: true
    }
}

/// Whether anything stands at `path`; links are followed.
///
/// - Throws: `.permission`, `.inputOutput` where that cannot be known.
package func isPresent(_ path: String) throws(RekeyError) -> Bool {
    switch FileKind(of: path, followingLinks: true) {
    case .missing: return false
    case .unknown(let number): throw lookingFailed(path, number)
    case .regular, .directory, .symbolicLink, .special: return true
    }
}

/// Makes a directory and those above it that are missing; existing ones stay as they are.
///
/// - Throws: `.cannotCreate`.
package func makeDirectories(_ path: String, mode: Int = 0o700) throws(RekeyError) {
    if path.isEmpty || isDirectory(path) { return }
    let above = parentDirectory(path)
    if above != path { try makeDirectories(above, mode: mode) }
    // Another process may have made it meanwhile.
    if mkdir(path, mode_t(mode)) != 0, !(errno == EEXIST && isDirectory(path)) {
        throw RekeyError(.cannotCreate, "the directory cannot be made: \(systemText(errno))", source: path)
    }
}

/// Removes a file, or a directory with everything in it. Links are removed, never followed; nothing there is no failure.
///
/// - Throws: `.inputOutput` where something could not be removed.
package func removeTree(_ path: String) throws(RekeyError) {
    if case .missing = FileKind(of: path, followingLinks: false) { return }
    let failure = walkTree(path) { name, isDirectory in
        (isDirectory ? rmdir(name) : unlink(name)) == 0 || errno == ENOENT ? 0 : errno
    }
    if failure != 0 {
        throw RekeyError(.inputOutput, "cannot be removed: \(systemText(failure))", source: path)
    }
}

/// Forces a directory's entries to the disk, so that a rename in it outlives a power cut.
///
/// - Throws: `.inputOutput`.
package func syncDirectory(_ path: String) throws(RekeyError) {
    let number = synchronizeFile(path)
    if number != 0, !hasNoDirectorySync(number) {
        throw RekeyError(.inputOutput, "the directory cannot be synced: \(systemText(number))", source: path)
    }
}

/// Forces every file and directory at and below `path` to the disk; links are not followed.
///
/// - Throws: `.inputOutput`.
func syncTree(_ path: String) throws(RekeyError) {
    let failure = walkTree(path) { name, isDirectory in
        var status = stat()
        guard lstat(name, &status) == 0 else { return errno }
        guard isDirectory || status.st_mode & S_IFMT == S_IFREG else { return 0 }
        let number = synchronizeFile(name)
        return isDirectory && hasNoDirectorySync(number) ? 0 : number
    }
    if failure != 0 {
        throw RekeyError(.inputOutput, "cannot be synced to the disk: \(systemText(failure))", source: path)
    }
}

/// Syncs one file or directory by its path. Returns 0 or the error number.
private func synchronizeFile(_ path: UnsafePointer<CChar>) -> Int32 {
    let descriptor = retryingInterrupted { open(path, O_RDONLY | O_CLOEXEC) }
    guard descriptor >= 0 else { return errno }
    defer { _ = close(descriptor) }
    return synchronize(descriptor)
}

/// Some network file systems have nothing to do for a directory and say so by these numbers.
private func hasNoDirectorySync(_ number: Int32) -> Bool { number == EINVAL || number == ENOTSUP }

/// Visits everything below `path`, then `path` itself: a directory after its entries; links are not followed. Names need
/// not be UTF-8. Returns the first error number that `visit` or the walk itself gave, else 0.
private func walkTree(
    _ path: UnsafePointer<CChar>, _ visit: (_ name: UnsafePointer<CChar>, _ isDirectory: Bool) -> Int32
) -> Int32 {
    var status = stat()
    guard lstat(path, &status) == 0 else { return errno }
    guard status.st_mode & S_IFMT == S_IFDIR else { return visit(path, false) }
    guard let stream = opendir(path) else { return errno }
    var failure: Int32 = 0
    while failure == 0 {
        errno = 0
        guard let entry = readdir(stream) else {
            failure = errno
            break
        }
        failure = withEntryName(entry) { name in
            if strcmp(name, ".") == 0 || strcmp(name, "..") == 0 { return 0 }
            var below = Array(UnsafeBufferPointer(start: path, count: strlen(path)))
            below.append(CChar(UInt8(ascii: "/")))
            below.append(contentsOf: UnsafeBufferPointer(start: name, count: strlen(name) + 1))
            return walkTree(below, visit)
        }
    }
    closedir(stream)
    return failure == 0 ? visit(path, true) : failure
}

/// Calls `body` with a directory entry's name.
private func withEntryName<Result>(
    _ entry: UnsafeMutablePointer<dirent>, _ body: (UnsafePointer<CChar>) -> Result
) -> Result {
    let offset = MemoryLayout<dirent>.offset(of: \.d_name)!
    return body((UnsafeRawPointer(entry) + offset).assumingMemoryBound(to: CChar.self))
}

/// The directory a path lies in: `.` for a bare name, `/` for the root.
package func parentDirectory(_ path: String) -> String {
    let trimmed = withoutTrailingSlashes(path)
    guard let slash = trimmed.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    let above = withoutTrailingSlashes(String(trimmed[..<slash]))
    return above.isEmpty ? "/" : above
}

/// A path whose last name is the directory's own and not that of a link to it, `.` or `..`: what is above it in the path is above it on the
/// disk too.
///
/// - Throws: `.inputMissing`, `.permission` or `.inputOutput` where that is not known.
package func pathOfItself(_ path: String) throws(RekeyError) -> String {
    let trimmed = withoutTrailingSlashes(path)
    if let name = trimmed.split(separator: "/").last, name != ".", name != ".." {
        guard case .symbolicLink = FileKind(of: trimmed, followingLinks: false) else { return trimmed }
    }
    guard let real = resolvedPath(trimmed) else { throw lookingFailed(path, errno) }
    return real
}

/// A path made absolute, without links; nil where nothing stands there, and `errno` says why.
package func resolvedPath(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
}

/// `a/b//` is `a/b`, and `/` stays.
func withoutTrailingSlashes(_ path: String) -> String {
    var rest = path[...]
    while rest.utf8.count > 1, rest.utf8.last == UInt8(ascii: "/") { rest = rest.dropLast() }
    return String(rest)
}

private func lookingFailed(_ path: String, _ number: Int32) -> RekeyError {
    switch number {
    case ENOENT: RekeyError(.inputMissing, "no such file or directory; check the path", source: path)
    case ENOTDIR: RekeyError(.inputMissing, "is no directory; check the path", source: path)
    case EACCES, EPERM: RekeyError(.permission, "cannot be read: \(systemText(number))", source: path)
    default: RekeyError(.inputOutput, "cannot be read: \(systemText(number))", source: path)
    }
}
