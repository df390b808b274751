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
    /// The key of such a table where all of it is known; then it is made of an empty input too.
    var schema: KeySchema?
    package var options: StreamOptions
    package var temporaryDirectory: String
    /// Whether a deletion is one to do; else it is bad input.
    var takesDeletions = true
    /// Whether a change, a deletion as well, is one to do; else it is bad input.
    package var takesChanges = true
    /// Called with the number of requests done so far.
    package var progress: (@Sendable (Int) -> Void)?
    /// Whether the result is to have the digest of what was read.
    package var wantsDigest = true
    /// Whether a dry run reads a live table to say what it would replace. It costs read units; a local table is always read.
    package var compares = false

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

    /// Runs the stage. What can be read twice is read whole before the first write, so that nothing is written of a bad input.
    ///
    /// Throws `.serviceGaveUp` with the number of requests that were not done: none is ever dropped. Throws `.badInput` where one key came
    /// with several puts, of which the table can hold only the last; of what cannot be read twice at the end.
    package func run() async throws(RekeyError) -> StageResult {
        try await run(feed: try await openFeed(from, options: options, wantsDigest: wantsDigest))
    }

    /// Loads what a feed brings.
    package func run(feed: RecordFeed) async throws(RekeyError) -> StageResult {
        let target = try await openTarget()
        if execute {
            let checked = try await check(feed, target)
            do throws(RekeyError) {
                let tally = try await write(feed, target, remembersKeys: checked == nil)
                try checked?.requireSame(tally, feed)
                return tally.result(feed: feed, execute: true, willCreate: target == nil && canCreate(tally))
            } catch {
                throw checked?.explained(error) ?? error
            }
        }
        let comparison = comparison(with: target)
        let tally = try await judge(feed, target, comparison)
        try tally.requireDistinctKeys(source: feed.name, isWritten: false)
        var result = tally.result(feed: feed, execute: false, willCreate: target == nil && canCreate(tally))
        result.facts += comparison?.facts ?? []
        return result
    }

    /// Of a dry run; nil where the table is new, or must not be read.
    private func comparison(with target: (any Table)?) -> TableComparison? {
        guard let target else { return nil }
        if case .local = to { return TableComparison(target) }
        return compares ? TableComparison(target) : nil
    }

    /// Reads all of a feed and judges each record as a write would; nothing is written.
    func judge(
        _ feed: RecordFeed, _ target: (any Table)?, _ comparison: TableComparison? = nil
    ) async throws(RekeyError) -> LoadTally {
        var tally = LoadTally(temporaryDirectory: temporaryDirectory)
        var changes = ChangeCheck()
        var batch: WriteBatch?
        var hasMore = true
        while hasMore {
            hasMore = try await fill(&batch, for: target, from: feed, &tally, &changes, comparison)
            batch?.removeAll()
            try await comparison?.settle()
        }
        return tally
    }

    /// Adds the requests of the next block to a batch, which is made for the first record. False after the last block.
    private func fill(
        _ batch: inout WriteBatch?, for target: (any Table)?, from feed: RecordFeed, _ tally: inout LoadTally,
        _ changes: inout ChangeCheck, _ comparison: TableComparison? = nil
    ) async throws(RekeyError) -> Bool {
        try await feed.nextBlock { line, record, view in
            guard takesChanges || record.kind != .change && !record.isDeletion else {
                throw RekeyError(
                    .badInput,
                    "is a \(record.kind == .change ? "change" : "deletion") and no item; load the changes into a table first"
                )
            }
            guard takesDeletions || !record.isDeletion else {
                throw RekeyError(.badInput, "is a deletion, and restore puts items and removes none; use rekey load")
            }
            let filling = try batch ?? WriteBatch(schema: target?.schema ?? inferredSchema(view))
            batch = filling
            try tally.take(record, of: line, view, into: filling, &changes)
            try comparison?.note(record, of: line, view)
            return false
        }
    }

    /// Writes what a feed brings: while one batch is written, the next one is read.
    private func write(
        _ feed: RecordFeed, _ existing: (any Table)?, remembersKeys: Bool
    ) async throws(RekeyError) -> LoadTally {
        var target = existing
        var tally = LoadTally(temporaryDirectory: temporaryDirectory, remembersKeys: remembersKeys)
        var changes = ChangeCheck()
        var writing: BatchInFlight?
        do throws(RekeyError) {
            var batch: WriteBatch?
            var spare: WriteBatch?
            var hasMore = true
            while hasMore {
                hasMore = try await fill(&batch, for: target, from: feed, &tally, &changes)
                guard let full = batch, !full.isEmpty else { continue }
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
            if target == nil, let schema { target = try createTarget(schema) }
        } catch {
            // What is under way is neither left behind nor told of in place of the first failure.
            _ = try? await writing?.result()
            throw error
        }
        try tally.requireDistinctKeys(source: feed.name, isWritten: true)
        return tally
    }

    private func isFull(_ batch: WriteBatch, for table: (any Table)?) -> Bool {
        guard let table else { return batch.count >= 25 }
        return batch.count >= table.limits.bulkWrite
            || batch.byteCount >= min(Self.batchBytes, table.limits.bulkWriteBytes)
    }

    /// Whether a table's key is known once an input was read.
    private func canCreate(_ tally: borrowing LoadTally) -> Bool { schema != nil || tally.puts + tally.deletions > 0 }

    /// The types of the key attributes of a table that is still to be made are the first item's, where nothing else says them.
    private func inferredSchema(_ view: ItemView) throws -> KeySchema {
        if let schema { return schema }
        return try view.inferredSchema(partition: keyNames.partition, sort: keyNames.sort)
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
