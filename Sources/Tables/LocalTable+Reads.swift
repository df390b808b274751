package import ByteStreams
import GRDB
package import Items

extension LocalTable {
    package func scan(_ request: ScanRequest) async throws(RekeyError) -> Page {
        try checks.check(request)
        let hashes = RowPosition.hashes(ofSegment: request.segment, of: request.totalSegments)
        let start = request.startKey.map { RowPosition($0) } ?? RowPosition(before: hashes.lowerBound)
        guard hashes.contains(start.hash) else {
            throw RekeyError(
                .badInput,
                "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with "
                    + "correct Segment. TotalSegments: \(request.totalSegments) Segment: \(request.segment)")
        }
        let prefix = request.partitionPrefix.flatMap { PrefixRange($0, of: schema.partition.type) }
        let limit = request.limit ?? .max
        let rows = try await read { database in
            let statement = try RawStatement(
                database,
                """
                SELECT size, json, partition, hash, sort FROM items
                WHERE (hash, partition, sort) > (?1, ?2, ?3) AND hash <= ?4 ORDER BY hash, partition, sort
                """)
            statement.bind(start)
            statement.bind(4, hashes.upperBound)
            return try PageRows(statement, limit: limit, prefix: prefix)
        }
        return try page(rows, consistent: request.consistent)
    }

    package func query(_ request: QueryRequest) async throws(RekeyError) -> Page {
        try checks.check(request)
        let partition = RowPosition(ItemKey(partition: request.partition, sort: nil))
        let range = request.sortBeginsWith.flatMap { prefix in
            schema.sort.flatMap { PrefixRange(prefix, of: $0.type) }
        }
        var lower = range?.lower ?? []
        var upper = range?.upper
        if let key = request.startKey {
            let start = RowPosition(key).sort
            let isInRange = range.map { range in start.withUnsafeBytes { range.contains($0) } }
            guard isInRange ?? true else {
                throw RekeyError(
                    .badInput, "The provided starting key is outside query boundaries based on provided conditions")
            }
            // What follows a value first in the order of bytes is the value and a zero byte.
            if request.ascending { lower = start + [0] } else { upper = start }
        }
        let bounds = (lower: lower, upper: upper)
        let limit = request.limit ?? .max
        let rows = try await read { database in
            let statement = try RawStatement(
                database,
                """
                SELECT size, json, partition, hash, sort FROM items
                WHERE hash = ?1 AND partition = ?2 AND sort >= ?3 \(bounds.upper == nil ? "" : "AND sort < ?4")
                ORDER BY sort \(request.ascending ? "ASC" : "DESC")
                """)
            statement.bind(1, partition.hash)
            statement.bind(2, partition.partition)
            statement.bind(3, bounds.lower)
            if let upper = bounds.upper { statement.bind(4, upper) }
            return try PageRows(statement, limit: limit, prefix: nil)
        }
        return try page(rows, consistent: request.consistent)
    }

    package func batchGet(_ keys: [ItemKey], consistent: Bool) async throws(RekeyError) -> BatchGetResult {
        try checks.check(get: keys)
        let positions = keys.map { RowPosition($0) }
        return try await read { database in
            var result = BatchGetResult()
            var bytes = 0
            for (key, position) in zip(keys, positions) {
                guard bytes < CapacityUnits.maximumBatchBytes else {
                    result.unprocessed.append(key)
                    continue
                }
                let row = try Row(database, at: position)
                if let row { result.items.append(row.item) }
                bytes += row?.size ?? 0
                result.consumedReadUnits += CapacityUnits.read(row?.size ?? 0, consistent: consistent)
            }
            return result
        }
    }

    private func page(_ rows: PageRows, consistent: Bool) throws(RekeyError) -> Page {
        var last: ItemKey?
        if let item = rows.last {
            do {
                last = try item.key(schema)
            } catch {
                throw RekeyError(.badInput, "a stored item has no valid key; the file is damaged", source: path)
            }
        }
        return Page(
            items: rows.items, lastEvaluatedKey: last, scannedCount: rows.scanned,
            consumedReadUnits: CapacityUnits.read(rows.bytes, consistent: consistent))
    }

    /// A stored item and its size.
    struct Row {
        let item: Item
        let size: Int

        init?(_ database: Database, at position: RowPosition) throws {
            let statement = try RawStatement(
                database, "SELECT size, json FROM items WHERE hash = ?1 AND partition = ?2 AND sort = ?3")
            statement.bind(position)
            guard try statement.step() else { return nil }
            size = Int(statement.integer(0))
            item = Item(trusted: statement.bytes(1))
            statement.reset()
        }
    }
}

/// The rows of a page: those that fit into 1 MB and the limit.
private struct PageRows: Sendable {
    var items: [Item] = []
    /// The last row looked at, if the page was cut there.
    var last: Item?
    var scanned = 0
    var bytes = 0

    /// Walks over rows of size, json and partition.
    init(_ statement: RawStatement, limit: Int, prefix: PrefixRange?) throws {
        defer { statement.reset() }
        // A row that the filter leaves out is remembered only as long as the page may end with it.
        var leftOut: [UInt8] = []
        var isLastLeftOut = false
        while try statement.step() {
            let size = Int(statement.integer(0))
            if scanned > 0 && bytes + size > CapacityUnits.pageBytes {
                last = isLastLeftOut ? Item(trusted: leftOut) : items.last
                return
            }
            scanned += 1
            bytes += size
            let isWanted = prefix.map { prefix in statement.withBytes(2) { prefix.contains($0) } } ?? true
            if isWanted {
                items.append(Item(trusted: statement.bytes(1)))
            } else {
                leftOut.removeAll(keepingCapacity: true)
                statement.withBytes(1) { leftOut.append(contentsOf: $0) }
            }
            isLastLeftOut = !isWanted
            if scanned == limit {
                last = isLastLeftOut ? Item(trusted: leftOut) : items.last
                return
            }
        }
    }
}
