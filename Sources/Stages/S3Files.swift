package import AWS
package import ByteStreams
package import Snapshots
import Synchronization

/// The objects of a bucket as files in folders: `s3://BUCKET/a/b` is the file b in the folder a.
///
/// A folder is listed once, when something in it is first asked for; what is written afterwards is not seen. Every call blocks its
/// thread, as calls on files do.
package final class S3Files: FileStore {
    package let client: S3Client
    /// What was named by a user. Nothing above it is listed: that may not be allowed.
    private let root: String
    private let listed = Mutex<[String: Folder]>([:])

    private struct Folder {
        var files: [String: FileEntry] = [:]
        var folders: Set<String> = []

        var isEmpty: Bool { files.isEmpty && folders.isEmpty }
    }

    /// - Parameter root: the prefix that all paths begin with.
    package init(_ client: S3Client, root: String) {
        self.client = client
        var root = Substring(root)
        while root.last == "/" { root.removeLast() }
        self.root = String(root)
    }

    /// The key of a path in this bucket, without slashes at its end.
    package func key(_ path: String) -> String {
        var key = Substring(path)
        let root = "s3://\(client.bucket)"
        if key.hasPrefix(root) { key = key.dropFirst(root.count) }
        if key.first == "/" { key.removeFirst() }
        while key.last == "/" { key.removeLast() }
        return String(key)
    }

    package func entry(_ path: String, followingLinks: Bool) throws(RekeyError) -> FileEntry? {
        let key = key(path)
        guard !key.isEmpty, key != root else { return try folder(key).isEmpty ? nil : FileEntry(isFolder: true) }
        let (above, name) = Self.parts(key)
        let folder = try folder(above)
        if let file = folder.files[name] { return file }
        return folder.folders.contains(name) ? FileEntry(isFolder: true) : nil
    }

    package func names(in folder: String) throws(RekeyError) -> [String] {
        let found = try self.folder(key(folder))
        guard !found.isEmpty else {
            throw RekeyError(.inputMissing, "nothing lies there; check the bucket and the prefix", source: folder)
        }
        return found.folders.union(found.files.keys).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    package func open(_ path: String) throws(RekeyError) -> any ByteSource {
        let source = S3Source(client, key: key(path))
        try source.open()
        return source
    }

    /// Asked for each time, unlike what a listing says.
    package func version(_ path: String) throws(RekeyError) -> String {
        guard let object = try client.head(key(path)) else {
            throw RekeyError(
                .inputMissing, "there is no object of that key; check the bucket and the key", source: path)
        }
        return "\(object.tag):\(object.size):\(object.modified)"
    }

    /// There are no links; nothing is asked for.
    package func resolved(_ path: String) -> String? { client.path(key(path)) }

    /// Whether an object has the very key of a path; false too where who may use what is below it may not ask.
    func hasObject(_ path: String) throws(RekeyError) -> Bool {
        let key = key(path)
        guard !key.isEmpty else { return false }
        do throws(RekeyError) {
            return try client.head(key) != nil
        } catch {
            guard error.code == .permission else { throw error }
            return false
        }
    }

    /// Throws `.usage` where an export or snapshot lies below the key of an object: one of the two was meant, and nothing tells which.
    ///
    /// Who may not list what is below can read no snapshot there.
    func requireNoExport(below path: String) throws(RekeyError) {
        let isExport: Bool
        do throws(RekeyError) {
            isExport = try holdsExport(path)
        } catch {
            guard error.code == .permission else { throw error }
            return
        }
        guard isExport else { return }
        throw RekeyError(
            .usage,
            "names an object and a snapshot below it; write a slash at the end for the snapshot, or remove the object",
            source: path)
    }

    /// Takes the manifests away first, so that what is left of it is no snapshot.
    package func removeSnapshot(_ folder: String, files: Set<String>) throws(RekeyError) -> [String] {
        let prefix = key(folder) + "/"
        let objects = try client.list(prefix: prefix).objects.map(\.key)
        // A key with a slash at its end is what consoles make to show a folder.
        let others = objects.map { String($0.utf8.dropFirst(prefix.utf8.count)) ?? $0 }.filter { path in
            !files.contains(path) && !(path.isEmpty || path.hasSuffix("/") && files.contains { $0.hasPrefix(path) })
        }
        guard others.isEmpty else { return others }
        let first = ["manifest-summary.json", RekeyMetadata.fileName].map { prefix + $0 }
        for key in first where objects.contains(key) { try client.delete(key) }
        for key in objects where !first.contains(key) { try client.delete(key) }
        listed.withLock { $0.removeAll() }
        return []
    }

    private static func parts(_ key: String) -> (above: String, name: String) {
        guard let slash = key.utf8.lastIndex(of: UInt8(ascii: "/")) else { return ("", key) }
        return (String(key[..<slash]), String(key[key.utf8.index(after: slash)...]))
    }

    private func folder(_ key: String) throws(RekeyError) -> Folder {
        if let known = listed.withLock({ $0[key] }) { return known }
        let prefix = key.isEmpty ? "" : key + "/"
        let listing = try client.list(prefix: prefix, delimiter: "/")
        var folder = Folder()
        for object in listing.objects {
            let name = String(object.key.utf8.dropFirst(prefix.utf8.count)) ?? ""
            // An object that consoles make to show an empty folder.
            if name.isEmpty { continue }
            folder.files[name] = FileEntry(isFolder: false, size: object.size, modified: object.modified)
        }
        for deeper in listing.prefixes {
            let name = String(deeper.utf8.dropFirst(prefix.utf8.count).dropLast()) ?? ""
            if !name.isEmpty { folder.folders.insert(name) }
        }
        listed.withLock { $0[key] = folder }
        return folder
    }
}

/// A snapshot below a prefix that has no objects yet. Files of any size go up as they are written; what was put is removed again unless
/// all of it came to its place.
package final class S3SnapshotTarget: SnapshotTarget {
    package let path: String
    private let client: S3Client
    private let prefix: String
    private let written = WrittenKeys()
    private var isOpen = true

    /// - Throws: `.cannotCreate` where objects lie below the prefix, and where one has the prefix as its key: nobody could tell then
    ///   which of them is meant; as `S3Client.list`.
    package init(_ files: S3Files, path: String) throws(RekeyError) {
        let key = files.key(path)
        guard !key.isEmpty else {
            throw RekeyError(.usage, "a snapshot needs a prefix of its own; write s3://BUCKET/PREFIX", source: path)
        }
        client = files.client
        prefix = key + "/"
        self.path = client.path(key)
        if let object = try client.list(prefix: prefix, limit: 1).objects.first {
            throw RekeyError(
                .cannotCreate,
                "objects lie below that prefix already, such as \(object.key), and none is replaced; choose another or remove them",
                source: self.path)
        }
        if try files.hasObject(path) {
            throw RekeyError(
                .cannotCreate,
                "is the key of an object, which reading would take for the snapshot; choose another prefix or remove it",
                source: self.path)
        }
        TemporaryPaths.register(self.path) { [client, written] in written.remove(client) }
    }

    deinit { abandon() }

    package func create(_ name: String) throws(RekeyError) -> any ByteSink {
        written.add(prefix + name)
        return S3Sink(client, key: prefix + name)
    }

    package func commit() throws(RekeyError) {
        isOpen = false
        TemporaryPaths.forget(path)
    }

    package func abandon() {
        guard isOpen else { return }
        isOpen = false
        written.remove(client)
        TemporaryPaths.forget(path)
    }
}

/// What has been put, or is about to be.
private final class WrittenKeys: Sendable {
    private let keys = Mutex<[String]>([])

    func add(_ key: String) { keys.withLock { $0.append(key) } }

    /// The last one first: it is what makes a snapshot of the others.
    func remove(_ client: S3Client) {
        for key in keys.withLock({ $0 }).reversed() { try? client.delete(key) }
    }
}
