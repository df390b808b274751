package import ByteStreams
package import Items
import Synchronization

/// A table that reads but does not write: each write is checked, counted and answered as done.
///
/// Conditions are taken to hold, so what was "written" is not seen by later reads.
package final class DryRunTable: Table {
    /// What would have been written so far.
    package struct Writes: Sendable, Equatable {
        /// Items put, those of moves included.
        package var puts = 0
        /// Items deleted, those of moves included.
        package var deletes = 0
        /// DynamoDB's bytes of the items put.
        package var bytes = 0
        /// Write units, with 1 (2 in a transaction) for a delete whose item is not known. Indexes not included.
        package var units = 0.0
    }

    private let base: any Table
    private let checks: RequestChecks
    private let counts = Mutex(Writes())

    package init(_ base: any Table) {
        self.base = base
        checks = RequestChecks(schema: base.schema, limits: base.limits)
    }

    /// What would have been written so far.
    package var writes: Writes { counts.withLock { $0 } }

    package var name: String { base.name }
    package var schema: KeySchema { base.schema }
    package var limits: TableLimits { base.limits }

    package func describe() async throws(RekeyError) -> TableDescription { try await base.describe() }

    package func scan(_ request: ScanRequest) async throws(RekeyError) -> Page { try await base.scan(request) }

    package func query(_ request: QueryRequest) async throws(RekeyError) -> Page { try await base.query(request) }

    package func batchGet(_ keys: [ItemKey], consistent: Bool) async throws(RekeyError) -> BatchGetResult {
        try await base.batchGet(keys, consistent: consistent)
    }

    package func batchWrite(_ requests: [WriteRequest]) async throws(RekeyError) -> BatchWriteResult {
        try checks.check(batch: requests)
        return BatchWriteResult(consumedWriteUnits: count(requests))
    }

    package func bulkWrite(_ requests: [WriteRequest]) async throws(RekeyError) -> BatchWriteResult {
        for request in requests { try checks.check(request) }
        return BatchWriteResult(consumedWriteUnits: count(try lastOfEachItem(requests, schema: schema)))
    }

    package func put(_ item: Item, condition: WriteCondition) async throws(RekeyError) -> WriteOutcome {
        try checks.check(item)
        return .done(consumedWriteUnits: count([.put(item)]))
    }

    package func delete(_ key: ItemKey, condition: WriteCondition) async throws(RekeyError) -> WriteOutcome {
        try checks.check(key)
        return .done(consumedWriteUnits: count([.delete(key)]))
    }

    package func transactMove(_ moves: [Move]) async throws(RekeyError) -> TransactMoveResult {
        try checks.check(moves)
        var total = Writes(puts: moves.count, deletes: moves.count)
        for move in moves {
            total.bytes += move.new.size
            total.units += CapacityUnits.write(move.old.size, transactional: true)
            total.units += CapacityUnits.write(move.new.size, transactional: true)
        }
        add(total)
        return TransactMoveResult(
            outcomes: Array(repeating: .moved, count: moves.count), consumedWriteUnits: total.units)
    }

    /// Counts writes and returns their units.
    private func count(_ requests: [WriteRequest]) -> Double {
        var total = Writes()
        for request in requests {
            switch request {
            case .put(let item):
                let size = item.size
                total.puts += 1
                total.bytes += size
                total.units += CapacityUnits.write(size)
            case .delete:
                total.deletes += 1
                total.units += CapacityUnits.write(0)
            }
        }
        add(total)
        return total.units
    }

    private func add(_ writes: Writes) {
        counts.withLock {
            $0.puts += writes.puts
            $0.deletes += writes.deletes
            $0.bytes += writes.bytes
            $0.units += writes.units
        }
    }
}
