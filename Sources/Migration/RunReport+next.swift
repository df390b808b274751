import ByteStreams
import Rekeying

extension RunReport {
    private typealias Check = ReportDocument.Check

    private var lookAgain: String { "rekey migrate --table \(plan.table) --rules \(run.rulesPath)" }

    /// The check list of a migration, or of the way back; ticked is only what the run itself checked.
    var checkList: ReportDocument.Section {
        let checks =
            switch status.state {
            case .finished: proofs(isFinished: true) + afterwards
            case .rolledBack: afterRollback
            case .rollingBack,
                .stopped where status.isGoingBack:
                [
                    Check(
                        isDone: false, text: Message("Take the run back to the end"),
                        command: "rekey rollback \(run.path) --execute")
                ] + afterRollback
            case .stopped, .running:
                [
                    Check(
                        isDone: false, text: Message("Go on with the run, or take it back as below"),
                        command: "rekey resume \(run.path)")
                ] + proofs(isFinished: false) + afterwards
            }
        return ReportDocument.Section(title: Message("What is left to do"), parts: [.checks(checks)])
    }

    private func proofs(isFinished: Bool) -> [ReportDocument.Check] {
        let step = plan.strategy == "batch" ? Ledger.Step.verified : .deleted
        var checks = [
            Check(
                isDone: entry(.snapshot) != nil && fileExists(run.snapshotPath(plan)),
                text: Message("A snapshot of the old items is there and was read back")),
            Check(
                isDone: isFinished && entry(step) != nil,
                text: Message("Every new item was read back and is what the rules make of the old one")),
            Check(
                isDone: isFinished,
                text: Message("None of the \(noun)s stands under an old key: the whole table was read again")),
        ]
        if plan.hook != nil || entry(.hook) != nil {
            checks.append(
                Check(isDone: entry(.hook) != nil, text: Message("The command of --hook was run and ended well")))
        }
        if !(rules?.references.isEmpty ?? true) {
            checks.append(
                Check(
                    isDone: isFinished && entry(.finished)?.facts["unresolved"] == "0",
                    text: Message("Items that refer to the \(noun)s find them under their new keys")))
        }
        return checks
    }

    private var afterwards: [ReportDocument.Check] {
        [
            Check(isDone: false, text: Message("Deploy the code that reads and writes the new keys, everywhere")),
            Check(
                isDone: false, text: Message("Try the API and the pages that list, show, add and change \(noun)s")),
            watch,
            Check(
                isDone: false, text: Message("Look again in a day whether anything has written old keys"),
                command: lookAgain),
            keep,
            Check(isDone: false, text: Message("Take the code for the old keys out")),
        ]
    }

    private var afterRollback: [ReportDocument.Check] {
        [
            Check(
                isDone: status.state == .rolledBack && entry(.rolledBack)?.facts["digest"] == plan.tableDigest,
                text: Message("The whole table holds what it held before the migration: its digest is the same")),
            Check(isDone: false, text: Message("Deploy the code that reads and writes the old keys, everywhere")),
            Check(
                isDone: false, text: Message("Try the API and the pages that list, show, add and change \(noun)s")),
            watch,
            keep,
        ]
    }

    private var watch: ReportDocument.Check {
        Check(
            isDone: false, text: Message("Watch errors and throttling for a day"),
            command: plan.table.hasPrefix("dynamodb:") ? "rekey monitor \(plan.table) --watch" : nil)
    }

    private var keep: ReportDocument.Check {
        Check(
            isDone: false, text: Message("Keep the run's directory, its snapshot is the way back, for 30 days at least")
        )
    }

    var wayBack: ReportDocument.Section {
        if status.state == .rolledBack {
            return ReportDocument.Section(
                title: Message("The way forward again"),
                parts: [
                    .text(Message("This run was taken back and cannot go on. A new run begins with a dry run:")),
                    .commands([lookAgain]),
                ])
        }
        var parts: [ReportDocument.Part] = [
            .text(
                Message(
                    "The first only looks. The second puts the old items back, reads them back, and then removes the new ones; items that were changed since are not overwritten unless you say so."
                )), .commands(["rekey rollback \(run.path)", "rekey rollback \(run.path) --execute"]),
        ]
        if plan.table.hasPrefix("dynamodb:") {
            parts += [
                .text(
                    Message(
                        "If the run's directory is lost, and point-in-time recovery was on: the table as it was, restored by AWS into a new table."
                    )),
                .commands(["rekey rollback --table \(plan.table) --pitr \(plan.startedAt) --execute"]),
            ]
        }
        return ReportDocument.Section(title: Message("The way back"), parts: parts)
    }
}
