package import ByteStreams
import Items
package import Rekeying
import Stages
package import Tables

/// The steps of a run after its snapshot, from wherever its ledger says it stands.
package struct RunSteps: Sendable {
    package var run: RunDirectory
    package var plan: RunPlan
    package var table: any Table
    package var rules: RuleSet
    package var events: EventHandler
    package var temporaryDirectory: String

    package init(
        run: RunDirectory, plan: RunPlan, table: any Table, rules: RuleSet, events: @escaping EventHandler,
        temporaryDirectory: String
    ) {
        self.run = run
        self.plan = plan
        self.table = table
        self.rules = rules
        self.events = events
        self.temporaryDirectory = temporaryDirectory
    }

    /// The command that takes this run back.
    package var rollbackCommand: String { "rekey rollback \(run.path) --execute" }

    private var noun: String { rules.noun }

    /// Does what is left to do; on failure the ledger says so and the run can be resumed or rolled back.
    package func go() async throws(RekeyError) -> Migrate.Outcome {
        let ledger = try Ledger(run.ledgerPath)
        if ledger.has(.finished) { return .alreadyMigrated }
        do {
            try await steps(ledger)
        } catch {
            try? ledger.append(.failed, [("reason", error.description)])
            events(.warning("The run stopped: \(error.description)"))
            events(.information("To go on:   rekey resume \(run.path)"))
            events(.information("To go back: \(rollbackCommand)"))
            throw error
        }
        return .migrated(run: run.path)
    }

    private func steps(_ ledger: Ledger) async throws(RekeyError) {
        let moves = MoveList(snapshotPath: run.snapshotPath(plan), rules: rules, schema: table.schema)
        let steps = MoveSteps(table: table, moves: moves, rules: rules)
        let timeToLive = try await table.describe().timeToLiveAttribute
        var recopied: [ItemKey] = []
        if plan.strategy == Migrate.Strategy.transact.rawValue {
            events(.information("Moving each \(noun) in a transaction..."))
            let tally = try await steps.transact()
            recopied = tally.recopied
            try ledger.append(.deleted, [("done", "\(tally.done)"), ("already", "\(tally.already)")])
            events(.success("✓ Moved \(tally.done + tally.already) \(noun)s"))
        } else {
            events(.information("Creating new structure..."))
            let put = try await steps.put()
            try ledger.append(.put, [("done", "\(put.done)"), ("already", "\(put.already)")])
            events(.success("✓ Created \(put.done) items with new structure\(put.already > 0 ? " (\(put.already) were there)" : "")"))
            events(.information("Verifying new structure..."))
            // Once old items have gone, a new one may have been changed by its users; then only presence can be asked for.
            if !ledger.has(.deleted), try await oldAreAllThere(moves) {
                let verified = try await steps.verifyNew(timeToLive: timeToLive, now: .now())
                try ledger.append(.verified, [("equal", "\(verified.done)"), ("expired", "\(verified.expired)")])
                events(.success("✓ Verified \(verified.done) items by reading them back"))
            }
            events(.information("Deleting old structure..."))
            let deleted = try await steps.deleteOld()
            recopied = deleted.recopied
            try ledger.append(.deleted, [("done", "\(deleted.done)"), ("already", "\(deleted.already)")])
            events(.success("✓ Deleted \(deleted.done) old items, each equal to its copy"))
        }
        try await finalCheck(ledger, recopied: recopied, timeToLive: timeToLive)
    }

    /// Whether no old item was deleted yet.
    private func oldAreAllThere(_ moves: MoveList) async throws(RekeyError) -> Bool {
        var all = true
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            guard all else { return }
            all = try await table.read(chunk.map(\.oldKey)).count == chunk.count
        }
        return all
    }

    /// Reads the whole table again: no old item left, every new one there, references as good as before.
    private func finalCheck(
        _ ledger: Ledger, recopied: [ItemKey], timeToLive: String?
    ) async throws(RekeyError) {
        events(.information("Verifying migration..."))
        let survey = try await Survey.of(table, rules: rules, temporaryDirectory: temporaryDirectory)
        guard survey.old.count == 0 else {
            throw RekeyError(
                .stoppedResumable,
                "\(survey.old.count) \(noun)s stand under old keys that were not there at the survey; run rekey migrate again for them",
                source: table.name)
        }
        guard let old = Digest(count: plan.oldCount, hex: plan.oldDigest),
            let new = Digest(count: plan.oldCount, hex: plan.newDigest),
            var expected = Digest(count: plan.tableCount, hex: plan.tableDigest)
        else { throw RekeyError(.badInput, "the run's plan is damaged", source: run.planPath) }
        expected.subtract(old)
        expected.combine(new)
        let present = try run.presentKeys().count
        if present == 0, survey.table == expected {
            events(.success("✓ Digest of the whole table is what it must be: \(survey.table.hex)"))
        } else {
            // Others wrote meanwhile, or some items were under both keys: then each item is asked for.
            let steps = MoveSteps(
                table: table, moves: MoveList(snapshotPath: run.snapshotPath(plan), rules: rules, schema: table.schema),
                rules: rules)
            let missing = try await steps.missingNew(timeToLive: timeToLive, now: .now())
            guard missing.isEmpty else {
                throw RekeyError(
                    .differences,
                    "\(missing.count) new items are missing: \(missing.prefix(3).map(\.description).joined(separator: ", "))",
                    source: table.name)
            }
            events(.success("✓ Every new item is there; other items of the table changed during the run"))
        }
        if survey.references.unresolvedAfter > 0 {
            events(.warning("\(survey.references.unresolvedAfter) references name no item: \(survey.references.examples.joined(separator: "; "))"))
        }
        try ledger.append(.finished, [("count", "\(survey.table.count)"), ("digest", survey.table.hex)])
        try run.write(report(survey), to: run.reportPath)
        events(.success("✓ Migration completed: \(plan.oldCount) \(noun)s"))
        events(.information("Run: \(run.path)"))
        events(.information("To go back: \(rollbackCommand)"))
    }

    private func report(_ survey: Survey) -> [UInt8] {
        let members = [
            ("run", quoted(plan.id)), ("table", quoted(plan.tableARN)), ("rules", quoted(plan.rulesName)),
            ("startedAt", quoted(plan.startedAt)), ("finishedAt", quoted(Timestamp.now().text)),
            ("moved", "\(plan.oldCount)"), ("oldDigest", quoted(plan.oldDigest)), ("newDigest", quoted(plan.newDigest)),
            ("tableDigestBefore", quoted(plan.tableDigest)), ("tableDigestAfter", quoted(survey.table.hex)),
            ("snapshot", quoted(plan.snapshot)), ("rollback", quoted(rollbackCommand)),
        ]
        return Array(("{\n" + members.map { "  \(quoted($0.0)): \($0.1)" }.joined(separator: ",\n") + "\n}\n").utf8)
    }
}
