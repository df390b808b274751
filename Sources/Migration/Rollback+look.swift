import ByteStreams
import Items
import Rekeying
import Tables

/// What stands in the way of a rollback, found before anything is written.
extension Rollback {
    /// What a look at the table found.
    package struct Findings: Sendable, Equatable {
        /// Old items that have to be put back.
        package var toRestore = 0
        /// Old items that stand where they were.
        package var inPlace = 0
        /// New items that have to be removed.
        package var toDelete = 0
        /// New items that were there before the run and stay as they are.
        package var kept = 0
        /// How many stand under neither key: deleted since the migration, or lost.
        package var underNeither = 0
        /// The first of their old keys, at most ten.
        package var underNeitherKeys: [String] = []
        /// Whether the old items stood again once, after a rollback or before one was cut: then those under neither key were deleted
        /// since, and with `keepCurrent` they stay so.
        package var wasRestored = false
        /// Old items that were put back and are gone since, while their new ones stand: `stop` refuses, the others put them back again.
        package var goneAgain = 0
        /// Old items that were deleted since they were put back, or lost.
        package var deletedSince: Int { wasRestored ? underNeither + goneAgain : 0 }
        /// Items changed since the migration, and sentences on these and on those that are gone again, at most ten.
        package var conflicts = 0
        package var sentences: [String] = []
        /// Of the conflicts, those that `keepCurrent` does not solve.
        package var unsolved = 0
        /// The new key of the first of them.
        package var firstUnsolved: String?
        /// New items that stay beside their old ones with `takeSnapshot`: they may be others' own.
        package var left = 0
        /// Items that stand in the end as they are now, not as they were before the run.
        package var asNow = 0
        /// Items that came under new keys since the migration; of a snapshot without its run, since or before.
        package var created = 0
        /// The first of their keys, at most ten.
        package var createdKeys: [String] = []
        /// More of them, which the inverse rules do not bring back.
        package var stranded = 0
        /// The first of their keys, at most ten.
        package var strandedKeys: [String] = []

        /// Items of the snapshot.
        var total: Int { toRestore + inPlace }

        /// How many stay deleted, as others left them.
        func deleted(_ rule: ConflictRule) -> Int { wasRestored && rule == .keepCurrent ? underNeither : 0 }

        /// An old item that is in place goes, for the changed one under its new key is the later.
        mutating func willReplace() {
            inPlace -= 1
            toRestore += 1
        }

        mutating func addConflict(_ sentence: String, unsolved key: ItemKey? = nil) {
            conflicts += 1
            if let key {
                unsolved += 1
                if firstUnsolved == nil { firstUnsolved = "\(key)" }
            }
            say(sentence)
        }

        mutating func say(_ sentence: String) { if sentences.count < 10 { sentences.append(sentence) } }
    }

