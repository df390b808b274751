package import ByteStreams
import Rekeying

/// What a run was, from its directory alone: the table is not asked.
package struct RunReport: Sendable {
    let run: RunDirectory
    let status: RunStatus
    private let forecast: MigrationPlan?
    private let samples: [MetricsSample]
    let rules: RuleSet?
    let language: Language

    /// - Throws: as `RunStatus.init`; what a run of an older version lacks is left out of the report.
    package init(_ run: RunDirectory, language: Language) throws(RekeyError) {
        self.run = run
        self.language = language
        status = try RunStatus(run)
        forecast = try? MigrationPlan.read(run.forecastPath)
        samples = try MetricsSample.read(run.metricsPath)
        rules = (try? readWhole(run.rulesPath, limit: 4 << 20)).flatMap {
            try? RuleSet.parse(yaml: String(decoding: $0, as: UTF8.self), source: run.rulesPath)
        }
    }

    package var state: RunStatus.State { status.state }
    package var html: String { ReportHTML.text(document) }
    package var markdown: String { ReportMarkdown.text(document) }

    /// Writes `report.html` and `report.md` into the run's directory.
    package func write() throws(RekeyError) {
        try run.write(Array(html.utf8), to: run.path + "/report.html")
        try run.write(Array(markdown.utf8), to: run.path + "/report.md")
    }

    var plan: RunPlan { status.plan }
    var noun: String { rules?.noun ?? "item" }

    func entry(_ step: Ledger.Step) -> Ledger.Entry? { status.steps.last { $0.step == step } }

    package var document: ReportDocument {
        let columns = MetricsColumns(samples)
        var sections = [done, beforeAndAfter]
        if let forecast { sections.append(reading(forecast)) }
        sections += [checkList, overTime(columns), steps, wayBack]
        return ReportDocument(
            language: language, title: rules?.title ?? plan.rulesName, verdict: verdict.0, summary: verdict.1,
            sections: sections)
    }

    private var gone: Int { count("gone") }
    private var expired: Int { count("expired") }
    private var moved: Int { plan.oldCount - gone - expired }

    /// Of the last line of a run that came to its end.
    private func count(_ fact: String) -> Int { entry(.finished)?.facts[fact].flatMap { Int($0) } ?? 0 }

    private var verdict: (ReportDocument.Verdict, Message) {
        switch status.state {
        case .finished:
            if gone > 0 {
                return (
                    .attention,
                    Message(
                        "\(counted: moved, noun) moved to new keys and verified; under neither key, deleted by another writer or lost: \(gone) of the snapshot, which holds them"
                    )
                )
            }
            return (
                .good,
                expired == 0
                    ? Message(
                        "\(counted: moved, noun) moved to new keys, every one read back and verified; nothing was lost")
                    : Message(
                        "\(counted: moved, noun) moved to new keys, every one read back and verified; gone meanwhile, their time to live over: \(expired)"
                    )
            )
        case .rolledBack:
            guard entry(.rolledBack)?.facts["digest"].map({ $0 == plan.tableDigest }) ?? true else {
                return (
                    .attention,
                    Message(
                        "Taken back, but the table is not what it was before the run: its digest is another. Others wrote to it since, or the rollback kept or left what was changed"
                    )
                )
            }
            return (.good, Message("Taken back: the old items are where they were"))
        case .rollingBack,
            .stopped where status.isGoingBack:
            return (
                .attention, Message("A rollback began and did not end; run rekey rollback \(run.path) --execute again")
            )
        case .stopped:
            guard status.steps.last?.step == .failed, let reason = entry(.failed)?.facts["reason"] else {
                return (
                    .attention,
                    Message("Not finished: the run works still, or was killed; rekey resume \(run.path) goes on")
                )
            }
            return (.attention, Message("Stopped: \(reason). Go on with rekey resume \(run.path), or take it back"))
        case .running:
            return (
                .attention,
                Message("Not finished: the run works still, or was killed; rekey resume \(run.path) goes on")
            )
        }
    }

    // MARK: Sections

    private var done: ReportDocument.Section {
        typealias Fact = ReportDocument.Fact
        var facts = [
            Fact(name: Message("Table"), value: .code(plan.tableARN)),
            Fact(
                name: entry(.finished) == nil ? Message("To move") : Message("Moved"),
                value: .text(Message("\(counted: moved, noun)"))),
        ]
        if let sample = forecast?.moved.samples?.first {
            facts.append(Fact(name: Message("Keys change as in"), value: .code("\(sample.old) → \(sample.new)")))
        }
        facts += [
            Fact(name: Message("Rules"), value: .code("\(plan.rulesName), SHA-256 \(plan.rulesSHA256)")),
            Fact(
                name: Message("Strategy"),
                value: .text(
                    plan.strategy == Migrate.Strategy.batch.rawValue
                        ? Message("batch: put all, read all back, then delete each old item that is unchanged")
                        : Message("transact: each item in a transaction, new in and old out"))),
            Fact(name: Message("Began"), value: .time(plan.startedAt)),
        ]
        if let end = entry(.rolledBack) ?? entry(.finished) {
            facts.append(Fact(name: Message("Ended"), value: .time(end.time)))
            if let from = Timestamp(text: plan.startedAt), let to = Timestamp(text: end.time) {
                facts.append(
                    Fact(
                        name: Message("Took"),
                        value: .text(Message.time(seconds: max(1, to.seconds - from.seconds)))))
            }
        }
        facts.append(Fact(name: Message("Run"), value: .code(plan.id)))
        return ReportDocument.Section(title: Message("What was done"), parts: [.facts(facts)])
    }

    private var beforeAndAfter: ReportDocument.Section {
        typealias Cell = ReportDocument.Cell
        var rows: [[Cell]] = [
            [.text(Message("Whole table, before")), .number("\(plan.tableCount)"), .digest(plan.tableDigest)],
            [.text(Message("Old items, in the snapshot")), .number("\(plan.oldCount)"), .digest(plan.oldDigest)],
            [.text(Message("What they become")), .number("\(plan.oldCount)"), .digest(plan.newDigest)],
        ]
        for (name, step) in [
            (Message("Whole table, after"), Ledger.Step.finished),
            (Message("Whole table, after the rollback"), .rolledBack),
        ] {
            guard let facts = entry(step)?.facts, let count = facts["count"], let digest = facts["digest"] else {
                continue
            }
            rows.append([.text(name), .number(count), .digest(digest)])
        }
        return ReportDocument.Section(
            title: Message("Before and after"),
            parts: [
                .text(
                    Message(
                        "A digest is a checksum of all items, whatever their order: equal digests, equal items. After the move the table's must be the one before, without the old items and with what they become."
                    )),
                .table(
                    ReportDocument.Table(
                        caption: Message("Items and digests"),
                        columns: [Message("what"), Message("items"), Message("digest")], rows: rows)),
            ])
    }

    private func reading(_ forecast: MigrationPlan) -> ReportDocument.Section {
        let reading = forecast.reading
        let scan = ActivityPlot.text(reading.scanUnits)
        var parts: [ReportDocument.Part] = []
        if let query = reading.queryUnits, let partition = reading.partition, query > 0,
            reading.scanUnits >= 1.5 * query
        {
            let times = Int((reading.scanUnits / query).rounded())
            parts.append(
                .text(
                    Message(
                        "To list all \(noun)s, a Scan of the whole table took \(scan) read units; a Query of \(partition) takes \(ActivityPlot.text(query)) read units, \(times) times less."
                    )))
        } else {
            parts.append(.text(Message("To list all \(noun)s, a Scan of the whole table took \(scan) read units.")))
        }
        return ReportDocument.Section(title: Message("What it is worth"), parts: parts)
    }

    private func overTime(_ columns: MetricsColumns) -> ReportDocument.Section {
        typealias Fact = ReportDocument.Fact
        let totals = columns.totals
        func reckoned(_ used: Double, _ plan: Int?) -> ReportDocument.Cell {
            let used = ActivityPlot.text(used)
            guard let plan, entry(.rolledBack) == nil else { return .text(Message(verbatim: used)) }
            return .text(Message("\(used) (planned: \(plan))"))
        }
        let cost = forecast.map { plan.strategy == $0.strategy && $0.strategy == "transact" ? $0.transact : $0.batch }
        var parts: [ReportDocument.Part] = [
            .facts([
                Fact(
                    name: Message("Write units"),
                    value: reckoned(totals.writeUnits, cost.map { $0.tableWriteUnits + $0.indexWriteUnits })),
                Fact(name: Message("Read units"), value: reckoned(totals.readUnits, cost?.readUnits)),
                Fact(name: Message("Requests"), value: .number("\(totals.requests)")),
                Fact(name: Message("Sent again"), value: .number("\(totals.retries)")),
                Fact(name: Message("Throttled"), value: .number("\(totals.throttled)")),
            ])
        ]
        let plots = columns.plots
        parts += plots.map { .plot($0) }
        if plots.isEmpty { parts.append(.text(Message("It was over in a few seconds; there is nothing to plot."))) }
        return ReportDocument.Section(title: Message("Capacity and time"), parts: parts)
    }
}
