import ByteStreams
import Items
import Rekeying
import Tables

/// The steps of a rollback. Each may be repeated: what is done already is left as it is.
struct RollbackSteps {
    let table: any Table
    let moves: MoveList
    let rules: RuleSet
    /// Nil where nothing goes back as it is now.
    let inverse: RuleSet?
    let onConflict: Rollback.ConflictRule
    /// New keys, by `sortableBytes`, that are left alone: those that held an equal item before the run, and those whose item may be
    /// another's own.
    var kept: Set<[UInt8]>
    /// Keys of items that came under new keys since the migration and go back as well.
    let created: [ItemKey]
    /// The old items stood again once before: what is under neither key was deleted since.
    let wasRestored: Bool
    /// Nil where only a snapshot is at hand.
    let readBack: ReadBack?
    var timeToLive: String?

    /// What `restore` did.
    struct Restored {
        var put = 0
        /// How many changed new items went in the same moment.
        var replaced = 0
        /// Old keys, by `sortableBytes`, of items that were deleted since they were put back, and stay so.
        var deleted: Set<[UInt8]> = []
    }

    func isKept(_ move: PlannedMove) -> Bool { !kept.isEmpty && kept.contains(move.newKey.sortableBytes) }

    /// Puts the old items back and reads them back.
    func restore() async throws(RekeyError) -> Restored {
        var done = Restored()
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            let old = try await table.read(chunk.map(\.oldKey))
            let new = try await table.read(chunk.map(\.newKey))
            var puts: [ConditionalPut] = []
            var exchanges: [Move] = []
            var expected: [(move: PlannedMove, item: Item)] = []
            for move in chunk {
                let there = new[move.newKey]
                let current = old[move.oldKey]
                if wasRestored, current == nil {
                    if onConflict == .keepCurrent, there == nil {
                        done.deleted.insert(move.oldKey.sortableBytes)
                        continue
                    }
                    if onConflict == .stop, there.map({ !isKept(move) && move.isOwnCopy($0) }) ?? true,
                        !isDue(move.old, timeToLive, .now())
                    {
                        throw changedMeanwhile(move.oldKey)
                    }
                }
                let item = try wanted(move, old: current, new: there)
                expected.append((move, item))
                if let current, current.isEqual(to: item) { continue }
                if onConflict == .takeSnapshot, current == nil, let there, !isKept(move), !move.isOwnCopy(there) {
                    exchanges.append(Move(old: there, new: item))
                } else {
                    puts.append(ConditionalPut(item, if: current.map { .equals($0) } ?? .absent))
                }
            }
            try await put(puts)
            try await exchange(exchanges)
            done.put += puts.count + exchanges.count
            done.replaced += exchanges.count
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
        try await forEachCreated { items async throws(RekeyError) in done.put += try await bringBack(items) }
        return done
    }

