package import ByteStreams

/// Where a run stands, read from its directory.
package struct RunStatus: Sendable {
    package enum State: String, Sendable {
        /// A process works on it.
        case running
        /// It failed, or its process was ended; it can be resumed.
        case stopped
        case finished
        case rollingBack = "rolling back"
        case rolledBack = "rolled back"
    }

    package var path: String
    package var plan: RunPlan
    package var state: State
    package var steps: [Ledger.Entry]

    /// Reads one run.
    package init(_ run: RunDirectory) throws(RekeyError) {
        path = run.path
        plan = try run.plan()
        let ledger = try Ledger(run.ledgerPath)
        steps = ledger.entries
        state =
            switch ledger.entries.last?.step {
            case .rolledBack: .rolledBack
            case .rollbackStarted, .restored, .newDeleted: .rollingBack
            case .finished: .finished
            case .failed: .stopped
            default: RunControl.isWorking(on: run) ? .running : .stopped
            }
    }

    /// All runs below a directory, oldest first. A run that cannot be read is left out with its reason.
    package static func list(_ runs: String) throws(RekeyError) -> (runs: [RunStatus], unreadable: [RekeyError]) {
        guard isDirectory(runs) else { return ([], []) }
        var found: [RunStatus] = []
        var unreadable: [RekeyError] = []
        for name in try listFiles(runs) where fileExists("\(runs)/\(name)/plan.json") {
            do { found.append(try RunStatus(RunDirectory(path: "\(runs)/\(name)"))) } catch { unreadable.append(error) }
        }
        return (found, unreadable)
    }
}
