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
    /// What the rules made of earlier forms of the old item, which the run may have put.
    var earlier: [Copy] = []

    /// A new item that the run may have put.
    struct Copy: Sendable {
        var item: Item
        var key: ItemKey
    }

    var copy: Copy { Copy(item: new, key: newKey) }

    /// As the decisions see it: copies under this new key.
    var planned: MoveDecisions<Item>.Planned {
        MoveDecisions.Planned(old: old, new: new, earlier: earlier.filter { $0.key == newKey }.map(\.item))
    }

    /// Whether an item under the new key is one that the run may have put, so that no change of anyone's is lost with it.
    func isOwnCopy(_ item: Item) -> Bool {
        item.isEqual(to: new) || earlier.contains { $0.key == newKey && $0.item.isEqual(to: item) }
    }

    /// Earlier copies under other keys, which a change of rule or attribute left behind.
    var strays: [Copy] { earlier.filter { $0.key != newKey } }
}

/// The moves of a run, in chunks. Its snapshot and its delta are the one list of what a run may touch; of an old item that is in both,
/// or in the delta more than once, the last form is moved.
struct MoveList {
    let snapshotPath: String
    let rules: RuleSet
    let schema: KeySchema
    let delta: DeltaLog?
    /// The only old keys that are wanted, all of them of the delta; nil for all there are.
    let only: Set<ItemKey>?
    /// How many moves are in hand at a time.
    let chunkSize: Int
    /// Told of each chunk that is done.
    let watch: RunWatch?

    /// - Parameter table: a chunk is 40 of the table's write requests, at most 1000 items.
    init(
        snapshotPath: String, rules: RuleSet, table: any Table, delta: DeltaLog? = nil, only: Set<ItemKey>? = nil,
        watch: RunWatch? = nil
    ) {
        self.watch = watch
        self.snapshotPath = snapshotPath
        self.rules = rules
        self.delta = delta
        self.only = only
        schema = table.schema
        chunkSize = min(max(table.limits.bulkWrite, 1), 25) * 40
    }

    /// Calls `body` with each chunk: the items of the snapshot in its order, then those that the delta alone has.
    func forEachChunk(_ body: ([PlannedMove]) async throws(RekeyError) -> Void) async throws(RekeyError) {
        let feed = try await openFeed(.directory(snapshotPath))
        var mover = Mover(rules: rules, schema: schema)
        var waiting: [PlannedMove] = []
        let versions = delta?.versions ?? [:]
        var seen: Set<ItemKey> = []
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
                let later = versions.isEmpty ? nil : versions[move.oldKey]
                if let later {
                    seen.insert(move.oldKey)
                    if only?.contains(move.oldKey) ?? true {
                        waiting.append(try mover.move(later, after: [move.copy]))
                    }
                } else if only == nil {
                    waiting.append(move)
                }
                return false
            }
            if !hasMore {
                let rest = versions.filter { !seen.contains($0.key) && (only?.contains($0.key) ?? true) }
                do {
                    for (_, forms) in rest.sorted(by: {
                        $0.key.sortableBytes.lexicographicallyPrecedes($1.key.sortableBytes)
                    }) {
                        waiting.append(try mover.move(forms, after: []))
                    }
                } catch {
                    throw RekeyError(.badInput, "the delta: \(error.reason)", source: snapshotPath)
                }
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

    /// The move of the last of an item's forms, of which the rules move every one.
    mutating func move(_ forms: [Item], after earlier: [PlannedMove.Copy]) throws(ItemError) -> PlannedMove {
        var earlier = earlier
        var last: PlannedMove?
        for form in forms {
            if let last { earlier.append(last.copy) }
            last = try move(form)
            if last == nil {
                throw ItemError(
                    "the rules do not move an item of the run; they are not the rules it was begun with", at: 0)
            }
        }
        guard var last else { throw ItemError("an item of the run has no form", at: 0) }
        last.earlier = earlier
        return last
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
}
