package import ByteStreams

/// Where a new snapshot is written. It is there, whole, after `commit`; after `abandon` nothing of it is.
package protocol SnapshotTarget: AnyObject {
    /// Of the snapshot, as a user writes it.
    var path: String { get }
    /// A new file, by its path within the snapshot; finished before the next is made. `manifest-summary.json` is the last.
    func create(_ name: String) throws(RekeyError) -> any ByteSink
    /// Called once, after the last file.
    func commit() throws(RekeyError)
    /// Removes what was written. Does nothing after `commit`, or the second time.
    func abandon()
}

/// A directory of mode 0700 with files of mode 0600, synced and renamed last.
final class DirectoryTarget: SnapshotTarget {
    var path: String { directory.path }
    private let directory: AtomicDirectory

    /// - Throws: `.cannotCreate` where something of that name exists.
    init(_ path: String) throws(RekeyError) { directory = try AtomicDirectory(path) }

    func create(_ name: String) throws(RekeyError) -> any ByteSink {
        let file = joined(directory.workPath, name)
        try makeDirectories(parentDirectory(file))
        return try AtomicFileSink(file)
    }

    func commit() throws(RekeyError) { try directory.commit() }
    func abandon() { directory.abandon() }
}
