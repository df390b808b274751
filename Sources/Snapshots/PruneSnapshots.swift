package import ByteStreams
import Items

/// What `prune` did, or would do.
package struct PruneResult: Sendable, Equatable {
    /// A snapshot that stays.
    package struct Kept: Sendable, Equatable {
        package var path: String
        package var reason: String
    }

    /// Removed, or to be removed where nothing was executed.
    package var removed: [SnapshotListing] = []
    package var kept: [Kept] = []
}

/// Removes snapshots of rekey that are older than `keepDays` days both by their name and by their files.
///
/// Without a time in its name a snapshot stays, and so do exports of AWS and whatever lies at or below a protected path. Only files that
/// a snapshot's own `rekey.json` lists are removed: where others lie in it, it stays whole. However old, of each table the newest snapshot
/// stays, and the newest that has items and is sound: by every byte of it on a disk, by its files' presence and sizes in a bucket.
///
/// - Parameters:
///   - now: the time from which age is counted.
///   - protected: paths that unfinished runs name.
///   - execute: whether to remove; else the result says what would be.
/// - Throws: `.usage` for a negative number of days; as `listSnapshots` and `checkSnapshot`; `.inputOutput` where removing fails.
package func prune(
    _ directory: String, in store: any FileStore = Disk(), keepDays: Int = 30, now: UTCTime,
    protected: Set<String> = [], execute: Bool = false
) throws(RekeyError) -> PruneResult {
    guard keepDays >= 0 else {
        throw RekeyError(.usage, "\(keepDays) days cannot be kept; give 0 or more")
    }
    let limit = UTCTime(milliseconds: now.milliseconds - min(keepDays, 1_000_000) * 86_400_000)
    let protectedPaths = protected.map { store.resolved($0) ?? $0 }
    var result = PruneResult()
    let found = try listSnapshots(directory, in: store)
    var reasons: [String: String] = [:]
    for snapshot in found {
        reasons[snapshot.path] = reasonToKeep(
            snapshot, store, limit: limit, keepDays: keepDays, protected: protectedPaths)
    }
    reasons.merge(try newestOfTables(found, store) { reasons[$0.path] == nil }) { other, _ in other }
    for snapshot in found {
        if let reason = reasons[snapshot.path] {
            result.kept.append(PruneResult.Kept(path: snapshot.path, reason: reason))
            continue
        }
        if execute {
            let others = try store.removeSnapshot(snapshot.path, files: try ownFiles(snapshot.path, store))
            guard others.isEmpty else {
                result.kept.append(PruneResult.Kept(path: snapshot.path, reason: reason(others)))
                continue
            }
        }
        result.removed.append(snapshot)
    }
    return result
}

private func reasonToKeep(
    _ snapshot: SnapshotListing, _ store: any FileStore, limit: UTCTime, keepDays: Int,
    protected: [String]
) -> String? {
    guard snapshot.isRekeySnapshot else { return "rekey did not write it" }
    if let problem = snapshot.problem {
        return "its \(RekeyMetadata.fileName) cannot be read: \(problem.message)"
    }
    guard let path = store.resolved(snapshot.path) else { return "it cannot be looked at" }
    if protected.contains(where: {
        path == $0 || path.hasPrefix(joined($0, "")) || $0.hasPrefix(joined(path, ""))
    }) {
        return "an unfinished run names it"
    }
    guard let time = snapshot.time else { return "its name has no time" }
    guard time < limit else { return "it is younger than \(keepDays) days" }
    guard snapshot.fileTime < limit else { return "its files are younger than \(keepDays) days" }
    let others: [String]
    do { others = try store.foreign(in: snapshot.path, beside: ownFiles(snapshot.path, store)) } catch {
        return "it cannot be looked at: \(error.message)"
    }
    guard others.isEmpty else { return reason(others) }
    return nil
}

/// By path, why the newest of each table stays: a table whose backups have ceased, or have become empty or damaged, keeps its last good one.
///
/// - Parameter isLeaving: whether a snapshot is to be removed if it is none of these.
private func newestOfTables(
    _ found: [SnapshotListing], _ store: any FileStore, isLeaving: (SnapshotListing) -> Bool
) throws(RekeyError) -> [String: String] {
    let level: CheckLevel = store is Disk ? .readData : .manifests
    let byAge = found.compactMap { snapshot in snapshot.time.map { (time: $0, snapshot: snapshot) } }
        .sorted { $0.time == $1.time ? $0.snapshot.path < $1.snapshot.path : $0.time > $1.time }.map(\.snapshot)
    var reasons: [String: String] = [:]
    for (subject, group) in Dictionary(grouping: byAge, by: \.subject) where subject != nil {
        reasons[group[0].path] = "it is the newest of its table"
        let full = group.filter { $0.count != 0 }
        var good = full.first
        if group.contains(where: isLeaving) {
            for snapshot in full where try checkSnapshot(snapshot.path, in: store, level: level).isSound {
                good = snapshot
                break
            }
        }
        if let good, good.path != group[0].path {
            reasons[good.path] = "it is the newest of its table that has items and is sound"
        }
    }
    return reasons
}

/// The files of a snapshot that can be read, as it lists them.
private func ownFiles(_ path: String, _ store: any FileStore) throws(RekeyError) -> Set<String> {
    let file = joined(path, RekeyMetadata.fileName)
    let metadata = try RekeyMetadata(json: store.readWhole(file, limit: 256 << 20), source: file)
    return Set(metadata.files.map(\.path)).union([RekeyMetadata.fileName, RekeyMetadata.checksumName])
}

/// Why a snapshot with other files in it stays.
private func reason(_ others: [String]) -> String {
    let shown = others.prefix(3).map { displayText($0.utf8) }.joined(separator: ", ")
    return "files that are not the snapshot's lie in it: \(shown)\(others.count > 3 ? ", …" : "")"
}
