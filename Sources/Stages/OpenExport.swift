import ByteStreams
import Snapshots

/// Opens an export or snapshot for reading: its data files in the manifest's order, each held to its MD5 and all items counted
/// against the manifest.
func openExportFeed(_ export: Export, options: StreamOptions, wantsDigest: Bool) throws(RekeyError) -> RecordFeed {
    try RecordFeed(
        name: export.location.directory, sources: export.dataFiles.indices.map { FeedSource.dataFile(export, $0) },
        options: options, wantsDigest: wantsDigest, expectedCount: export.summary.itemCount)
}
