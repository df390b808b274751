import Crypto

/// The order-free checksum of a set of items: their count, and the sum of the SHA-256 of each canonical form modulo 2^256.
///
/// Sums of parts add up to the sum of the whole. It protects against faults, not against someone who may choose the items.
package struct Digest: Sendable, Equatable {
    package private(set) var count: Int
    /// Least significant word first.
    private var words: (UInt64, UInt64, UInt64, UInt64)

    package init() {
        count = 0
        words = (0, 0, 0, 0)
    }

    /// Reads a printed digest; nil unless `hex` is 64 hexadecimal digits, in lower or upper case.
    package init?(count: Int, hex: String) {
        let digits = Array(hex.utf8)
        guard digits.count == 64, count >= 0,
            digits.allSatisfy({ $0 &- 0x30 <= 9 || ($0 | 0x20) &- 0x61 <= 5 })
        else { return nil }
        var parsed: [UInt64] = []
        for start in stride(from: 0, to: 64, by: 16) {
            guard let word = UInt64(String(decoding: digits[start..<start + 16], as: UTF8.self), radix: 16) else {
                return nil
            }
            parsed.append(word)
        }
        self.count = count
        words = (parsed[3], parsed[2], parsed[1], parsed[0])
    }

    /// Adds one item by its canonical form.
    package mutating func add(canonical: UnsafeRawBufferPointer) {
        var hash = SHA256()
        hash.update(bufferPointer: canonical)
        add(Self.words(of: hash.finalize()))
        count += 1
    }

    /// Adds another set of items.
    package mutating func combine(_ other: Digest) {
        add(other.words)
        // Counts of crafted seals may be large; a wrong sum is found by its digest, a trap would end the program.
        count &+= other.count
    }

    /// Takes another set of items away; what stays is the digest of the difference if it was part of this one.
    package mutating func subtract(_ other: Digest) {
        // a - b = a + ~b + 1 modulo 2^256.
        add((~other.words.0, ~other.words.1, ~other.words.2, ~other.words.3))
        add((1, 0, 0, 0))
        count &-= other.count
    }

    private static func words(of hash: SHA256.Digest) -> (UInt64, UInt64, UInt64, UInt64) {
        hash.withUnsafeBytes { bytes in
            func word(_ i: Int) -> UInt64 { bytes.loadUnaligned(fromByteOffset: i * 8, as: UInt64.self).bigEndian }
            return (word(3), word(2), word(1), word(0))
        }
    }

    private mutating func add(_ other: (UInt64, UInt64, UInt64, UInt64)) {
        var carry: UInt64 = 0
        func sum(_ a: UInt64, _ b: UInt64) -> UInt64 {
            let (partial, first) = a.addingReportingOverflow(b)
            let (total, second) = partial.addingReportingOverflow(carry)
            carry = first || second ? 1 : 0
            return total
        }
        words = (
            sum(words.0, other.0), sum(words.1, other.1), sum(words.2, other.2), sum(words.3, other.3)
        )
    }

    /// 64 lower-case hexadecimal digits, most significant first.
    package var hex: String {
        [words.3, words.2, words.1, words.0].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    /// The 32 bytes of the sum, most significant first.
    package var bytes: [UInt8] {
        [words.3, words.2, words.1, words.0].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * $0)) }
        }
    }

    /// Appends `bytes`.
    package func append(to writer: inout ByteWriter) {
        for word in [words.3, words.2, words.1, words.0] {
            withUnsafeBytes(of: word.bigEndian) { writer.append($0) }
        }
    }

    package static func == (a: Digest, b: Digest) -> Bool { a.count == b.count && a.words == b.words }
}
