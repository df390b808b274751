package import ByteStreams
import Items
package import Rekeying
package import Tables

/// The way back: old items back → verify → new items away → verify. Nothing is written unless `execute` is called.
///
/// It touches the keys that the snapshot names and no other. What others changed since the migration is never overwritten in silence.
package struct Rollback: Sendable {
    /// What to do where an item was changed since the migration.
    package enum ConflictRule: String, Sendable, CaseIterable {
        /// Stop before anything is written, and say which.
        case stop
        /// Bring the current item back under its old key, by the inverse rules.
        case keepCurrent = "keep-current"
        /// Bring the snapshot's item back; the change is lost.
        case takeSnapshot = "take-snapshot"
    }

    package var table: any Table
    package var rules: RuleSet
    package var snapshotPath: String
    /// The run that is taken back; nil where only a snapshot is at hand.
    package var run: RunDirectory?
    package var onConflict = ConflictRule.stop
    package var temporaryDirectory: String
    package var events: EventHandler

    package init(
        table: any Table, rules: RuleSet, snapshotPath: String, run: RunDirectory? = nil, temporaryDirectory: String,
        events: @escaping EventHandler
    ) {
        self.table = table
        self.rules = rules
        self.snapshotPath = snapshotPath
        self.run = run
        self.temporaryDirectory = temporaryDirectory
        self.events = events
    }

    /// What a look at the table found.
    package struct Findings: Sendable, Equatable {
        /// Old items that have to be put back.
        package var toRestore = 0
        /// Old items that stand where they were.
        package var inPlace = 0
        /// New items that have to be removed.
        package var toDelete = 0
        /// New items that were there before the run and stay.
        package var kept = 0
        /// Items changed since the migration, as sentences, at most ten.
        package var conflicts = 0
        package var sentences: [String] = []
    }

    private var noun: String { rules.noun }
    private var moves: MoveList { MoveList(snapshotPath: snapshotPath, rules: rules, schema: table.schema) }

    /// Looks, and says what would be done.
    package func dryRun() async throws(RekeyError) -> Findings {
        events(.heading(heading(mode: "DRY RUN")))
        let findings = try await look()
        announce(findings)
        try requireNoConflict(findings)
        events(.success("✓ DRY RUN completed successfully; add --execute to roll back"))
        return findings
    }

    private func heading(mode: String) -> [String] {
        ["ROLLBACK OF \((rules.title ?? rules.name).uppercased())", "Mode: \(mode)", "Table: \(table.name)", "Snapshot: \(snapshotPath)"]
    }

    private func look() async throws(RekeyError) -> Findings {
        var findings = Findings()
        let present = try run?.presentKeys() ?? []
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            let old = try await table.read(chunk.map(\.oldKey))
            let new = try await table.read(chunk.map(\.newKey))
            for move in chunk {
                func conflict(_ sentence: String) {
                    findings.conflicts += 1
                    if findings.sentences.count < 10 { findings.sentences.append(sentence) }
                }
                if let current = old[move.oldKey] {
                    if current.isEqual(to: move.old) { findings.inPlace += 1 } else {
                        conflict("\(move.oldKey) holds another item than the snapshot")
                    }
                } else {
                    findings.toRestore += 1
                }
                guard let current = new[move.newKey] else { continue }
                if present.contains(move.newKey.description) {
                    findings.kept += 1
                } else {
                    findings.toDelete += 1
                    if !current.isEqual(to: move.new) {
                        conflict("\(move.newKey) was changed since the migration")
                    }
                }
            }
        }
        return findings
    }

    private func announce(_ findings: Findings) {
        events(.information("\(findings.toRestore) \(noun)s to put back, \(findings.inPlace) in place, \(findings.toDelete) new items to remove"))
        for sentence in findings.sentences { events(.warning(sentence)) }
    }

    private func requireNoConflict(_ findings: Findings) throws(RekeyError) {
        guard onConflict == .stop, findings.conflicts > 0 else { return }
        throw RekeyError(
            .differences,
            "\(findings.conflicts) items were changed since the migration; nothing was written; choose with --on-conflict keep-current or take-snapshot",
            source: table.name)
    }

    /// Rolls back. Called only after the user has confirmed.
    package func execute(runs: String) async throws(RekeyError) -> Findings {
        events(.heading(heading(mode: "EXECUTE")))
        let description = try await table.describe()
        let lock = try RunLock(
            runs: runs, tableARN: description.arn, tableID: description.id, holder: "a rollback of \(table.name)")
        defer { withExtendedLifetime(lock) {} }
        let findings = try await look()
        announce(findings)
        try requireNoConflict(findings)
        let ledger = try run.map { run throws(RekeyError) in try Ledger(run.ledgerPath) }
        try ledger?.append(.rollbackStarted, [("conflicts", "\(findings.conflicts)"), ("rule", onConflict.rawValue)])
        let present = try run?.presentKeys() ?? []
        events(.information("Restoring old structure..."))
        let restored = try await restore()
        try ledger?.append(.restored, [("put", "\(restored)")])
        events(.success("✓ Restored \(restored) \(noun)s and read all of them back"))
        events(.information("Removing new structure..."))
        let removed = try await removeNew(present)
        try ledger?.append(.newDeleted, [("deleted", "\(removed)")])
        events(.success("✓ Removed \(removed) new items"))
        try await verify(present)
        try await compareDigest(ledger)
        return findings
    }

    /// What has to stand under the old key in the end.
    private func wanted(_ move: PlannedMove, old: Item?, new: Item?) throws(RekeyError) -> Item {
        guard onConflict == .keepCurrent else { return move.old }
        if let old, !old.isEqual(to: move.old) { return old }
        guard let new, !new.isEqual(to: move.new) else { return move.old }
        do {
            var back = Mover(rules: try rules.inverted(), schema: table.schema)
            guard let moved = try back.move(new) else {
                throw RekeyError(
                    .differences, "\(move.newKey) was changed so that the inverse rules do not match it", source: table.name)
            }
            return moved.new
        } catch let error as RekeyError {
            throw error
        } catch let error as ItemError {
            throw RekeyError(.badInput, error.reason, source: table.name)
        } catch {
            throw RekeyError(.unexpected, "\(error)", source: table.name)
        }
    }

    /// Puts the old items back and reads them back.
    private func restore() async throws(RekeyError) -> Int {
        var count = 0
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            let old = try await table.read(chunk.map(\.oldKey))
            let new = try await table.read(chunk.map(\.newKey))
            var requests: [WriteRequest] = []
            var expected: [ItemKey: Item] = [:]
            for move in chunk {
                let item = try wanted(move, old: old[move.oldKey], new: new[move.newKey])
                expected[move.oldKey] = item
                if let current = old[move.oldKey], current.isEqual(to: item) { continue }
                requests.append(.put(item))
            }
            try await table.write(requests)
            count += requests.count
            let back = try await table.read(chunk.map(\.oldKey))
            for (key, item) in expected {
                guard let current = back[key], current.isEqual(to: item) else {
                    throw RekeyError(
                        .differences, "\(key) is not what was put back; no new item was removed", source: table.name)
                }
            }
        }
        return count
    }

    /// Removes the new items, each only if it is still the one that was looked at.
    private func removeNew(_ present: Set<String>) async throws(RekeyError) -> Int {
        var count = 0
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            let mine = chunk.filter { !present.contains($0.newKey.description) }
            let there = try await table.read(mine.map(\.newKey))
            let items = mine.compactMap { there[$0.newKey] }
            for (item, outcome) in zip(items, try await table.deleteUnchanged(items)) {
                switch outcome {
                case .done: count += 1
                case .conditionFailed(nil): break
                case .conditionFailed:
                    let key = (try? item.key(table.schema).description) ?? "a new item"
                    throw RekeyError(
                        .stoppedResumable, "\(key) changed while it was taken back; run the same command again",
                        source: table.name)
                }
            }
        }
        return count
    }

    private func verify(_ present: Set<String>) async throws(RekeyError) {
        events(.information("Verifying rollback..."))
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            let old = try await table.read(chunk.map(\.oldKey))
            let new = try await table.read(chunk.map(\.newKey))
            for move in chunk {
                guard old[move.oldKey] != nil else {
                    throw RekeyError(.differences, "\(move.oldKey) is missing after the rollback", source: table.name)
                }
                guard new[move.newKey] == nil || present.contains(move.newKey.description) else {
                    throw RekeyError(.differences, "\(move.newKey) is still there after the rollback", source: table.name)
                }
            }
        }
    }

    /// Compares the whole table with what it was before the run, where that is known.
    private func compareDigest(_ ledger: Ledger?) async throws(RekeyError) {
        let survey = try await Survey.of(table, rules: rules, temporaryDirectory: temporaryDirectory)
        try ledger?.append(.rolledBack, [("count", "\(survey.table.count)"), ("digest", survey.table.hex)])
        if let plan = try run?.plan() {
            if survey.table.hex == plan.tableDigest, survey.table.count == plan.tableCount {
                events(.success("✓ Digest of the whole table equals the one before the migration: \(survey.table.hex)"))
            } else {
                events(.warning("the table's digest is \(survey.table.hex), before the migration it was \(plan.tableDigest): others wrote to it meanwhile"))
            }
        } else {
            events(.information("Digest of the whole table: \(survey.table.count) \(survey.table.hex)"))
        }
        events(.success("✓ Rollback completed"))
    }
}
