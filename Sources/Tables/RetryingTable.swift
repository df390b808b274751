package import ByteStreams
package import Items

/// A table that sends again what came back as unprocessed, with growing random delays.
///
/// It never drops a request: what is still not done when the attempts are used up comes back as unprocessed, and the
/// caller has to fail. A round that gets something done starts the count of attempts anew. Errors pass unchanged:
/// whether a failed request may be repeated is known where it was sent.
package struct RetryingTable: Table {
    private let base: any Table
    private let backoff: Backoff
    private let time: TimeSource
    private let jitter: @Sendable () -> Double

    /// - Parameter jitter: gives 0 to 1, evenly.
    package init(
        _ base: any Table, backoff: Backoff = Backoff(), time: TimeSource = .continuous,
        jitter: @escaping @Sendable () -> Double = { Double.random(in: 0...1) }
    ) {
        self.base = base
        self.backoff = backoff
        self.time = time
        self.jitter = jitter
    }

    package var name: String { base.name }
    package var schema: KeySchema { base.schema }
    package var limits: TableLimits { base.limits }

    package func describe() async throws(RekeyError) -> TableDescription { try await base.describe() }

    package func scan(_ request: ScanRequest) async throws(RekeyError) -> Page { try await base.scan(request) }

    package func query(_ request: QueryRequest) async throws(RekeyError) -> Page { try await base.query(request) }

    package func batchGet(_ keys: [ItemKey], consistent: Bool) async throws(RekeyError) -> BatchGetResult {
        var total = BatchGetResult(unprocessed: keys)
        var failures = 0
        repeat {
            let sent = total.unprocessed
            let result = try await base.batchGet(sent, consistent: consistent)
            total.items += result.items
            total.consumedReadUnits += result.consumedReadUnits
            total.unprocessed = result.unprocessed
            if total.unprocessed.isEmpty { break }
            failures = result.unprocessed.count < sent.count ? 1 : failures + 1
        } while try await waits(after: failures)
        return total
    }

    package func batchWrite(_ requests: [WriteRequest]) async throws(RekeyError) -> BatchWriteResult {
        try await resend(requests) { (requests) async throws(RekeyError) in try await base.batchWrite(requests) }
    }

    package func bulkWrite(_ requests: [WriteRequest]) async throws(RekeyError) -> BatchWriteResult {
        try await resend(requests) { (requests) async throws(RekeyError) in try await base.bulkWrite(requests) }
    }

    package func bulkWrite(_ batch: WriteBatch) async throws(RekeyError) -> BatchWriteResult {
        let first = try await base.bulkWrite(batch)
        if first.unprocessed.isEmpty || batch.freshness != nil { return first }
        guard try await waits(after: 1) else { return first }
        var total = try await bulkWrite(first.unprocessed)
        total.consumedWriteUnits += first.consumedWriteUnits
        return total
    }

    package func put(_ item: Item, condition: WriteCondition) async throws(RekeyError) -> WriteOutcome {
        try await base.put(item, condition: condition)
    }

    package func put(_ puts: [ConditionalPut]) async throws(RekeyError) -> [WriteOutcome] {
        try await base.put(puts)
    }

    package func awaitRoom(readUnits: Double, writeUnits: Double) async throws(RekeyError) {
        try await base.awaitRoom(readUnits: readUnits, writeUnits: writeUnits)
    }

    package var readsToCompare: Bool { base.readsToCompare }

    package func delete(_ key: ItemKey, condition: WriteCondition) async throws(RekeyError) -> WriteOutcome {
        try await base.delete(key, condition: condition)
    }

    package func deleteUnchanged(_ items: [Item]) async throws(RekeyError) -> [WriteOutcome] {
        try await base.deleteUnchanged(items)
    }

    package func transactMove(_ moves: [Move]) async throws(RekeyError) -> TransactMoveResult {
        try await base.transactMove(moves)
    }

    private func resend(
        _ requests: [WriteRequest], _ send: ([WriteRequest]) async throws(RekeyError) -> BatchWriteResult
    ) async throws(RekeyError) -> BatchWriteResult {
        var total = BatchWriteResult(unprocessed: requests)
        var failures = 0
        repeat {
            let sent = total.unprocessed
            let result = try await send(sent)
            total.consumedWriteUnits += result.consumedWriteUnits
            total.unprocessed = result.unprocessed
            if total.unprocessed.isEmpty { break }
            failures = result.unprocessed.count < sent.count ? 1 : failures + 1
        } while try await waits(after: failures)
        return total
    }

    /// Waits before another try; false if there is to be none.
    private func waits(after failures: Int) async throws(RekeyError) -> Bool {
        guard let delay = backoff.delay(after: failures, jitter: jitter()) else { return false }
        try await time.wait(delay)
        return true
    }
}
