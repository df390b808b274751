package import ByteStreams
import Items
package import Rekeying
import Snapshots
package import Tables

/// Goes on with a run from wherever its ledger says it stands.
package struct Resume: Sendable {
    package var run: RunDirectory
    package var table: any Table
    package var rules: RuleSet
    package var runs: String
    package var temporaryDirectory: String
    package var events: EventHandler
    package var watch = RunWatch()
    /// Of the report.
    package var language = Language.english
    /// What the run waits for where the rules say, unless it ended well before.
    package var hook: Hook?
    /// Asked after a hook before the delete.
    package var check: APICheck?

    package init(
        run: RunDirectory, table: any Table, rules: RuleSet, runs: String, temporaryDirectory: String,
        events: @escaping EventHandler
    ) {
        self.run = run
        self.table = table
        self.rules = rules
        self.runs = runs
        self.temporaryDirectory = temporaryDirectory
        self.events = events
    }

    /// Checks that account, region, table, rules and snapshot are still those of the plan, then does what is left.
    package func execute(rulesSHA256: String) async throws(RekeyError) -> Migrate.Outcome {
        let plan = try run.plan()
        let description = try await table.describe()
        try Self.require(plan, description, rulesSHA256: rulesSHA256)
        if hook != nil { try Hook.requirePlace(rules, strategy: plan.strategy) }
        let locks = try RunLock.all(in: [runs] + run.homes, of: description, holder: "run \(run.id)")
        defer { withExtendedLifetime(locks) {} }
        let snapshot = run.snapshotPath(plan)
        let check = try checkSnapshot(snapshot, level: .readData)
        let metadata = try Export.open(snapshot).metadata
        guard check.isSound, let metadata, metadata.digest.hex == plan.oldDigest else {
            throw RekeyError(
                .preflightRefused,
                "the snapshot is not the one the run was begun with: \(check.findings.first?.description ?? "its digest differs")",
                source: snapshot)
        }
        let ledger = try Ledger(run.ledgerPath)
        guard !ledger.has(.rollbackStarted) else {
            throw RekeyError(
                .preflightRefused, "the run was taken back; begin a new one with rekey migrate", source: run.path)
        }
        if !ledger.has(.finished) { try await requireItsItems(snapshot, ledger) }
        try watch.attach(to: run, events: events)
        defer { watch.detach() }
        var steps = RunSteps(
            run: run, plan: plan, table: table, rules: rules, events: events, temporaryDirectory: temporaryDirectory)
        steps.watch = watch
        steps.language = language
        steps.hook = hook
        steps.check = self.check
        return try await steps.go()
    }

    /// An item that a later run took away looks like one that was not put yet, or that others deleted; and what an earlier run made is
    /// back under its earlier key once that one was taken back.
    private func requireItsItems(_ snapshot: String, _ ledger: Ledger) async throws(RekeyError) {
        let (later, takenBack) = try OtherRun.around(run)
        if later.isEmpty, takenBack.isEmpty { return }
        let delta = try DeltaLog(run, ledger, schema: table.schema)
        let moves = MoveList(snapshotPath: snapshot, rules: rules, table: table, delta: delta)
        if let (other, key) = try await SharedKeys.last(
            of: later, .old, in: moves, [.old, .new], table: table, temporaryDirectory: temporaryDirectory)
        {
            throw RekeyError(
                .preflightRefused,
                "a later run moves what this one moves or makes, such as \(key); take that run back first: rekey rollback \(other.path)",
                source: run.path)
        }
        if let (other, key) = try await SharedKeys.last(
            of: takenBack, .new, in: moves, .old, table: table, temporaryDirectory: temporaryDirectory)
        {
            throw RekeyError(
                .preflightRefused,
                "an earlier run made what this one moves, such as \(key), and was taken back since; take this run back, then that one once more: rekey rollback \(run.path) --execute, rekey rollback \(other.path) --execute",
                source: run.path)
        }
    }

    /// Throws `.preflightRefused` with the first thing that changed since the plan was made.
    static func require(
        _ plan: RunPlan, _ description: TableDescription, rulesSHA256: String
    ) throws(RekeyError) {
        try plan.requireTable(description)
        guard rulesSHA256 == plan.rulesSHA256 else {
            throw RekeyError(
                .preflightRefused,
                "the rules (SHA-256) changed since the run began: it was \(plan.rulesSHA256), it is \(rulesSHA256); put back what it was begun with, or take the run back by rekey rollback",
                source: plan.id)
        }
    }
}
