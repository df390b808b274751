import ByteStreams
import Items
import Rekeying
import Tables

/// The steps of a migration between snapshot and report. Each may be repeated: what is done already is left as it is.
struct MoveSteps: Sendable {
    let table: any Table
    let moves: MoveList
    let rules: RuleSet

    /// What a step did.
    struct Tally: Sendable {
        var done = 0
        /// Done before, by an earlier try of the same step.
        var already = 0
        /// How many items another writer changed since the snapshot, and that were copied again.
        var recopied = 0
        /// Gone because their time to live was over.
        var expired = 0
        /// The new keys of items that stand under neither key: another writer deleted them. They are in the snapshot.
        var gone: Set<ItemKey> = []
    }

    /// Puts every new item that is not there yet. Stops before writing over a different item.
    ///
    /// An item whose old one is gone is never put: it was moved by an earlier try, or another writer deleted it.
    func put(timeToLive: String?, now: Timestamp) async throws(RekeyError) -> Tally {
        var tally = Tally()
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            let there = try await table.read(chunk.map(\.newKey))
            let unclear = chunk.filter { move in there[move.newKey].map { !$0.isEqual(to: move.new) } ?? true }
            let old = try await table.read(unclear.map(\.oldKey))
            var requests: [WriteRequest] = []
            for move in chunk {
                let source = old[move.oldKey]
                if let current = there[move.newKey] {
                    guard try isCopy(current, of: move, source: source) else {
                        throw RekeyError(
                            .differences,
                            "a different item came under the new key \(move.newKey) since the survey; it was not overwritten",
                            source: table.name)
                    }
                    tally.already += 1
                } else if let source {
                    if !source.isEqual(to: move.old) { _ = try movedOrThrow(source, oldKey: move.oldKey) }
                    requests.append(.put(move.new))
                } else if isDue(move.old, timeToLive, now) {
                    tally.expired += 1
                } else {
                    tally.gone.insert(move.newKey)
                }
            }
            try await table.write(requests)
            tally.done += requests.count
        }
        return tally
    }

    /// Whether what stands under a new key came from the move. Once the old item is gone, users may have changed the new one; while it
    /// stands, the new one is the copy of the snapshot's item or of what the old one has become.
    private func isCopy(_ current: Item, of move: PlannedMove, source: Item?) throws(RekeyError) -> Bool {
        if current.isEqual(to: move.new) { return true }
        guard let source else { return true }
        return try moved(source)?.new.isEqual(to: current) ?? false
    }

    /// Reads every new item back and compares it with what the rules make of the old one.
    ///
    /// - Parameter gone: new keys of items that were found deleted before.
    func verifyNew(timeToLive: String?, now: Timestamp, gone: Set<ItemKey>) async throws(RekeyError) -> Tally {
        var tally = Tally()
        var missing: [ItemKey] = []
        var different: [ItemKey] = []
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            let there = try await table.read(chunk.map(\.newKey))
            let unclear = chunk.filter { move in there[move.newKey].map { !$0.isEqual(to: move.new) } ?? false }
            let old = try await table.read(unclear.map(\.oldKey))
            for move in chunk where !gone.contains(move.newKey) {
                if let current = there[move.newKey] {
                    if try isCopy(current, of: move, source: old[move.oldKey]) {
                        tally.done += 1
                    } else {
                        different.append(move.newKey)
                    }
                } else if isDue(move.new, timeToLive, now) {
                    tally.expired += 1
                } else {
                    missing.append(move.newKey)
                }
            }
        }
        guard missing.isEmpty && different.isEmpty else {
            let shown = (missing + different).prefix(3).map(\.description).joined(separator: ", ")
            throw RekeyError(
                .differences,
                "after the put \(missing.count) new items are missing and \(different.count) differ (\(shown)); none of their old items was deleted",
                source: table.name)
        }
        return tally
    }

    /// What the new keys hold in the end.
    struct Presence: Sendable {
        /// Nothing, though neither a time to live nor another writer's deletion explains it.
        var missing: [ItemKey] = []
        /// Another item than the copy of the snapshot's: changed by another writer.
        var changed = 0
    }

    /// Asks for every new item once more.
    func presence(timeToLive: String?, now: Timestamp, gone: Set<ItemKey>) async throws(RekeyError) -> Presence {
        var presence = Presence()
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            let there = try await table.read(chunk.map(\.newKey))
            for move in chunk {
                if let current = there[move.newKey] {
                    if !current.isEqual(to: move.new) { presence.changed += 1 }
                } else if !gone.contains(move.newKey), !isDue(move.new, timeToLive, now) {
                    presence.missing.append(move.newKey)
                }
            }
        }
        return presence
    }

    /// Deletes every old item that is still equal to what was copied; one that changed is copied again first.
    func deleteOld() async throws(RekeyError) -> Tally {
        var tally = Tally()
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            let outcomes = try await table.deleteUnchanged(chunk.map(\.old))
            for (move, outcome) in zip(chunk, outcomes) {
                switch outcome {
                case .done: tally.done += 1
                case .conditionFailed(nil): tally.already += 1
                case .conditionFailed(let current?):
                    try await copyAgain(move, current: current)
                    tally.recopied += 1
                    tally.done += 1
                }
            }
        }
        return tally
    }

    /// Takes a change that another writer made to an old item over to the new one, then deletes the old one.
    private func copyAgain(_ move: PlannedMove, current: Item) async throws(RekeyError) {
        var current = current
        var copied = move
        for _ in 0..<16 {
            let next = try movedOrThrow(current, oldKey: move.oldKey)
            try await replace(copied, by: next)
            copied = next
            switch try await table.delete(move.oldKey, condition: .equals(current)) {
            case .done, .conditionFailed(nil): return
            case .conditionFailed(let later?): current = later
            }
        }
        throw RekeyError(
            .stoppedResumable, "item \(move.oldKey) changes faster than it can be copied", source: table.name)
    }

    /// Writes a new copy over the last one, and over nothing else. A copy that an earlier try made is left as it is.
    private func replace(_ copied: PlannedMove, by next: PlannedMove) async throws(RekeyError) {
        let isSameKey = copied.newKey == next.newKey
        let put = try await table.put(next.new, condition: isSameKey ? .equals(copied.new) : .absent)
        if case .conditionFailed(let there) = put, !(there?.isEqual(to: next.new) ?? false) {
            throw bothChanged(copied)
        }
        if isSameKey { return }
        // The change gave the item another new key: the first copy goes.
        if case .conditionFailed(.some) = try await table.delete(copied.newKey, condition: .equals(copied.new)) {
            throw bothChanged(copied)
        }
    }

    private func bothChanged(_ move: PlannedMove) -> RekeyError {
        RekeyError(
            .differences,
            "items \(move.oldKey) and \(move.newKey) were both changed since the snapshot; delete the one that does not hold, then resume",
            source: table.name)
    }

    private func movedOrThrow(_ item: Item, oldKey: ItemKey) throws(RekeyError) -> PlannedMove {
        guard let move = try moved(item) else {
            throw RekeyError(
                .differences,
                "item \(oldKey) was changed since the snapshot so that no rule moves it any more; it stays where it is",
                source: table.name)
        }
        return move
    }

    private func moved(_ item: Item) throws(RekeyError) -> PlannedMove? {
        var mover = Mover(rules: rules, schema: table.schema)
        do {
            return try mover.move(item)
        } catch {
            throw RekeyError(.badInput, error.reason, source: table.name)
        }
    }

    /// Moves each item in a transaction: new if absent, old away if unchanged, both or neither.
    func transact(timeToLive: String?, now: Timestamp) async throws(RekeyError) -> Tally {
        var tally = Tally()
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            var start = 0
            while start < chunk.count {
                let end = min(start + max(table.limits.transactMove, 1), chunk.count)
                let gone = try await transact(Array(chunk[start..<end]), &tally)
                let there = try await table.read(gone.map(\.newKey))
                for move in gone {
                    if there[move.newKey] != nil {
                        tally.already += 1
                    } else if isDue(move.old, timeToLive, now) {
                        tally.expired += 1
                    } else {
                        tally.gone.insert(move.newKey)
                    }
                }
                start = end
            }
        }
        return tally
    }

    /// Tries until all are moved, and returns those whose old item is not there.
    private func transact(_ moves: [PlannedMove], _ tally: inout Tally) async throws(RekeyError) -> [PlannedMove] {
        var waiting = moves
        var gone: [PlannedMove] = []
        for _ in 0..<16 where !waiting.isEmpty {
            let result = try await table.transactMove(waiting.map { Move(old: $0.old, new: $0.new) })
            if result.isCommitted {
                tally.done += waiting.count
                return gone
            }
            var next: [PlannedMove] = []
            for (move, outcome) in zip(waiting, result.outcomes) {
                switch outcome {
                case .moved, .cancelled: next.append(move)
                case .oldChanged(nil): gone.append(move)
                case .oldChanged(let current?):
                    tally.recopied += 1
                    next.append(try movedOrThrow(current, oldKey: move.oldKey))
                case .newTaken:
                    throw RekeyError(
                        .differences,
                        "a different item stands under the new key \(move.newKey); it was not overwritten",
                        source: table.name)
                }
            }
            waiting = next
        }
        guard waiting.isEmpty else {
            throw RekeyError(
                .stoppedResumable, "\(waiting.count) items change faster than they can be moved", source: table.name)
        }
        return gone
    }
}

/// True where an item's time to live was over at `now`, so that the table may have deleted it.
func isDue(_ item: Item, _ attribute: String?, _ now: Timestamp) -> Bool {
    guard let attribute, let value = item.attribute(attribute), value.type == .number,
        let seconds = Int(String(decoding: plainNumber(value.text).prefix { $0 != UInt8(ascii: ".") }, as: UTF8.self))
    else { return false }
    return seconds <= now.seconds
}