    /// - Parameter runs: where other runs of the table are, if only a snapshot is at hand.
    func look(
        _ moves: MoveList, _ ledger: Ledger?, runs: String?
    ) async throws(RekeyError) -> (findings: Findings, steps: RollbackSteps) {
        var findings = Findings()
        findings.wasRestored = ledger?.has(.restored) ?? false
        try await requireItsItems(moves, wasTakenBack: ledger?.has(.rolledBack) ?? false, runs: runs)
        let timeToLive = findings.wasRestored ? try await table.describe().timeToLiveAttribute : nil
        watch.begin("look", items: nil)
        let created = try await lookForCreated(moves)
        findings.created = created?.count ?? 0
        findings.createdKeys = created?.keys.prefix(10).map(\.description) ?? []
        findings.stranded = created?.strandedCount ?? 0
        findings.strandedKeys = created?.strandedKeys.map(\.description) ?? []
        let isBroughtBack = onConflict == .keepCurrent && knowsCreated && findings.created <= mostCreated
        var steps = RollbackSteps(
            table: table, moves: moves, rules: rules,
            inverse: onConflict == .keepCurrent ? try rules.inverted() : nil, onConflict: onConflict,
            kept: try run?.presentKeys() ?? [], created: isBroughtBack ? created?.keys ?? [] : [],
            wasRestored: findings.wasRestored, readBack: moves.delta.map { ReadBack($0) })
        var places = try await steps.places()
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            let old = try await table.read(chunk.map(\.oldKey))
            let new = try await table.read(chunk.map(\.newKey))
            for move in chunk {
                let current = old[move.oldKey]
                if let current {
                    if current.isEqual(to: move.old) {
                        findings.inPlace += 1
                    } else {
                        findings.addConflict("\(move.oldKey) holds another item than the snapshot")
                        if onConflict == .keepCurrent { findings.asNow += 1 }
                    }
                } else {
                    findings.toRestore += 1
                }
                if let item = new[move.newKey] {
                    let isKept = steps.isKept(move)
                    if isKept { findings.kept += 1 }
                    if !move.isOwnCopy(item) {
                        judge(item, move, old: current, &steps, &findings)
                    } else if !isKept {
                        findings.toDelete += 1
                        if current == nil, findings.wasRestored, !isDue(move.old, timeToLive, .now()) {
                            findings.goneAgain += 1
                            findings.say("\(move.oldKey) was put back and is gone since, while \(move.newKey) stands")
                        }
                    }
                } else if current == nil {
                    if findings.wasRestored, onConflict == .keepCurrent { findings.toRestore -= 1 }
                    if !findings.wasRestored || !isDue(move.old, timeToLive, .now()) {
                        findings.underNeither += 1
                        if findings.underNeitherKeys.count < 10 { findings.underNeitherKeys.append("\(move.oldKey)") }
                    }
                }
                if let made = places.made[move.oldKey],
                    try await steps.isPlaceTaken(from: made, by: move, old: current, new: new[move.newKey])
                {
                    places.taken.append(
                        (
                            made,
                            "\(made) was made since the migration, and under its old key \(move.oldKey) goes back what the run moved to \(move.newKey)"
                        ))
                }
            }
        }
        for (key, sentence) in places.taken { findings.addConflict(sentence, unsolved: key) }
        if isBroughtBack { findings.asNow += findings.created }
        return (findings, steps)
    }

    /// Judges an item under a new key that is no copy of the run's. While an old one stands, nobody can tell whether the run ever put
    /// something there, unless it says so: it may be another's own, which no snapshot holds.
    private func judge(
        _ item: Item, _ move: PlannedMove, old: Item?, _ steps: inout RollbackSteps, _ findings: inout Findings
    ) {
        var back: Item?
        if onConflict == .keepCurrent {
            do throws(RekeyError) {
                back = try steps.back(item, move)
            } catch {
                return findings.addConflict(error.message, unsolved: move.newKey)
            }
        }
        // With an equal old one, a rollback brought it back that was cut then.
        let isBack = old.map { old in back?.isEqual(to: old) ?? false } ?? false
        let isChanged = old.map { steps.isChangedCopy(move, old: $0) } ?? true
        let sentence = "\(move.newKey) was changed since the migration"
        if steps.isKept(move), isBack || isChanged || onConflict == .takeSnapshot {
            if isBack { return }
            findings.asNow += 1
            if onConflict == .keepCurrent, old != nil { findings.willReplace() }
            return findings.addConflict(sentence + "; it stood there before, and stays")
        }
        if old != nil, !isBack, !isChanged || onConflict == .takeSnapshot {
            let sentence = "\(move.newKey) was made since, or changed while \(move.oldKey) stood"
            guard onConflict == .takeSnapshot else { return findings.addConflict(sentence, unsolved: move.newKey) }
            findings.left += 1
            steps.kept.insert(move.newKey.sortableBytes)
            return findings.addConflict(sentence + "; it stays")
        }
        findings.toDelete += 1
        if back != nil, !isBack {
            findings.asNow += 1
            if old != nil { findings.willReplace() }
        }
        findings.addConflict(sentence)
    }

    /// Nil where the rules have no inverse: then nobody can say what they could have made.
    private func lookForCreated(_ moves: MoveList) async throws(RekeyError) -> CreatedItems? {
        guard let inverse = try? rules.inverted() else { return nil }
        return try await CreatedItems(
            table: table, rules: rules, inverse: inverse, moves: moves, run: run,
            temporaryDirectory: temporaryDirectory, most: mostCreated)
    }

    /// Whether it is known what stood under new keys before the migration.
    private var knowsCreated: Bool { (try? run?.plan().standingCount ?? nil) != nil }

    /// How many items stay under new keys that the run did not find there.
    func leftUnderNewKeys(_ findings: Findings) -> Int {
        findings.left + findings.stranded + (onConflict == .keepCurrent && knowsCreated ? 0 : findings.created)
    }

    func announce(_ findings: Findings, _ ledger: Ledger?) {
        if let last = ledger?.entries.last(where: { $0.step == .rolledBack }) {
            events(.information("This run was taken back before, at \(last.time)"))
        }
        events(
            .information(
                "\(counted: findings.toRestore, noun) to put back, \(findings.inPlace) in place, \(findings.toDelete) new items to remove"
            ))
        if findings.kept > 0 {
            events(.information("\(findings.kept) new items that stood there before the run stay"))
        }
        if findings.underNeither > 0 {
            let names = list(findings.underNeitherKeys, of: findings.underNeither)
            if findings.deleted(onConflict) > 0 {
                events(
                    .warning(
                        "\(findings.underNeither) items stand under neither key, deleted since they were put back or lost; they stay so: \(names)"
                    ))
            } else if findings.wasRestored {
                events(
                    .warning(
                        "\(findings.underNeither) of them stand under neither key, deleted since they were put back or lost: \(names)"
                    ))
            } else {
                events(
                    .warning(
                        "\(findings.underNeither) of them stand under neither key, deleted since the migration or lost: they come back as the snapshot has them"
                    ))
            }
        }
        for sentence in findings.sentences { events(.warning(Message(verbatim: sentence))) }
        announceCreated(findings)
    }

    private func list(_ keys: [String], of count: Int) -> String {
        keys.joined(separator: ", ") + (count > keys.count ? ", …" : "")
    }

    private func announceCreated(_ findings: Findings) {
        let all = findings.created + findings.stranded
        let allNames = list(Array((findings.createdKeys + findings.strandedKeys).prefix(10)), of: all)
        guard all > 0 else { return }
        guard knowsCreated else {
            return events(
                .warning(
                    "\(all) more items stand under new keys, which the snapshot does not name; they stay: \(allNames)")
            )
        }
        if onConflict == .takeSnapshot {
            return events(
                .warning(
                    "\(counted: all, noun) made under new keys since the migration; they are in no snapshot and stay under new keys: \(allNames)"
                ))
        }
        let (count, names) = (findings.created, list(findings.createdKeys, of: findings.created))
        if count > 0 {
            events(
                onConflict == .stop
                    ? .warning("\(counted: count, noun) made under new keys since the migration: \(names)")
                    : .warning(
                        "\(counted: count, noun) made under new keys since the migration; they go back under old keys: \(names)"
                    ))
        }
        if findings.stranded > 0 {
            events(
                .warning(
                    "\(counted: findings.stranded, noun) made under new keys since the migration, which the inverse rules do not bring back: \(list(findings.strandedKeys, of: findings.stranded))"
                ))
        }
    }

    func requireNoConflict(_ findings: Findings) throws(RekeyError) {
        let (created, stranded) = knowsCreated ? (findings.created, findings.stranded) : (0, 0)
        switch onConflict {
        case .takeSnapshot: break
        case .keepCurrent:
            guard created <= mostCreated else {
                throw RekeyError(
                    .differences,
                    "\(created) items came under new keys since the migration, and at most \(mostCreated) are brought back; nothing was written; bring them back by rekey extract, transform --inverse and load, or leave them there with --on-conflict take-snapshot",
                    source: table.name)
            }
            guard let first = findings.firstUnsolved ?? (stranded > 0 ? findings.strandedKeys.first : nil) else {
                return
            }
            throw RekeyError(
                .differences,
                "\(findings.unsolved + stranded) items cannot go back as they are now, the first \(first); nothing was written; change them, or delete what does not hold, and run the same command again",
                source: table.name)
        case .stop:
            let since = [
                findings.conflicts > 0 ? "\(findings.conflicts) items were changed" : nil,
                created + stranded > 0 ? "\(created + stranded) came under new keys" : nil,
            ].compactMap { $0 }.joined(separator: " and ")
            let deleted = findings.deletedSince
            let what = [
                since.isEmpty ? nil : since + " since the migration",
                deleted > 0 ? "\(deleted) items were deleted since they were put back" : nil,
            ].compactMap { $0 }.joined(separator: ", and ")
            guard !what.isEmpty else { return }
            throw RekeyError(
                .differences,
                "\(what); nothing was written; choose with --on-conflict keep-current or take-snapshot",
                source: table.name)
        }
    }
}
