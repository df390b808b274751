package import ByteStreams
package import Items
import Synchronization

/// A table that is given only so many read and write units a second, by making its callers wait.
///
/// Writes are reckoned by their size before they are sent and by what they cost after; reads by what the last read of
/// their kind cost. The rate is kept over time, not within each second: a call is never split.
package final class RateLimitedTable: Table {
    private let base: any Table
    private let governor: CapacityGovernor

    /// - Parameters:
    ///   - readUnits: read units a second; nil for no limit.
    ///   - writeUnits: write units a second; nil for no limit.
    package convenience init(
        _ base: any Table, readUnits: Double? = nil, writeUnits: Double? = nil, time: TimeSource = .continuous
    ) {
        self.init(base, governor: CapacityGovernor(readUnits: readUnits, writeUnits: writeUnits, time: time))
    }

    /// - Parameter governor: has the limits, and may change them while calls wait.
    package init(_ base: any Table, governor: CapacityGovernor) {
        self.base = base
        self.governor = governor
    }

    package var name: String { base.name }
    package var schema: KeySchema { base.schema }
    /// A bulk write is not split, so callers are asked to gather no more than about a second's units for one, nor more items than two
    /// reads each of about a second look at.
    package var limits: TableLimits {
        var limits = base.limits
        let rates = governor.rates
        if let rate = rates.read {
            limits.bulkWrite = min(limits.bulkWrite, max(limits.batchWrite, Int(min(rate / 2, 1e6))))
        }
        guard let rate = rates.write else { return limits }
        limits.bulkWrite = min(limits.bulkWrite, max(limits.batchWrite, Int(min(rate, 1e6))))
        limits.bulkWriteBytes = min(limits.bulkWriteBytes, max(64 << 10, Int(min(rate, 1e6)) << 10))
        return limits
    }

    package func describe() async throws(RekeyError) -> TableDescription { try await base.describe() }

    package func scan(_ request: ScanRequest) async throws(RekeyError) -> Page {
        try await limited(\.read, governor.budgets.withLock { $0.lastPage }) { () async throws(RekeyError) in
            let page = try await base.scan(request)
            governor.budgets.withLock { $0.lastPage = page.consumedReadUnits }
            return (page, page.consumedReadUnits)
        }
    }

    package func query(_ request: QueryRequest) async throws(RekeyError) -> Page {
        try await limited(\.read, governor.budgets.withLock { $0.lastPage }) { () async throws(RekeyError) in
            let page = try await base.query(request)
            governor.budgets.withLock { $0.lastPage = page.consumedReadUnits }
            return (page, page.consumedReadUnits)
        }
    }

    package func batchGet(_ keys: [ItemKey], consistent: Bool) async throws(RekeyError) -> BatchGetResult {
        let count = Double(max(1, keys.count))
        return try await limited(\.read, governor.budgets.withLock { $0.lastGet * count }) {
            () async throws(RekeyError) in
            let result = try await base.batchGet(keys, consistent: consistent)
            governor.budgets.withLock { $0.lastGet = result.consumedReadUnits / count }
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
        try await admitReads(compared(by: condition))
        return try await limited(\.write, Self.estimate([.put(item)])) { () async throws(RekeyError) in
            let outcome = try await base.put(item, condition: condition)
            return (outcome, Self.cost(outcome))
        }
    }

    package func put(_ puts: [ConditionalPut]) async throws(RekeyError) -> [WriteOutcome] {
        var outcomes: [WriteOutcome] = []
        outcomes.reserveCapacity(puts.count)
        while outcomes.count < puts.count {
            let part = Array(puts[outcomes.count..<min(outcomes.count + most(of: puts.count), puts.count)])
            try await admitReads(part.reduce(0) { $0 + compared(by: $1.condition) })
            let units = Self.estimate(part.map { .put($0.item) })
            outcomes += try await limited(\.write, units) { () async throws(RekeyError) in
                let outcomes = try await base.put(part)
                return (outcomes, outcomes.reduce(0) { $0 + Self.cost($1) })
            }
        }
        return outcomes
    }

    package func awaitRoom(readUnits: Double, writeUnits: Double) async throws(RekeyError) {
        try await governor.awaitRoom(\.read, readUnits)
        try await governor.awaitRoom(\.write, writeUnits)
    }

    package var readsToCompare: Bool { base.readsToCompare }

    package func delete(_ key: ItemKey, condition: WriteCondition) async throws(RekeyError) -> WriteOutcome {
        try await admitReads(compared(by: condition))
        return try await limited(\.write, Self.estimate([.delete(key)])) { () async throws(RekeyError) in
            let outcome = try await base.delete(key, condition: condition)
            return (outcome, Self.cost(outcome))
        }
    }

    package func deleteUnchanged(_ items: [Item]) async throws(RekeyError) -> [WriteOutcome] {
        var outcomes: [WriteOutcome] = []
        outcomes.reserveCapacity(items.count)
        while outcomes.count < items.count {
            let part = Array(items[outcomes.count..<min(outcomes.count + most(of: items.count), items.count)])
            try await admitReads(part.reduce(0) { $0 + compared(by: .equals($1)) })
            let units = part.reduce(0) { $0 + CapacityUnits.write($1.size) }
            outcomes += try await limited(\.write, units) { () async throws(RekeyError) in
                let outcomes = try await base.deleteUnchanged(part)
                return (outcomes, outcomes.reduce(0) { $0 + Self.cost($1) })
            }
        }
        return outcomes
    }

    package func transactMove(_ moves: [Move]) async throws(RekeyError) -> TransactMoveResult {
        let units = moves.reduce(0) {
            $0 + CapacityUnits.write($1.old.size, transactional: true)
                + CapacityUnits.write($1.new.size, transactional: true)
        }
        // The old item and what may stand under its new key.
        try await admitReads(moves.reduce(0) { $0 + compared(by: .equals($1.old)) + compared(by: .equals($1.new)) })
        return try await limited(\.write, units) { () async throws(RekeyError) in
            let result = try await base.transactMove(moves)
            return (result, result.consumedWriteUnits)
        }
    }

    /// How many of `count` writes go together: without a limit all, which an embedded table does in one transaction.
    private func most(of count: Int) -> Int { governor.rates.write == nil ? count : max(limits.bulkWrite, 1) }

    /// The read units of comparing an item for a write, where that takes a read.
    private func compared(by condition: WriteCondition) -> Double {
        guard case .equals(let item) = condition, readsToCompare else { return 0 }
        return CapacityUnits.read(item.size, consistent: true)
    }

    private func admitReads(_ units: Double) async throws(RekeyError) {
        if units > 0 { try await governor.admit(\.read, units) }
    }

    private func limited<Answer>(
        _ budget: WritableKeyPath<CapacityGovernor.Budgets, TokenBucket?>, _ estimate: Double,
        _ call: () async throws(RekeyError) -> (Answer, Double)
    ) async throws(RekeyError) -> Answer {
        try await governor.admit(budget, estimate)
        var used = 0.0
        // Whatever happens, what was taken and not used goes back.
        defer { governor.settle(budget, used - estimate) }
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
