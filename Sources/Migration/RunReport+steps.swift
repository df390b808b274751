extension RunReport {
    var steps: ReportDocument.Section {
        let rows = status.steps.map { step -> [ReportDocument.Cell] in
            [.time(step.time), .text(step.step.title), .text(Message(verbatim: facts(of: step)))]
        }
        return ReportDocument.Section(
            title: Message("Steps"),
            parts: [
                .table(
                    ReportDocument.Table(
                        caption: Message("From the run's ledger"),
                        columns: [Message("time"), Message("step"), Message("facts")], rows: rows))
            ])
    }

    /// What there is to say of a step, without what did not occur.
    private func facts(of step: Ledger.Entry) -> String {
        Self.facts.compactMap { name in
            guard let value = step.facts[name], value != "0" || Self.counts.contains(name) else { return nil }
            return Self.fact(name, value).text(in: language)
        }.joined(separator: ", ")
    }

    private static let counts = ["count", "done", "equal", "put", "deleted"]
    /// The names in the ledger, in the order of telling; digests and tables stand elsewhere in the report.
    private static let facts =
        counts + ["already", "copied again", "expired", "gone", "unresolved", "bytes", "seconds", "reason"]

    private static func fact(_ name: String, _ value: String) -> Message {
        switch name {
        case "count", "done", "put", "deleted": Message("\(value) items")
        case "equal": Message("\(value) as they must be")
        case "already": Message("\(value) were in place before")
        case "copied again": Message("\(value) changed meanwhile and copied again")
        case "expired": Message("\(value) gone, their time to live was over")
        case "gone": Message("\(value) deleted by another writer")
        case "unresolved": Message("\(value) references that name no item")
        case "bytes": Message("\(value) bytes")
        case "seconds": Message("\(value) s")
        default: Message(verbatim: value)
        }
    }
}

extension Ledger.Step {
    /// For people.
    fileprivate var title: Message {
        switch self {
        case .started: Message("Begun")
        case .snapshot: Message("Snapshot made and read back")
        case .put: Message("New items put")
        case .verified: Message("New items read back")
        case .deleted: Message("Old items deleted")
        case .hook: Message("The hook ended well")
        case .delta: Message("Later items kept beside the snapshot")
        case .finished: Message("Finished, the whole table read")
        case .rollbackStarted: Message("Rollback begun")
        case .restored: Message("Old items put back")
        case .newDeleted: Message("New items removed")
        case .rolledBack: Message("Rolled back, the whole table read")
        case .failed: Message("Stopped")
        }
    }
}