    /// Puts the snapshot's items in the place of changed ones, each pair in one transaction: a changed item beside the old one may be
    /// another's own and stays, so that a rollback that is cut here may not leave any of the run's so.
    private func exchange(_ exchanges: [Move]) async throws(RekeyError) {
        var start = 0
        while start < exchanges.count {
            var end = start
            var bytes = 0
            repeat {
                bytes += exchanges[end].old.size + exchanges[end].new.size
                end += 1
            } while end < exchanges.count && end - start < table.limits.transactMove
                && bytes + exchanges[end].old.size + exchanges[end].new.size <= CapacityUnits.maximumTransactionBytes
            let group = Array(exchanges[start..<end])
            let outcomes = try await table.transactMove(group).outcomes
            for (pair, outcome) in zip(group, outcomes) {
                switch outcome {
                case .moved, .cancelled: break
                case .oldChanged: throw changedMeanwhile(try pair.old.requiredKey(table.schema))
                case .newTaken: throw changedMeanwhile(try pair.new.requiredKey(table.schema))
                }
            }
            if let first = group.first, outcomes.contains(where: { if case .moved = $0 { false } else { true } }) {
                throw changedMeanwhile(try first.old.requiredKey(table.schema))
            }
            start = end
        }
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

    /// Where items that came since go back to.
    struct Places {
        /// Their new keys by their old ones.
        var made: [ItemKey: ItemKey] = [:]
        /// Those that cannot go back, by their new keys, and why.
        var taken: [(new: ItemKey, sentence: String)] = []
    }

    /// The old keys of items that came since; under some of them another item stands, and two may have the same.
    func places() async throws(RekeyError) -> Places {
        var places = Places()
        try await forEachCreated { items async throws(RekeyError) in
            var moves: [PlannedMove] = []
            for move in items.compactMap({ movedBack($0) }) {
                if let other = places.made[move.newKey] {
                    places.taken.append(
                        (
                            move.oldKey,
                            "\(other) and \(move.oldKey) were both made since the migration, and their old key is the same, \(move.newKey)"
                        ))
                } else {
                    places.made[move.newKey] = move.oldKey
                    moves.append(move)
                }
            }
            let there = try await table.read(moves.map(\.newKey))
            for move in moves where !(there[move.newKey]?.isEqual(to: move.new) ?? true) {
                places.taken.append(
                    (
                        move.oldKey,
                        "\(move.oldKey) was made since the migration, and another item stands under its old key \(move.newKey)"
                    ))
            }
        }
        return places
    }

    /// Whether an item that came since would go under the old key of a move, where something else is to stand in the end.
    ///
    /// - Parameters:
    ///   - old: under the old key. Another item than the one that came since goes back to is found without this.
    ///   - new: under the new key.
    func isPlaceTaken(
        from made: ItemKey, by move: PlannedMove, old: Item?, new: Item?
    ) async throws(RekeyError) -> Bool {
        if wasRestored, old == nil, new == nil { return false }
        guard let item = try await table.read([made])[made], let back = movedBack(item), back.newKey == move.oldKey,
            old?.isEqual(to: back.new) ?? true, let wanted = try? wanted(move, old: old, new: new)
        else { return false }
        return !wanted.isEqual(to: back.new)
    }

    /// Puts items that came since under their old keys, over nothing that is there.
    private func bringBack(_ items: [Item]) async throws(RekeyError) -> Int {
        var count = 0
        for item in items {
            guard let move = movedBack(item) else { throw changedMeanwhile(try item.requiredKey(table.schema)) }
            switch try await table.put(move.new, condition: .absent) {
            case .done: count += 1
            case .conditionFailed(let there):
                guard there?.isEqual(to: move.new) ?? false else { throw changedMeanwhile(move.newKey) }
            }
        }
        return count
    }

    /// Removes items that came since, each only while an equal one stands under its old key.
    private func removeCreated() async throws(RekeyError) -> Int {
        var count = 0
        try await forEachCreated { items async throws(RekeyError) in
            let back = try items.map { (item) throws(RekeyError) -> PlannedMove in
                guard let move = movedBack(item) else { throw changedMeanwhile(try item.requiredKey(table.schema)) }
                return move
            }
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

    /// Whether a new item that is no copy of the run's is one that was changed: its copy stood there, and the old one is as it was copied.
    func isChangedCopy(_ move: PlannedMove, old: Item) -> Bool {
        old.isEqual(to: move.old) && (isKept(move) || readBack?.covers(move) ?? false)
    }

    /// What has to stand under the old key in the end.
    private func wanted(_ move: PlannedMove, old: Item?, new: Item?) throws(RekeyError) -> Item {
        let changedOld = old.flatMap { $0.isEqual(to: move.old) ? nil : $0 }
        switch onConflict {
        case .takeSnapshot: return move.old
        case .stop:
            guard changedOld == nil else { throw changedMeanwhile(move.oldKey) }
            if let new, !move.isOwnCopy(new) { throw changedMeanwhile(move.newKey) }
            return move.old
        case .keepCurrent:
            guard let new, !move.isOwnCopy(new) else { return changedOld ?? move.old }
            guard let current = try? back(new, move),
                old.map({ $0.isEqual(to: current) || isChangedCopy(move, old: $0) }) ?? true
            else { throw changedMeanwhile(move.newKey) }
            return current
        }
    }

    /// What the inverse rules make of a changed new item, under its old key.
    ///
    /// - Throws: `.differences` where they do not bring it back there.
    func back(_ new: Item, _ move: PlannedMove) throws(RekeyError) -> Item {
        var reason = ""
        do throws(ItemError) {
            if let inverse, let moved = try moved(new, by: inverse), moved.newKey == move.oldKey {
                return moved.new
            }
        } catch {
            // The rest of it tells what to do to the rules, which are no longer to be changed.
            reason = " (\(error.reason.prefix { $0 != ";" }))"
        }
        throw RekeyError(
            .differences,
            "\(move.newKey) was changed so that the inverse rules do not bring it back to \(move.oldKey)\(reason)",
            source: table.name)
    }

    /// The way of an item that came since, or nil where there is none.
    private func movedBack(_ item: Item) -> PlannedMove? {
        inverse.flatMap { (try? moved(item, by: $0)) ?? nil }
    }

    private func moved(_ item: Item, by rules: RuleSet) throws(ItemError) -> PlannedMove? {
        var mover = Mover(rules: rules, schema: table.schema)
        return try mover.move(item)
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
                guard mayGo(item, move, old: old[move.oldKey]) else { throw changedMeanwhile(move.newKey) }
                leaving.append((move, item))
            }
            for (pair, outcome) in zip(leaving, try await table.deleteUnchanged(leaving.map(\.item))) {
                switch outcome {
                case .done: count += 1
                case .conditionFailed(nil): break
                case .conditionFailed: throw changedMeanwhile(pair.move.newKey)
                }
            }
            for stray in mine.flatMap(\.strays) where !kept.contains(stray.key.sortableBytes) {
                _ = try await table.delete(stray.key, condition: .equals(stray.item))
            }
        }
        return count + (try await removeCreated())
    }

    /// Whether a new item that stays holds nothing that is not under the old key too.
    private func isAsOld(_ new: Item?, _ move: PlannedMove, old: Item?) -> Bool {
        guard let new, let old else { return true }
        return mayGo(new, move, old: old)
    }

    private func mayGo(_ new: Item, _ move: PlannedMove, old: Item?) -> Bool {
        guard let old else { return isDue(new, timeToLive, .now()) }
        if move.isOwnCopy(new) { return true }
        guard onConflict == .keepCurrent, let moved = (try? moved(old, by: rules)) ?? nil else { return false }
        return moved.new.isEqual(to: new)
    }

    /// Throws where an old item is missing or a new one is left.
    ///
    /// - Parameter deleted: old keys of items that stay deleted.
    func verify(deleted: Set<[UInt8]>) async throws(RekeyError) {
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            let old = try await table.read(chunk.map(\.oldKey))
            let new = try await table.read(chunk.map(\.newKey))
            for move in chunk {
                guard
                    old[move.oldKey] != nil || isDue(move.old, timeToLive, .now())
                        || deleted.contains(move.oldKey.sortableBytes)
                else {
                    throw RekeyError(.differences, "\(move.oldKey) is missing after the rollback", source: table.name)
                }
                guard new[move.newKey] == nil || isKept(move) else {
                    throw RekeyError(
                        .differences, "\(move.newKey) is still there after the rollback", source: table.name)
                }
                guard onConflict == .takeSnapshot || isAsOld(new[move.newKey], move, old: old[move.oldKey]) else {
                    throw changedMeanwhile(move.newKey)
                }
            }
        }
    }
}
