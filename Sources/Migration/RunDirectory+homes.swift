package import ByteStreams
package import Tables

extension RunDirectory {
    /// - Parameters:
    ///   - path: of the directory itself.
    ///   - name: what it was named by, perhaps a link.
    ///   - runs: where runs are kept, by what the user says.
    package init(path: String, namedBy name: String, runs: String) {
        self.init(
            path: path,
            homes: [parentDirectory(path)] + [parentByName(name), runs].compactMap(\.self).filter { isDirectory($0) })
    }
}

/// Directories without those that are named before, whatever they are named by.
func distinctDirectories(_ paths: [String]) -> [String] {
    var seen: Set<String> = []
    return paths.filter { seen.insert(resolvedPath($0) ?? $0).inserted }
}

/// The directory that a path lies in by its names alone, links not followed: `a/./b/..` lies where `a` does. Nil where they do not tell.
func parentByName(_ path: String) -> String? {
    var names: [Substring] = []
    for name in path.split(separator: "/") where name != "." {
        if name == "..", let last = names.last, last != ".." { names.removeLast() } else { names.append(name) }
    }
    guard let last = names.last, last != ".." else { return nil }
    return parentDirectory((path.hasPrefix("/") ? "/" : "") + names.joined(separator: "/"))
}

extension RunLock {
    /// The table's lock in each of some directories, once where two names are of one.
    ///
    /// - Throws: `.preflightRefused` naming the run that holds one of them.
    package static func all(
        in directories: [String], of table: TableDescription, holder: String
    ) throws(RekeyError) -> [RunLock] {
        try distinctDirectories(directories).map { (directory) throws(RekeyError) in
            try RunLock(runs: directory, tableARN: table.arn, tableID: table.id, holder: holder)
        }
    }
}
