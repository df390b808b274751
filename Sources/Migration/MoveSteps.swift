import ByteStreams
import Items
import Rekeying
import Tables

/// The steps of a migration between snapshot and report, each over all items of a list. Each may be repeated: what is done already is
/// left as it is. What becomes of an item is decided by `MoveDecisions`; here is what is read, written and counted.
struct MoveSteps {
    let table: any Table
    let moves: MoveList
    let rules: RuleSet
    /// Where an item is kept before it is moved in a form that the run does not hold.
    let delta: DeltaLog
    let decisions: MoveDecisions<Item>

    init(table: any Table, moves: MoveList, rules: RuleSet, delta: DeltaLog) {
        self.table = table
        self.moves = moves
        self.rules = rules
        self.delta = delta
        decisions = MoveDecisions(
            isEqual: { $0.isEqual(to: $1) },
            moved: { item throws(RekeyError) in try Self.moved(item, rules, table)?.new })
    }

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
    func put(timeToLive: String?, now: @autoclosure () -> Timestamp) async throws(RekeyError) -> Tally {
        var tally = Tally()
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            for part in parts(of: chunk) { try await put(part, timeToLive, now(), &tally) }
        }
        return tally
    }

    /// What one call writes best. Where a limit makes calls wait, the wait comes before the look: between look and write, which takes no
    /// condition, lie only the reads and the writes of a part.
    private func parts(of chunk: [PlannedMove]) -> [ArraySlice<PlannedMove>] {
        let limits = table.limits
        var parts: [ArraySlice<PlannedMove>] = []
        var start = 0
        var bytes = 0
        for index in chunk.indices {
            let size = chunk[index].new.size
            if index > start, index - start >= max(limits.bulkWrite, 1) || bytes + size > limits.bulkWriteBytes {
                parts.append(chunk[start..<index])
                start = index
                bytes = 0
            }
            bytes += size
        }
        return parts + [chunk[start...]]
    }

    private func put(
        _ part: ArraySlice<PlannedMove>, _ timeToLive: String?, _ now: Timestamp, _ tally: inout Tally
    ) async throws(RekeyError) {
        try await table.awaitRoomForWrites(units: part.reduce(0) { $0 + CapacityUnits.write($1.new.size) })
        let (old, new) = try await look(part)
        var requests: [WriteRequest] = []
        for move in part {
            switch try decisions.put(move.planned, old: old[move.oldKey], new: new[move.newKey]) {
            case .already:
                try await removeLeftStrays(of: move)
                tally.already += 1
            case .put:
                try await removeStrays(of: move)
                requests.append(.put(move.new))
            case .replace(let there):
                try await replace(PlannedMove.Copy(item: there, key: move.newKey), by: move)
                tally.done += 1
            case .gone where isDue(move.old, timeToLive, now): tally.expired += 1
            case .gone: tally.gone.insert(move.newKey)
            case .taken:
                throw RekeyError(
                    .differences,
                    "a different item came under the new key \(move.newKey) since the survey; it was not overwritten",
                    source: table.name)
            case .unmovable: throw unmovable(move.oldKey)
            }
        }
        try await table.write(requests)
        tally.done += requests.count
    }

    /// The new items, and the old ones of those that do not decide alone.
    private func look(_ chunk: some Collection<PlannedMove>) async throws(RekeyError) -> (
        old: [ItemKey: Item], new: [ItemKey: Item]
    ) {
        let new = try await table.read(chunk.map(\.newKey))
        let unclear = chunk.filter { decisions.needsOld($0.planned, new: new[$0.newKey]) }
        return (try await table.read(unclear.map(\.oldKey)), new)
    }

    /// Reads every new item back and compares it with what the rules make of the old one.
    ///
    /// - Parameter gone: new keys of items that were found deleted before.
    func verifyNew(
        timeToLive: String?, now: @autoclosure () -> Timestamp, gone: Set<ItemKey>
    ) async throws(RekeyError) -> Tally {
        var tally = Tally()
        var missing: [ItemKey] = []
        var different: [ItemKey] = []
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            let (old, new) = try await look(chunk)
            for move in chunk where !gone.contains(move.newKey) {
                switch try decisions.verify(move.planned, old: old[move.oldKey], new: new[move.newKey]) {
                case .equal: tally.done += 1
                case .different: different.append(move.newKey)
                // While the old one stands, the copy may as well have been lost.
                case .missing where old[move.oldKey] == nil && isDue(move.new, timeToLive, now()): tally.expired += 1
                case .missing: missing.append(move.newKey)
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
        /// Nothing, and their time to live is over.
        var expired = 0
        /// Another item than the copy of the snapshot's: changed by another writer.
        var changed = 0
    }

    /// Asks for every new item once more.
    func presence(
        timeToLive: String?, now: @autoclosure () -> Timestamp, gone: Set<ItemKey>
    ) async throws(RekeyError) -> Presence {
        var presence = Presence()
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            let there = try await table.read(chunk.map(\.newKey))
            for move in chunk {
                if let current = there[move.newKey] {
                    if !current.isEqual(to: move.new) { presence.changed += 1 }
                } else if !gone.contains(move.newKey) {
                    if isDue(move.new, timeToLive, now()) {
                        presence.expired += 1
                    } else {
                        presence.missing.append(move.newKey)
                    }
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
            try record(outcomes)
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

    /// Keeps what items have become in one write, which is synced. One that no rule moves any more is not kept.
    private func record(_ outcomes: [WriteOutcome]) throws(RekeyError) {
        var changed: [Item] = []
        for case .conditionFailed(let current?) in outcomes where try Self.moved(current, rules, table) != nil {
            changed.append(current)
        }
        try delta.append(changed)
    }

    /// Takes a change that another writer made to an old item over to the new one, then deletes the old one.
    ///
    /// - Parameter current: recorded already.
    private func copyAgain(_ move: PlannedMove, current: Item) async throws(RekeyError) {
        var current = current
        var copied = move
        for attempt in 0..<16 {
            let next = attempt == 0 ? try following(current, after: copied) : try recorded(current, after: copied)
            try await replace(copied.copy, by: next)
            copied = next
            switch try await table.delete(move.oldKey, condition: .equals(current)) {
            case .done, .conditionFailed(nil): return
            case .conditionFailed(let later?): current = later
            }
        }
        throw RekeyError(
            .stoppedResumable, "item \(move.oldKey) changes faster than it can be copied", source: table.name)
    }

    /// The move of what an old item has become, once the run holds it on disk.
    func recorded(_ current: Item, after move: PlannedMove) throws(RekeyError) -> PlannedMove {
        let next = try following(current, after: move)
        try delta.append([current])
        return next
    }

    private func following(_ current: Item, after move: PlannedMove) throws(RekeyError) -> PlannedMove {
        guard var next = try Self.moved(current, rules, table) else { throw unmovable(move.oldKey) }
        next.earlier = move.earlier + [move.copy]
        return next
    }

    /// Writes a new copy over an earlier one, and over nothing else. A copy that an earlier try made is left as it is.
    func replace(_ copied: PlannedMove.Copy, by next: PlannedMove) async throws(RekeyError) {
        let isSameKey = copied.key == next.newKey
        let put = try await table.put(next.new, condition: isSameKey ? .equals(copied.item) : .absent)
        if case .conditionFailed(let there) = put, !(there?.isEqual(to: next.new) ?? false) {
            throw bothChanged(next.oldKey, copied.key)
        }
        try await removeStrays(of: next)
    }

    /// A change may have given the item another new key: then the first copies go.
    func removeStrays(of move: PlannedMove) async throws(RekeyError) {
        for stray in move.strays {
            let outcome = try await table.delete(stray.key, condition: .equals(stray.item))
            if case .conditionFailed(.some) = outcome { throw bothChanged(move.oldKey, stray.key) }
        }
    }

    /// Removes what an earlier try left behind that ended between the last copy and the removal of the first ones.
    private func removeLeftStrays(of move: PlannedMove) async throws(RekeyError) {
        if move.strays.isEmpty { return }
        if try await table.read([move.oldKey])[move.oldKey] != nil { return try await removeStrays(of: move) }
        // Once the old item is gone, what was changed is its users'.
        for stray in move.strays { _ = try await table.delete(stray.key, condition: .equals(stray.item)) }
    }

    private func bothChanged(_ oldKey: ItemKey, _ newKey: ItemKey) -> RekeyError {
        RekeyError(
            .differences,
            "items \(oldKey) and \(newKey) were both changed since the snapshot; delete the one that does not hold, then resume",
            source: table.name)
    }

    func unmovable(_ oldKey: ItemKey) -> RekeyError {
        RekeyError(
            .differences,
            "item \(oldKey) was changed since the snapshot so that no rule moves it any more; it stays where it is",
            source: table.name)
    }

    private static func moved(_ item: Item, _ rules: RuleSet, _ table: any Table) throws(RekeyError) -> PlannedMove? {
        var mover = Mover(rules: rules, schema: table.schema)
        do {
            return try mover.move(item)
        } catch {
            throw RekeyError(.badInput, error.reason, source: table.name)
        }
    }
}

/// True where an item's time to live was over at `now`, so that the table may have deleted it. A time more than five years ago is never
/// acted on. Source: "Using time to live (TTL) in DynamoDB", Amazon DynamoDB Developer Guide.
func isDue(_ item: Item, _ attribute: String?, _ now: Timestamp) -> Bool {
    guard let attribute, let value = item.attribute(attribute), value.type == .number,
        let seconds = Int(String(decoding: plainNumber(value.text).prefix { $0 != UInt8(ascii: ".") }, as: UTF8.self))
    else { return false }
    return seconds <= now.seconds && seconds > now.seconds - 5 * 365 * 86_400
}
