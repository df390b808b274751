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
        let lock = try RunLock(
            runs: runs, tableARN: description.arn, tableID: description.id, holder: "run \(run.id)")
        defer { withExtendedLifetime(lock) {} }
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
        if !ledger.has(.finished) { try await requireNotMovedOn(snapshot, ledger) }
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

    /// A new item that a later run took away looks like one that was not put yet, and would be put a second time.
    private func requireNotMovedOn(_ snapshot: String, _ ledger: Ledger) async throws(RekeyError) {
        let later = try LaterRun.all(after: run)
        if later.isEmpty { return }
        let delta = try DeltaLog(run, ledger, schema: table.schema)
        try await MoveList(snapshotPath: snapshot, rules: rules, table: table, delta: delta).forEachChunk {
            chunk throws(RekeyError) in
            for move in chunk {
                guard let other = later.first(where: { $0.takes(move.new) }) else { continue }
                throw RekeyError(
                    .preflightRefused,
                    "a later run moves what this one makes, such as \(move.newKey); take that run back first: rekey rollback \(other.path)",
                    source: run.path)
            }
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
