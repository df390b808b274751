package import ByteStreams
import Items

/// The count and digest of a location's items.
package struct DigestStage: Sendable {
    package var from: Location
    package var options: StreamOptions

    package init(from: Location, options: StreamOptions = StreamOptions()) {
        self.from = from
        self.options = options
    }

    /// Runs the stage.
    package func run() async throws(RekeyError) -> StageResult {
        let feed = try await openFeed(from, options: options, wantsDigest: true)
        while try await feed.nextBlock({ _, _, _ in false }) {}
        return StageResult(counts: feed.counts, digest: feed.digest ?? Digest(), rejection: feed.rejection)
    }
}
