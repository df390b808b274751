import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The inputs of the corpus and what some damage makes of them, without libFuzzer; `fuzz.sh` here is the long way.
///
/// A target ends the process where a promise is broken, so that a failure here is a crash that names the promise.
@Suite struct FuzzTests {
    /// A line an input, in base64.
    static func corpus(_ target: FuzzTarget) throws -> [[UInt8]] {
        let path = #filePath.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" }
        let file = try #require(fopen("\(path)/Corpus/\(target.rawValue).txt", "r"))
        defer { fclose(file) }
        var inputs: [[UInt8]] = []
        var line: UnsafeMutablePointer<CChar>?
        var room = 0
        defer { free(line) }
        while getline(&line, &room, file) > 0, let text = line { inputs.append(try decoded(String(cString: text))) }
        return inputs
    }

    private static func decoded(_ text: String) throws -> [UInt8] {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var bytes: [UInt8] = []
        var (word, bits) = (0, 0)
        for digit in text.utf8 where digit != UInt8(ascii: "=") && digit != UInt8(ascii: "\n") {
            word = (word << 6 | (try #require(digits.firstIndex(of: digit)))) & 0xFFFF
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(word >> bits & 0xFF))
            }
        }
        return bytes
    }

    @Test("The corpus, and what damage makes of it, is read as promised", arguments: FuzzTarget.allCases)
    func corpus(target: FuzzTarget) throws {
        let seed = testSeed("fuzz \(target)")
        var generator = SeededGenerator(seed: seed)
        let inputs = try Self.corpus(target)
        #expect(inputs.count >= 3, "Corpus/\(target.rawValue).txt holds the beginnings")
        for input in inputs {
            input.withUnsafeBytes { target.run($0) }
            for _ in 0..<30 {
                Self.damaged(input, with: inputs, &generator).withUnsafeBytes { target.run($0) }
            }
        }
    }

    /// One to four of: a bit turned, a byte put in, some taken out, some twice, a piece of another input.
    static func damaged(
        _ input: [UInt8], with others: [[UInt8]], _ generator: inout SeededGenerator
    ) -> [UInt8] {
        var bytes = input
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            let place = Int.random(in: 0...bytes.count, using: &generator)
            let end = min(bytes.count, place + Int.random(in: 1...16, using: &generator))
            switch Int.random(in: 0..<5, using: &generator) {
            case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 1: bytes.insert(UInt8.random(in: .min ... .max, using: &generator), at: place)
            case 2: bytes.removeSubrange(place..<end)
            case 3: bytes.insert(contentsOf: Array(bytes[place..<end]), at: place)
            default:
                let other = others.randomElement(using: &generator) ?? []
                let from = Int.random(in: 0...other.count, using: &generator)
                bytes.insert(contentsOf: other[from..<min(other.count, from + 32)], at: place)
            }
        }
        return bytes
    }
}
