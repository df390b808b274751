import ByteStreams
import Snapshots

/// Opens an export or snapshot for reading: its data files in the manifest's order, their items counted against the manifest.
func openExportFeed(_ path: String, options: StreamOptions, wantsDigest: Bool) throws(RekeyError) -> RecordFeed {
    let export = try Export.open(path)
    return try RecordFeed(
        name: path, sources: try export.dataFilePaths().map { FeedSource.path($0) }, options: options,
        wantsDigest: wantsDigest, expectedCount: export.summary.itemCount)
}
