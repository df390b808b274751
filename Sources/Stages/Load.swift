package import ByteStreams
import Items
package import Tables

/// NDJSON into a table by batches of writes; nothing is written unless `execute` is set.
package struct Load: Sendable {
    package var from: Location
    package var to: Location
    /// The table to write to where the caller has opened it; nil opens `to`.
    package var table: (any Table)?
    package var execute: Bool
    /// Key attributes by name, for a local table that does not exist yet; their types are the first item's.
    package var keyNames: KeyNames
    package var options: StreamOptions
    package var temporaryDirectory: String
    /// Called with the number of requests done so far.
    package var progress: (@Sendable (Int) -> Void)?

    /// Bytes of records that are gathered before they are written.
    private static let batchBytes = 16 << 20

    package init(
        from: Location = .standardStream, to: Location, execute: Bool, keyNames: KeyNames = KeyNames(),
        options: StreamOptions = StreamOptions(), temporaryDirectory: String = "/tmp"
    ) {
        self.from = from
        self.to = to
        self.execute = execute
        self.keyNames = keyNames
        self.options = options
        self.temporaryDirectory = temporaryDirectory
    }

    /// Runs the stage.
    ///
    /// Throws `.serviceGaveUp` with the number of requests that were not done: none is ever dropped. Throws `.badInput` at the end where
    /// one key came with several puts, of which the table can hold only the last.
    package func run() async throws(RekeyError) -> StageResult {
        try await run(feed: try await openFeed(from, options: options, wantsDigest: true))
    }

    /// Loads what a feed brings.
    package func run(feed: RecordFeed) async throws(RekeyError) -> StageResult {
        var target = try await openTarget()
        let willCreate = target == nil
        var schema = target?.schema
        var pending: [WriteRequest] = []
        let names = keyNames
        var tally = LoadTally(temporaryDirectory: temporaryDirectory)
        var hasMore = true
        var pendingBytes = 0
        while hasMore {
            hasMore = try await feed.nextBlock { line, record, view in
                let known = try schema ?? view.inferredSchema(partition: names.partition, sort: names.sort)
                schema = known
                pending.append(try tally.request(line, record, view, schema: known))
                pendingBytes += line.count
                return false
            }
            guard execute else {
                pending.removeAll(keepingCapacity: true)
                pendingBytes = 0
                continue
            }
            // One large transaction of a local table costs far less than many small ones.
            let isFull = pendingBytes >= Self.batchBytes || pending.count >= (target?.limits.bulkWrite ?? 25)
            if pending.isEmpty || (hasMore && !isFull) { continue }
            pendingBytes = 0
            if target == nil, let schema {
                target = try createTarget(schema)
            }
            guard let table = target else { continue }
            let batch = pending
            pending.removeAll(keepingCapacity: true)
            tally.units += try await write(batch, to: table, done: tally.written)
            tally.written += batch.count
            progress?(tally.written)
        }
        try tally.requireDistinctKeys(source: feed.name, isWritten: execute)
        return tally.result(feed: feed, execute: execute, willCreate: willCreate)
    }

    /// The table at `to`, nil where a local one has yet to be made.
    private func openTarget() async throws(RekeyError) -> (any Table)? {
        if let table { return table }
        guard to.isTable else {
            throw RekeyError(.usage, "\(to.text): load writes to a table, such as dynamodb:TABLE or local:table.db")
        }
        if case .local(let path) = to, !fileExists(path) { return nil }
        return try await openTable(to, services: options.services)
    }

    private func createTarget(_ schema: KeySchema) throws(RekeyError) -> any Table {
        guard case .local(let path) = to else { throw RekeyError(.unexpected, "is not made here", source: to.text) }
        return RetryingTable(try LocalTable.create(path: path, name: Self.tableName(path), schema: schema))
    }

    private func write(_ batch: [WriteRequest], to table: any Table, done: Int) async throws(RekeyError) -> Double {
        var units = 0.0
        var start = 0
        while start < batch.count {
            let end = min(start + max(table.limits.bulkWrite, 1), batch.count)
            let result = try await table.bulkWrite(Array(batch[start..<end]))
            units += result.consumedWriteUnits
            if let first = result.unprocessed.first {
                let key = (try? first.key(table.schema).description) ?? "unknown"
                throw RekeyError(
                    .serviceGaveUp,
                    "\(result.unprocessed.count) writes were still not done after many tries, the first for \(key); \(done + end - result.unprocessed.count) were done; run the same command again, it puts the same items",
                    source: table.name)
            }
            start = end
        }
        return units
    }

    /// `local:dir/plans.db` is table `plans`.
    static func tableName(_ path: String) -> String {
        let file = path.split(separator: "/").last.map(String.init) ?? path
        let stem = file.hasSuffix(".db") ? String(file.dropLast(3)) : file
        let allowed = stem.unicodeScalars.map { scalar -> Character in
            let isPlain =
                ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar)
                || "_.-".unicodeScalars.contains(scalar)
            return isPlain ? Character(scalar) : "_"
        }
        return allowed.isEmpty ? "table" : String(allowed.prefix(255))
    }
}

