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
    /// Which table it is, for the heading, where more is known than its name.
    package var place: String?
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

    var noun: String { rules.noun }

    /// What the run moved, with what changed or came while it went on.
    private func moves(_ ledger: Ledger?) throws(RekeyError) -> MoveList {
        var delta: DeltaLog?
        if let run, let ledger { delta = try DeltaLog(run, ledger, schema: table.schema) }
        return MoveList(snapshotPath: snapshotPath, rules: rules, table: table, delta: delta, watch: watch)
    }

    /// Looks, and says what would be done.
    ///
    /// - Parameter runs: where other runs of the table are looked for, if only a snapshot is at hand.
    package func dryRun(runs: String? = nil) async throws(RekeyError) -> Findings {
        events(.heading(heading(mode: Message("Mode: DRY RUN"))))
        try requireOwnSnapshot()
        let ledger = try run.map { run throws(RekeyError) in try Ledger(run.ledgerPath) }
        let findings = try await look(try moves(ledger), ledger, runs: runs).findings
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
            Message("ROLLBACK OF \((rules.title ?? rules.name).uppercased())"), mode,
            Message("Table: \(place ?? table.name)"),
            Message("Snapshot: \(origin ?? snapshotPath)"),
        ]
    }

    /// Rolls back. Called only after the user has confirmed.
    package func execute(runs: String) async throws(RekeyError) -> Findings {
        events(.heading(heading(mode: Message("Mode: EXECUTE"))))
        try requireOwnSnapshot()
        let description = try await table.describe()
        let locks = try RunLock.all(
            in: [runs] + (run?.homes ?? []), of: description,
            holder: run.map { "the rollback of run \($0.id)" } ?? "a rollback of \(table.name)")
        defer { withExtendedLifetime(locks) {} }
        if let run { try watch.attach(to: run, events: events) }
        defer { watch.detach() }
        let ledger = try run.map { run throws(RekeyError) in try Ledger(run.ledgerPath) }
        let moves = try moves(ledger)
        var (findings, steps) = try await look(moves, ledger, runs: runs)
        announce(findings, ledger)
        try requireNoConflict(findings)
        try ledger?.append(
            .rollbackStarted,
            [
                ("conflicts", "\(findings.conflicts)"), ("created", "\(findings.created + findings.stranded)"),
                ("rule", onConflict.rawValue),
            ])
        steps.timeToLive = description.timeToLiveAttribute
        events(.information("Restoring old structure..."))
        watch.begin("restore", items: findings.total)
        let restored = try await steps.restore()
        try ledger?.append(.restored, [("put", "\(restored.put)")])
        events(.success("✓ Restored \(counted: restored.put, noun) and read all of them back"))
        events(.information("Removing new structure..."))
        watch.begin("remove", items: findings.total)
        let removed = restored.replaced + (try await steps.removeNew())
        try ledger?.append(.newDeleted, [("deleted", "\(removed)")])
        events(.success("✓ Removed \(removed) new items"))
        events(.information("Verifying rollback..."))
        watch.begin("verify", items: findings.total)
        try await steps.verify(deleted: restored.deleted)
        try await compareDigest(ledger, findings, delta: moves.delta?.versions.count ?? 0)
        return findings
    }

    /// Compares the whole table with what it was before the run, where that is known.
    ///
    /// - Parameter delta: how many items changed or came during the run.
    private func compareDigest(_ ledger: Ledger?, _ findings: Findings, delta: Int) async throws(RekeyError) {
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
                        "the table is not as it was before the migration: its digest is \(survey.table.hex), it was \(plan.tableDigest)"
                    ))
                let left = leftUnderNewKeys(findings)
                if findings.asNow > 0 { events(.detail("items kept as they are now: \(findings.asNow)")) }
                let deleted = findings.deleted(onConflict)
                if deleted > 0 { events(.detail("items left deleted: \(deleted)")) }
                if left > 0 { events(.detail("items left under new keys: \(left)")) }
                if delta > 0 { events(.detail("items that changed or came during the run, kept so: \(delta)")) }
                if findings.asNow + left + delta + deleted == 0 {
                    events(.detail("others wrote to it during the run or since, or an item's time to live was over"))
                }
            }
        } else {
            events(.information("Digest of the whole table: \(survey.table.count) \(survey.table.hex)"))
        }
        if let run { watch.writeReport(of: run, language: language, events) }
        events(.success("✓ Rollback completed"))
    }
}
