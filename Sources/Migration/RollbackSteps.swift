import ByteStreams
import Items
import Rekeying
import Tables

/// The steps of a rollback. Each may be repeated: what is done already is left as it is.
struct RollbackSteps {
    let table: any Table
    let moves: MoveList
    let rules: RuleSet
    let onConflict: Rollback.ConflictRule
    /// New keys, by `sortableBytes`, that held an equal item before the run; they are left alone.
    let present: Set<[UInt8]>
    /// Keys of items that came under new keys since the migration and go back as well.
    let created: [ItemKey]
    let timeToLive: String?

    private func isKept(_ move: PlannedMove) -> Bool { !present.isEmpty && present.contains(move.newKey.sortableBytes) }

    /// Puts the old items back and reads them back.
    func restore() async throws(RekeyError) -> Int {
        var count = 0
        let inverse = onConflict == .keepCurrent ? try rules.inverted() : nil
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            let old = try await table.read(chunk.map(\.oldKey))
            let new = try await table.read(chunk.map(\.newKey))
            var puts: [ConditionalPut] = []
            var expected: [(move: PlannedMove, item: Item)] = []
            for move in chunk {
                let item = try wanted(
                    move, old: old[move.oldKey], new: isKept(move) ? nil : new[move.newKey], inverse: inverse)
                expected.append((move, item))
                let current = old[move.oldKey]
                if let current, current.isEqual(to: item) { continue }
                puts.append(ConditionalPut(item, if: current.map { .equals($0) } ?? .absent))
            }
            try await put(puts)
            count += puts.count
            let back = try await table.read(chunk.map(\.oldKey))
            for (move, item) in expected {
                if let current = back[move.oldKey] {
                    guard current.isEqual(to: item) else { throw notPutBack(move.oldKey) }
                } else if !isDue(item, timeToLive, .now()) || (new[move.newKey] != nil && !isKept(move)) {
                    // A put that was lost looks like a time that was over: the new item would be the last one.
                    throw notPutBack(move.oldKey)
                }
            }
        }
        if let inverse {
            try await forEachCreated { items async throws(RekeyError) in count += try await bringBack(items, inverse) }
        }
        return count
    }

    /// Puts items over what was read a moment before, and over nothing else.
    private func put(_ puts: [ConditionalPut]) async throws(RekeyError) {
        for (put, outcome) in zip(puts, try await table.put(puts)) {
            guard case .conditionFailed(let there) = outcome, !(there?.isEqual(to: put.item) ?? false) else { continue }
            throw changedMeanwhile(try put.item.requiredKey(table.schema))
        }
    }

    /// Those that are still there, in chunks.
    private func forEachCreated(_ body: ([Item]) async throws(RekeyError) -> Void) async throws(RekeyError) {
        for start in stride(from: 0, to: created.count, by: moves.chunkSize) {
            let keys = Array(created[start..<min(start + moves.chunkSize, created.count)])
            let there = try await table.read(keys)
            try await body(keys.compactMap { there[$0] })
        }
    }

    /// Puts items that came since under their old keys, over nothing that is there.
    private func bringBack(_ items: [Item], _ inverse: RuleSet) async throws(RekeyError) -> Int {
        var count = 0
        for item in items {
            guard let move = try moved(item, by: inverse) else { continue }
            switch try await table.put(move.new, condition: .absent) {
            case .done: count += 1
            case .conditionFailed(let there):
                guard there?.isEqual(to: move.new) ?? false else {
                    throw RekeyError(
                        .differences,
                        "\(move.oldKey) was made since the migration, and another item stands under its old key \(move.newKey); delete the one that does not hold and run the same command again",
                        source: table.name)
                }
            }
        }
        return count
    }

    /// Removes items that came since, each only while an equal one stands under its old key.
    private func removeCreated() async throws(RekeyError) -> Int {
        guard !created.isEmpty else { return 0 }
        let inverse = try rules.inverted()
        var count = 0
        try await forEachCreated { items async throws(RekeyError) in
            let back = try items.map { (item) throws(RekeyError) in try moved(item, by: inverse) }.compactMap { $0 }
            let old = try await table.read(back.map(\.newKey))
            for move in back {
                guard old[move.newKey]?.isEqual(to: move.new) ?? false else { throw changedMeanwhile(move.oldKey) }
            }
            for (move, outcome) in zip(back, try await table.deleteUnchanged(back.map(\.old))) {
                switch outcome {
                case .done: count += 1
                case .conditionFailed(nil): break
                case .conditionFailed: throw changedMeanwhile(move.oldKey)
                }
            }
        }
        return count
    }

    private func notPutBack(_ key: ItemKey) -> RekeyError {
        RekeyError(.differences, "\(key) is not what was put back; no new item was removed", source: table.name)
    }

    /// What has to stand under the old key in the end. `new` is nil where the new item stays.
    private func wanted(
        _ move: PlannedMove, old: Item?, new: Item?, inverse: RuleSet?
    ) throws(RekeyError) -> Item {
        let changedOld = old.flatMap { $0.isEqual(to: move.old) ? nil : $0 }
        switch onConflict {
        case .takeSnapshot: return move.old
        case .stop:
            guard changedOld == nil else { throw changedMeanwhile(move.oldKey) }
            return move.old
        case .keepCurrent:
            guard let inverse, let new, !move.isOwnCopy(new) else { return changedOld ?? move.old }
            let current = try back(new, move, inverse)
            guard let changedOld, !changedOld.isEqual(to: current) else { return current }
            throw RekeyError(
                .differences,
                "\(move.oldKey) and \(move.newKey) were both changed since the migration; delete the one that does not hold and run the same command again",
                source: table.name)
        }
    }

    /// What the inverse rules make of a new item, under its old key.
    private func back(_ new: Item, _ move: PlannedMove, _ inverse: RuleSet) throws(RekeyError) -> Item {
        guard let moved = try moved(new, by: inverse), moved.newKey == move.oldKey else {
            throw RekeyError(
                .differences,
                "\(move.newKey) was changed so that the inverse rules do not bring it back to \(move.oldKey)",
                source: table.name)
        }
        return moved.new
    }

    private func moved(_ item: Item, by rules: RuleSet) throws(RekeyError) -> PlannedMove? {
        var mover = Mover(rules: rules, schema: table.schema)
        do {
            return try mover.move(item)
        } catch {
            throw RekeyError(.badInput, error.reason, source: table.name)
        }
    }

    private func changedMeanwhile(_ key: ItemKey) -> RekeyError {
        RekeyError(
            .stoppedResumable,
            "\(key) was changed while the run was taken back; nothing of it was overwritten; run the same command again",
            source: table.name)
    }

    /// Removes the new items: each only while its old one stands, and only if what it holds is not lost with it.
    func removeNew() async throws(RekeyError) -> Int {
        var count = 0
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            let mine = chunk.filter { !isKept($0) }
            let there = try await table.read(mine.map(\.newKey))
            let going = mine.filter { there[$0.newKey] != nil }
            let old = try await table.read(going.map(\.oldKey))
            var leaving: [(move: PlannedMove, item: Item)] = []
            for move in going {
                guard let item = there[move.newKey] else { continue }
                guard try mayGo(item, move, old: old[move.oldKey]) else { throw changedMeanwhile(move.newKey) }
                leaving.append((move, item))
            }
            for (pair, outcome) in zip(leaving, try await table.deleteUnchanged(leaving.map(\.item))) {
                switch outcome {
                case .done: count += 1
                case .conditionFailed(nil): break
                case .conditionFailed: throw changedMeanwhile(pair.move.newKey)
                }
            }
            for stray in mine.flatMap(\.strays) where !present.contains(stray.key.sortableBytes) {
                _ = try await table.delete(stray.key, condition: .equals(stray.item))
            }
        }
        return count + (try await removeCreated())
    }

    private func mayGo(_ new: Item, _ move: PlannedMove, old: Item?) throws(RekeyError) -> Bool {
        guard let old else { return isDue(new, timeToLive, .now()) }
        switch onConflict {
        case .takeSnapshot: return true
        case .stop: return move.isOwnCopy(new)
        case .keepCurrent:
            if move.isOwnCopy(new) { return true }
            return try moved(old, by: rules)?.new.isEqual(to: new) ?? false
        }
    }

    /// Throws where an old item is missing or a new one is left.
    func verify() async throws(RekeyError) {
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            let old = try await table.read(chunk.map(\.oldKey))
            let new = try await table.read(chunk.map(\.newKey))
            for move in chunk {
                guard old[move.oldKey] != nil || isDue(move.old, timeToLive, .now()) else {
                    throw RekeyError(.differences, "\(move.oldKey) is missing after the rollback", source: table.name)
                }
                guard new[move.newKey] == nil || isKept(move) else {
                    throw RekeyError(
                        .differences, "\(move.newKey) is still there after the rollback", source: table.name)
                }
            }
        }
    }
}
