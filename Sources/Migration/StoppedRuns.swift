import ByteStreams
import Items
import Rekeying
import Tables

/// The runs of a table that came to no end, and whether one that begins would touch their items: their copies and their snapshots would
/// then be of items that stand elsewhere.
final class StoppedRuns {
    private let shared: SharedKeys
    private var mover: Mover

    /// Nil where there are none.
    init?(
        in runs: String, tableID: String, rules: RuleSet, table: any Table, temporaryDirectory: String
    ) async throws(RekeyError) {
        let stopped = try OtherRun.all(in: [runs], tableID: tableID).filter(\.isOpen)
        if stopped.isEmpty { return nil }
        shared = try await SharedKeys(
            stopped, [.old, .new], table: table, temporaryDirectory: temporaryDirectory)
        mover = Mover(rules: rules, schema: table.schema)
    }

    /// Takes an item that would be moved.
    func add(_ item: UnsafeRawBufferPointer) throws(RekeyError) {
        let move: PlannedMove?
        do throws(ItemError) {
            move = try mover.move(Item(trusted: Array(item)))
        } catch {
            throw RekeyError(.badInput, error.reason)
        }
        if let move { try shared.add(move, [.old, .new]) }
    }

    /// What is to be done with the one whose items would be touched; nil where none of them would.
    func finding() throws(RekeyError) -> String? {
        guard let (other, key) = try shared.last() else { return nil }
        let back = "rekey rollback \(other.path) --execute"
        let way =
            other.isGoingBack
            ? "take it back to its end first: \(back)"
            : "go on with it: rekey resume \(other.path), or take it back first: \(back)"
        return
            "the run \(other.plan.id) did not come to its end, and this one would move or make items of it, such as \(key); \(way)"
    }
}
