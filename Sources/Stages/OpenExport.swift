import ByteStreams
import Snapshots

/// Opens an export or snapshot for reading: its data files in the manifest's order, each held to its MD5 and all items counted
/// against the manifest.
func openExportFeed(_ path: String, options: StreamOptions, wantsDigest: Bool) throws(RekeyError) -> RecordFeed {
    let export = try Export.open(path)
    return try RecordFeed(
        name: path, sources: export.dataFiles.indices.map { FeedSource.dataFile(export, $0) }, options: options,
        wantsDigest: wantsDigest, expectedCount: export.summary.itemCount)
}
