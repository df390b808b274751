package import ByteStreams
import Items

/// The count and digest of a location's items.
package struct DigestStage: Sendable {
    package var from: Location
    /// Only this segment of the location.
    package var segment: Segment?
    package var options: StreamOptions

    package init(from: Location, segment: Segment? = nil, options: StreamOptions = StreamOptions()) {
        self.from = from
        self.segment = segment
        self.options = options
    }

    /// Runs the stage.
    package func run() async throws(RekeyError) -> StageResult {
        let feed = try await openFeed(
            from, selection: Selection(segment: segment), options: options, wantsDigest: true)
        while try await feed.nextBlock({ _, _, _ in false }) {}
        return StageResult(counts: feed.counts, digest: feed.digest ?? Digest(), rejection: feed.rejection)
    }
}
