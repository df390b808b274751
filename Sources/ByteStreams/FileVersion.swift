#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Tells one state of a regular file from another: by which file it is, its size, and the times of its last changes. Links are followed,
/// `-` is standard input.
///
/// Equal versions at two moments mean equal bytes, unless a write fell into the same tick of the system's clock as the first of them (a
/// few milliseconds).
package struct FileVersion: Sendable, Equatable {
    private var device: UInt64
    private var number: UInt64
    private var size: Int64
    private var modified: [Int]
    private var changed: [Int]

    /// Nil where no regular file stands at the path: what is there cannot be read twice.
    package init?(_ path: String) {
        var status = stat()
        guard (path == "-" ? fstat(0, &status) : stat(path, &status)) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return nil
        }
        device = UInt64(truncatingIfNeeded: status.st_dev)
        number = UInt64(status.st_ino)
        size = Int64(status.st_size)
        #if canImport(Darwin)
            modified = [Int(status.st_mtimespec.tv_sec), Int(status.st_mtimespec.tv_nsec)]
            changed = [Int(status.st_ctimespec.tv_sec), Int(status.st_ctimespec.tv_nsec)]
        #else
            modified = [Int(status.st_mtim.tv_sec), Int(status.st_mtim.tv_nsec)]
            changed = [Int(status.st_ctim.tv_sec), Int(status.st_ctim.tv_nsec)]
        #endif
    }

    /// One text for equal versions.
    package var text: String {
        ([Int(bitPattern: UInt(device)), Int(bitPattern: UInt(number)), Int(size)] + modified + changed).map(
            String.init
        )
        .joined(separator: ":")
    }
}

/// Where standard input stands, so that it can be read from there again; nil where it is no regular file.
package func standardInputOffset() -> Int? {
    guard FileVersion("-") != nil else { return nil }
    let offset = lseek(0, 0, SEEK_CUR)
    return offset < 0 ? nil : Int(offset)
}

/// Sets standard input back.
///
/// - Throws: `.inputOutput`.
package func seekStandardInput(to offset: Int) throws(RekeyError) {
    guard lseek(0, off_t(offset), SEEK_SET) == off_t(offset) else {
        throw RekeyError(
            .inputOutput, "cannot be read a second time: \(systemText(errno))", source: "standard input")
    }
}
