import ByteStreams
import Items
import Snapshots
import Tables

/// What other runs of the table did with the items that go back.
extension Rollback {
    /// Throws `.preflightRefused` where they stand under keys of a later run that was not taken back, or went back already with an
    /// earlier one. Where only the earlier key is in the way of that, a warning says so.
    func requireItsItems(_ moves: MoveList, wasTakenBack: Bool, runs: String?) async throws(RekeyError) {
        let (later, takenBack) = try await otherRuns(runs)
        if let (other, key) = try await SharedKeys.last(
            of: later, .old, in: moves, [.old, .new], table: table, temporaryDirectory: temporaryDirectory)
        {
            throw RekeyError(
                .preflightRefused,
                "a later run moves what this one moved or made, such as \(key); nothing was written; take that run back first: rekey rollback \(other.path)",
                source: table.name)
        }
        guard
            let (other, key) = try await SharedKeys.last(
                of: takenBack, .new, in: moves, .old, table: table, temporaryDirectory: temporaryDirectory)
        else { return }
        guard !wasTakenBack else {
            throw RekeyError(
                .preflightRefused,
                "an earlier run made what this one moved, such as \(key), and was taken back after this one: nothing is left to take back; nothing was written; that run is \(other.path)",
                source: table.name)
        }
        events(
            .warning(
                "an earlier run made what this one moved, such as \(key), and was taken back since; take it back once more after this one, or the items stand twice: rekey rollback \(other.path) --execute"
            ))
    }

    private func otherRuns(
        _ runs: String?
    ) async throws(RekeyError) -> (later: [OtherRun], takenBackSince: [OtherRun]) {
        if let run { return try OtherRun.around(run) }
        guard let runs else { return ([], []) }
        let digest = try Export.open(snapshotPath).metadata?.digest.hex
        let time = timeOfSnapshot
        let others = try OtherRun.all(in: [runs], tableID: try await table.describe().id) { plan in
            time.map { plan.startedAt.filter(\.isNumber) >= $0 } ?? true
        }
        // A run of the same rules and items is what is taken back here.
        let later = others.filter { other in
            !other.isTakenBack && !(other.plan.oldDigest == digest && (try? other.rules()) == rules)
        }
        return (later, [])
    }

    /// The digits of the time in UTC that a snapshot without its run was made at, where its name tells it: there alone it stands.
    private var timeOfSnapshot: String? {
        let name = (resolvedPath(snapshotPath) ?? snapshotPath).split(separator: "/").last ?? ""
        let parts = name.split(separator: "_").suffix(2)
        guard parts.map(\.utf8.count) == [8, 6] else { return nil }
        let digits = parts.joined()
        return digits.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? digits : nil
    }
}
