import ByteStreams
import Items
import Synchronization
import TableContract
import Tables
import TestSupport
import Testing

@Suite struct WrapperContractTests {
    @Test(arguments: TableContract.Check.allCases)
    func retryingTable(_ check: TableContract.Check) async throws {
        try await withTables { make in
            try await TableContract { RetryingTable(try await make($0)) }.run(check)
        }
    }

    /// A table that does a part of each batch only: with retries around it, nobody notices.
    @Test(arguments: TableContract.Check.allCases)
    func retryingTableOverOneThatDoesHalf(_ check: TableContract.Check) async throws {
        try await withTables { make in
            try await TableContract { schema in
                let half = HalfTable(base: try await make(schema))
                return RetryingTable(half, time: ManualTime().source, jitter: { 0 })
            }.run(check)
        }
    }

    @Test(arguments: TableContract.Check.allCases)
    func meteredTable(_ check: TableContract.Check) async throws {
        try await withTables { make in
            try await TableContract { MeteredTable(try await make($0)) }.run(check)
        }
    }

    @Test(arguments: TableContract.Check.allCases)
    func rateLimitedTable(_ check: TableContract.Check) async throws {
        try await withTables { make in
            try await TableContract {
                RateLimitedTable(try await make($0), readUnits: 10, writeUnits: 10, time: ManualTime().source)
            }.run(check)
        }
    }

    @Test(arguments: TableContract.Check.allCases.filter(\.isOfRefusals))
    func dryRunTable(_ check: TableContract.Check) async throws {
        try await withTables { make in
            try await TableContract { DryRunTable(try await make($0)) }.run(check)
        }
    }
}

@Suite struct WrapperTests {
    @Test func backoffDoublesUpToItsCapAndEnds() {
        let backoff = Backoff(base: .milliseconds(25), cap: .seconds(1), maximumAttempts: 9)
        let delays = (1...9).map { backoff.delay(after: $0, jitter: 1) }
        #expect(delays == [25, 50, 100, 200, 400, 800, 1000, 1000, nil].map { $0.map { .milliseconds($0) } })
        #expect(backoff.delay(after: 3, jitter: 0.5) == .milliseconds(50))
        #expect(backoff.delay(after: 3, jitter: 0) == .zero)
        #expect(Backoff(maximumAttempts: .max).delay(after: 100_000, jitter: 1) == .seconds(20))
    }

    @Test func whatIsNeverDoneComesBack() async throws {
        try await withTables { make in
            let stuck = HalfTable(base: try await make(.standard), share: 0)
            let time = ManualTime()
            let table = RetryingTable(
                stuck, backoff: Backoff(maximumAttempts: 4), time: time.source, jitter: { 1 })
            let requests = (0..<5).map { WriteRequest.put(item("p", "\($0)")) }
            #expect(try await table.batchWrite(requests).unprocessed.count == 5)
            #expect(stuck.calls.value == 4)
            #expect(time.slept == [25, 50, 100].map { .milliseconds($0) })
            let keys = try requests.map { try $0.key(.standard) }
            #expect(try await table.batchGet(keys, consistent: true).unprocessed == keys)
            await #expect(throws: RekeyError.self) { _ = try await table.get(keys[0]) }
        }
    }

    @Test func dryRunWritesNothingAndCounts() async throws {
        try await withTables { make in
            let base = try await make(.standard)
            let old = item("old", "1")
            _ = try await base.put(old, condition: .none)
            let table = DryRunTable(base)
            _ = try await table.batchWrite([
                .put(item("p", "1")), .put(item("p", "2")), .delete(try old.key(.standard)),
            ])
            _ = try await table.bulkWrite([.put(item("p", "3")), .put(item("p", "3"))])
            _ = try await table.put(item("p", "4"), condition: .exists)
            _ = try await table.delete(try old.key(.standard), condition: .none)
            #expect(try await table.transactMove([Move(old: old, new: item("p", "5"))]).isCommitted)
            let size = item("p", "1").size
            let writes = table.writes
            #expect([writes.puts, writes.deletes, writes.bytes] == [5, 3, 5 * size])
            #expect(writes.units == 10)
            let items = try await table.scan(ScanRequest()).items
            #expect(items.map(\.json) == [old.json])
        }
    }

    @Test func meterCountsByOperation() async throws {
        try await withTables { make in
            let table = MeteredTable(try await make(.standard))
            let item = item("p", "1")
            _ = try await table.batchWrite([
                .put(item), .delete(ItemKey(partition: KeyValue("q"), sort: KeyValue("1"))),
            ])
            _ = try await table.put(item, condition: .absent)
            _ = try await table.scan(ScanRequest(consistent: false))
            _ = try? await table.scan(ScanRequest(limit: 0))
            func counts(_ operation: MeteredTable.Operation) -> [Int] {
                table.usage[operation].map { [$0.calls, $0.failures, $0.items, $0.bytes, $0.notDone] } ?? []
            }
            #expect(counts(.batchWrite) == [1, 0, 2, item.size, 0])
            #expect(counts(.put) == [1, 0, 0, 0, 1])
            #expect(counts(.scan) == [2, 1, 1, item.size, 0])
            #expect(table.usage[.scan]?.units == 0.5)
            #expect(table.usage[.delete] == nil)
            #expect(table.writeUnits == 3)
            #expect(table.readUnits == 0.5)
        }
    }

