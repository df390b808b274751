package import ByteStreams
package import Items
import Synchronization

/// A table that is given only so many read and write units a second, by making its callers wait.
///
/// Writes are reckoned by their size before they are sent and by what they cost after; reads by what the last read of
/// their kind cost. The rate is kept over time, not within each second: a call is never split.
package final class RateLimitedTable: Table {
    private struct Budgets {
        var read: TokenBucket?
        var write: TokenBucket?
        var lastPage = 1.0
        var lastGet = 1.0
    }

    private let base: any Table
    private let time: TimeSource
    private let budgets: Mutex<Budgets>

    /// - Parameters:
    ///   - readUnits: read units a second; nil for no limit.
    ///   - writeUnits: write units a second; nil for no limit.
    package init(
        _ base: any Table, readUnits: Double? = nil, writeUnits: Double? = nil, time: TimeSource = .continuous
    ) {
        self.base = base
        self.time = time
        budgets = Mutex(
            Budgets(
                read: readUnits.map { TokenBucket(rate: $0) }, write: writeUnits.map { TokenBucket(rate: $0) }))
    }

    package var name: String { base.name }
    package var schema: KeySchema { base.schema }
    /// A bulk write is not split, so callers are asked to gather no more than about a second's units for one.
    package var limits: TableLimits {
        var limits = base.limits
        guard let rate = budgets.withLock({ $0.write?.rate }) else { return limits }
        limits.bulkWrite = min(limits.bulkWrite, max(limits.batchWrite, Int(min(rate, 1e6))))
        limits.bulkWriteBytes = min(limits.bulkWriteBytes, max(64 << 10, Int(min(rate, 1e6)) << 10))
        return limits
    }

    package func describe() async throws(RekeyError) -> TableDescription { try await base.describe() }

    package func scan(_ request: ScanRequest) async throws(RekeyError) -> Page {
        try await limited(\.read, budgets.withLock { $0.lastPage }) { () async throws(RekeyError) in
            let page = try await base.scan(request)
            budgets.withLock { $0.lastPage = page.consumedReadUnits }
            return (page, page.consumedReadUnits)
        }
    }

    package func query(_ request: QueryRequest) async throws(RekeyError) -> Page {
        try await limited(\.read, budgets.withLock { $0.lastPage }) { () async throws(RekeyError) in
            let page = try await base.query(request)
            budgets.withLock { $0.lastPage = page.consumedReadUnits }
            return (page, page.consumedReadUnits)
        }
    }

    package func batchGet(_ keys: [ItemKey], consistent: Bool) async throws(RekeyError) -> BatchGetResult {
        let count = Double(max(1, keys.count))
        return try await limited(\.read, budgets.withLock { $0.lastGet * count }) { () async throws(RekeyError) in
            let result = try await base.batchGet(keys, consistent: consistent)
            budgets.withLock { $0.lastGet = result.consumedReadUnits / count }
            return (result, result.consumedReadUnits)
        }
    }

    package func batchWrite(_ requests: [WriteRequest]) async throws(RekeyError) -> BatchWriteResult {
        try await limited(\.write, Self.estimate(requests)) { () async throws(RekeyError) in
            let result = try await base.batchWrite(requests)
            return (result, result.consumedWriteUnits)
        }
    }

    package func bulkWrite(_ requests: [WriteRequest]) async throws(RekeyError) -> BatchWriteResult {
        try await limited(\.write, Self.estimate(requests)) { () async throws(RekeyError) in
            let result = try await base.bulkWrite(requests)
            return (result, result.consumedWriteUnits)
        }
    }

    package func bulkWrite(_ batch: WriteBatch) async throws(RekeyError) -> BatchWriteResult {
        try await limited(\.write, batch.units) { () async throws(RekeyError) in
            let result = try await base.bulkWrite(batch)
            return (result, result.consumedWriteUnits)
        }
    }

    package func put(_ item: Item, condition: WriteCondition) async throws(RekeyError) -> WriteOutcome {
        try await limited(\.write, Self.estimate([.put(item)])) { () async throws(RekeyError) in
            let outcome = try await base.put(item, condition: condition)
            return (outcome, Self.cost(outcome))
        }
    }

    package func delete(_ key: ItemKey, condition: WriteCondition) async throws(RekeyError) -> WriteOutcome {
        try await limited(\.write, Self.estimate([.delete(key)])) { () async throws(RekeyError) in
            let outcome = try await base.delete(key, condition: condition)
            return (outcome, Self.cost(outcome))
        }
    }

    package func transactMove(_ moves: [Move]) async throws(RekeyError) -> TransactMoveResult {
        let units = moves.reduce(0) {
            $0 + CapacityUnits.write($1.old.size, transactional: true)
                + CapacityUnits.write($1.new.size, transactional: true)
        }
        return try await limited(\.write, units) { () async throws(RekeyError) in
            let result = try await base.transactMove(moves)
            return (result, result.consumedWriteUnits)
        }
    }

    private func limited<Answer>(
        _ budget: WritableKeyPath<Budgets, TokenBucket?>, _ estimate: Double,
        _ call: () async throws(RekeyError) -> (Answer, Double)
    ) async throws(RekeyError) -> Answer {
        let wait = budgets.withLock { $0[keyPath: budget]?.take(estimate, now: time.now()) } ?? .zero
        var used = 0.0
        // Whatever happens, what was taken and not used goes back.
        defer { budgets.withLock { $0[keyPath: budget]?.settle(used - estimate, now: time.now()) } }
        if wait > .zero { try await time.wait(wait) }
        let (answer, units) = try await call()
        used = units
        return answer
    }

    private static func estimate(_ requests: [WriteRequest]) -> Double {
        requests.reduce(0) {
            switch $1 {
            case .put(let item): $0 + CapacityUnits.write(item.size)
            case .delete: $0 + CapacityUnits.write(0)
            }
        }
    }

    private static func cost(_ outcome: WriteOutcome) -> Double {
        switch outcome {
        case .done(let units): units
        case .conditionFailed(let current): CapacityUnits.write(current?.size ?? 0)
        }
    }
}
