import ArgumentParser
import ByteStreams
import Stages

/// `--segment k/n`.
struct SegmentArgument: ParsableArguments {
    @Option(
        name: .customLong("segment"),
        help: ArgumentHelp(
            "Only the k-th of n segments of a table, export or snapshot; 1/n to n/n are the whole.", valueName: "k/n"))
    var text: String?

    /// The segment; nil where none is asked for.
    ///
    /// - Throws: `.usage` where it is none, or `--segments` stands beside it.
    func segment(_ live: ReadingArguments) throws(RekeyError) -> Segment? {
        guard let text else { return nil }
        guard live.scan.segments == nil else {
            throw RekeyError(.usage, "--segment reads one segment; --segments is for reading the whole at once")
        }
        return try Segment.parse(text)
    }
}
