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
    /// What an item is called, where a plain backup names its array by it; `plans` and `items` need none.
    package var noun: String?
    /// Whether a dry run reads a live table to say what it would replace.
    package var compares = false
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

    /// Runs the stage. Throws `.badInput` for a damaged snapshot and for one with deletions before anything is written, and where nothing
    /// came of which a table could be made; `.differences` where an item read back is
    /// missing or not equal.
    package func run() async throws(RekeyError) -> StageResult {
        guard snapshot != "-",
            S3Path.isOne(snapshot) || isDirectory(snapshot) || !fileExists(snapshot) || isRegularFile(snapshot)
        else {
            throw RekeyError(
                .usage, "restore reads its input twice and cannot do so from a pipe; give a file, or use rekey load",
                source: snapshot)
        }
        if !fileExists(snapshot), try Location.parse(snapshot).isTable {
            throw RekeyError(
                .usage,
                "restore takes a snapshot, an export or a file, and this is a table; copy it with rekey extract and rekey load, or make a snapshot of it first",
                source: snapshot)
        }
        var names = keyNames
        var schema: KeySchema?
        if let location = try exportLocation() {
            let path = location.directory
            let check = try checkSnapshot(path, in: location.store, level: .readData)
            if let first = check.findings.first {
                throw RekeyError(.badInput, "the snapshot is damaged: \(first); nothing was written", source: path)
            }
            schema = try Export(location).metadata?.keySchema
            if let schema {
                names = KeyNames(partition: schema.partition.name, sort: schema.sort?.name)
            }
        }
        let document = try documentOpener()
        let target = try await openTarget()
        let lines = try document.map { open throws(RekeyError) in
            try itemLines(open(), keyNames: target?.schema.names ?? [names.partition] + (names.sort.map { [$0] } ?? []))
        }
        var load = Load(
            from: source, to: to, execute: execute, keyNames: names, options: StreamOptions(services: services),
            temporaryDirectory: temporaryDirectory)
        load.table = target
        load.schema = schema
        load.compares = compares
        load.takesDeletions = false
        var result = try await load.run(feed: try await feed(of: lines, wantsDigest: true))
        if target == nil, schema == nil, result.counts.read == 0 {
            throw RekeyError(
                .badInput, "holds no item, and nothing that says a table's key; no table was made", source: snapshot)
        }
        guard execute, let filled = try await openTarget() else { return result }
        let verified = try await readBack(filled, feed: try await feed(of: lines, wantsDigest: false))
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

    /// The snapshot's records: those of the source, or the lines that a plain backup became.
    private func feed(of lines: [UInt8]?, wantsDigest: Bool) async throws(RekeyError) -> RecordFeed {
        guard let lines else {
            return try await openFeed(
                source, options: StreamOptions(services: services, progress: services?.progress),
                wantsDigest: wantsDigest)
        }
        return try RecordFeed(
            name: snapshot, sources: [.bytes(lines, name: snapshot)], options: StreamOptions(),
            wantsDigest: wantsDigest)
    }

    /// The items of the backup of the script that rekey replaces, which is one JSON document, a line each.
    private func itemLines(_ backup: any ByteSource, keyNames: [String]) throws(RekeyError) -> [UInt8] {
        var lines = ByteWriter(capacity: 1 << 16)
        for item in try readPlainBackup(backup, form: PlainBackupForm(noun: noun, keyNames: keyNames)) {
            lines.append("{\"Item\":" as StaticString)
            lines.append(item.json)
            lines.append("}\n" as StaticString)
        }
        return lines.array
    }

    /// Opens the file or object where it is one document of JSON; nil where it holds lines, and for an export.
    private func documentOpener() throws(RekeyError) -> (() throws(RekeyError) -> any ByteSource)? {
        let open: () throws(RekeyError) -> any ByteSource
        switch source {
        case .file(let path): open = { () throws(RekeyError) in try openSource(path) }
        case .s3:
            guard case .object(let files, let path) = try openS3(source, services: services) else { return nil }
            open = { () throws(RekeyError) in try openSource(files.open(path)) }
        case .standardStream, .directory, .local, .table: return nil
        }
        return try isPlainDocument(open()) ? open : nil
    }

    /// Compares every item of the snapshot with what the table holds now.
    private func readBack(_ table: any Table, feed: RecordFeed) async throws(RekeyError) -> Int {
        let schema = table.schema
        var expected: [ItemKey: Item] = [:]
        var verified = 0
        var hasMore = true
        while hasMore {
            hasMore = try await feed.nextBlock { line, record, view in
                if let image = record.image { expected[try view.key(schema)] = Item(trusted: Array(line[image])) }
                return false
            }
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
