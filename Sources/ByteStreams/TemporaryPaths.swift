import Synchronization

/// Files, directory trees and what lies elsewhere that are unfinished work: to be removed when the program is interrupted.
///
/// For a thread that waits for signals, not for code inside a signal handler: it takes a lock and allocates.
package enum TemporaryPaths {
    private static let paths = Mutex<Set<String>>([])
    private static let removals = Mutex<[String: @Sendable () -> Void]>([:])

    /// Names a path before it is created.
    package static func register(_ path: String) { paths.withLock { _ = $0.insert(path) } }

    /// Names unfinished work that is no path of this machine, and how to remove it. `removal` may take a second or two.
    package static func register(_ name: String, removal: @escaping @Sendable () -> Void) {
        removals.withLock { $0[name] = removal }
    }

    /// The path or the other work is finished, renamed or removed.
    package static func forget(_ path: String) {
        paths.withLock { _ = $0.remove(path) }
        removals.withLock { _ = $0.removeValue(forKey: path) }
    }

    /// Removes all that is registered. What cannot be removed stays, silently: the program is about to end.
    ///
    /// A thread that is about to register another path waits until this is done.
    package static func removeAll() {
        paths.withLock { paths in
            for path in paths { try? removeTree(path) }
            paths.removeAll()
        }
        // Outside the lock: a removal may forget its own name.
        let removals = removals.withLock { removals in
            defer { removals.removeAll() }
            return Array(removals.values)
        }
        for removal in removals { removal() }
    }
}
