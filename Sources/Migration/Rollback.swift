package import ByteStreams
import Items
package import Rekeying
import Snapshots
package import Tables

/// The way back: old items back → verify → new items away → verify. Nothing is written unless `execute` is called.
///
/// It touches the keys that the snapshot and the delta name, and with `keepCurrent` what came under new keys since. What others changed
/// since the migration is never overwritten in silence.
package struct Rollback: Sendable {
    /// What to do where an item was changed since the migration.
    package enum ConflictRule: String, Sendable, CaseIterable {
        /// Stop before anything is written, and say which.
        case stop
        /// Bring the current item back under its old key, by the inverse rules; one that came since as well.
        case keepCurrent = "keep-current"
        /// Bring the snapshot's item back; the change is lost. One that came since stays where it is.
        case takeSnapshot = "take-snapshot"
    }

    package var table: any Table
    package var rules: RuleSet
    package var snapshotPath: String
    /// What a user calls the snapshot, where it is not its path.
    package var origin: String?
    /// The run that is taken back; nil where only a snapshot is at hand.
    package var run: RunDirectory?
    package var onConflict = ConflictRule.stop
    package var temporaryDirectory: String
    package var events: EventHandler
    package var watch = RunWatch()
    /// How many items that came under new keys since are brought back one by one.
    package var mostCreated = CreatedItems.most
    /// Of the report.
    package var language = Language.english

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
        /// Of those to put back, how many stand under neither key: deleted since the migration, or lost.
        package var underNeither = 0
        /// Items changed since the migration, as sentences, at most ten.
        package var conflicts = 0
        package var sentences: [String] = []
        /// Items that came under new keys since the migration; of a snapshot without its run, since or before.
        package var created = 0
        /// The first of their keys, at most ten.
        package var createdKeys: [String] = []

        /// Items of the snapshot.
        var total: Int { toRestore + inPlace }
    }

    private var noun: String { rules.noun }

    /// What the run moved, with what changed or came while it went on.
    private func moves(_ ledger: Ledger?) throws(RekeyError) -> MoveList {
        var delta: DeltaLog?
        if let run, let ledger { delta = try DeltaLog(run, ledger, schema: table.schema) }
        return MoveList(snapshotPath: snapshotPath, rules: rules, table: table, delta: delta, watch: watch)
    }

    /// Looks, and says what would be done.
    package func dryRun() async throws(RekeyError) -> Findings {
        events(.heading(heading(mode: Message("Mode: DRY RUN"))))
        try requireOwnSnapshot()
        let ledger = try run.map { run throws(RekeyError) in try Ledger(run.ledgerPath) }
        let findings = try await look(try moves(ledger)).findings
        announce(findings, ledger)
        try requireNoConflict(findings)
        events(.success("✓ DRY RUN completed successfully; add --execute to roll back"))
        return findings
    }

    /// The way back of a run is the snapshot it was begun with, and no other one that lies in its place.
    private func requireOwnSnapshot() throws(RekeyError) {
        guard let plan = try run?.plan() else { return }
        let digest = try Export.open(snapshotPath).metadata?.digest.hex ?? "not known"
        guard digest == plan.oldDigest else {
            throw RekeyError(
                .preflightRefused,
                "the snapshot is not the one the run was begun with: its digest is \(digest), that one's was \(plan.oldDigest); nothing was written; restore the run directory from a copy",
                source: snapshotPath)
        }
    }

    private func heading(mode: Message) -> [Message] {
        [
            Message("ROLLBACK OF \((rules.title ?? rules.name).uppercased())"), mode, Message("Table: \(table.name)"),
            Message("Snapshot: \(origin ?? snapshotPath)"),
        ]
    }

    private func look(_ moves: MoveList) async throws(RekeyError) -> (findings: Findings, created: [ItemKey]) {
        var findings = Findings()
        watch.begin("look", items: nil)
        let created = try await lookForCreated(moves)
        findings.created = created.count
        findings.createdKeys = created.keys.prefix(10).map(\.description)
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
                    if current.isEqual(to: move.old) {
                        findings.inPlace += 1
                    } else {
                        conflict("\(move.oldKey) holds another item than the snapshot")
                    }
                } else {
                    findings.toRestore += 1
                }
                guard let current = new[move.newKey] else {
                    if old[move.oldKey] == nil { findings.underNeither += 1 }
                    continue
                }
                if present.contains(move.newKey.sortableBytes) {
                    findings.kept += 1
                } else {
                    findings.toDelete += 1
                    if !move.isOwnCopy(current) {
                        conflict("\(move.newKey) was changed since the migration")
                    }
                }
            }
        }
        return (findings, created.keys)
    }

    /// None where the rules have no inverse: then nobody can say what they could have made.
    private func lookForCreated(_ moves: MoveList) async throws(RekeyError) -> (count: Int, keys: [ItemKey]) {
        guard let inverse = try? rules.inverted() else { return (0, []) }
        let created = try await CreatedItems(
            table: table, inverse: inverse, moves: moves, run: run, temporaryDirectory: temporaryDirectory,
            most: mostCreated)
        return (created.count, created.keys)
    }

    /// Whether it is known what stood under new keys before the migration.
    private var knowsCreated: Bool { (try? run?.plan().standingCount ?? nil) != nil }

    private func announce(_ findings: Findings, _ ledger: Ledger?) {
        if let last = ledger?.entries.last(where: { $0.step == .rolledBack }) {
            events(.information("This run was taken back before, at \(last.time)"))
        }
        events(
            .information(
                "\(counted: findings.toRestore, noun) to put back, \(findings.inPlace) in place, \(findings.toDelete) new items to remove"
            ))
        if findings.underNeither > 0 {
            events(
                .warning(
                    "\(findings.underNeither) of them stand under neither key, deleted since the migration or lost: they come back as the snapshot has them"
                ))
        }
        for sentence in findings.sentences { events(.warning(Message(verbatim: sentence))) }
        announceCreated(findings)
    }

    private func announceCreated(_ findings: Findings) {
        guard findings.created > 0 else { return }
        let more = findings.created > findings.createdKeys.count ? ", …" : ""
        let names = findings.createdKeys.joined(separator: ", ") + more
        guard knowsCreated else {
            return events(
                .warning(
                    "\(findings.created) more items stand under new keys, which the snapshot does not name; they stay: \(names)"
                ))
        }
        let count = findings.created
        switch onConflict {
        case .stop:
            events(.warning("\(counted: count, noun) made under new keys since the migration: \(names)"))
        case .keepCurrent:
            events(
                .warning(
                    "\(counted: count, noun) made under new keys since the migration; they go back under old keys: \(names)"
                ))
        case .takeSnapshot:
            events(
                .warning(
                    "\(counted: count, noun) made under new keys since the migration; they are in no snapshot and stay under new keys: \(names)"
                ))
        }
    }

    private func requireNoConflict(_ findings: Findings) throws(RekeyError) {
        let created = knowsCreated ? findings.created : 0
        if onConflict == .keepCurrent, created > mostCreated {
            throw RekeyError(
                .differences,
                "\(created) items came under new keys since the migration, and at most \(mostCreated) are brought back; nothing was written; bring them back by rekey extract, transform --inverse and load, or leave them there with --on-conflict take-snapshot",
                source: table.name)
        }
        guard onConflict == .stop, findings.conflicts + created > 0 else { return }
        let what = [
            findings.conflicts > 0 ? "\(findings.conflicts) items were changed" : nil,
            created > 0 ? "\(created) came under new keys" : nil,
        ].compactMap { $0 }.joined(separator: " and ")
        throw RekeyError(
            .differences,
            "\(what) since the migration; nothing was written; choose with --on-conflict keep-current or take-snapshot",
            source: table.name)
    }

    /// Rolls back. Called only after the user has confirmed.
    package func execute(runs: String) async throws(RekeyError) -> Findings {
        events(.heading(heading(mode: Message("Mode: EXECUTE"))))
        try requireOwnSnapshot()
        let description = try await table.describe()
        let lock = try RunLock(
            runs: runs, tableARN: description.arn, tableID: description.id,
            holder: run.map { "the rollback of run \($0.id)" } ?? "a rollback of \(table.name)")
        defer { withExtendedLifetime(lock) {} }
        if let run { try watch.attach(to: run, events: events) }
        defer { watch.detach() }
        let ledger = try run.map { run throws(RekeyError) in try Ledger(run.ledgerPath) }
        let moves = try moves(ledger)
        let (findings, created) = try await look(moves)
        announce(findings, ledger)
        try requireNoConflict(findings)
        try ledger?.append(
            .rollbackStarted,
            [("conflicts", "\(findings.conflicts)"), ("created", "\(findings.created)"), ("rule", onConflict.rawValue)])
        let steps = RollbackSteps(
            table: table, moves: moves, rules: rules, onConflict: onConflict, present: try run?.presentKeys() ?? [],
            created: onConflict == .keepCurrent && knowsCreated ? created : [],
            timeToLive: description.timeToLiveAttribute)
        events(.information("Restoring old structure..."))
        watch.begin("restore", items: findings.total)
        let restored = try await steps.restore()
        try ledger?.append(.restored, [("put", "\(restored)")])
        events(.success("✓ Restored \(counted: restored, noun) and read all of them back"))
        events(.information("Removing new structure..."))
        watch.begin("remove", items: findings.total)
        let removed = try await steps.removeNew()
        try ledger?.append(.newDeleted, [("deleted", "\(removed)")])
        events(.success("✓ Removed \(removed) new items"))
        events(.information("Verifying rollback..."))
        watch.begin("verify", items: findings.total)
        try await steps.verify()
        try await compareDigest(ledger)
        return findings
    }

    /// Compares the whole table with what it was before the run, where that is known.
    private func compareDigest(_ ledger: Ledger?) async throws(RekeyError) {
        watch.begin("final check", items: nil)
        let survey = try await Survey.of(
            table, rules: rules, temporaryDirectory: temporaryDirectory, progress: watch.progress)
        try ledger?.append(.rolledBack, [("count", "\(survey.table.count)"), ("digest", survey.table.hex)])
        if let plan = try run?.plan() {
            if survey.table.hex == plan.tableDigest, survey.table.count == plan.tableCount {
                events(.success("✓ Digest of the whole table equals the one before the migration: \(survey.table.hex)"))
            } else {
                events(
                    .warning(
                        "the table's digest is \(survey.table.hex), before the migration it was \(plan.tableDigest): others wrote to it meanwhile"
                    ))
            }
        } else {
            events(.information("Digest of the whole table: \(survey.table.count) \(survey.table.hex)"))
        }
        if let run { watch.writeReport(of: run, language: language, events) }
        events(.success("✓ Rollback completed"))
    }
}
