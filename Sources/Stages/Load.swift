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
    /// Whether the result is to have the digest of what was read.
    package var wantsDigest = true

    /// Bytes of requests that are gathered before they are written, at most.
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
        try await run(feed: try await openFeed(from, options: options, wantsDigest: wantsDigest))
    }

    /// Loads what a feed brings: while one batch is written, the next one is read.
    package func run(feed: RecordFeed) async throws(RekeyError) -> StageResult {
        var target = try await openTarget()
        let willCreate = target == nil
        var tally = LoadTally(temporaryDirectory: temporaryDirectory)
        var changes = ChangeCheck()
        var writing: BatchInFlight?
        do throws(RekeyError) {
            var batch: WriteBatch?
            var spare: WriteBatch?
            var hasMore = true
            while hasMore {
                hasMore = try await feed.nextBlock { line, record, view in
                    let filling = try batch ?? WriteBatch(schema: target?.schema ?? inferredSchema(view))
                    batch = filling
                    if record.kind == .change { try changes.check(record, of: line, view, filling.schema) }
                    try tally.note(record, try filling.add(record, of: line, view), key: filling.lastKey, view)
                    return false
                }
                guard let full = batch, !full.isEmpty else { continue }
                guard execute else {
                    full.removeAll()
                    continue
                }
                guard !hasMore || isFull(full, for: target) else { continue }
                // Not before: of a stream that ends without its seal nothing may be left.
                if target == nil { target = try createTarget(full.schema) }
                guard let table = target else { continue }
                if let written = writing {
                    spare = written.batch
                    try await finish(written, &tally)
                    spare?.removeAll()
                }
                writing = BatchInFlight(full, to: table)
                batch = spare ?? WriteBatch(schema: full.schema)
                spare = nil
            }
            if let written = writing { try await finish(written, &tally) }
        } catch {
            // What is under way is neither left behind nor told of in place of the first failure.
            _ = try? await writing?.result()
            throw error
        }
        try tally.requireDistinctKeys(source: feed.name, isWritten: execute)
        return tally.result(feed: feed, execute: execute, willCreate: willCreate)
    }

    private func isFull(_ batch: WriteBatch, for table: (any Table)?) -> Bool {
        guard let table else { return batch.count >= 25 }
        return batch.count >= table.limits.bulkWrite
            || batch.byteCount >= min(Self.batchBytes, table.limits.bulkWriteBytes)
    }

    /// The types of the key attributes of a table that is still to be made are the first item's.
    private func inferredSchema(_ view: ItemView) throws -> KeySchema {
        try view.inferredSchema(partition: keyNames.partition, sort: keyNames.sort)
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

    /// Waits for a batch to be written.
    private func finish(_ writing: BatchInFlight, _ tally: inout LoadTally) async throws(RekeyError) {
        let batch = writing.batch
        let result = try await writing.result()
        tally.units += result.consumedWriteUnits
        if let first = result.unprocessed.first {
            let key = (try? first.key(batch.schema).description) ?? "unknown"
            throw RekeyError(
                .serviceGaveUp,
                "\(result.unprocessed.count) writes were still not done after many tries, the first for \(key); \(tally.written + batch.count - result.unprocessed.count) were done; run the same command again, it puts the same items",
                source: writing.table.name)
        }
        tally.written += batch.count
        progress?(tally.written)
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
    /// Hash and sortable bytes of the key of each put.
    private let keys: ExternalSorter
    private var entry = ByteWriter()

    init(temporaryDirectory: String) { keys = ExternalSorter(directory: temporaryDirectory, memoryLimit: 16 << 20) }

    /// Counts a request.
    mutating func note(
        _ record: Record, _ added: WriteBatch.Added, key: UnsafeRawBufferPointer, _ view: ItemView
    ) throws(RekeyError) {
        plannedUnits += max(1, (added.size + 1023) / 1024)
        if added.isDeletion {
            deletions += 1
            return
        }
        puts += 1
        bytes += added.size
        // Sorting by the hash first leaves few bytes of keys to be compared.
        entry.removeAll()
        withUnsafeBytes(of: added.keyHash.bigEndian) { entry.append($0) }
        entry.append(key)
        try keys.add(key: entry.bytes, value: UnsafeRawBufferPointer(start: nil, count: 0))
    }

    func requireDistinctKeys(source: String, isWritten: Bool) throws(RekeyError) {
        var last: [UInt8] = []
        var repeated = 0
        var shown: [[UInt8]] = []
        try keys.forEach { entry, _ throws(RekeyError) in
            if entry.elementsEqual(last) {
                repeated += 1
                if shown.count < 5 { shown.append(Array(entry.dropFirst(8))) }
            } else {
                last.removeAll(keepingCapacity: true)
                last.append(contentsOf: entry)
            }
        }
        guard repeated > 0 else { return }
        let names = shown.sorted { $0.lexicographicallyPrecedes($1) }.map {
            ItemKey(sortable: $0)?.description ?? "unknown"
        }
        throw RekeyError(
            .badInput,
            "\(repeated) item\(repeated == 1 ? "" : "s") came under a key that another item of the stream has: \(names.joined(separator: ", ")); \(isWritten ? "the table holds the last of each" : "loading would keep only the last of each"); mend the stream",
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

/// Holds changes to what they say of themselves.
private struct ChangeCheck: ~Copyable {
    private var scanner = RecordScanner()

    /// Throws where a change's NewImage stands under another key than its Keys name: which of them to write, nobody can tell.
    mutating func check(
        _ record: Record, of line: UnsafeRawBufferPointer, _ view: ItemView, _ schema: KeySchema
    ) throws(ItemError) {
        guard record.image != nil, let keys = record.keys else { return }
        _ = try scanner.scanItem(line, at: keys.lowerBound)
        guard try ItemView(line: line, attributes: scanner.attributes).key(schema) == view.key(schema) else {
            throw ItemError("the change's Keys are not the key of its NewImage", at: keys.lowerBound)
        }
    }
}

/// A batch on its way to a table.
private struct BatchInFlight {
    let batch: WriteBatch
    let table: any Table
    let task: Task<Result<BatchWriteResult, RekeyError>, Never>

    init(_ batch: WriteBatch, to table: any Table) {
        self.batch = batch
        self.table = table
        task = Task {
            do throws(RekeyError) {
                return .success(try await table.bulkWrite(batch))
            } catch {
                return .failure(error)
            }
        }
    }

    /// What became of it; a caller that is cancelled cancels it.
    func result() async throws(RekeyError) -> BatchWriteResult {
        let result = await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
        return try result.get()
    }
}
