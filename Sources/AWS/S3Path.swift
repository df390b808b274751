package import ByteStreams

/// `s3://BUCKET/KEY`, taken apart. The key stands as it is: no escapes, no normalisation; it may be empty.
package struct S3Path: Sendable, Equatable {
    package var bucket: String
    package var key: String

    package init(bucket: String, key: String) {
        self.bucket = bucket
        self.key = key
    }

    /// - Throws: `.usage` where the text is none, or the bucket's name can be none (3 to 63 of `a-z0-9.-`).
    package init(_ text: String) throws(RekeyError) {
        guard Self.isOne(text) else {
            throw RekeyError(.usage, "\(text) is no place in S3; write s3://BUCKET/PREFIX")
        }
        let rest = text.dropFirst(Self.scheme.count)
        let slash = rest.utf8.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
        bucket = String(rest[..<slash])
        key = slash == rest.endIndex ? "" : String(rest[rest.utf8.index(after: slash)...])
        let isName =
            (3...63).contains(bucket.utf8.count)
            && bucket.utf8.allSatisfy {
                (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x2E
            }
        guard isName else {
            throw RekeyError(
                .usage,
                "\(bucket.isEmpty ? "an empty name" : bucket) is no bucket; its name has 3 to 63 of a-z 0-9 . -",
                source: text)
        }
        guard key.utf8.count <= 1024 else {
            throw RekeyError(.usage, "the key is longer than the 1024 bytes that S3 takes", source: text)
        }
    }

    /// Whether a text is meant as a place in S3.
    package static func isOne(_ text: String) -> Bool { text.hasPrefix(scheme) }

    private static let scheme = "s3://"

    package var text: String { key.isEmpty ? "s3://\(bucket)" : "s3://\(bucket)/\(key)" }
}
