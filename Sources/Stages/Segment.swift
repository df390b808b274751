package import ByteStreams

/// The k-th of n segments of a location: every item of a table or export lies in exactly one of the segments 1/n to n/n, so that
/// their counts and digests add up to those of the whole.
///
/// Of a table it is DynamoDB's own segment k-1 of n (Scan's Segment and TotalSegments), of an export or snapshot each n-th data
/// file of the manifest, beginning with the k-th.
package struct Segment: Sendable, Equatable {
    /// Scan's TotalSegments goes up to this.
    package static let maximumCount = 1_000_000

    /// 1 to `count`.
    package let number: Int
    package let count: Int

    /// Reads `k/n`.
    ///
    /// - Throws: `.usage` where it is none.
    package static func parse(_ text: String) throws(RekeyError) -> Segment {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let number = parts[0], let count = parts[1], (1...maximumCount).contains(count),
            (1...count).contains(number)
        else {
            throw RekeyError(
                .usage,
                "--segment \(text): write k/n, such as 1/4, with k from 1 to n and n at most \(maximumCount)")
        }
        return Segment(number: number, count: count)
    }

    /// As a user writes it.
    package var text: String { "\(number)/\(count)" }

    /// Whether the data file at an index, from 0, of a manifest belongs to this segment.
    func holds(dataFile index: Int) -> Bool { index % count == number - 1 }

    /// Refuses a location that cannot be read in segments.
    func refuse(_ location: Location) -> RekeyError {
        if location == .standardStream {
            return RekeyError(
                .usage, "--segment reads a table, an export or a snapshot; a stream has no segments")
        }
        if case .file(let path) = location, !fileExists(path) {
            return RekeyError(.inputMissing, "no such file; check the path", source: path)
        }
        return RekeyError(
            .usage,
            "--segment reads a table, an export or a snapshot, and this is one file; cut it at its lines with "
                + "`split -n l/\(text) FILE | rekey extract -`, or make a snapshot of it", source: location.text)
    }
}