/// The names of a table's key attributes.
package struct KeyNames: Sendable, Equatable {
    package var partition: String
    package var sort: String?

    package init(partition: String = "PK", sort: String? = "SK") {
        self.partition = partition
        self.sort = sort
    }

    /// Reads `PK,SK` or `PK`.
    package static func parse(_ text: String) throws(RekeyError) -> KeyNames {
        let names = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard (1...2).contains(names.count), names.allSatisfy({ !$0.isEmpty }) else {
            throw RekeyError(.usage, "--key \(text): write the key attributes as PK,SK or PK")
        }
        return KeyNames(partition: names[0], sort: names.count == 2 ? names[1] : nil)
    }
}

/// What a load has to write and has written.
private struct LoadTally: ~Copyable {
    var puts = 0
    var deletions = 0
    var bytes = 0
    var plannedUnits = 0
    var units = 0.0
    var written = 0
    private let keys: ExternalSorter

    init(temporaryDirectory: String) { keys = ExternalSorter(directory: temporaryDirectory, memoryLimit: 16 << 20) }

    /// The request that a record asks for, checked against DynamoDB's limits.
    mutating func request(
        _ line: UnsafeRawBufferPointer, _ record: Record, _ view: ItemView, schema: KeySchema
    ) throws -> WriteRequest {
        guard let image = record.image else {
            let key = try view.key(schema)
            deletions += 1
            plannedUnits += 1
            return .delete(key)
        }
        let key = try view.key(schema)
        let item = Item(trusted: Array(line[image]))
        let size = item.size
        guard size <= 409_600 else {
            throw ItemError("the item has \(size) bytes, DynamoDB takes 409600", at: image.lowerBound)
        }
        puts += 1
        bytes += size
        plannedUnits += (size + 1023) / 1024
        if record.kind != .change {
            let name = Array(key.description.utf8)
            try key.sortableBytes.withRawBytes { key throws(RekeyError) in
                try name.withRawBytes { name throws(RekeyError) in try keys.add(key: key, value: name) }
            }
        }
        return .put(item)
    }

    func requireDistinctKeys(source: String, isWritten: Bool) throws(RekeyError) {
        var last: [UInt8] = []
        var repeated = 0
        var shown: [String] = []
        try keys.forEach { key, name throws(RekeyError) in
            if key.elementsEqual(last) {
                repeated += 1
                if shown.count < 5 { shown.append(String(decoding: name, as: UTF8.self)) }
            }
            last = Array(key)
        }
        guard repeated > 0 else { return }
        throw RekeyError(
            .badInput,
            "\(repeated) item\(repeated == 1 ? "" : "s") came under a key that another item of the stream has: \(shown.joined(separator: ", ")); \(isWritten ? "the table holds the last of each" : "loading would keep only the last of each"); mend the stream",
            source: source)
    }

    func result(feed: RecordFeed, execute: Bool, willCreate: Bool) -> StageResult {
        var result = StageResult(counts: feed.counts, digest: feed.digest, rejection: feed.rejection)
        result.facts = [
            ("executed", .boolean(execute)), ("puts", .integer(puts)), ("deletes", .integer(deletions)),
            ("bytes", .integer(bytes)), ("writeUnits", .integer(execute ? Int(units.rounded(.up)) : plannedUnits)),
            ("newTable", .boolean(willCreate)),
        ]
        return result
    }
}
