import ByteStreams
import Snapshots

/// Opens an export or snapshot for reading: its data files in the manifest's order, each held to its MD5 and all items counted
/// against the manifest.
///
/// Of a segment, its own data files are held so; that all segments together are the whole is held by the manifests alone.
func openExportFeed(
    _ export: Export, segment: Segment? = nil, options: StreamOptions, wantsDigest: Bool
) throws(RekeyError) -> RecordFeed {
    let indices = export.dataFiles.indices.filter { segment?.holds(dataFile: $0) ?? true }
    var expectedCount = export.summary.itemCount
    if segment != nil {
        try export.requireCounts()
        expectedCount = indices.reduce(0) { $0 + export.dataFiles[$1].itemCount }
    }
    return try RecordFeed(
        name: export.location.directory, sources: indices.map { FeedSource.dataFile(export, $0) }, options: options,
        wantsDigest: wantsDigest, expectedCount: expectedCount, hasOldImages: export.summary.hasOldImages)
}
