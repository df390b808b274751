#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What a path leads to, so that two spellings of one file can be told from two files. Nothing is opened.
///
/// Pipes, terminals and devices such as `/dev/null` are no files: none of them is the same as another.
package struct FileIdentity: Sendable {
    /// A file by its device and inode.
    private struct Node: Sendable, Equatable {
        let device: dev_t
        let inode: ino_t

        /// Nil for what is no regular file.
        init?(_ status: stat) {
            guard status.st_mode & S_IFMT == S_IFREG else { return nil }
            device = status.st_dev
            inode = status.st_ino
        }
    }

    /// The open descriptor of this process that is meant, by `-` or a path such as `/dev/stdout`.
    package let descriptor: Int32?
    /// The real path of the directory, and in it the last name as it is: what an output of that name replaces.
    private let entry: String?
    /// The regular file that is read under the path.
    private let file: Node?
    /// The regular file that stands under the very name; none behind a symbolic link.
    private let ownFile: Node?

    /// - Parameter path: `-` means standard input.
    package init(ofInput path: String) { self.init(path, standardStream: 0) }

    /// - Parameter path: `-` means standard output.
    package init(ofOutput path: String) { self.init(path, standardStream: 1) }

    private init(_ path: String, standardStream: Int32) {
        var status = stat()
        descriptor = path == "-" ? standardStream : namedDescriptor(path)
        if let descriptor {
            file = fstat(descriptor, &status) == 0 ? Node(status) : nil
            entry = nil
            ownFile = nil
            return
        }
        let isThere = stat(path, &status) == 0
        file = isThere ? Node(status) : nil
        let isReplaced = !isThere || [S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT)
        ownFile = lstat(path, &status) == 0 ? Node(status) : nil
        entry = isReplaced ? Self.entry(of: path) : nil
    }

    private static func entry(of path: String) -> String? {
        let trimmed = withoutTrailingSlashes(path)
        guard let name = trimmed.split(separator: "/").last, ![".", ".."].contains(name) else {
            return resolvedPath(path)
        }
        guard let directory = resolvedPath(parentDirectory(trimmed)) else { return nil }
        return (directory == "/" ? "" : directory) + "/" + name
    }

    /// Whether writing this output would lose or change what is read under `input`.
    package func overwrites(_ input: FileIdentity) -> Bool {
        if let file, file == input.file { return true }
        return entry != nil && entry == input.entry
    }

    /// Whether two outputs go to one place, where only one of them, or a mixture of both, would be left.
    package func isSameOutput(as other: FileIdentity) -> Bool {
        if let descriptor, descriptor == other.descriptor { return true }
        // Behind a symbolic link nothing is written: the link is replaced.
        let mine = descriptor == nil ? ownFile : file
        let others = other.descriptor == nil ? other.ownFile : other.file
        if let mine, mine == others { return true }
        return entry != nil && entry == other.entry
    }

    /// The names that lead from a directory to this file; nil where it does not lie below it.
    package func names(below directory: String) -> [Substring]? {
        guard let entry, let real = resolvedPath(directory) else { return nil }
        let above = real == "/" ? real : real + "/"
        guard entry.hasPrefix(above) else { return nil }
        return entry.dropFirst(above.count).split(separator: "/")
    }
}
