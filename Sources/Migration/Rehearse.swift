package import ByteStreams
package import Items
package import Rekeying
import Snapshots
package import Stages
import Tables

/// The whole migration and its rollback on a local copy of an export: no table of anyone's is touched.
package struct Rehearse: Sendable {
    package var from: Location
    package var rules: RuleSet
    package var rulesText: String
    /// Where the copy and the run go; it must exist.
    package var workDirectory: String
    /// What `workDirectory` will be called when the rehearsal is over; the run's plan names the table there.
    package var finalDirectory: String
    package var tool: String
    package var keyNames: KeyNames
    package var events: EventHandler
    /// What opens locations in AWS.
    package var services: LiveServices?

    package init(
        from: Location, rules: RuleSet, rulesText: String, workDirectory: String, tool: String,
        events: @escaping EventHandler
    ) {
        self.from = from
        self.rules = rules
        self.rulesText = rulesText
        self.workDirectory = workDirectory
        finalDirectory = workDirectory
        self.tool = tool
        keyNames = KeyNames(partition: rules.partition, sort: rules.sort)
        self.events = events
    }

    /// Digests of the copy at the three points that matter.
    package struct Result: Sendable, Equatable {
        package var before: Digest
        package var migrated: Digest
        package var after: Digest
        package var moved: Int

        package var isEqual: Bool { before == after }
    }

    /// Runs all of it.
    ///
    /// Throws `.differences` where the rollback does not bring back the digest, and where nothing is moved, which proves nothing;
    /// `.badInput` where the items are changes, or none.
    package func run() async throws(RekeyError) -> Result {
        let path = workDirectory + "/rehearsal.db"
        events(.heading([Message("REHEARSAL on a local copy"), Message("From: \(from.text)")]))
        if let export = try openExport(from, services: services), export.summary.isIncremental {
            throw RekeyError(
                .badInput,
                "is an incremental export, which holds changes and no table; load it into a table with rekey load and rehearse on that",
                source: export.location.directory)
        }
        var load = Load(
            from: from, to: .local(path), execute: true, keyNames: keyNames,
            options: StreamOptions(services: services), temporaryDirectory: workDirectory)
        load.takesChanges = false
        let loaded = try await load.run()
        guard loaded.counts.read > 0 else {
            throw RekeyError(.badInput, "holds no items: nothing was rehearsed", source: from.text)
        }
        events(.success("✓ Copied \(loaded.counts.read) items"))
        let table = try LocalTable.open(path: path)
        let before = try await digest(path)
        guard before == loaded.digest else {
            throw RekeyError(
                .differences, "the copy's digest is not that of the export: items were lost or changed on the way",
                source: from.text)
        }
        events(.information("Digest before: \(before.count) \(before.hex)"))
        let runs = workDirectory + "/runs"
        let migrate = Migrate(
            table: RetryingTable(table), tableText: "local:\(finalDirectory)/rehearsal.db", rules: rules,
            rulesText: rulesText, runs: runs,
            tool: tool, temporaryDirectory: workDirectory, events: local)
        let outcome = try await migrate.execute()
        guard case .migrated(let runPath) = outcome else {
            let reason =
                outcome == .alreadyMigrated ? "items stand under the new keys already" : "correct FROM or the rules"
            throw RekeyError(
                .differences, "no item of FROM matches the rules: nothing was rehearsed; \(reason)", source: from.text)
        }
        let migrated = try await digest(path)
        events(.information("Digest after the migration: \(migrated.count) \(migrated.hex)"))
        let run = RunDirectory(path: runPath)
        let plan = try run.plan()
        let rollback = Rollback(
            table: RetryingTable(table), rules: rules, snapshotPath: run.snapshotPath(plan), run: run,
            temporaryDirectory: workDirectory, events: local)
        _ = try await rollback.execute(runs: runs)
        let after = try await digest(path)
        events(.information("Digest after the rollback: \(after.count) \(after.hex)"))
        guard before == after else {
            throw RekeyError(.differences, "the rollback did not bring back the digest", source: path)
        }
        events(.success("✓ The rollback brought back exactly what was there"))
        return Result(before: before, migrated: migrated, after: after, moved: plan.oldCount)
    }

    /// Says what the run says, with paths as they are inside the copy, and without the way back, which is gone over here too.
    private var local: EventHandler {
        let (inside, events) = (workDirectory + "/", events)
        return { event in
            switch event {
            case .information(let message)
            where ["Run: %1", "Report: %1", "To go back: %1"].contains(message.template): break
            case .heading(let lines): events(.heading(lines.map { $0.without(inside) }))
            case .information(let message): events(.information(message.without(inside)))
            case .success(let message): events(.success(message.without(inside)))
            case .warning(let message): events(.warning(message.without(inside)))
            case .detail(let message): events(.detail(message.without(inside)))
            case .table: events(event)
            }
        }
    }

    private func digest(_ path: String) async throws(RekeyError) -> Digest {
        try await DigestStage(from: .local(path)).run().digest ?? Digest()
    }
}
