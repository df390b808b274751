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
    /// Differs where a file's bytes may have changed. Throws `.inputMissing` where there is no file.
    func version(_ path: String) throws(RekeyError) -> String
    /// The path made absolute, without links; nil where nothing stands there.
    func resolved(_ path: String) -> String?
    /// Removes a snapshot: no half of it is ever seen as one. Where anything else than its files lies in it, nothing is removed.
    ///
    /// - Parameter files: the snapshot's files, by their paths within it.
    /// - Returns: what else lies in it, as `foreign`; empty where the snapshot is gone.
    func removeSnapshot(_ folder: String, files: Set<String>) throws(RekeyError) -> [String]
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

    /// Whether manifests of an export or snapshot lie in a folder, or below `AWSDynamoDB` there.
    package func holdsExport(_ path: String) throws(RekeyError) -> Bool {
        if try exists(joined(path, ExportLocation.summaryName)) { return true }
        return try isFolder(joined(path, ExportLocation.folder))
    }

    /// What lies in a folder and below it beside these files and their folders, by its path within it, a folder with a slash behind.
    /// Links are not followed.
    func foreign(in folder: String, beside files: Set<String>) throws(RekeyError) -> [String] {
        var folders: Set<String> = [""]
        // A path that leaves the folder names nothing in it.
        for file in files where !file.split(separator: "/").contains("..") {
            for (index, character) in zip(file.indices, file) where character == "/" {
                folders.insert(String(file[...index]))
            }
        }
        var found: [String] = []
        for inner in folders.sorted() {
            let place = inner.isEmpty ? folder : joined(folder, String(inner.dropLast()))
            // Of a folder that is not there, or is a link, nothing below it is looked at.
            if !inner.isEmpty, try entry(place, followingLinks: false)?.isFolder != true { continue }
            for name in try names(in: place) {
                let path = inner + name
                let isFolder = try entry(joined(folder, path), followingLinks: false)?.isFolder ?? false
                if isFolder ? folders.contains(path + "/") : files.contains(path) { continue }
                found.append(isFolder ? path + "/" : path)
            }
        }
        return found
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

    package func version(_ path: String) throws(RekeyError) -> String {
        guard let version = FileVersion(path) else {
            throw RekeyError(.inputMissing, "no such file; check the path", source: path)
        }
        return version.text
    }

    package func resolved(_ path: String) -> String? { resolvedPath(path) }

    /// Takes the snapshot's name away first, so that nothing comes into it while it goes; with something else in it the name comes back.
    package func removeSnapshot(_ folder: String, files: Set<String>) throws(RekeyError) -> [String] {
        guard let whole = resolvedPath(folder) else { return [] }
        let above = parentDirectory(whole)
        let hidden = joined(above, ".\(lastName(whole).prefix(50)).partial-removed-\(getpid())")
        try move(whole, to: hidden, of: folder)
        let others: [String]
        do throws(RekeyError) { others = try foreign(in: hidden, beside: files) } catch {
            try move(hidden, to: whole, of: folder)
            throw error
        }
        guard others.isEmpty else {
            try move(hidden, to: whole, of: folder)
            return others
        }
        try removeDirectory(hidden, asWorkOf: whole)
        return []
    }

    private func move(_ old: String, to new: String, of folder: String) throws(RekeyError) {
        guard rename(old, new) == 0 else {
            throw RekeyError(
                .inputOutput, "cannot be removed: \(String(cString: strerror(errno)))", source: folder)
        }
    }
}
