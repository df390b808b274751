import AWS
package import ByteStreams
import Items
import Snapshots
package import Tables

/// A snapshot or export into a table, and read back: every item is asked for and compared.
package struct Restore: Sendable {
    package var snapshot: String
    package var to: Location
    /// The table to write to where the caller has opened it; nil opens `to`.
    package var table: (any Table)?
    package var execute: Bool
    package var keyNames: KeyNames
    package var temporaryDirectory: String
    /// What opens locations in AWS.
    package var services: LiveServices?

    package init(
        snapshot: String, to: Location, execute: Bool, keyNames: KeyNames = KeyNames(),
        temporaryDirectory: String = "/tmp", services: LiveServices? = nil
    ) {
        self.services = services
        self.snapshot = snapshot
        self.to = to
        self.execute = execute
        self.keyNames = keyNames
        self.temporaryDirectory = temporaryDirectory
    }

    /// Runs the stage. Throws `.badInput` for a damaged snapshot before anything is written, `.differences` where an item read back is
    /// missing or not equal.
    package func run() async throws(RekeyError) -> StageResult {
        guard snapshot != "-",
            S3Path.isOne(snapshot) || isDirectory(snapshot) || !fileExists(snapshot) || isRegularFile(snapshot)
        else {
            throw RekeyError(
                .usage, "restore reads its input twice and cannot do so from a pipe; give a file, or use rekey load",
                source: snapshot)
        }
        var names = keyNames
        if let location = try exportLocation() {
            let path = location.directory
            let check = try checkSnapshot(path, in: location.store, level: .readData)
            if let first = check.findings.first {
                throw RekeyError(.badInput, "the snapshot is damaged: \(first); nothing was written", source: path)
            }
            if let schema = try Export(location).metadata?.keySchema {
                names = KeyNames(partition: schema.partition.name, sort: schema.sort?.name)
            }
        }
        var load = Load(
            from: source, to: to, execute: execute, keyNames: names, options: StreamOptions(services: services),
            temporaryDirectory: temporaryDirectory)
        load.table = table
        var result = try await load.run(feed: try await feed(wantsDigest: true))
        guard execute, let target = try await openTarget() else { return result }
        let verified = try await readBack(target)
        result.facts.append(("verified", .integer(verified)))
        return result
    }

    /// The table at `to`; nil where nothing was written, so that none was made.
    private func openTarget() async throws(RekeyError) -> (any Table)? {
        if let table { return table }
        if case .local(let path) = to, !fileExists(path) { return nil }
        return try await openTable(to, services: services)
    }

    private var source: Location {
        if S3Path.isOne(snapshot), let place = try? Location.parse(snapshot) { return place }
        return isDirectory(snapshot) ? .directory(snapshot) : .file(snapshot)
    }

    /// Where the manifests lie; nil where the items are lines of a file or an object.
    private func exportLocation() throws(RekeyError) -> ExportLocation? {
        switch source {
        case .directory(let path): return try ExportLocation.require(path)
        case .s3: return try openExport(source, services: services)?.location
        case .standardStream, .file, .local, .table: return nil
        }
    }

    /// The snapshot's records; the backup of the script that rekey replaces is one JSON document and becomes items first.
    private func feed(wantsDigest: Bool) async throws(RekeyError) -> RecordFeed {
        guard let open = try opener(), try isPlainBackup(open()) else {
            return try await openFeed(
                source, options: StreamOptions(services: services, progress: services?.progress),
                wantsDigest: wantsDigest)
        }
        var lines = ByteWriter(capacity: 1 << 16)
        for item in try readPlainBackup(open()) {
            lines.append("{\"Item\":" as StaticString)
            lines.append(item.json)
            lines.append("}\n" as StaticString)
        }
        return try RecordFeed(
            name: snapshot, sources: [.bytes(lines.array, name: snapshot)], options: StreamOptions(),
            wantsDigest: wantsDigest)
    }

    /// Opens the file or object that may be such a backup; nil for an export.
    private func opener() throws(RekeyError) -> (() throws(RekeyError) -> any ByteSource)? {
        switch source {
        case .file(let path): return { () throws(RekeyError) in try openSource(path) }
        case .s3:
            guard case .object(let files, let path) = try openS3(source, services: services) else { return nil }
            return { () throws(RekeyError) in try openSource(files.open(path)) }
        case .standardStream, .directory, .local, .table: return nil
        }
    }

    /// Compares every item of the snapshot with what the table holds now.
    private func readBack(_ table: any Table) async throws(RekeyError) -> Int {
        let feed = try await feed(wantsDigest: false)
        let schema = table.schema
        var expected: [ItemKey: Item] = [:]
        // Of an incremental export: what has to be gone.
        var deleted: Set<ItemKey> = []
        var verified = 0
        var hasMore = true
        while hasMore {
            hasMore = try await feed.nextBlock { line, record, view in
                let key = try view.key(schema)
                if let image = record.image {
                    expected[key] = Item(trusted: Array(line[image]))
                    deleted.remove(key)
                } else {
                    expected[key] = nil
                    deleted.insert(key)
                }
                return false
            }
            try await requireGone(Array(deleted), in: table)
            verified += deleted.count
            deleted.removeAll(keepingCapacity: true)
            let keys = Array(expected.keys)
            for start in stride(from: 0, to: keys.count, by: table.limits.batchGet) {
                let asked = Array(keys[start..<min(start + table.limits.batchGet, keys.count)])
                let answer = try await table.batchGet(asked, consistent: true)
                guard answer.unprocessed.isEmpty else {
                    throw RekeyError(
                        .serviceGaveUp, "items could not be read back; try again later", source: table.name)
                }
                for item in answer.items {
                    guard let key = try? item.key(schema), let wanted = expected.removeValue(forKey: key) else {
                        continue
                    }
                    guard wanted.isEqual(to: item) else {
                        throw RekeyError(.differences, "\(key) is not what the snapshot holds", source: table.name)
                    }
                    verified += 1
                }
            }
            if let missing = expected.keys.first {
                throw RekeyError(
                    .differences, "\(expected.count) items are missing after the restore, the first \(missing)",
                    source: table.name)
            }
        }
        return verified
    }
}

