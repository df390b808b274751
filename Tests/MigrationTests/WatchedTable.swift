import ByteStreams
import Items
import Synchronization
import Tables

/// A call of a table, as a test looks at it.
enum TableCall: Sendable {
    case describe
    case scan
    case query
    case get([ItemKey])
    case write([WriteRequest])
    case put(Item, WriteCondition)
    case putEach([ConditionalPut])
    case delete(ItemKey, WriteCondition)
    case deleteUnchanged([Item])
    case move([Move])

    var isWrite: Bool {
        switch self {
        case .describe, .scan, .query, .get: false
        default: true
        }
    }
}

/// A table that can be watched, disturbed and cut off at any call.
final class WatchedTable: Table {
    typealias Hook = @Sendable (_ number: Int, _ call: TableCall) async throws(RekeyError) -> Void

    let base: any Table
    let limits: TableLimits
    private let indexes: [IndexDescription]
    private let log = Mutex<[TableCall]>([])
    /// Called before a call is done, with its number from 1.
    private let before: Hook
    /// Called when a call is done and not yet answered.
    private let after: Hook
    /// What becomes of each request of a batch: nil drops it in silence.
    private let alter: @Sendable (WriteRequest) -> WriteRequest?
    /// Whether a request of a batch, with its number there from 0, comes back as unprocessed.
    private let holdsBack: @Sendable (WriteRequest, Int) -> Bool

    init(
        _ base: any Table, limits: TableLimits? = nil, indexes: [IndexDescription] = [],
        alter: @escaping @Sendable (WriteRequest) -> WriteRequest? = { $0 },
        holdsBack: @escaping @Sendable (WriteRequest, Int) -> Bool = { (_, _) in false },
        before: @escaping Hook = { (_, _) in }, after: @escaping Hook = { (_, _) in }
    ) {
        self.base = base
        self.limits = limits ?? base.limits
        self.indexes = indexes
        self.alter = alter
        self.holdsBack = holdsBack
        self.before = before
        self.after = after
    }

    var calls: [TableCall] { log.withLock { $0 } }
    var name: String { base.name }
    var schema: KeySchema { base.schema }

    private func watched<T: Sendable>(
        _ call: TableCall, _ body: () async throws(RekeyError) -> T
    ) async throws(RekeyError) -> T {
        let number = log.withLock { log in
            log.append(call)
            return log.count
        }
        try await before(number, call)
        let result = try await body()
        try await after(number, call)
        return result
    }

    func describe() async throws(RekeyError) -> TableDescription {
        var description = try await watched(.describe) { () async throws(RekeyError) in try await base.describe() }
        description.indexes += indexes
        return description
    }

    func scan(_ request: ScanRequest) async throws(RekeyError) -> Page {
        try await watched(.scan) { () async throws(RekeyError) in try await base.scan(request) }
    }

    func query(_ request: QueryRequest) async throws(RekeyError) -> Page {
        try await watched(.query) { () async throws(RekeyError) in try await base.query(request) }
    }

    func batchGet(_ keys: [ItemKey], consistent: Bool) async throws(RekeyError) -> BatchGetResult {
        try await watched(.get(keys)) { () async throws(RekeyError) in
            try await base.batchGet(keys, consistent: consistent)
        }
    }

    func batchWrite(_ requests: [WriteRequest]) async throws(RekeyError) -> BatchWriteResult {
        try await watched(.write(requests)) { () async throws(RekeyError) in
            try await base.batchWrite(requests.compactMap(alter))
        }
    }

    func bulkWrite(_ requests: [WriteRequest]) async throws(RekeyError) -> BatchWriteResult {
        try await watched(.write(requests)) { () async throws(RekeyError) in
            var taken: [WriteRequest] = []
            var held: [WriteRequest] = []
            for (number, request) in requests.enumerated() {
                if holdsBack(request, number) { held.append(request) } else { taken.append(request) }
            }
            var result = try await base.bulkWrite(taken.compactMap(alter))
            result.unprocessed += held
            return result
        }
    }

    func put(_ item: Item, condition: WriteCondition) async throws(RekeyError) -> WriteOutcome {
        try await watched(.put(item, condition)) { () async throws(RekeyError) in
            try await base.put(item, condition: condition)
        }
    }

    func put(_ puts: [ConditionalPut]) async throws(RekeyError) -> [WriteOutcome] {
        try await watched(.putEach(puts)) { () async throws(RekeyError) in
            var outcomes: [WriteOutcome] = []
            for next in puts {
                if case .put(let item)? = alter(.put(next.item)) {
                    outcomes.append(try await base.put(item, condition: next.condition))
                } else {
                    outcomes.append(.done(consumedWriteUnits: 1))
                }
            }
            return outcomes
        }
    }

    func delete(_ key: ItemKey, condition: WriteCondition) async throws(RekeyError) -> WriteOutcome {
        try await watched(.delete(key, condition)) { () async throws(RekeyError) in
            try await base.delete(key, condition: condition)
        }
    }

    func deleteUnchanged(_ items: [Item]) async throws(RekeyError) -> [WriteOutcome] {
        try await watched(.deleteUnchanged(items)) { () async throws(RekeyError) in
            try await base.deleteUnchanged(items)
        }
    }

    func transactMove(_ moves: [Move]) async throws(RekeyError) -> TransactMoveResult {
        try await watched(.move(moves)) { () async throws(RekeyError) in try await base.transactMove(moves) }
    }
}

/// What a cut connection looks like.
let cut = RekeyError(.serviceGaveUp, "the connection was cut")
