package import ByteStreams

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
/// Without a time in its name a snapshot stays, and so do exports of AWS and whatever lies at or below a protected path.
///
/// - Parameters:
///   - now: the time from which age is counted.
///   - protected: paths that unfinished runs name.
///   - execute: whether to remove; else the result says what would be.
/// - Throws: `.usage` for a negative number of days; as `listSnapshots`; `.inputOutput` where removing fails.
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
    for snapshot in try listSnapshots(directory, in: store) {
        if let reason = reasonToKeep(
            snapshot, store, limit: limit, keepDays: keepDays, protected: protectedPaths)
        {
            result.kept.append(PruneResult.Kept(path: snapshot.path, reason: reason))
            continue
        }
        if execute { try store.removeSnapshot(snapshot.path) }
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
    guard holdsNothingElse(snapshot.path, store) else {
        return "files that are not the snapshot's lie in it"
    }
    guard time < limit else { return "it is younger than \(keepDays) days" }
    guard snapshot.fileTime < limit else { return "its files are younger than \(keepDays) days" }
    return nil
}

/// Whether every entry of a snapshot's directory is one that rekey writes.
private func holdsNothingElse(_ path: String, _ store: any FileStore) -> Bool {
    guard let names = try? store.names(in: path) else { return false }
    return names.allSatisfy {
        $0 == "data" || $0.hasPrefix("manifest-") || [RekeyMetadata.fileName, RekeyMetadata.checksumName].contains($0)
    }
}
