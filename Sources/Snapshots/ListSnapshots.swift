package import ByteStreams
import Items

/// A snapshot or export found in a directory.
package struct SnapshotListing: Sendable, Equatable {
    package var path: String
    /// From the end of its name, `*_YYYYMMDD_HHMMSS`; nil where the name has none.
    package var time: UTCTime?
    /// When its newest file was last written.
    package var fileTime: UTCTime
    /// Whether rekey wrote it (it has a `rekey.json`).
    package var isRekeySnapshot: Bool
    /// Nil where its description cannot be read.
    package var count: Int?
    /// 64 hexadecimal digits; nil in an export of AWS.
    package var digest: String?
    /// Of all files at and below its directory.
    package var bytes: Int
    /// Why its description cannot be read.
    package var problem: RekeyError?
    /// Equal in snapshots of the same: the table's ARN and id, the rules that chose the items, and the name before its time. Of items
    /// from files, which name no table, the folder takes its place. Nil without a time or a readable `rekey.json`.
    var subject: [String]?
}

/// The name of a snapshot made at a time: `plan_backup_20261123_211500`.
package func snapshotName(noun: String, at time: UTCTime) -> String { "\(noun)_backup_\(time.nameStamp)" }

/// Finds snapshots and exports at and up to four levels below a directory, as `.rekey/runs/<id>/plan_backup_…` is; sorted by
/// path. Links are not followed; nothing is looked for inside a snapshot.
///
/// - Throws: `.inputMissing`, `.permission`, `.inputOutput` for the directory itself; what cannot be read below it is left out.
package func listSnapshots(
    _ directory: String, in store: any FileStore = Disk()
) throws(RekeyError) -> [SnapshotListing] {
    var found: [SnapshotListing] = []
    try collectSnapshots(directory, store, levels: 4, into: &found)
    return found
}

private func collectSnapshots(
    _ directory: String, _ store: any FileStore, levels: Int, into found: inout [SnapshotListing]
) throws(RekeyError) {
    let names = try store.names(in: directory)
    if names.contains(RekeyMetadata.fileName) || names.contains(ExportLocation.summaryName) {
        return found.append(listing(directory, store, isRekey: names.contains(RekeyMetadata.fileName)))
    }
    guard levels > 0 else { return }
    for name in names where !(name.hasPrefix(".") && name.contains(".partial-")) {
        let path = joined(directory, name)
        guard (try? store.entry(path, followingLinks: false))?.isFolder == true else { continue }
        try? collectSnapshots(path, store, levels: levels - 1, into: &found)
    }
}

private func listing(_ path: String, _ store: any FileStore, isRekey: Bool) -> SnapshotListing {
    var (bytes, newest) = (0, 0)
    measure(path, store, &bytes, &newest)
    let name = lastName(store.resolved(path) ?? path)
    var listing = SnapshotListing(
        path: path, time: UTCTime(nameStamp: name), fileTime: UTCTime(seconds: newest), isRekeySnapshot: isRekey,
        bytes: bytes)
    do throws(RekeyError) {
        if isRekey {
            let file = joined(path, RekeyMetadata.fileName)
            let metadata = try RekeyMetadata(json: store.readWhole(file, limit: 256 << 20), source: file)
            listing.count = metadata.digest.count
            listing.digest = metadata.digest.hex
            if listing.time != nil {
                let table = metadata.tableARN + metadata.tableID
                listing.subject = [
                    table.isEmpty ? String(path.dropLast(lastName(path).count)) : table, metadata.rules?.sha256 ?? "",
                    String(name.dropLast("_YYYYMMDD_HHMMSS".count)),
                ]
            }
        } else {
            let file = joined(path, ExportLocation.summaryName)
            listing.count = try ExportSummary(
                manifest: store.readWhole(file, limit: 1 << 20), source: file
            ).itemCount
        }
    } catch {
        listing.problem = error
    }
    return listing
}

/// Adds up the sizes of all files and finds the newest modification, in seconds.
private func measure(
    _ path: String, _ store: any FileStore, _ bytes: inout Int, _ newest: inout Int
) {
    guard let status = try? store.entry(path, followingLinks: false) else { return }
    newest = max(newest, status.modified)
    guard status.isFolder else {
        bytes += status.size
        return
    }
    for name in (try? store.names(in: path)) ?? [] {
        measure(joined(path, name), store, &bytes, &newest)
    }
}
