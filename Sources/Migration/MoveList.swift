import ByteStreams
import Items
import Rekeying
import Stages
import Tables

/// One item of the snapshot and what the rules make of it.
struct PlannedMove: Sendable {
    var old: Item
    var oldKey: ItemKey
    var new: Item
    var newKey: ItemKey
}

/// The moves of a run, read from its snapshot in chunks: the snapshot is the one list of what a run may touch.
struct MoveList: Sendable {
    let snapshotPath: String
    let rules: RuleSet
    let schema: KeySchema
    /// How many moves are in hand at a time.
    let chunkSize: Int
    /// Told of each chunk that is done.
    let watch: RunWatch?

    /// - Parameter table: a chunk is 40 of the table's write requests, at most 1000 items.
    init(snapshotPath: String, rules: RuleSet, table: any Table, watch: RunWatch? = nil) {
        self.watch = watch
        self.snapshotPath = snapshotPath
        self.rules = rules
        schema = table.schema
        chunkSize = min(max(table.limits.bulkWrite, 1), 25) * 40
    }

    /// Calls `body` with each chunk, in the order of the snapshot.
    func forEachChunk(_ body: ([PlannedMove]) async throws(RekeyError) -> Void) async throws(RekeyError) {
        let feed = try await openFeed(.directory(snapshotPath))
        var mover = Mover(rules: rules, schema: schema)
        var waiting: [PlannedMove] = []
        var hasMore = true
        while hasMore {
            hasMore = try await feed.nextBlock { line, record, view in
                guard let image = record.image else {
                    throw ItemError("a snapshot holds a record that is no item", at: 0)
                }
                guard let move = try mover.move(line, image, view) else {
                    throw ItemError(
                        "the rules do not move an item of the snapshot; they are not the rules it was made by", at: 0)
                }
                waiting.append(move)
                return false
            }
            var start = 0
            while waiting.count - start >= chunkSize || (!hasMore && start < waiting.count) {
                let end = min(start + chunkSize, waiting.count)
                try await body(Array(waiting[start..<end]))
                watch?.advance(end - start)
                start = end
            }
            waiting.removeFirst(start)
        }
    }
}

/// Makes moves of items.
struct Mover: ~Copyable {
    private var rekeyer: Rekeyer
    private var output = ByteWriter(capacity: 4096)
    private let schema: KeySchema

    init(rules: RuleSet, schema: KeySchema) {
        rekeyer = Rekeyer(rules)
        self.schema = schema
    }

    /// The move of an item of a line, or nil where no rule moves it.
    mutating func move(
        _ line: UnsafeRawBufferPointer, _ image: Range<Int>, _ view: ItemView
    ) throws(ItemError) -> PlannedMove? {
        output.removeAll()
        let (outcome, newKey) = try rekeyer.rewrite(view, range: image, from: image.lowerBound, into: &output)
        guard case .moved = outcome, let newKey else { return nil }
        return PlannedMove(
            old: Item(trusted: Array(line[image])), oldKey: try view.key(schema), new: Item(trusted: output.array),
            newKey: newKey)
    }

    /// The move of an item on its own, or nil where no rule moves it.
    mutating func move(_ item: Item) throws(ItemError) -> PlannedMove? {
        let bytes = item.json
        var scanner = RecordScanner()
        return try bytes.withRawBytes { raw throws(ItemError) in
            let range = try scanner.scanItem(raw)
            return try move(raw, range, ItemView(line: raw, attributes: scanner.attributes))
        }
    }
}

extension Table {
    /// The items under keys, in any number, read with strong consistency. Fails where some were not answered.
    func read(_ keys: [ItemKey]) async throws(RekeyError) -> [ItemKey: Item] {
        var found: [ItemKey: Item] = [:]
        found.reserveCapacity(keys.count)
        var start = 0
        while start < keys.count {
            let end = min(start + limits.batchGet, keys.count)
            let result = try await batchGet(Array(keys[start..<end]), consistent: true)
            if let first = result.unprocessed.first {
                throw RekeyError(
                    .serviceGaveUp,
                    "\(result.unprocessed.count) items could not be read, the first \(first); try again later",
                    source: name)
            }
            for item in result.items {
                do {
                    found[try item.key(schema)] = item
                } catch {
                    throw RekeyError(
                        .unexpected, "the table gave back an item without a key: \(error.reason)", source: name)
                }
            }
            start = end
        }
        return found
    }

    /// Puts or deletes, in any number; fails where some were not done.
    func write(_ requests: [WriteRequest]) async throws(RekeyError) {
        var start = 0
        while start < requests.count {
            let end = min(start + max(limits.bulkWrite, 1), requests.count)
            let result = try await bulkWrite(Array(requests[start..<end]))
            guard result.unprocessed.isEmpty else {
                throw RekeyError(
                    .stoppedResumable, "\(result.unprocessed.count) writes were still not done after many tries",
                    source: name)
            }
            start = end
        }
    }
}
