import ArgumentParser
import ByteStreams
import Migration
import Rekeying
import Snapshots
import Tables

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// `rekey rollback`.
struct RollbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Take a run back: old items back, verify, new items away, verify. A dry run without --execute.",
        usage: """
            rekey rollback <run-or-snapshot> [--execute] [<options>]
            rekey rollback [<run>] --pitr <time> [--to <table>] [--execute] [<options>]
            """,
        discussion: """
            Takes a run (its directory or name), a snapshot, or the plan_backup_*.json of the guide's script (with --rules). Only the keys that the snapshot names are touched. With --execute it asks for \
            the word ROLLBACK.

              rekey rollback 20261123_211500-plan-structure --execute
              rekey rollback plan_backup_20261123_211500 --table local:plans.db --execute
              rekey rollback --table dynamodb:plans --pitr 2026-11-23T21:00:00Z --execute

            With --pitr AWS restores the table as it was at that time into a new one; the table itself stays as it is.

            \(ExitStatus.help)
            """)

    @Argument(
        help: ArgumentHelp("A run's directory or name, or a snapshot's directory.", valueName: "run-or-snapshot"),
        completion: runCompletion)
    var origin: String = ""

    @Option(
        help: ArgumentHelp(
            "Restore the whole table as it was at this time (UTC, 2026-11-23T21:00:00Z, or latest) to a new table.",
            valueName: "time"))
    var pitr: String?

    @Option(help: ArgumentHelp("The new table of --pitr; else the table's name and the time now.", valueName: "table"))
    var to: String?

    @OptionGroup var table: TableArgument
    @OptionGroup var runs: RunsArgument

    @Option(help: ArgumentHelp("The rule file, for a snapshot that was made without rules.", valueName: "file"))
    var rules: String?

    @Flag(help: "Write. Without it, say what would be done.")
    var execute = false

    @Option(help: ArgumentHelp("The word ROLLBACK, where no terminal is there to type it.", valueName: "word"))
    var confirm: String?

    @Option(
        help:
            "Items changed since the migration: stop, keep-current (under the old key), take-snapshot (the change is lost)."
    )
    var onConflict = Rollback.ConflictRule.stop

    @OptionGroup var smoke: SmokeArguments
    @OptionGroup var language: LanguageArgument
    @OptionGroup var reporting: ReportOptions

    func run() async throws {
        if let pitr { return try await restoreToPointInTime(pitr) }
        guard to == nil else { throw RekeyError(.usage, "--to is for --pitr") }
        guard !origin.isEmpty else {
            throw RekeyError(.usage, "name the run or the snapshot to go back to, or a time with --pitr")
        }
        let run = try namedRun()
        let plan = try run?.plan()
        let (table, watch, description) = try await openTable(of: plan)
        let temporary = "\(Environment.temporaryDirectory)/rekey-backup-\(getpid())"
        defer { try? removeTree(temporary) }
        let snapshotPath = isPlainBackup ? temporary : try run.map(path(ofSnapshotIn:)) ?? origin
        let ruleSet = try loadRules(run: run, snapshotPath: snapshotPath)
        if isPlainBackup {
            try await makeSnapshot(
                ofPlainBackup: origin, noun: ruleSet.noun, for: table, at: temporary, tool: "rekey \(toolVersion)",
                temporaryDirectory: Environment.temporaryDirectory)
        }
        if run == nil { try requireSameTable(description, snapshotPath: snapshotPath) }
        try requireSound(snapshotPath)
        let printer = EventPrinter(json: reporting.json, quiet: reporting.quiet)
        if isSnapshot, let run {
            printer(.information("The snapshot is that of run \(run.path): the run is taken back"))
        }
        var rollback = Rollback(
            table: table, rules: ruleSet, snapshotPath: snapshotPath, run: run,
            temporaryDirectory: Environment.temporaryDirectory, events: { printer($0) })
        rollback.watch = watch
        rollback.place = description.place
        rollback.language = language.lang
        rollback.onConflict = onConflict
        if isPlainBackup { rollback.origin = origin }
        let findings: Rollback.Findings
        if execute {
            try rekey.confirm("ROLLBACK", given: confirm, what: "Rolling back \(description.place) writes to it")
            // A run is locked where it lies, whatever directory this command was started in.
            let check = try await smoke.before(printer)
            findings = try await rollback.execute(runs: run.map { parentDirectory($0.path) } ?? runs.runs)
            try await smoke.after(check, way: "the items are back and verified; look at the application", printer)
        } else {
            findings = try await rollback.dryRun(runs: runs.runs)
        }
        if reporting.json {
            let result = JSONValue.object([
                ("command", .string("rollback")), ("executed", .boolean(execute)),
                ("restored", .integer(findings.toRestore)), ("inPlace", .integer(findings.inPlace)),
                ("removed", .integer(findings.toDelete)), ("kept", .integer(findings.kept)),
                ("conflicts", .integer(findings.conflicts)),
                ("created", .integer(findings.created + findings.stranded)),
                ("deleted", .integer(findings.deletedSince)),
            ])
            try Terminal.print(result.text)
        }
    }

    /// The run that was named, by its own name or by the snapshot inside its directory; nil where only a snapshot is at hand.
    private func namedRun() throws(RekeyError) -> RunDirectory? {
        if isPlainBackup { return nil }
        guard isSnapshot else { return try RunDirectory.find(origin, runs: runs.runs) }
        let snapshot = resolvedPath(origin) ?? origin
        let run = RunDirectory(path: parentDirectory(snapshot))
        guard fileExists(run.planPath) else { return nil }
        guard run.snapshotPath(try run.plan()) == snapshot else { return nil }
        let name = parentDirectory(origin)
        let isNamed = fileExists(RunDirectory(path: name).planPath)
        return RunDirectory(path: run.path, namedBy: isNamed ? name : run.path, runs: runs.runs)
    }

    private func path(ofSnapshotIn run: RunDirectory) throws(RekeyError) -> String {
        run.snapshotPath(try run.plan())
    }

    /// The backup of the guide's script: one JSON file.
    private var isPlainBackup: Bool { isRegularFile(origin) }

    private var isSnapshot: Bool { fileExists(origin + "/manifest-summary.json") }

    /// The rules the snapshot was made with: of the run, of the snapshot itself, or of `--rules`.
    private func loadRules(run: RunDirectory?, snapshotPath: String) throws(RekeyError) -> RuleSet {
        if let run { return try ownRules(of: run) }
        if let rules {
            let (ruleSet, text) = try readRules(rules)
            try requireProof(ruleSet, source: rules)
            try requireNoOthers(than: SnapshotRules(name: ruleSet.name, text: text), in: snapshotPath)
            return ruleSet
        }
        // A plain backup holds none.
        guard !isPlainBackup, let text = try Export.open(snapshotPath).metadata?.rules?.text else {
            throw RekeyError(.usage, "the snapshot holds no rules; name the file with --rules", source: origin)
        }
        return try RuleSet.parse(yaml: text, source: snapshotPath)
    }

    /// What a snapshot that holds rules says of new keys is not to be had by others: they would remove what stands elsewhere.
    private func requireNoOthers(than rules: SnapshotRules, in snapshotPath: String) throws(RekeyError) {
        guard !isPlainBackup, let own = try Export.open(snapshotPath).metadata?.rules, own.sha256 != rules.sha256
        else { return }
        throw RekeyError(
            .preflightRefused,
            "holds other rules (SHA-256 \(own.sha256)) than --rules names (\(rules.sha256)); leave --rules out",
            source: origin)
    }

    /// The rules that the run was begun with, byte for byte, in its directory or where `--rules` says: others would take other items
    /// back, and leave the run's own.
    private func ownRules(of run: RunDirectory) throws(RekeyError) -> RuleSet {
        let plan = try run.plan()
        let path = rules ?? run.rulesPath
        let text = try readRuleText(path)
        let sha256 = SnapshotRules(name: plan.rulesName, text: text).sha256
        guard sha256 == plan.rulesSHA256 else {
            throw RekeyError(
                .preflightRefused,
                "the rules changed since the run began: their SHA-256 was \(plan.rulesSHA256), it is \(sha256); put back the file, or name a copy of it with --rules",
                source: path)
        }
        return try RuleSet.parse(yaml: text, source: path)
    }

    /// A run is taken back on the table it was made on, and no other.
    private func openTable(
        of plan: RunPlan?
    ) async throws(RekeyError) -> (table: any Table, watch: RunWatch, description: TableDescription) {
        if let plan { return try await table.open(of: plan) }
        let (_, table, watch) = try await table.open()
        return (table, watch, try await table.describe())
    }

    /// So is a snapshot without a run.
    private func requireSameTable(_ description: TableDescription, snapshotPath: String) throws(RekeyError) {
        let metadata = try Export.open(snapshotPath).metadata
        guard let arn = metadata?.tableARN, let id = metadata?.tableID else { return }
        guard arn == description.arn, id == description.id else {
            throw RekeyError(
                .preflightRefused,
                "the snapshot is of table \(arn) (id \(id)), this is \(description.arn) (id \(description.id)); to fill another table use rekey restore",
                source: snapshotPath)
        }
    }

    private func requireSound(_ path: String) throws(RekeyError) {
        let check = try checkSnapshot(path, level: .readData)
        guard check.isSound else {
            throw RekeyError(
                .badInput,
                "the snapshot is damaged: \(check.findings.first.map { "\($0)" } ?? ""); nothing was written",
                source: path)
        }
    }
}

extension Rollback.ConflictRule: ExpressibleByArgument {}
