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
        try await feed.process({ PassingWorker() }) { (_) throws(RekeyError) in }
        return StageResult(counts: feed.counts, digest: feed.digest ?? Digest(), rejection: feed.rejection)
    }
}

/// Takes every record and makes nothing of it.
struct PassingWorker: RecordWorker, ~Copyable {
    final class Output: BlockOutput {
        func begin(_ lines: UnsafeRawBufferPointer) {}
    }

    mutating func take(_: UnsafeRawBufferPointer, _: Record, _: ItemView, _: Output) throws(ItemError) -> Bool { false }
}
