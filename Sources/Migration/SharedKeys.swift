import ByteStreams
import Items
import Rekeying
import Tables

/// Finds keys that a run has in common with other runs of its table. It reads each list of moves once, in bounded memory.
final class SharedKeys {
    /// Which keys of moves count.
    struct Side: OptionSet {
        let rawValue: Int
        static let old = Side(rawValue: 1)
        /// With those of copies that a run may have left under earlier new keys.
        static let new = Side(rawValue: 2)
    }

    /// A run whose moves cannot be read: its rules tell which keys it may have moved or made, or else it may be any.
    private final class Judge {
        let place: Int
        var rekeyer: Rekeyer?

        init(_ rules: RuleSet?, place: Int) {
            self.place = place
            if let rules { rekeyer = Rekeyer(rules) }
        }
    }

    private let others: [OtherRun]
    private let side: Side
    private let schema: KeySchema
    /// Keys, with nothing for one of the run's own and else with the place of the other run, four bytes in the machine's order.
    private let sorter: ExternalSorter
    private var judges: [Judge] = []
    private var scanner = RecordScanner()
    private var judged: (place: Int, key: ItemKey)?

    /// Reads what other runs moved.
    ///
    /// - Parameters:
    ///   - others: in the order in which they began.
    ///   - side: the keys of theirs that count.
    init(
        _ others: [OtherRun], _ side: Side, table: any Table, temporaryDirectory: String
    ) async throws(RekeyError) {
        self.others = others
        self.side = side
        schema = table.schema
        sorter = ExternalSorter(directory: temporaryDirectory, memoryLimit: 16 << 20)
        for (place, other) in others.enumerated() {
            let value = withUnsafeBytes(of: UInt32(place)) { Array($0) }
            // What cannot be kept is an error; what cannot be read is not.
            var failure: RekeyError?
            do throws(RekeyError) {
                try await other.moves(table).forEachChunk { chunk throws(RekeyError) in
                    do throws(RekeyError) {
                        for move in chunk { for key in keys(move, side) { try add(key, value) } }
                    } catch {
                        failure = error
                        throw error
                    }
                }
            } catch {
                if let failure { throw failure }
                judges.append(Judge(try? other.rules(), place: place))
            }
        }
    }

    private func keys(_ move: PlannedMove, _ side: Side) -> [ItemKey] {
        (side.contains(.old) ? [move.oldKey] : []) + (side.contains(.new) ? [move.newKey] + move.strays.map(\.key) : [])
    }

    private func add(_ key: ItemKey, _ value: [UInt8]) throws(RekeyError) {
        try key.sortableBytes.withRawBytes { key throws(RekeyError) in
            try value.withRawBytes { value throws(RekeyError) in try sorter.add(key: key, value: value) }
        }
    }

    /// Adds keys of the run's own.
    func add(_ move: PlannedMove, _ side: Side) throws(RekeyError) {
        for key in keys(move, side) {
            try add(key, [])
            for judge in judges where judge.place > judged?.place ?? -1 && mayHave(key, judge) {
                judged = (judge.place, key)
            }
        }
    }

    private func mayHave(_ key: ItemKey, _ judge: Judge) -> Bool {
        let bytes = key.json(schema)
        let isTaken = try? bytes.withRawBytes { raw throws(ItemError) in
            _ = try scanner.scanItem(raw)
            let view = ItemView(line: raw, attributes: scanner.attributes)
            if side.contains(.old), try judge.rekeyer?.matchesKey(view) ?? true { return true }
            return side.contains(.new) ? try judge.rekeyer?.produces(view) ?? true : false
        }
        return isTaken ?? true
    }

    /// The last of the others that has a key of the run's, and the first such key; nil where none has.
    func last() throws(RekeyError) -> (other: OtherRun, key: ItemKey)? {
        var found = judged
        var current: [UInt8] = []
        var place: Int?
        var isOwn = false
        try sorter.forEach { key, value throws(RekeyError) in
            if !key.elementsEqual(current) {
                current = Array(key)
                place = nil
                isOwn = false
            }
            if value.isEmpty {
                isOwn = true
            } else {
                place = max(place ?? 0, Int(value.loadUnaligned(as: UInt32.self)))
            }
            guard isOwn, let place, place > found?.place ?? -1, let key = ItemKey(sortable: current) else { return }
            found = (place, key)
        }
        return found.map { (others[$0.place], $0.key) }
    }

    /// The same for moves that are at hand.
    ///
    /// - Parameters:
    ///   - theirs: the keys of the others that count.
    ///   - own: those of `moves` that do.
    static func last(
        of others: [OtherRun], _ theirs: Side, in moves: MoveList, _ own: Side, table: any Table,
        temporaryDirectory: String
    ) async throws(RekeyError) -> (other: OtherRun, key: ItemKey)? {
        if others.isEmpty { return nil }
        let shared = try await SharedKeys(others, theirs, table: table, temporaryDirectory: temporaryDirectory)
        try await moves.forEachChunk { chunk throws(RekeyError) in
            for move in chunk { try shared.add(move, own) }
        }
        return try shared.last()
    }
}
