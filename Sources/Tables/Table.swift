package import ByteStreams
package import Items

/// A DynamoDB table, live or embedded, seen through the operations a re-keying needs.
///
/// Every table keeps DynamoDB's own rules, so that a pipeline tried on one works on the others; `Tests/TableContract`
/// states them as tests. Every operation may suspend, may be called from any task, and throws
/// - `badInput` for a request DynamoDB refuses with `ValidationException`, in its words where they are known; nothing
///   was written then;
/// - `serviceGaveUp` when the table cannot be reached or stays busy: a write may or may not have been done;
/// - `interrupted` when the task was cancelled.
package protocol Table: Sendable {
    /// The name, as in `dynamodb:NAME`.
    var name: String { get }
    /// The names and types of the key attributes.
    var schema: KeySchema { get }
    /// The largest requests that are accepted.
    var limits: TableLimits { get }

    /// What the table is now. Counts and sizes may be hours old (DynamoDB refreshes them about every six hours).
    func describe() async throws(RekeyError) -> TableDescription

    /// One page of the whole table or of one segment, in the order of a hash of the partition key, the items of one
    /// partition in the order of their sort keys. There is no snapshot across pages: an item that moves during the
    /// scan can be seen twice or not at all.
    func scan(_ request: ScanRequest) async throws(RekeyError) -> Page

    /// One page of the items of one partition, in the order of their sort keys.
    func query(_ request: QueryRequest) async throws(RekeyError) -> Page

    /// The items under up to `limits.batchGet` different keys, in any order; a missing item is left out. Keys that
    /// were not read come back as `unprocessed`.
    func batchGet(_ keys: [ItemKey], consistent: Bool) async throws(RekeyError) -> BatchGetResult

    /// Up to `limits.batchWrite` puts and deletes of different items. Refused whole or accepted; what was accepted
    /// but not done comes back as `unprocessed` and has to be sent again. Deleting a missing item is done.
    func batchWrite(_ requests: [WriteRequest]) async throws(RekeyError) -> BatchWriteResult

    /// Any number of puts and deletes, best `limits.bulkWrite` at a time, as if written one after the other: of
    /// several requests for one item the last one wins. Each item is written atomically, all together are not.
    func bulkWrite(_ requests: [WriteRequest]) async throws(RekeyError) -> BatchWriteResult

    /// `bulkWrite` of requests that were checked and rendered before: the cheapest way for many, and that with a `freshness`.
    func bulkWrite(_ batch: WriteBatch) async throws(RekeyError) -> BatchWriteResult

    /// Stores an item in place of any item under its key, if the condition holds.
    func put(_ item: Item, condition: WriteCondition) async throws(RekeyError) -> WriteOutcome

    /// Stores each item whose condition holds; one outcome an item, in order. Each is decided and written atomically.
    func put(_ puts: [ConditionalPut]) async throws(RekeyError) -> [WriteOutcome]

    /// Waits until reads and writes of so many units may go at once, where limits or a pause hold them back; takes none of them.
    func awaitRoom(readUnits: Double, writeUnits: Double) async throws(RekeyError)

    /// Whether each item that is compared in a write is read first, which costs read units.
    var readsToCompare: Bool { get }

    /// Removes the item under a key, if the condition holds. A missing item fails `exists` and `equals` only.
    func delete(_ key: ItemKey, condition: WriteCondition) async throws(RekeyError) -> WriteOutcome

    /// Removes each item that is still equal by canonical form; one outcome an item, in order. Each is decided and removed atomically.
    func deleteUnchanged(_ items: [Item]) async throws(RekeyError) -> [WriteOutcome]

    /// Moves up to `limits.transactMove` items in one transaction: each old item is deleted if it is unchanged, each
    /// new one is put if there is none under its key or an equal one. Either all moves are done or none.
    func transactMove(_ moves: [Move]) async throws(RekeyError) -> TransactMoveResult
}