/// Throws `.differences` where one of the items is in the table.
private func requireGone(_ keys: [ItemKey], in table: any Table) async throws(RekeyError) {
    for start in stride(from: 0, to: keys.count, by: table.limits.batchGet) {
        let asked = Array(keys[start..<min(start + table.limits.batchGet, keys.count)])
        let answer = try await table.batchGet(asked, consistent: true)
        guard answer.unprocessed.isEmpty else {
            throw RekeyError(.serviceGaveUp, "items could not be read back; try again later", source: table.name)
        }
        if let left = answer.items.first {
            let key = (try? left.key(table.schema).description) ?? "an item"
            throw RekeyError(.differences, "\(key) is there, the snapshot says it was deleted", source: table.name)
        }
    }
}

/// True for a file that is one JSON document over lines, not a stream of records: `{"plans":[…]}` or `[…]`.
private func isPlainBackup(_ source: any ByteSource) throws(RekeyError) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 4096)
    var count = 0
    var failure: RekeyError?
    buffer.withUnsafeMutableBytes { bytes in
        do throws(RekeyError) {
            // One read may bring only the bytes that told whether the file is compressed.
            while count < bytes.count {
                let read = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[count...]))
                if read == 0 { break }
                count += read
            }
        } catch { failure = error }
    }
    if let failure { throw failure }
    let start = buffer[..<count].drop { $0 <= 0x20 }
    guard start.first == UInt8(ascii: "{") else { return start.first == UInt8(ascii: "[") }
    let inside = start.dropFirst().drop { $0 <= 0x20 }
    // A record's first member holds an object; the backup's holds an array, or a text such as its time.
    guard let colon = inside.firstIndex(of: UInt8(ascii: ":")) else { return false }
    return inside[colon...].dropFirst().drop { $0 <= 0x20 }.first.map { $0 != UInt8(ascii: "{") } ?? false
}
