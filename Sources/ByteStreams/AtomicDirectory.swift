#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A directory that appears under its name, whole and synced, only with `commit`; until then it is a hidden one beside it.
///
/// Dropped without `commit`, it is removed; left by a killed process, by the next one that makes a directory beside it.
package final class AtomicDirectory {
    /// Where to put the files meanwhile: an empty directory of mode 0700.
    package let workPath: String
    /// The path it will have.
    package var path: String { place.final }

    private let place: PartialPath
    private var isOpen = true
    /// Tells others that the work is in hand.
    private var lock: WorkLock?

    /// Removes what killed processes left beside it, then begins.
    ///
    /// - Throws: `.cannotCreate` where something of that name exists, or the directory above is missing or closed to us.
    package init(_ path: String) throws(RekeyError) {
        let place = try PartialPath(path)
        try Self.refuseExisting(place)
        removeAbandonedWork(in: place.directory)
        TemporaryPaths.register(place.partial)
        guard mkdir(place.partial, 0o700) == 0 else {
            let number = errno
            TemporaryPaths.forget(place.partial)
            throw place.cannotCreate(number)
        }
        self.place = place
        workPath = place.partial
        lock = WorkLock(place.partial)
    }

    deinit { abandon() }

    /// Syncs all files and directories, renames, and syncs the directory above.
    ///
    /// - Throws: `.cannotCreate` where something of that name exists by now (the work stays, for another `commit` or
    ///   `abandon`); `.inputOutput`.
    package func commit() throws(RekeyError) {
        precondition(isOpen, "commit() after commit() or abandon()")
        try syncTree(workPath)
        let number = Self.renameExclusively(workPath, to: place.final)
        if number == EEXIST || number == ENOTEMPTY || number == ENOTDIR { throw Self.exists(place) }
        if number != 0 {
            throw RekeyError(.inputOutput, "renaming into place failed: \(systemText(number))", source: path)
        }
        isOpen = false
        lock = nil
        TemporaryPaths.forget(workPath)
        try syncDirectory(place.directory)
    }

    /// Removes the work. Does nothing after `commit`, or the second time.
    package func abandon() {
        guard isOpen else { return }
        isOpen = false
        try? removeTree(workPath)
        lock = nil
        TemporaryPaths.forget(workPath)
    }

    private static func refuseExisting(_ place: PartialPath) throws(RekeyError) {
        if case .missing = FileKind(of: place.final, followingLinks: false) { return }
        throw exists(place)
    }

    private static func exists(_ place: PartialPath) -> RekeyError {
        RekeyError(
            .cannotCreate, "exists already and is not replaced; choose another name or remove it", source: place.final)
    }

    /// Renames where nothing has the new name. Returns 0 or the error number.
    private static func renameExclusively(_ old: String, to new: String) -> Int32 {
        #if canImport(Darwin)
            if renamex_np(old, new, UInt32(RENAME_EXCL)) == 0 { return 0 }
            guard errno == EINVAL || errno == ENOTSUP else { return errno }
        #endif
        // What appears between the two calls makes rename fail too, unless it is an empty directory.
        guard case .missing = FileKind(of: new, followingLinks: false) else { return EEXIST }
        return rename(old, new) == 0 ? 0 : errno
    }
}
