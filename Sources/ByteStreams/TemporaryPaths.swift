import Synchronization

/// Files and directory trees that are unfinished work: to be removed when the program is interrupted.
///
/// For a thread that waits for signals, not for code inside a signal handler: it takes a lock and allocates.
package enum TemporaryPaths {
    private static let paths = Mutex<Set<String>>([])

    /// Names a path before it is created.
    package static func register(_ path: String) { paths.withLock { _ = $0.insert(path) } }

    /// The path is finished, renamed or removed.
    package static func forget(_ path: String) { paths.withLock { _ = $0.remove(path) } }

    /// Removes all that is registered. What cannot be removed stays, silently: the program is about to end.
    ///
    /// A thread that is about to register another path waits until this is done.
    package static func removeAll() {
        paths.withLock { paths in
            for path in paths { try? removeTree(path) }
            paths.removeAll()
        }
    }
}
