import Items
import ReferenceItems
import TestSupport
import Testing

/// The record of one line.
func scanned(_ line: String) throws -> Record {
    var scanner = RecordScanner()
    return try Array(line.utf8).withRawBytes { bytes throws(ItemError) in try scanner.scan(bytes) }
}

@Suite("Scanning records")
struct RecordScannerTests {
    /// Lines a batch; each is judged once as drawn and many times damaged.
    private static let lines = 2_000
    private static let damages = 26

    @Test("The scanner judges as the reference parser does", arguments: 0..<4)
    func agreesWithReference(batch: Int) {
        let seed = testSeed("scanner \(batch)") &+ UInt64(batch)
        var generator = RecordGenerator(seed: seed)
        var scanner = RecordScanner()
        var accepted = 0
        for number in 0..<Self.lines {
            generator.noise = generator.pick([0, 5, 30])
            let line = generator.line()
            for damage in 0..<Self.damages {
                let bytes = damage == 0 ? line : generator.damaged(line)
                let expected = ReferenceRecord.parse(bytes)
                if damage == 0, expected == nil {
                    Issue.record("line \(number) was drawn to be valid: \(String(decoding: bytes, as: UTF8.self))")
                    return
                }
                if expected != nil { accepted += 1 }
                if let complaint = scannerDifference(bytes, expected, &scanner) {
                    Issue.record(
                        "seed \(seed), line \(number): \(complaint): \(String(decoding: bytes, as: UTF8.self))")
                    return
                }
            }
        }
        // Damage inside a string often leaves a valid record: both verdicts have to be common for the test to mean anything.
        let cases = Self.lines * Self.damages
        #expect(accepted > cases / 20 && accepted < cases * 19 / 20)
    }

    @Test(
        "Of the two readings of a wrapper's name the valid one is taken",
        arguments: [
            (#"{"Item":{"M":{"M":{}}}}"#, Record.Kind.item),
            (#"{"Item":{"M":{"M":{"M":{}}}}}"#, .bare),
            (#"{"Item":{"M":{}}}"#, .bare),
            (#"{"Item":{}}"#, .item),
            (#"{"Item":{"S":"x"}}"#, .bare),
            (#"{"Item":{"S":{"S":"x"}}}"#, .item),
            (#"{"Item":{"S":"x"},"SK":{"S":"y"}}"#, .bare),
            (#"{"It\u0065m":{"PK":{"S":"x"}}}"#, .item),
            (#"{"PutRequest":{"M":{"Item":{"S":"x"}}}}"#, .bare),
            (#"{"DeleteRequest":{"NULL":true},"Keys":{"S":"x"}}"#, .bare),
            (#"{"Keys":{"M":{"M":{}}}}"#, .change),
            (#"{"Metadata":{"M":{}},"Keys":{"M":{}}}"#, .bare),
            (#"{"Metadata":{"S":"x"}}"#, .bare),
            (#"{"NewImage":{"a":{"S":"x"}},"Keys":{"a":{"S":"x"}}}"#, .change),
            (#"{"Rekey":{"M":{"Seal":{"N":"1"}}}}"#, .bare),
        ])
    func readings(line: String, kind: Record.Kind) throws {
        #expect(try scanned(line).kind == kind)
    }

    @Test("A seal's line reads back as the seal")
    func sealLine() throws {
        let seal = Seal(count: 12, digest: String(repeating: "0a", count: 32))
        #expect(try scanned(seal.line).seal == seal)
    }

    @Test("A million attributes and a set of 100,000 members are read, and a repeated one at the end is named")
    func large() throws {
        var line = Array(#"{"Item":{"#.utf8)
        for i in 0..<1_000_000 {
            if i > 0 { line.append(UInt8(ascii: ",")) }
            line += #""a"#.utf8
            line += "\(i)".utf8
            line += #"":{"NULL":true}"#.utf8
        }
        line += #","set":{"NS":[1"#.utf8
        line.removeLast()
        for i in 0..<100_000 { line += "\(i == 0 ? "" : ",")\"\(99_999 - i).0\"".utf8 }
        line += "]}".utf8
        var scanner = RecordScanner()
        try (line + Array("}}".utf8)).withUnsafeBytes { bytes in
            let record = try scanner.scan(bytes)
            #expect(record.kind == .item && scanner.attributes.count == 1_000_001)
            var canonicalizer = Canonicalizer()
            let canonical = canonicalizer.canonical(UnsafeRawBufferPointer(rebasing: bytes[record.image ?? 0..<0]))
            #expect(canonical.starts(with: Array(#"{"a0":{"NULL":true},"a1":{"NULL":true},"a10":"#.utf8)))
        }
        let error = #expect(throws: ItemError.self) {
            try scanned(String(decoding: line, as: UTF8.self) + #","a7":{"S":""}}}"#)
        }
        #expect(error == ItemError("an attribute stands twice: a7", at: line.count + 2))
    }
}
