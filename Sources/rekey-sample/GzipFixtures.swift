import ByteStreams

/// Files of two items, compressed well and badly.
enum GzipFixtures {
    /// File names and bytes.
    static func all() throws(RekeyError) -> [(String, [UInt8])] {
        let lines = LineFixtures.good(1) + LineFixtures.good(2)
        let whole = try gzip(lines)
        let noLengths = whole.dropLast(8)
        var badChecksum = whole
        badChecksum[whole.count - 8] ^= 1
        var badLength = whole
        badLength[whole.count - 4] ^= 1
        var badBody = whole
        for place in whole.count / 2..<whole.count / 2 + 4 { badBody[place] ^= 0xFF }
        var named = Array(whole[..<10])
        named[3] = 8
        named[4] = 42
        named += Array("items.json".utf8) + [0] + whole[10...]
        return [
            ("good.json.gz", whole),
            ("good-empty.json.gz", try gzip([])),
            ("good-two-members.json.gz", try gzip(LineFixtures.good(1)) + gzip(LineFixtures.good(2))),
            ("good-name-and-time.json.gz", named),
            ("good-not-named-gz.ndjson", whole),
            ("bad-truncated.json.gz", Array(whole[..<(whole.count / 2)])),
            ("bad-no-trailer.json.gz", Array(noLengths)),
            ("bad-header-only.json.gz", Array(whole[..<10])),
            ("bad-checksum.json.gz", badChecksum),
            ("bad-length.json.gz", badLength),
            ("bad-body.json.gz", badBody),
            ("bad-trailing-garbage.json.gz", whole + Array("garbage".utf8)),
            ("bad-trailing-half-member.json.gz", whole + whole[..<20]),
        ]
    }
}