    @Test func bucketKeepsTheRate() {
        var bucket = TokenBucket(rate: 10, capacity: 20)
        #expect(bucket.take(20, now: .zero) == .zero)
        #expect(bucket.take(5, now: .zero) == .milliseconds(500))
        #expect(bucket.take(5, now: .zero) == .seconds(1))
        // After two seconds 20 units more, 10 of them spent already.
        #expect(bucket.take(10, now: .seconds(2)) == .zero)
        #expect(bucket.take(1, now: .seconds(2)) == .milliseconds(100))
        bucket.settle(-1, now: .seconds(2))
        #expect(bucket.take(1, now: .seconds(2)) == .milliseconds(100))
        // It saves up no more than its capacity, and a clock that goes back gives nothing.
        #expect(bucket.take(20, now: .seconds(100)) == .zero)
        #expect(bucket.take(1, now: .seconds(50)) == .milliseconds(100))
    }

    @Test func limitedTableWritesAtTheRate() async throws {
        try await withTables { make in
            let time = ManualTime()
            let table = RateLimitedTable(try await make(.standard), writeUnits: 10, time: time.source)
            for round in 0..<10 {
                _ = try await table.batchWrite((0..<10).map { .put(item("p\(round)", "\($0)")) })
            }
            // 100 units at 10 a second, of which the first second's were saved up.
            #expect(time.slept.reduce(.zero, +) == .seconds(9))
            // Reads have no limit here.
            _ = try await table.scan(ScanRequest())
            #expect(time.slept.count == 9)
        }
    }
}

private func item(_ partition: String, _ sort: String) -> Item {
    Item(trusted: Array(#"{"PK":{"S":"\#(partition)"},"SK":{"S":"\#(sort)"}}"#.utf8))
}

/// A clock that moves when somebody sleeps.
private final class ManualTime: Sendable {
    private let state = Mutex<(now: Duration, slept: [Duration])>((.zero, []))

    var slept: [Duration] { state.withLock { $0.slept } }

    var source: TimeSource {
        TimeSource(
            now: { self.state.withLock { $0.now } },
            sleep: { duration in
                self.state.withLock {
                    $0.now += duration
                    $0.slept.append(duration)
                }
            })
    }
}

/// How often something was called.
private final class CallCount: Sendable {
    private let count = Mutex(0)

    var value: Int { count.withLock { $0 } }

    func add() { count.withLock { $0 += 1 } }
}

/// A table that does the first requests of a batch and leaves the others unprocessed.
private struct HalfTable: Table {
    let base: any Table
    /// The most requests done at once; nil for half of them.
    var share: Int?
    let calls = CallCount()

    var name: String { base.name }
    var schema: KeySchema { base.schema }
    var limits: TableLimits { TableLimits() }

    func describe() async throws(RekeyError) -> TableDescription { try await base.describe() }
    func scan(_ request: ScanRequest) async throws(RekeyError) -> Page { try await base.scan(request) }
    func query(_ request: QueryRequest) async throws(RekeyError) -> Page { try await base.query(request) }

    func batchGet(_ keys: [ItemKey], consistent: Bool) async throws(RekeyError) -> BatchGetResult {
        var result = try await base.batchGet(keys, consistent: consistent)
        let done = share ?? (keys.count + 1) / 2
        guard done < keys.count else { return result }
        let read = Set(keys.prefix(done).filter { !result.unprocessed.contains($0) })
        result = try await base.batchGet(Array(read), consistent: consistent)
        result.unprocessed = keys.filter { !read.contains($0) }
        return result
    }

    func batchWrite(_ requests: [WriteRequest]) async throws(RekeyError) -> BatchWriteResult {
        calls.add()
        let done = share ?? (requests.count + 1) / 2
        // A batch that is refused is refused whole.
        if done < requests.count { _ = try await DryRunTable(base).batchWrite(requests) }
        var result = try await base.batchWrite(Array(requests.prefix(done)))
        result.unprocessed += requests.dropFirst(done)
        return result
    }

    func put(_ item: Item, condition: WriteCondition) async throws(RekeyError) -> WriteOutcome {
        try await base.put(item, condition: condition)
    }

    func delete(_ key: ItemKey, condition: WriteCondition) async throws(RekeyError) -> WriteOutcome {
        try await base.delete(key, condition: condition)
    }

    func transactMove(_ moves: [Move]) async throws(RekeyError) -> TransactMoveResult {
        try await base.transactMove(moves)
    }
}
