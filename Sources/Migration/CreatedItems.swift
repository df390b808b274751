import ByteStreams
import Items
import Rekeying
import Stages
import Tables

/// The items that came under new keys since a migration: rules could have made them, and the run neither moved them nor found them.
struct CreatedItems {
    /// More than these are not brought back one by one.
    static let most = 1_000_000

    /// In the order of their keys, `most` of them at the most.
    private(set) var keys: [ItemKey] = []
    /// Of all of them.
    private(set) var count = 0

    /// Reads the whole table once, in bounded memory.
    ///
    /// - Parameters:
    ///   - inverse: the rules that bring new items back.
    ///   - moves: what the run moved.
    ///   - most: of the keys that are kept.
    ///   - run: nil where only a snapshot is at hand; then what stood there before is among the findings.
    init(
        table: any Table, inverse: RuleSet, moves: MoveList, run: RunDirectory?, temporaryDirectory: String,
        most: Int = CreatedItems.most
    ) async throws(RekeyError) {
        let sorter = ExternalSorter(directory: temporaryDirectory, memoryLimit: 16 << 20)
        // The value is empty for a key that is accounted for, else the key as JSON.
        func add(_ key: [UInt8], _ json: [UInt8]) throws(RekeyError) {
            try key.withRawBytes { key throws(RekeyError) in
                try json.withRawBytes { json throws(RekeyError) in try sorter.add(key: key, value: json) }
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
        var rekeyer = Rekeyer(inverse)
        var rewritten = ByteWriter(capacity: 4096)
        let schema = table.schema
        let feed = try openFeed(table)
        while try await feed.nextBlock({ line, record, view in
            guard let image = record.image else { return false }
            rewritten.removeAll()
            let (outcome, _) = try rekeyer.rewrite(view, range: image, from: image.lowerBound, into: &rewritten)
            if case .moved = outcome {
                let key = try view.key(schema)
                let bytes = key.sortableBytes
                if let copies = strays[bytes] {
                    let item = Item(trusted: Array(line[image]))
                    if copies.contains(where: { $0.isEqual(to: item) }) { return false }
                }
                try add(bytes, key.json(schema))
            }
            return false
        }) {}
        var current: [UInt8] = []
        var unknown: [UInt8]?
        func close() throws(RekeyError) {
            guard let json = unknown else { return }
            count += 1
            guard keys.count < most else { return }
            do { keys.append(try Item(trusted: json).key(schema)) } catch {
                throw RekeyError(.unexpected, "a key cannot be read back: \(error.reason)", source: table.name)
            }
        }
        var isFirst = true
        try sorter.forEach { key, json throws(RekeyError) in
            if isFirst || !key.elementsEqual(current) {
                try close()
                current = Array(key)
                unknown = Array(json)
                isFirst = false
            }
            if json.isEmpty { unknown = nil }
        }
        try close()
    }
}
