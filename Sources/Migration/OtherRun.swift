import ByteStreams
import Rekeying
import Tables

/// Another run of a table, as one that begins, goes on or goes back sees it.
struct OtherRun {
    let run: RunDirectory
    let plan: RunPlan
    /// Nil where its ledger cannot be read: then it counts as one that stands and has not come to its end.
    private let state: RunStatus.State?
    /// Whether it stopped while it was being taken back.
    let isGoingBack: Bool
    /// When it was last begun to be taken back.
    private let takenBackAt: String?

    private init(_ run: RunDirectory, _ plan: RunPlan) {
        self.run = run
        self.plan = plan
        let status = try? RunStatus(run)
        state = status?.state
        isGoingBack = status?.isGoingBack ?? false
        takenBackAt = status?.steps.last { $0.step == .rollbackStarted }?.time
    }

    var path: String { run.path }
    var isTakenBack: Bool { state == .rolledBack }
    /// Whether it has come to neither of its ends.
    var isOpen: Bool { state != .finished && state != .rolledBack }

    /// Those of a table below directories, in the order in which they began. What has no plan is no run yet.
    static func all(
        in directories: [String], tableID: String, where isWanted: (RunPlan) -> Bool = { _ in true }
    ) throws(RekeyError) -> [OtherRun] {
        var found: [OtherRun] = []
        var seen: Set<String> = []
        for directory in distinctDirectories(directories) where try isPresent(directory) {
            for name in try listFiles(directory) {
                let run = RunDirectory(path: "\(directory)/\(name)")
                guard let plan = try? run.plan(), plan.tableID == tableID, isWanted(plan),
                    seen.insert(resolvedPath(run.path) ?? run.path).inserted
                else { continue }
                found.append(OtherRun(run, plan))
            }
        }
        return found.sorted { !$0.plan.isNoEarlier(than: $1.plan) }
    }

    /// Those that a run has to look at: later ones that stand, and earlier ones that were taken back since it began.
    static func around(
        _ run: RunDirectory
    ) throws(RekeyError) -> (later: [OtherRun], takenBackSince: [OtherRun]) {
        let plan = try run.plan()
        let others = try all(in: run.homes, tableID: plan.tableID) { $0.id != plan.id }
        return (
            others.filter { $0.plan.isNoEarlier(than: plan) && !$0.isTakenBack },
            others.filter { other in
                !other.plan.isNoEarlier(than: plan) && other.takenBackAt.map { $0 >= plan.startedAt } ?? false
            }
        )
    }

    /// All that it may have moved, at whatever step it stands.
    func moves(_ table: any Table) throws(RekeyError) -> MoveList {
        MoveList(
            snapshotPath: run.snapshotPath(plan), rules: try rules(), table: table,
            delta: try DeltaLog(run, try Ledger(run.ledgerPath), schema: table.schema))
    }

    /// Those that it was begun with.
    func rules() throws(RekeyError) -> RuleSet {
        let text = try readWhole(run.rulesPath, limit: 1 << 20)
        return try RuleSet.parse(yaml: String(decoding: text, as: UTF8.self), source: run.rulesPath)
    }
}

extension RunPlan {
    /// Whether it began after another run, or with it as far as is known.
    func isNoEarlier(than other: RunPlan) -> Bool {
        startedAt == other.startedAt ? (turn ?? 0) >= (other.turn ?? 0) : startedAt > other.startedAt
    }

    /// The `turn` of a run that begins now.
    static func turn(in runs: String, tableID: String, startedAt: String) throws(RekeyError) -> Int? {
        try OtherRun.all(in: [runs], tableID: tableID) { $0.startedAt == startedAt }.map { ($0.plan.turn ?? 0) + 1 }
            .max()
    }
}
