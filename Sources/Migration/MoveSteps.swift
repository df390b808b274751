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
    /// What stood there before the run is neither overwritten nor removed.
    let present: PresentKeys
    let time: TimeSource
    let decisions: MoveDecisions<Item>
    /// By the ledger as it was when these steps began.
    private let readBack: ReadBack

    init(
        table: any Table, moves: MoveList, rules: RuleSet, delta: DeltaLog, present: PresentKeys, time: TimeSource
    ) {
        self.table = table
        self.moves = moves
        self.rules = rules
        self.delta = delta
        self.present = present
        self.time = time
        readBack = ReadBack(delta)
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
        /// Neither what was put nor an earlier form of it, under the new key of an item whose old one is gone.
        var changed = 0
        /// Changed under the new key since they were read back there, beside old ones that were not.
        var changedCopies = 0
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
            // New keys of puts that may have been done though the answer did not say so.
            var sent: Set<ItemKey> = []
            try await withLook(at: chunk, needsOld: needsOld) { part, seen async throws(RekeyError) in
                let undone = try await put(part, seen, timeToLive, now(), sent, &tally)
                sent.formUnion(undone.moves.map(\.newKey))
                return undone
            }
        }
        return tally
    }

    private func put(
        _ part: ArraySlice<PlannedMove>, _ seen: Seen, _ timeToLive: String?, _ now: Timestamp, _ sent: Set<ItemKey>,
        _ tally: inout Tally
    ) async throws(RekeyError) -> Undone {
        var puts: [PlannedMove] = []
        for move in part {
            switch try decisions.put(try planned(move), old: seen.old[move.oldKey], new: seen.new[move.newKey]) {
            case .already:
                try await removeLeftStrays(of: move, new: seen.new[move.newKey])
                if sent.contains(move.newKey) { tally.done += 1 } else { tally.already += 1 }
            case .put:
                try await removeStrays(of: move)
                puts.append(move)
            case .replace(let there):
                try await replace(PlannedMove.Copy(item: there, key: move.newKey), by: move)
                tally.done += 1
            case .gone where isDue(move.old, timeToLive, now): tally.expired += 1
            case .gone: tally.gone.insert(move.newKey)
            case .taken:
                throw try taken(
                    move,
                    readBack.covers(move)
                        ? bothChanged(move.oldKey, move.newKey).message
                        : differentItem(move)
                )
            case .unmovable: throw unmovable(move.oldKey)
            }
        }
        let undone = try await write(puts)
        tally.done += puts.count - undone.moves.count
        return undone
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
            let seen = try await look(at: chunk, needsOld: needsOld)
            for move in chunk where !gone.contains(move.newKey) {
                let (old, new) = (seen.old[move.oldKey], seen.new[move.newKey])
                switch try decisions.verify(try planned(move), old: old, new: new) {
                case .equal where old == nil && !(new.map(move.isOwnCopy) ?? false): tally.changed += 1
                case .equal: tally.done += 1
                case .changed: tally.changedCopies += 1
                case .different: different.append(move.newKey)
                // While the old one stands, the copy may as well have been lost.
                case .missing where old == nil && isDue(move.new, timeToLive, now()): tally.expired += 1
                case .missing: missing.append(move.newKey)
                }
            }
        }
        guard missing.isEmpty && different.isEmpty else {
            let shown = (missing + different).prefix(3).map(\.description).joined(separator: ", ")
            throw RekeyError(
                .differences,
                "after the put \(missing.count) new items are missing and \(different.count) differ (\(shown)); none of their old items was deleted; rekey resume puts what is missing, and says what to do where they differ",
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

    /// Deletes every old item that is still equal to what was copied, while its new one is there; one that changed is copied again first.
    func deleteOld(timeToLive: String?, now: @autoclosure () -> Timestamp) async throws(RekeyError) -> Tally {
        var tally = Tally()
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            var tried: [PlannedMove] = []
            var outcomes: [WriteOutcome] = []
            try await withLook(at: chunk, needsOld: { $1 == nil }) { part, seen async throws(RekeyError) in
                let going = try withNewItem(part, seen, timeToLive, now())
                tally.already += part.count - going.count
                outcomes += try await table.deleteUnchanged(going.map(\.old))
                tried += going
                return Undone()
            }
            try record(outcomes)
            for (move, outcome) in zip(tried, outcomes) {
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

    /// The moves whose old items may go: without those of which neither item is there.
    ///
    /// - Throws: `.differences` where an old item is all there is and its time to live does not explain it.
    private func withNewItem(
        _ part: ArraySlice<PlannedMove>, _ seen: Seen, _ timeToLive: String?, _ now: Timestamp
    ) throws(RekeyError) -> [PlannedMove] {
        var going: [PlannedMove] = []
        var missing: [PlannedMove] = []
        for move in part {
            switch decisions.delete(old: seen.old[move.oldKey], new: seen.new[move.newKey]) {
            case .delete: going.append(move)
            case .already: break
            case .missing where isDue(move.new, timeToLive, now): going.append(move)
            case .missing: missing.append(move)
            }
        }
        guard missing.isEmpty else {
            let shown = missing.prefix(3).map { "\($0.newKey), of \($0.oldKey)" }.joined(separator: "; ")
            throw RekeyError(
                .differences,
                "\(missing.count) new items are gone since they were verified (\(shown)); their old items stay; rekey resume puts the new ones again; where they were to go, delete their old items first",
                source: table.name)
        }
        return going
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
        let isPresent = try present.contains(next.newKey)
        let isOwn = copied.key == next.newKey && !isPresent
        let put = try await table.put(next.new, condition: isOwn ? .equals(copied.item) : .absent)
        if case .conditionFailed(let there) = put, !(there?.isEqual(to: next.new) ?? false) {
            if isOwn { throw bothChanged(next.oldKey, next.newKey) }
            throw try taken(
                next,
                "item \(next.oldKey) was changed since the snapshot, and under its new key \(next.newKey) now stands another item, which was not overwritten; delete the one that does not hold, then resume"
            )
        }
        try await removeStrays(of: next)
    }

    /// A change may have given the item another new key: then the first copies go.
    func removeStrays(of move: PlannedMove) async throws(RekeyError) {
        for stray in try strays(of: move) where !(try await remove(stray)) {
            throw RekeyError(
                .differences,
                "the copy of an earlier form of item \(move.oldKey), \(stray.key), was changed since, and what the item is now goes to \(move.newKey); delete \(stray.key), or else the other two, then resume",
                source: table.name)
        }
    }

    /// Removes what stands under an earlier new key, if it is one of the run's own copies there; false where it is not.
    private func remove(_ stray: Stray) async throws(RekeyError) -> Bool {
        for copy in stray.copies {
            switch try await table.delete(stray.key, condition: .equals(copy)) {
            case .done, .conditionFailed(nil): return true
            case .conditionFailed(.some): continue
            }
        }
        return false
    }

    /// Removes what an earlier try left behind that ended between the last copy and the removal of the first ones.
    ///
    /// - Throws: `.differences` where the old item is gone and the new one is not the run's: a first copy may be all there is of it.
    private func removeLeftStrays(of move: PlannedMove, new: Item?) async throws(RekeyError) {
        let strays = try strays(of: move)
        if strays.isEmpty { return }
        if try await table.read([move.oldKey])[move.oldKey] != nil { return try await removeStrays(of: move) }
        guard let new, move.isOwnCopy(new) else {
            let left = try await table.read(strays.map(\.key))
            for stray in strays {
                guard let there = left[stray.key], stray.copies.contains(where: { there.isEqual(to: $0) }) else {
                    continue
                }
                throw RekeyError(
                    .differences,
                    "item \(move.oldKey) is gone, \(stray.key) is what was made of it, and under the new key of its later form, \(move.newKey), stands an item that the run did not put; delete the one that does not hold, then resume",
                    source: table.name)
            }
            return
        }
        // Once the old item is gone, what was changed is its users'.
        for stray in strays { _ = try await remove(stray) }
    }

    /// As the decisions see a move: where an equal item stood before the run, no copy is the run's own.
    func planned(_ move: PlannedMove) throws(RekeyError) -> MoveDecisions<Item>.Planned {
        var planned = move.planned
        if !planned.earlier.isEmpty, try present.contains(move.newKey) { planned.earlier = [] }
        planned.isReadBack = readBack.covers(move)
        return planned
    }

    /// An earlier new key of an item, and the run's own copies of it that may stand there, one for each form it had.
    private struct Stray {
        var key: ItemKey
        var copies: [Item]
    }

    private func strays(of move: PlannedMove) throws(RekeyError) -> [Stray] {
        var strays: [Stray] = []
        for copy in move.strays where !(try present.contains(copy.key)) {
            if let index = strays.firstIndex(where: { $0.key == copy.key }) {
                strays[index].copies.append(copy.item)
            } else {
                strays.append(Stray(key: copy.key, copies: [copy.item]))
            }
        }
        return strays
    }

    private func needsOld(_ move: PlannedMove, new: Item?) -> Bool { decisions.needsOld(move.planned, new: new) }

    /// The error of a new key that another item holds.
    func taken(_ move: PlannedMove, _ message: String) throws(RekeyError) -> RekeyError {
        guard try present.contains(move.newKey) else { return RekeyError(.differences, message, source: table.name) }
        return RekeyError(
            .differences,
            "item \(move.newKey) stood there before the run, equal to what becomes of \(move.oldKey), and one of them was changed since; neither was overwritten; delete the one that does not hold, then resume",
            source: table.name)
    }

    func differentItem(_ move: PlannedMove) -> String {
        "a different item came under the new key \(move.newKey) since the survey; it was not overwritten; delete it or the old item \(move.oldKey), the one that does not hold, then resume"
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
