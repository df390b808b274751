import ByteStreams
import Items
import Rekeying
import Stages
import Tables

/// The items that came under new keys since a migration: rules could have made their keys, and the run neither moved them nor found them.
struct CreatedItems {
    /// More than these are not brought back one by one.
    static let most = 1_000_000

    /// In the order of their keys, `most` of them at the most.
    private(set) var keys: [ItemKey] = []
    /// Of all of them.
    private(set) var count = 0
    /// More of them, which the inverse rules do not bring back as they are; the first ten of their keys.
    private(set) var strandedKeys: [ItemKey] = []
    private(set) var strandedCount = 0

    /// Reads the whole table once, in bounded memory.
    ///
    /// - Parameters:
    ///   - rules: those of the run, and the inverse ones, which bring new items back.
    ///   - moves: what the run moved.
    ///   - most: of the keys that are kept.
    ///   - run: nil where only a snapshot is at hand; then what stood there before is among the findings.
    init(
        table: any Table, rules: RuleSet, inverse: RuleSet, moves: MoveList, run: RunDirectory?,
        temporaryDirectory: String,
        most: Int = CreatedItems.most
    ) async throws(RekeyError) {
        let sorter = ExternalSorter(directory: temporaryDirectory, memoryLimit: 16 << 20)
        // The value is empty for a key that is accounted for, else whether the inverse rules take the item, and the key as JSON.
        func add(_ key: [UInt8], _ value: [UInt8]) throws(RekeyError) {
            try key.withRawBytes { key throws(RekeyError) in
                try value.withRawBytes { value throws(RekeyError) in try sorter.add(key: key, value: value) }
            }
        }
        // Copies that a run which was cut left under earlier new keys: the way back removes them, while they are as they were.
        var strays: [[UInt8]: [Item]] = [:]
        try await moves.forEachChunk { chunk throws(RekeyError) in
            for move in chunk {
                try add(move.newKey.sortableBytes, [])
                for stray in move.strays { strays[stray.key.sortableBytes, default: []].append(stray.item) }
            }
        }
        try run?.forEachStandingKey { key throws(RekeyError) in try add(key, []) }
        var rekeyer = Rekeyer(rules)
        var back = Rekeyer(inverse)
        var rewritten = ByteWriter(capacity: 4096)
        let schema = table.schema
        let feed = try openFeed(table)
        while try await feed.nextBlock({ line, record, view in
            // By the key alone, as the run listed what stood there before it.
            guard let image = record.image, try rekeyer.produces(view) else { return false }
            let key = try view.key(schema)
            let bytes = key.sortableBytes
            if let copies = strays[bytes] {
                let item = Item(trusted: Array(line[image]))
                if copies.contains(where: { $0.isEqual(to: item) }) { return false }
            }
            rewritten.removeAll()
            var isTaken = false
            // What they throw at, such as an attribute that they would overwrite, they do not bring back.
            if case .moved? = try? back.place(view, range: image, from: image.lowerBound, into: &rewritten) {
                isTaken = true
            }
            try add(bytes, [isTaken ? 1 : 0] + key.json(schema))
            return false
        }) {}
        var current: [UInt8] = []
        var unknown: [UInt8]?
        func close() throws(RekeyError) {
            guard let value = unknown else { return }
            let isTaken = value.first == 1
            if isTaken { count += 1 } else { strandedCount += 1 }
            guard isTaken ? keys.count < most : strandedKeys.count < 10 else { return }
            do {
                let key = try Item(trusted: Array(value.dropFirst())).key(schema)
                if isTaken { keys.append(key) } else { strandedKeys.append(key) }
            } catch {
                throw RekeyError(.unexpected, "a key cannot be read back: \(error.reason)", source: table.name)
            }
        }
        var isFirst = true
        try sorter.forEach { key, value throws(RekeyError) in
            if isFirst || !key.elementsEqual(current) {
                try close()
                current = Array(key)
                unknown = Array(value)
                isFirst = false
            }
            if value.isEmpty { unknown = nil }
        }
        try close()
    }
}
