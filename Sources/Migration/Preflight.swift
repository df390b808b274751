package import ByteStreams
package import Items
package import Rekeying
package import Stages
package import Tables

/// What is looked at before a run, and whether it may begin.
package struct PreflightReport: Sendable {
    package enum Verdict: String, Sendable {
        case ok
        case warning
        case blocked
    }

    /// One line of the check list.
    package struct Check: Sendable, Equatable {
        package var name: String
        package var verdict: Verdict
        package var detail: String
    }

    package var checks: [Check] = []
    package var description: TableDescription
    package var survey: Survey

    /// True where nothing blocks.
    package var isPassed: Bool { !checks.contains { $0.verdict == .blocked } }

    /// No old items, and new ones are there.
    package var isMigrated: Bool { survey.old.count == 0 && survey.new.count > 0 }
}

/// Looks at a table before a run: identity, region, key schema, recovery, and a real count of what moves.
package struct Preflight: Sendable {
    package var table: any Table
    package var rules: RuleSet
    package var allowsMissingRecovery: Bool
    package var temporaryDirectory: String
    /// Partition key prefixes whose items are counted too.
    package var counting: [String] = []
    /// Where STS and CloudWatch are asked; nil for a table that is not live, of which they know nothing.
    package var services: LiveServices?
    /// USD for a million write units, in place of the known prices.
    package var writePrice: Double?
    /// Told of what is read.
    package var watch: RunWatch?

    package init(
        table: any Table, rules: RuleSet, allowsMissingRecovery: Bool = false, temporaryDirectory: String = "/tmp"
    ) {
        self.table = table
        self.rules = rules
        self.allowsMissingRecovery = allowsMissingRecovery
        self.temporaryDirectory = temporaryDirectory
    }

    /// Reads the table once and judges.
    ///
    /// - Parameters:
    ///   - known: the table's description where the caller has it.
    ///   - onOld: called with each old item and its key.
    package func run(
        _ known: TableDescription? = nil,
        onOld: ((_ item: UnsafeRawBufferPointer, _ key: ItemKey) throws(RekeyError) -> Void)? = nil
    ) async throws(RekeyError) -> PreflightReport {
        let description = if let known { known } else { try await table.describe() }
        try requireSchema(description)
        watch?.begin("survey", items: description.itemCount > 0 ? description.itemCount : nil)
        let survey = try await Survey.of(
            table, rules: rules, temporaryDirectory: temporaryDirectory, counting: counting,
            indexes: description.indexes, progress: watch?.progress, onOld: onOld)
        var report = Self.judge(description, survey, rules: rules, allowsMissingRecovery: allowsMissingRecovery)
        if let services {
            report.add(
                try await LiveFindings.gather(services, table: description, writePrice: writePrice), rules: rules)
        }
        return report
    }

    /// Throws `.preflightRefused` where the table cannot be read yet, or no more, and where the rules speak of other key
    /// attributes than the table's.
    func requireSchema(_ description: TableDescription) throws(RekeyError) {
        guard ["ACTIVE", "UPDATING"].contains(description.status) else {
            throw RekeyError(
                .preflightRefused, "the table is \(description.status); wait until it is ACTIVE",
                source: description.name)
        }
        let schema = description.schema
        guard schema.partition.name == rules.partition, schema.sort?.name == rules.sort else {
            let have = [schema.partition.name, schema.sort?.name].compactMap { $0 }.joined(separator: ", ")
            let want = [rules.partition, rules.sort].compactMap { $0 }.joined(separator: ", ")
            throw RekeyError(
                .preflightRefused, "the table's key is \(have), the rules speak of \(want); mend the rules' `key`",
                source: description.name)
        }
    }

    /// The check list of what was found.
    static func judge(
        _ description: TableDescription, _ survey: Survey, rules: RuleSet, allowsMissingRecovery: Bool
    ) -> PreflightReport {
        var report = PreflightReport(description: description, survey: survey)
        func add(_ name: String, _ verdict: PreflightReport.Verdict, _ detail: String) {
            report.checks.append(PreflightReport.Check(name: name, verdict: verdict, detail: detail))
        }
        let noun = rules.noun
        add("identity", .ok, "account \(description.account)")
        add("region", .ok, description.region)
        add("table", description.status == "ACTIVE" ? .ok : .blocked, "\(description.name), \(description.status)")
        let schema = description.schema
        let key = [schema.partition, schema.sort].compactMap { $0 }.map { "\($0.name) (\($0.type.rawValue))" }
        add("key schema", .ok, key.joined(separator: ", "))
        let recovery = description.recovery
        if recovery.isEnabled {
            let since = recovery.earliestRestorable.map { ", restorable since \(Timestamp(seconds: $0).text)" } ?? ""
            add("PITR", .ok, "enabled\(since)\(recovery.note.map { " (\($0))" } ?? "")")
        } else if let refusal = recovery.refusal {
            add(
                "PITR", allowsMissingRecovery ? .warning : .blocked,
                "not known: \(refusal); allow that, or run with --without-pitr")
        } else {
            add(
                "PITR", allowsMissingRecovery ? .warning : .blocked,
                "off; turn point-in-time recovery on, or run with --without-pitr")
        }
        if let check = report.indexes(rules) { report.checks.append(check) }
        add("items", .ok, "\(survey.table.count) in the table, counted")
        add("old \(noun)s", .ok, "\(survey.old.count)")
        add("new \(noun)s", .ok, "\(survey.new.count)")
        if survey.notMoved > 0 {
            add(
                "not moved", .warning,
                "\(survey.notMoved) with a key as in the rules' from, but other attributes than the rules ask for (such as \(survey.notMovedSample.map(\.description) ?? "")); they stay"
            )
        }
        for one in survey.counts { add("\(one.prefix) items", .ok, "\(one.count)") }
        if survey.collisions > 0 {
            let first = survey.collisionSentences.first ?? ""
            add("collisions", .blocked, "\(survey.collisions): \(first)")
        } else {
            let present = survey.alreadyPresent
            add("collisions", .ok, present == 0 ? "none" : "none (\(present) under both keys, equal)")
        }
        if survey.wide > 0 {
            add(
                "wide items", .warning,
                "\(survey.wide) have more attributes than DynamoDB compares in one write: of them a change that others make in the moment between the last look and the write may not be seen"
            )
        }
        let references = survey.references
        if !rules.references.isEmpty {
            let detail = "\(references.items) items refer to \(noun)s, \(references.unresolvedAfter) to none"
            add(
                "references",
                references.unresolvedAfter > references.unresolvedNow
                    ? .blocked : references.unresolvedAfter > 0 ? .warning : .ok,
                detail + (references.examples.first.map { " (\($0))" } ?? ""))
        }
        if description.isStreamEnabled {
            add("stream", .warning, "consumers will see an INSERT and a REMOVE for each \(noun)")
        }
        if let refusal = description.timeToLiveRefusal {
            add("time to live", .warning, "not known: \(refusal)")
        }
        if let attribute = description.timeToLiveAttribute {
            add("time to live", .warning, "on by \(attribute): items may vanish during the run and are counted apart")
        }
        if !description.replicas.isEmpty {
            add(
                "replicas", .warning,
                "global table (\(description.replicas.joined(separator: ", "))): write in one region only")
        }
        let indexes = description.indexes.filter { $0.kind == .global }.count
        add(
            "capacity", .ok,
            "\(survey.putUnits * (1 + indexes)) write units to put, \(survey.deleteUnits * (1 + indexes)) to delete, \(survey.oldBytes) bytes"
        )
        return report
    }
}
