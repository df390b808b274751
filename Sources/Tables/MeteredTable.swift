package import ByteStreams
package import Items
import Synchronization

/// A table that counts what passes through it, by operation.
package final class MeteredTable: Table {
    /// An operation of `Table`.
    package enum Operation: String, Sendable, CaseIterable {
        case describe, scan, query, batchGet, batchWrite, bulkWrite, put, putEach, delete, deleteUnchanged, transactMove
    }

    /// What an operation did so far.
    package struct Usage: Sendable, Equatable {
        /// Calls made.
        package var calls = 0
        /// Calls that threw; they count nothing else.
        package var failures = 0
        /// Items read, put, deleted or moved.
        package var items = 0
        /// DynamoDB's bytes of the items read or put.
        package var bytes = 0
        /// Read or write units.
        package var units = 0.0
        /// Items or keys that came back as unprocessed, and writes whose condition failed.
        package var notDone = 0

        fileprivate mutating func add(_ other: Usage) {
            items += other.items
            bytes += other.bytes
            units += other.units
            notDone += other.notDone
        }
    }

    private static let reads: Set<Operation> = [.scan, .query, .batchGet]
    private let base: any Table
    private let counts = Mutex<[Operation: Usage]>([:])
    private let progress: ProgressCounters?
    private let timesCalls: Bool

    /// - Parameters:
    ///   - progress: told of units and of what came back as unprocessed.
    ///   - timesCalls: whether each call counts as a request there; not where the requests below are counted themselves.
    package init(_ base: any Table, progress: ProgressCounters? = nil, timesCalls: Bool = false) {
        self.base = base
        self.progress = progress
        self.timesCalls = timesCalls
    }

    /// The counts so far of each operation that was called.
    package var usage: [Operation: Usage] { counts.withLock { $0 } }

    /// Read units of all operations so far.
    package var readUnits: Double { units { Self.reads.contains($0) } }

    /// Write units of all operations so far.
    package var writeUnits: Double { units { !Self.reads.contains($0) } }

    package var name: String { base.name }
    package var schema: KeySchema { base.schema }
    package var limits: TableLimits { base.limits }

    package func describe() async throws(RekeyError) -> TableDescription {
        try await counted(.describe) { () async throws(RekeyError) in (try await base.describe(), Usage()) }
    }

    package func scan(_ request: ScanRequest) async throws(RekeyError) -> Page {
        try await counted(.scan) { () async throws(RekeyError) in
            let page = try await base.scan(request)
            return (page, Self.usage(of: page.items, units: page.consumedReadUnits))
        }
    }

    package func query(_ request: QueryRequest) async throws(RekeyError) -> Page {
        try await counted(.query) { () async throws(RekeyError) in
            let page = try await base.query(request)
            return (page, Self.usage(of: page.items, units: page.consumedReadUnits))
        }
    }

    package func batchGet(_ keys: [ItemKey], consistent: Bool) async throws(RekeyError) -> BatchGetResult {
        try await counted(.batchGet) { () async throws(RekeyError) in
            let result = try await base.batchGet(keys, consistent: consistent)
            var usage = Self.usage(of: result.items, units: result.consumedReadUnits)
            usage.notDone = result.unprocessed.count
            return (result, usage)
        }
    }

    package func batchWrite(_ requests: [WriteRequest]) async throws(RekeyError) -> BatchWriteResult {
        try await counted(.batchWrite) { () async throws(RekeyError) in
            let result = try await base.batchWrite(requests)
            return (result, Self.usage(of: requests, result))
        }
    }

    package func bulkWrite(_ requests: [WriteRequest]) async throws(RekeyError) -> BatchWriteResult {
        try await counted(.bulkWrite) { () async throws(RekeyError) in
            let result = try await base.bulkWrite(requests)
            return (result, Self.usage(of: requests, result))
        }
    }

    package func bulkWrite(_ batch: WriteBatch) async throws(RekeyError) -> BatchWriteResult {
        try await counted(.bulkWrite) { () async throws(RekeyError) in
            let result = try await base.bulkWrite(batch)
            return (result, Self.usage(items: batch.count, bytes: batch.storedBytes, result))
        }
    }

    package func put(_ item: Item, condition: WriteCondition) async throws(RekeyError) -> WriteOutcome {
        try await counted(.put) { () async throws(RekeyError) in
            let outcome = try await base.put(item, condition: condition)
            return (outcome, Self.usage(of: outcome, bytes: item.size))
        }
    }

    package func put(_ puts: [ConditionalPut]) async throws(RekeyError) -> [WriteOutcome] {
        try await counted(.putEach) { () async throws(RekeyError) in
            let outcomes = try await base.put(puts)
            return (
                outcomes,
                zip(puts, outcomes).reduce(into: Usage()) { $0.add(Self.usage(of: $1.1, bytes: $1.0.item.size)) }
            )
        }
    }

    package func awaitRoom(readUnits: Double, writeUnits: Double) async throws(RekeyError) {
        try await base.awaitRoom(readUnits: readUnits, writeUnits: writeUnits)
    }

    package var readsToCompare: Bool { base.readsToCompare }

    package func delete(_ key: ItemKey, condition: WriteCondition) async throws(RekeyError) -> WriteOutcome {
        try await counted(.delete) { () async throws(RekeyError) in
            let outcome = try await base.delete(key, condition: condition)
            return (outcome, Self.usage(of: outcome, bytes: 0))
        }
    }

    package func deleteUnchanged(_ items: [Item]) async throws(RekeyError) -> [WriteOutcome] {
        try await counted(.deleteUnchanged) { () async throws(RekeyError) in
            let outcomes = try await base.deleteUnchanged(items)
            return (outcomes, outcomes.reduce(into: Usage()) { $0.add(Self.usage(of: $1, bytes: 0)) })
        }
    }

    package func transactMove(_ moves: [Move]) async throws(RekeyError) -> TransactMoveResult {
        try await counted(.transactMove) { () async throws(RekeyError) in
            let result = try await base.transactMove(moves)
            var usage = Usage(units: result.consumedWriteUnits)
            if result.isCommitted {
                usage.items = moves.count
                usage.bytes = moves.reduce(0) { $0 + $1.new.size }
            } else {
                usage.notDone = moves.count
            }
            return (result, usage)
        }
    }

    private func counted<Answer>(
        _ operation: Operation, _ call: () async throws(RekeyError) -> (Answer, Usage)
    ) async throws(RekeyError) -> Answer {
        do {
            let start = timesCalls ? ContinuousClock.now : nil
            let (answer, usage) = try await call()
            if let start { progress?.answered(after: start.duration(to: .now)) }
            add(operation, usage)
            return answer
        } catch {
            add(operation, Usage(failures: 1))
            throw error
        }
    }

    private func add(_ operation: Operation, _ usage: Usage) {
        if let progress {
            let isRead = Self.reads.contains(operation)
            let isBatch = operation == .batchGet || operation == .batchWrite || operation == .bulkWrite
            progress.add(
                readUnits: isRead ? usage.units : 0, writeUnits: isRead ? 0 : usage.units,
                throttled: isBatch ? usage.notDone : 0, written: isRead || operation == .describe ? 0 : usage.items)
        }
        counts.withLock { counts in
            var total = counts[operation] ?? Usage()
            total.calls += 1
            total.failures += usage.failures
            total.items += usage.items
            total.bytes += usage.bytes
            total.units += usage.units
            total.notDone += usage.notDone
            counts[operation] = total
        }
    }

    private func units(of isWanted: (Operation) -> Bool) -> Double {
        usage.reduce(0) { isWanted($1.key) ? $0 + $1.value.units : $0 }
    }

    private static func usage(of items: [Item], units: Double) -> Usage {
        Usage(items: items.count, bytes: items.reduce(0) { $0 + $1.size }, units: units)
    }

    private static func usage(of requests: [WriteRequest], _ result: BatchWriteResult) -> Usage {
        usage(items: requests.count, bytes: bytes(of: requests), result)
    }

    private static func usage(items: Int, bytes: Int, _ result: BatchWriteResult) -> Usage {
        Usage(
            items: items - result.unprocessed.count, bytes: bytes - self.bytes(of: result.unprocessed),
            units: result.consumedWriteUnits, notDone: result.unprocessed.count)
    }

    private static func bytes(of requests: [WriteRequest]) -> Int {
        requests.reduce(0) { if case .put(let item) = $1 { $0 + item.size } else { $0 } }
    }

    private static func usage(of outcome: WriteOutcome, bytes: Int) -> Usage {
        switch outcome {
        case .done(let units): Usage(items: 1, bytes: bytes, units: units)
        case .conditionFailed(let current): Usage(units: CapacityUnits.write(current?.size ?? 0), notDone: 1)
        }
    }
}
