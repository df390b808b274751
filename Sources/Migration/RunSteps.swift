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
    /// Attached to the run by the caller.
    package var watch = RunWatch()
    /// Of the report.
    package var language = Language.english
    /// What the run waits for where the rules say.
    package var hook: Hook?
    /// Asked after a hook before the delete.
    package var check: APICheck?
    /// Of the ledger and of `delta.ndjson`, in bytes.
    package var ledgerLimit = Ledger.mostFileBytes
    package var deltaLimit = DeltaLog.mostFileBytes
    package var time = TimeSource.continuous

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
        let ledger = try Ledger(run.ledgerPath, limit: ledgerLimit)
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
        let delta = try DeltaLog(run, ledger, schema: table.schema, limit: deltaLimit)
        let timeToLive = try await table.describe().timeToLiveAttribute
        let present = try PresentKeys(run, plan)
        var left = try await move(steps(delta, present), ledger, timeToLive)
        events(.information("Verifying migration..."))
        var survey = try await look()
        var later = 0
        for _ in 0..<Self.mostRounds where survey.found.old.count > 0 {
            let items = survey.left.items
            events(
                .information(
                    "\(counted: survey.found.old.count, noun) came or changed under old keys since; moving them as well..."
                ))
            try delta.append(items)
            let keys = Set(try items.map { (item) throws(RekeyError) in try item.requiredKey(table.schema) })
            left.add(try await move(steps(delta, present, only: keys), ledger, timeToLive))
            later += items.count
            events(.information("Verifying migration..."))
            survey = try await look()
        }
        guard survey.found.old.count == 0 else {
            throw RekeyError(
                .stoppedResumable,
                "\(survey.found.old.count) \(noun)s stand under old keys still, after \(Self.mostRounds) more rounds: stop what writes them, or deploy what writes new ones, then rekey resume",
                source: table.name)
        }
        try await finalCheck(
            ledger, survey.found, steps(delta, present), left, later: later, timeToLive: timeToLive)
    }

    /// How often items that came or changed meanwhile are moved after the first time, by one command.
    private static var mostRounds: Int { 8 }

    private func steps(_ delta: DeltaLog, _ present: PresentKeys, only keys: Set<ItemKey>? = nil) -> MoveSteps {
        MoveSteps(
            table: table,
            moves: MoveList(
                snapshotPath: run.snapshotPath(plan), rules: rules, table: table, delta: delta, only: keys,
                watch: watch),
            rules: rules, delta: delta, present: present, time: time)
    }

    /// Items of a list that were not moved, since they were gone.
    private struct Departed {
        /// The new keys of those that others deleted.
        var gone: Set<ItemKey> = []
        /// Of those whose time to live was over.
        var expired = 0

        var count: Int { gone.count + expired }

        mutating func add(_ other: Self) {
            gone.formUnion(other.gone)
            expired += other.expired
        }
    }

    /// Moves a list.
    private func move(
        _ steps: MoveSteps, _ ledger: Ledger, _ timeToLive: String?
    ) async throws(RekeyError) -> Departed {
        if plan.strategy == Migrate.Strategy.transact.rawValue {
            events(.information("Moving each \(noun) in a transaction..."))
            watch.begin("move", items: plan.oldCount)
            let tally = try await steps.transact(timeToLive: timeToLive, now: .now())
            try ledger.append(.deleted, facts(of: tally))
            events(.success("✓ Moved \(counted: tally.done + tally.already, noun)"))
            announce(tally)
            return Departed(gone: tally.gone, expired: tally.expired)
        }
        var departed = Departed()
        for phase in MoveDecisions<Item>.batchOrder {
            switch phase {
            case .put:
                events(.information("Creating new structure..."))
                watch.begin("put", items: plan.oldCount)
                let put = try await steps.put(timeToLive: timeToLive, now: .now())
                departed = Departed(gone: put.gone, expired: put.expired)
                try ledger.append(.put, facts(of: put))
                events(
                    put.already > 0
                        ? .success("✓ Created \(put.done) items with new structure (\(put.already) were there)")
                        : .success("✓ Created \(put.done) items with new structure"))
                announce(put)
            case .verify:
                events(.information("Verifying new structure..."))
                watch.begin("verify", items: plan.oldCount)
                var verified = try await steps.verifyNew(timeToLive: timeToLive, now: .now(), gone: departed.gone)
                verified.expired -= departed.expired
                departed.expired += verified.expired
                try ledger.append(.verified, [("equal", "\(verified.done)"), ("expired", "\(departed.expired)")])
                events(.success("✓ Verified \(verified.done) items by reading them back"))
                announce(verified)
            case .delete:
                try await runHook(at: .beforeDelete, ledger)
                events(.information("Deleting old structure..."))
                watch.begin("delete", items: plan.oldCount)
                let deleted = try await steps.deleteOld(timeToLive: timeToLive, now: .now())
                try ledger.append(.deleted, facts(of: deleted))
                let already = deleted.already
                events(
                    already > 0
                        ? .success(
                            "✓ Deleted \(deleted.done + already) old items, each equal to its copy (\(already) were found gone: deleted by an earlier attempt or by another writer)"
                        ) : .success("✓ Deleted \(deleted.done) old items, each equal to its copy"))
                announce(deleted)
            }
        }
        return departed
    }

    /// Reads the whole table, and keeps the items that still stand under old keys.
    private func look() async throws(RekeyError) -> (found: Survey, left: DeltaItems) {
        watch.begin("final check", items: plan.tableCount)
        var left = DeltaItems()
        let survey = try await Survey.of(
            table, rules: rules, temporaryDirectory: temporaryDirectory, progress: watch.progress,
            onOld: { item, _ in left.add(item) })
        return (survey, left)
    }

    private func facts(of tally: MoveSteps.Tally) -> [(String, String)] {
        [
            ("done", "\(tally.done)"), ("already", "\(tally.already)"), ("copied again", "\(tally.recopied)"),
            ("expired", "\(tally.expired)"), ("gone", "\(tally.gone.count)"),
        ]
    }

    /// Says what other writers and the time to live did meanwhile.
    private func announce(_ tally: MoveSteps.Tally) {
        if tally.recopied > 0 {
            events(.information("\(tally.recopied) items were changed since the snapshot and copied again"))
        }
        if tally.changed > 0 {
            events(
                .information(
                    "\(tally.changed) items under new keys are not what was put there, and their old ones are gone: changed by other writers"
                ))
        }
        if tally.changedCopies > 0 {
            events(
                .information(
                    "\(tally.changedCopies) items under new keys were changed by other writers since they were read back; the changes stay, and the old ones go if they are as they were copied"
                ))
        }
        if tally.expired > 0 { events(.information("\(tally.expired) items are gone, their time to live was over")) }
        if !tally.gone.isEmpty {
            let shown = tally.gone.prefix(3).map(\.description).joined(separator: ", ")
            events(
                .warning(
                    "\(tally.gone.count) items were deleted by another writer since the snapshot and not put under their new keys (\(shown)); the snapshot holds them"
                ))
        }
    }

    /// No old item is left: is every new one there? References that name no item are told, whoever broke them.
    private func finalCheck(
        _ ledger: Ledger, _ survey: Survey, _ steps: MoveSteps, _ left: Departed, later: Int, timeToLive: String?
    ) async throws(RekeyError) {
        guard let old = Digest(count: plan.oldCount, hex: plan.oldDigest),
            let new = Digest(count: plan.oldCount, hex: plan.newDigest),
            var expected = Digest(count: plan.tableCount, hex: plan.tableDigest)
        else { throw RekeyError(.badInput, "the run's plan is damaged", source: run.planPath) }
        var left = left
        expected.subtract(old)
        expected.combine(new)
        if plan.presentCount == 0, survey.table == expected {
            events(.success("✓ Digest of the whole table is what it must be: \(survey.table.hex)"))
        } else {
            // Others wrote meanwhile, or some items were under both keys: then each item is asked for.
            let found = try await steps.presence(timeToLive: timeToLive, now: .now(), gone: left.gone)
            guard found.missing.isEmpty else {
                throw RekeyError(
                    .differences,
                    "\(found.missing.count) items stand under neither key: \(found.missing.prefix(3).map(\.description).joined(separator: ", ")); the snapshot holds them; put them back, or go on without them by rekey resume",
                    source: table.name)
            }
            if found.expired > left.expired {
                announce(MoveSteps.Tally(expired: found.expired - left.expired))
                left.expired = found.expired
            }
            let present = plan.presentCount
            let isAsBefore = survey.table.count == plan.tableCount - present && present > 0
            switch (found.changed, isAsBefore) {
            case (0, false):
                events(.success("✓ Every new item is there; other items of the table changed during the run"))
            case (0, true) where present == 1:
                events(.success("✓ Every new item is there; \(present) of them was there before the run"))
            case (0, true): events(.success("✓ Every new item is there; \(present) of them were there before the run"))
            case (let changed, false):
                events(
                    .success(
                        "✓ Every new item is there, \(changed) of them changed by other writers; other items of the table changed during the run"
                    ))
            case (let changed, true):
                events(
                    .success(
                        "✓ Every new item is there, \(changed) of them changed by other writers; \(present) of them were there before the run"
                    ))
            }
        }
        if survey.references.unresolvedAfter > 0 {
            events(
                .warning(
                    "\(survey.references.unresolvedAfter) references name no item: \(survey.references.examples.joined(separator: "; "))"
                ))
        }
        try await runHook(at: .after, ledger)
        // The report first: a finished run is never gone into again.
        try run.write(report(survey, left, later: later), to: run.reportPath)
        try ledger.append(
            .finished,
            [
                ("count", "\(survey.table.count)"), ("digest", survey.table.hex), ("gone", "\(left.gone.count)"),
                ("expired", "\(left.expired)"), ("unresolved", "\(survey.references.unresolvedAfter)"),
            ])
        let moved = plan.oldCount - left.count
        events(
            later > 0
                ? .success(
                    "✓ Migration completed: \(counted: moved, noun), and \(later) that came or changed meanwhile")
                : .success("✓ Migration completed: \(counted: moved, noun)"))
        events(.information("Run: \(run.path)"))
        watch.writeReport(of: run, language: language, events)
        events(.information("To go back: \(rollbackCommand)"))
    }

    private func report(_ survey: Survey, _ left: Departed, later: Int) -> [UInt8] {
        let members = [
            ("run", quoted(plan.id)), ("table", quoted(plan.tableARN)), ("rules", quoted(plan.rulesName)),
            ("startedAt", quoted(plan.startedAt)), ("finishedAt", quoted(Timestamp.now().text)),
            ("moved", "\(plan.oldCount - left.count)"), ("movedLater", "\(later)"),
            ("deletedByOthers", "\(left.gone.count)"), ("expired", "\(left.expired)"),
            ("oldDigest", quoted(plan.oldDigest)), ("newDigest", quoted(plan.newDigest)),
            ("tableDigestBefore", quoted(plan.tableDigest)), ("tableDigestAfter", quoted(survey.table.hex)),
            ("snapshot", quoted(plan.snapshot)), ("rollback", quoted(rollbackCommand)),
        ]
        return Array(("{\n" + members.map { "  \(quoted($0.0)): \($0.1)" }.joined(separator: ",\n") + "\n}\n").utf8)
    }
}
