package import ByteStreams

/// Where a run stands, read from its directory.
package struct RunStatus: Sendable {
    package enum State: String, Sendable {
        /// A process works on it.
        case running
        /// It failed, or its process was ended; it can be resumed, or taken back further where it was being taken back.
        case stopped
        case finished
        /// A process takes it back.
        case rollingBack = "rolling back"
        case rolledBack = "rolled back"
    }

    package var path: String
    package var plan: RunPlan
    package var state: State
    package var steps: [Ledger.Entry]
    /// Whether it was being taken back when it came to this state.
    package var isGoingBack: Bool

    /// Reads one run.
    package init(_ run: RunDirectory) throws(RekeyError) {
        path = run.path
        plan = try run.plan()
        let ledger = try Ledger(run.ledgerPath)
        steps = ledger.entries
        isGoingBack =
            switch ledger.entries.last?.step {
            case .rollbackStarted, .restored, .newDeleted: true
            default: false
            }
        state =
            switch ledger.entries.last?.step {
            case .rolledBack: .rolledBack
            case .rollbackStarted, .restored, .newDeleted: RunControl.isWorking(on: run) ? .rollingBack : .stopped
            case .finished: .finished
            // One that failed may be at work again: what goes on writes no line until its first step is done.
            default: RunControl.isWorking(on: run) ? .running : .stopped
            }
    }

    /// All runs below a directory, oldest first; none where there is no such directory. A run that cannot be read is left out with its reason.
    ///
    /// - Throws: `.permission` where the directory may not be read, `.inputMissing` where it is none.
    package static func list(_ runs: String) throws(RekeyError) -> (runs: [RunStatus], unreadable: [RekeyError]) {
        guard try isPresent(runs) else { return ([], []) }
        var found: [RunStatus] = []
        var unreadable: [RekeyError] = []
        for name in try listFiles(runs) {
            do throws(RekeyError) {
                let run = RunDirectory(path: "\(runs)/\(name)")
                if try isPresent(run.planPath) { found.append(try RunStatus(run)) }
            } catch {
                unreadable.append(error)
            }
        }
        return (found, unreadable)
    }
}
