package import ByteStreams
import Items
package import Rekeying
import Snapshots
package import Tables

/// A migration: survey → snapshot → put → verify → delete → verify. Nothing is written to the table unless `execute` is set.
package struct Migrate: Sendable {
    package enum Strategy: String, Sendable, CaseIterable {
        /// Put all, verify, then delete each if unchanged.
        case batch
        /// Each item in a transaction.
        case transact
    }

    package var table: any Table
    /// As the user wrote it.
    package var tableText: String
    package var rules: RuleSet
    /// The rule file's text and its SHA-256 go into the run and the snapshot.
    package var rulesText: String
    package var strategy = Strategy.batch
    package var allowsMissingRecovery = false
    package var runs: String
    package var tool: String
    package var temporaryDirectory: String
    package var events: EventHandler
    package var watch = RunWatch()
    /// Of the plan's table and of the report.
    package var language = Language.english
    /// What the run has to find; nil for whatever it finds.
    package var pinned: MigrationPlan?
    /// Write units a second that the user allows, for the plan.
    package var writeLimit: Double?
    /// What the run waits for where the rules say.
    package var hook: Hook?
    /// Asked after a hook before the delete.
    package var check: APICheck?
    package var time = TimeSource.continuous

    package init(
        table: any Table, tableText: String, rules: RuleSet, rulesText: String, runs: String, tool: String,
        temporaryDirectory: String, events: @escaping EventHandler
    ) {
        self.table = table
        self.tableText = tableText
        self.rules = rules
        self.rulesText = rulesText
        self.runs = runs
        self.tool = tool
        self.temporaryDirectory = temporaryDirectory
        self.events = events
    }

    /// What a run ended with.
    package enum Outcome: Sendable, Equatable {
        case dryRun(MigrationPlan)
        case alreadyMigrated
        case nothingToDo
        case migrated(run: String)
    }

    private var noun: String { rules.noun }

    private func heading(mode: Message, _ description: TableDescription) -> [Message] {
        [Message(verbatim: (rules.title ?? "RE-KEYING \(rules.name)").uppercased()), mode, .table(description)]
    }

    /// Looks, and says what would be done.
    package func dryRun() async throws(RekeyError) -> Outcome {
        try checkHook()
        let description = try await table.describe()
        events(.heading(heading(mode: Message("Mode: DRY RUN"), description)))
        warnOfNoHook()
        let report = try await survey(description)
        if let outcome = try settled(report) {
            if outcome == .nothingToDo {
                events(
                    .warning(
                        "no item of the table matches the rules, and none stands under a key that they make; check the table and the rules"
                    ))
            }
            try requirePinned(plan(report))
            return outcome
        }
        events(
            .information(
                "Would put \(report.survey.old.count) new items (\(report.survey.putUnits) write units), then delete the old ones (\(report.survey.deleteUnits) write units)"
            ))
        if let hook {
            switch rules.hookPlace {
            case .beforeDelete:
                events(.information("Would run the hook before the old items are deleted: \(hook.command)"))
            case .after: events(.information("Would run the hook after the last verification: \(hook.command)"))
            }
        }
        events(.information("Would keep a snapshot and a ledger in \(runs)"))
        let plan = plan(report)
        events(.table([""] + PlanTable(plan, language: language).lines + [""]))
        try requirePassed(report)
        try requirePinned(plan)
        events(.success("✓ DRY RUN completed successfully; add --execute to migrate"))
        return .dryRun(plan)
    }

    private func plan(_ report: PreflightReport) -> MigrationPlan {
        MigrationPlan(
            report, rules: rules, rulesSHA256: SnapshotRules(name: rules.name, text: rulesText).sha256,
            strategy: strategy, tool: tool, writeLimit: writeLimit, readsToCompare: table.readsToCompare, now: .now())
    }

    /// Throws `.preflightRefused` with every difference where the table is not as the plan has it.
    private func requirePinned(_ plan: MigrationPlan) throws(RekeyError) {
        guard let pinned else { return }
        let differences = pinned.differences(from: plan)
        guard differences.isEmpty else {
            throw RekeyError(
                .preflightRefused,
                "not as in the plan of \(pinned.madeAt): \(differences.joined(separator: "; ")); nothing was written; look, and make a new plan with --plan-out",
                source: table.name)
        }
        events(.success("✓ As in the plan of \(pinned.madeAt)"))
    }

    private func checkHook() throws(RekeyError) {
        if hook != nil { try Hook.requirePlace(rules, strategy: strategy.rawValue) }
    }

    /// Whoever wrote the rules wants something done before the delete.
    private func warnOfNoHook() {
        guard hook == nil, rules.hookPlace == .beforeDelete else { return }
        events(.warning("the rule file has a hook run before the delete, and no --hook is given"))
    }

    private func survey(_ description: TableDescription) async throws(RekeyError) -> PreflightReport {
        events(.information("Verifying old structure..."))
        var preflight = Preflight(
            table: table, rules: rules, allowsMissingRecovery: allowsMissingRecovery,
            temporaryDirectory: temporaryDirectory)
        preflight.watch = watch
        let stopped = try await stoppedRuns(description)
        var onOld: ((UnsafeRawBufferPointer, ItemKey) throws(RekeyError) -> Void)?
        if let stopped { onOld = { (item, _) throws(RekeyError) in try stopped.add(item) } }
        let report = try await preflight.run(description, onOld: onOld)
        announce(report)
        if let finding = try stopped?.finding() { events(.warning(Message(verbatim: finding))) }
        return report
    }

    private func stoppedRuns(_ description: TableDescription) async throws(RekeyError) -> StoppedRuns? {
        try await StoppedRuns(
            in: runs, tableID: description.id, rules: rules, table: table, temporaryDirectory: temporaryDirectory)
    }

    private func announce(_ report: PreflightReport) {
        let survey = report.survey
        if survey.old.count > 0 {
            events(.success("✓ Found \(counted: survey.old.count, noun) with old structure"))
            for sample in survey.samples { events(.detail(Message(verbatim: Self.text(of: sample)))) }
            if survey.old.count > survey.samples.count {
                events(.detail("… and \(survey.old.count - survey.samples.count) more"))
            }
            if let first = survey.samples.first, let newKey = first.newKey {
                events(.information("Keys change as in \(first.key) → \(newKey)"))
            }
        }
        for check in report.checks where check.verdict == .warning {
            events(.warning("\(check.name): \(check.detail)"))
        }
    }

    private static func text(of sample: Survey.Sample) -> String {
        sample.label.isEmpty ? "\(sample.key.partition)" : "\(sample.key.partition): \(sample.label)"
    }

    /// The outcome where nothing is left to move.
    ///
    /// - Throws: `.stoppedResumable` where the last run of these rules on the table has not come to its end.
    private func settled(_ report: PreflightReport) throws(RekeyError) -> Outcome? {
        guard report.survey.old.count == 0 else { return nil }
        try requireNoStoppedRun(report.description)
        if report.isMigrated {
            let new = report.survey.new.count
            events(
                report.survey.notMoved == 0
                    ? .success(
                        "✓ Already migrated: \(counted: new, noun) with new structure, none with old; nothing was changed"
                    )
                    : .success(
                        "✓ Already migrated: \(counted: new, noun) with new structure, none with old that the rules move; nothing was changed"
                    ))
            return .alreadyMigrated
        }
        return .nothingToDo
    }

    /// A run that moved everything and stopped later, as at a hook or a check, is not done because nothing is left to move.
    private func requireNoStoppedRun(_ description: TableDescription) throws(RekeyError) {
        let (all, unreadable) = try RunStatus.list(runs)
        if let denied = unreadable.first(where: { $0.code == .permission }) { throw denied }
        let last = all.last {
            $0.plan.tableARN == description.arn && $0.plan.tableID == description.id
                && $0.plan.rulesName == rules.name
        }
        guard let last, last.state == .stopped else { return }
        let way = last.isGoingBack ? "rekey rollback \(last.path) --execute" : "rekey resume \(last.path)"
        throw RekeyError(
            .stoppedResumable,
            "nothing is left to move, but the run \(last.plan.id) did not come to its end; go on with \(way)",
            source: table.name)
    }

    private func requirePassed(_ report: PreflightReport) throws(RekeyError) {
        let blocked = report.checks.filter { $0.verdict == .blocked }
        guard let first = blocked.first else { return }
        for check in blocked { events(.warning("\(check.name): \(check.detail)")) }
        for sentence in report.survey.collisionSentences.dropFirst() { events(.detail(Message(verbatim: sentence))) }
        throw RekeyError(
            .preflightRefused, "\(first.name): \(first.detail); nothing was written", source: table.name)
    }

    /// Migrates. Called only after the user has confirmed.
    package func execute(now: Timestamp = .now()) async throws(RekeyError) -> Outcome {
        try checkHook()
        let description = try await table.describe()
        events(.heading(heading(mode: Message("Mode: EXECUTE"), description)))
        warnOfNoHook()
        let preflight = Preflight(
            table: table, rules: rules, allowsMissingRecovery: allowsMissingRecovery,
            temporaryDirectory: temporaryDirectory)
        try preflight.requireSchema(description)
        let lock = try RunLock(
            runs: runs, tableARN: description.arn, tableID: description.id, holder: "a migration of \(table.name)")
        defer { withExtendedLifetime(lock) {} }
        events(.information("Verifying old structure..."))
        let run = try RunDirectory.create(in: runs, at: now, name: rules.name)
        lock.say("run \(run.id)")
        defer { watch.detach() }
        let prepared: (report: PreflightReport, plan: RunPlan)
        do {
            try watch.attach(to: run, events: events)
            prepared = try await prepare(run, description, now: now)
        } catch {
            // Nothing was written to the table: the run never began.
            try? removeTree(run.path)
            throw error
        }
        if prepared.report.survey.old.count == 0 {
            watch.detach()
            try? removeTree(run.path)
        }
        if let outcome = try settled(prepared.report) { return outcome }
        var steps = RunSteps(
            run: run, plan: prepared.plan, table: table, rules: rules, events: events,
            temporaryDirectory: temporaryDirectory
        )
        steps.watch = watch
        steps.language = language
        steps.hook = hook
        steps.check = check
        steps.time = time
        return try await steps.go()
    }

    /// Surveys, writes and checks the snapshot, and pins the plan.
    private func prepare(
        _ run: RunDirectory, _ description: TableDescription, now: Timestamp
    ) async throws(RekeyError) -> (report: PreflightReport, plan: RunPlan) {
        let stopped = try await stoppedRuns(description)
        let snapshotName = "\(fileSafe(noun))_backup_\(now.compact)"
        let snapshotRules = SnapshotRules(name: rules.name, text: rulesText)
        let writer = try SnapshotWriter(
            path: run.path + "/" + snapshotName,
            information: SnapshotInformation(
                tableARN: description.arn, tableID: description.id, keySchema: description.schema,
                rules: snapshotRules, tool: tool),
            temporaryDirectory: temporaryDirectory)
        var present: [UInt8] = []
        var presentCount = 0
        var standingCount = 0
        let standing = try openSink(run.standingPath, compression: .none)
        let survey: Survey
        do {
            watch.begin("survey", items: description.itemCount > 0 ? description.itemCount : nil)
            survey = try await Survey.of(
                table, rules: rules, temporaryDirectory: temporaryDirectory, indexes: description.indexes,
                progress: watch.progress,
                onOld: { item, key throws(RekeyError) in
                    try writer.add(line: item, key: key)
                    try stopped?.add(item)
                },
                onStanding: { key throws(RekeyError) in
                    try standing.write(RunDirectory.keyLine(key.description, key.sortableBytes))
                    standingCount += 1
                },
                onPresent: { key, sortableKey throws(RekeyError) in
                    present += RunDirectory.keyLine(key, sortableKey)
                    presentCount += 1
                })
            if standingCount > 0 { try standing.finish() } else { standing.abandon() }
        } catch {
            standing.abandon()
            writer.abandon()
            throw error
        }
        let report = Preflight.judge(
            description, survey, rules: rules, allowsMissingRecovery: allowsMissingRecovery)
        announce(report)
        let plan = RunPlan(
            id: run.id, table: tableText, account: description.account, region: description.region,
            tableARN: description.arn, tableID: description.id, rulesName: rules.name,
            rulesSHA256: snapshotRules.sha256, strategy: strategy.rawValue, startedAt: now.text,
            turn: try RunPlan.turn(in: runs, tableID: description.id, startedAt: now.text),
            tableCount: survey.table.count, tableDigest: survey.table.hex, oldCount: survey.old.count,
            oldDigest: survey.old.hex, newDigest: survey.expected.hex, presentCount: presentCount,
            standingCount: standingCount, snapshot: snapshotName, hook: hook?.command,
            hookSeconds: hook.map { Int($0.timeLimit.components.seconds) })
        let forecast = self.plan(report)
        guard survey.old.count > 0 else {
            writer.abandon()
            try requirePinned(forecast)
            return (report, plan)
        }
        do throws(RekeyError) {
            if let finding = try stopped?.finding() {
                throw RekeyError(.preflightRefused, finding + "; nothing was written", source: table.name)
            }
            try requirePassed(report)
            try requirePinned(forecast)
        } catch {
            writer.abandon()
            throw error
        }
        events(.information("Creating backup..."))
        let summary = try writer.finish()
        let check = try checkSnapshot(summary.path, level: .readData)
        guard check.isSound, summary.count == survey.old.count, summary.digest == survey.old.hex else {
            throw RekeyError(
                .differences,
                "the snapshot read back is not what was written: \(check.findings.first?.description ?? "its digest differs"); nothing was written to the table",
                source: summary.path)
        }
        events(
            .success(
                "✓ Backup \(summary.path): \(counted: summary.count, noun), digest \(summary.digest.prefix(16))…, read back"
            ))
        if !present.isEmpty { try run.write(present, to: run.presentPath) }
        try run.write(Array(rulesText.utf8), to: run.rulesPath)
        try run.write(forecast.json, to: run.forecastPath)
        try run.write(plan)
        let ledger = try Ledger(run.ledgerPath)
        try ledger.append(.started, [("table", description.arn)])
        try ledger.append(.snapshot, [("count", "\(summary.count)"), ("digest", summary.digest)])
        return (report, plan)
    }
}

/// A text made fit for a file's name.
func fileSafe(_ text: String) -> String {
    String(
        text.unicodeScalars.map { scalar -> Character in
            let isPlain =
                ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar)
                || scalar == "-" || scalar == "_"
            return isPlain ? Character(scalar) : "_"
        })
}
