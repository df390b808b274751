package import ByteStreams

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Where the files of snapshots and exports lie: on a disk, or in a bucket. Folders and files are named by paths as a user writes
/// them, parts joined by `/`.
package protocol FileStore: Sendable {
    /// What stands at a path; nil where nothing does.
    ///
    /// - Parameter followingLinks: whether a link stands for what it points to.
    func entry(_ path: String, followingLinks: Bool) throws(RekeyError) -> FileEntry?
    /// The names in a folder, sorted by their UTF-8 bytes. Throws `.inputMissing` where there is none.
    func names(in folder: String) throws(RekeyError) -> [String]
    /// Opens a file for its bytes as they are. Throws `.inputMissing` where there is none.
    func open(_ path: String) throws(RekeyError) -> any ByteSource
    /// The path made absolute, without links; nil where nothing stands there.
    func resolved(_ path: String) -> String?
    /// Removes a snapshot: no half of it is ever seen as one.
    func removeSnapshot(_ folder: String) throws(RekeyError)
}

/// A file or a folder.
package struct FileEntry: Sendable, Equatable {
    package var isFolder: Bool
    /// Bytes.
    package var size: Int
    /// When it was last written, in seconds since 1970.
    package var modified: Int

    package init(isFolder: Bool, size: Int = 0, modified: Int = 0) {
        self.isFolder = isFolder
        self.size = size
        self.modified = modified
    }
}

extension FileStore {
    /// Whether anything stands at a path.
    func exists(_ path: String) throws(RekeyError) -> Bool {
        try entry(path, followingLinks: true) != nil
    }

    /// Whether a folder stands at a path.
    func isFolder(_ path: String) throws(RekeyError) -> Bool {
        try entry(path, followingLinks: true)?.isFolder ?? false
    }

    /// A file's bytes. Throws as `open`, and `.badInput` where there are more than `limit`.
    func readWhole(_ path: String, limit: Int) throws(RekeyError) -> [UInt8] {
        try ByteStreams.readWhole(open(path), limit: limit)
    }
}

/// The disks of this machine.
package struct Disk: FileStore {
    package init() {}

    package func entry(_ path: String, followingLinks: Bool) -> FileEntry? {
        var status = stat()
        guard (followingLinks ? stat(path, &status) : lstat(path, &status)) == 0 else { return nil }
        #if canImport(Darwin)
            let modified = status.st_mtimespec.tv_sec
        #else
            let modified = status.st_mtim.tv_sec
        #endif
        return FileEntry(
            isFolder: status.st_mode & S_IFMT == S_IFDIR, size: Int(status.st_size),
            modified: Int(modified))
    }

    package func names(in folder: String) throws(RekeyError) -> [String] { try listFiles(folder) }

    package func open(_ path: String) throws(RekeyError) -> any ByteSource { try openRawSource(path) }

    package func resolved(_ path: String) -> String? { resolvedPath(path) }

    /// Takes the snapshot's name away first.
    package func removeSnapshot(_ folder: String) throws(RekeyError) {
        guard let whole = resolvedPath(folder) else { return }
        let above = parentDirectory(whole)
        let hidden = joined(above, ".\(lastName(whole).prefix(50)).partial-removed-\(getpid())")
        guard rename(whole, hidden) == 0 else {
            throw RekeyError(
                .inputOutput, "cannot be removed: \(String(cString: strerror(errno)))", source: folder)
        }
        TemporaryPaths.register(hidden)
        defer { TemporaryPaths.forget(hidden) }
        try removeTree(hidden)
        try syncDirectory(above)
    }
}
