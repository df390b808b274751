import ByteStreams
import Items
import Rekeying

/// Another run of a table that was not taken back, as one that went before sees it: what that one moved, this one may have moved on.
final class LaterRun {
    let path: String
    /// Nil where its rules cannot be read.
    private var rekeyer: Rekeyer?

    private init(_ run: RunDirectory) {
        path = run.path
        guard let text = try? readWhole(run.rulesPath, limit: 1 << 20),
            let rules = try? RuleSet.parse(yaml: String(decoding: text, as: UTF8.self), source: run.rulesPath)
        else { return }
        rekeyer = Rekeyer(rules)
    }

    /// Those beside a run that began no earlier than it.
    static func all(after run: RunDirectory) throws(RekeyError) -> [LaterRun] {
        let plan = try run.plan()
        return try all(in: parentDirectory(run.path), tableID: plan.tableID) {
            $0.id != plan.id && $0.startedAt >= plan.startedAt
        }
    }

    /// Those below a directory. One whose ledger cannot be read counts as not taken back.
    static func all(
        in runs: String, tableID: String, where isWanted: (RunPlan) -> Bool = { _ in true }
    ) throws(RekeyError) -> [LaterRun] {
        guard try isPresent(runs) else { return [] }
        return try listFiles(runs).map { RunDirectory(path: "\(runs)/\($0)") }.filter { run in
            guard let plan = try? run.plan(), plan.tableID == tableID, isWanted(plan) else { return false }
            return (try? RunStatus(run))?.state != .rolledBack
        }.map { LaterRun($0) }
    }

    /// Whether its rules take a key such as the item's, whatever the item's other attributes are: these may have changed since.
    func takes(_ item: Item) -> Bool {
        let bytes = item.json
        var scanner = RecordScanner()
        let isTaken = try? bytes.withRawBytes { raw throws(ItemError) in
            _ = try scanner.scanItem(raw)
            return try rekeyer?.matchesKey(ItemView(line: raw, attributes: scanner.attributes))
        }
        return (isTaken ?? nil) ?? true
    }
}