extension Table {
    /// Every item of the segment or table in order, page by page.
    package func forEachPage(
        _ request: ScanRequest, isolation: isolated (any Actor)? = #isolation,
        _ body: (Page) async throws(RekeyError) -> Void
    ) async throws(RekeyError) {
        var request = request
        repeat {
            let page = try await scan(request)
            try await body(page)
            request.startKey = page.lastEvaluatedKey
        } while request.startKey != nil
    }

    /// Every item that the query selects in order, page by page.
    package func forEachPage(
        _ request: QueryRequest, isolation: isolated (any Actor)? = #isolation,
        _ body: (Page) async throws(RekeyError) -> Void
    ) async throws(RekeyError) {
        var request = request
        repeat {
            let page = try await query(request)
            try await body(page)
            request.startKey = page.lastEvaluatedKey
        } while request.startKey != nil
    }

    /// The item under a key, read with strong consistency; nil if there is none. Fails with `serviceGaveUp` if the
    /// table does not answer for the key.
    package func get(_ key: ItemKey) async throws(RekeyError) -> Item? {
        let result = try await batchGet([key], consistent: true)
        guard result.unprocessed.isEmpty else {
            throw RekeyError(.serviceGaveUp, "item \(key) could not be read; try again later", source: name)
        }
        return result.items.first
    }

    package func put(_ puts: [ConditionalPut]) async throws(RekeyError) -> [WriteOutcome] {
        var outcomes: [WriteOutcome] = []
        outcomes.reserveCapacity(puts.count)
        for next in puts { outcomes.append(try await put(next.item, condition: next.condition)) }
        return outcomes
    }

    package func awaitRoom(readUnits: Double, writeUnits: Double) async throws(RekeyError) {}

    /// Awaits room, and then does `body`, whose calls neither limits nor a pause hold back: what it reads is fresh when it writes. What
    /// they take beyond the room, later calls wait for.
    package func atOnce<Answer>(
        readUnits: Double, writeUnits: Double, _ body: () async throws(RekeyError) -> Answer
    ) async throws(RekeyError) -> Answer {
        try await awaitRoom(readUnits: readUnits, writeUnits: writeUnits)
        let result: Result<Answer, RekeyError> = await CapacityGovernor.$holdsBack.withValue(false) {
            do throws(RekeyError) { return .success(try await body()) } catch { return .failure(error) }
        }
        return try result.get()
    }

    package var readsToCompare: Bool { false }

    /// `delete` with `equals`, item by item.
    package func deleteUnchanged(_ items: [Item]) async throws(RekeyError) -> [WriteOutcome] {
        var outcomes: [WriteOutcome] = []
        outcomes.reserveCapacity(items.count)
        for item in items {
            outcomes.append(try await delete(try item.requiredKey(schema), condition: .equals(item)))
        }
        return outcomes
    }

    /// `batchWrite` of `limits.batchWrite` requests at a time.
    ///
    /// Only the last request of an item is ever sent: an earlier one that came back as unprocessed could otherwise
    /// overwrite a later one when it is sent again.
    package func bulkWrite(_ requests: [WriteRequest]) async throws(RekeyError) -> BatchWriteResult {
        let checks = RequestChecks(schema: schema, limits: limits)
        for request in requests { try checks.check(request) }
        var total = BatchWriteResult()
        let last = try lastOfEachItem(requests, schema: schema)
        var start = 0
        while start < last.count {
            let end = min(start + limits.batchWrite, last.count)
            let result = try await batchWrite(Array(last[start..<end]))
            total.unprocessed += result.unprocessed
            total.consumedWriteUnits += result.consumedWriteUnits
            start = end
        }
        return total
    }
}

/// The requests without those that a later one for the same item makes void, otherwise in their order.
package func lastOfEachItem(_ requests: [WriteRequest], schema: KeySchema) throws(RekeyError) -> [WriteRequest] {
    var last: [ItemKey: Int] = [:]
    last.reserveCapacity(requests.count)
    for index in requests.indices {
        last[try requests[index].key(schema)] = index
    }
    return last.count == requests.count ? requests : last.values.sorted().map { requests[$0] }
}
