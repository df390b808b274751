/// A set of byte values: what one capture may hold.
///
/// Members below 0x80 are chosen freely; the bytes of non-ASCII characters (0x80 to 0xFF) are all in or all out, so a
/// class never cuts a UTF-8 character.
package struct ByteSet: Sendable, Hashable {
    private var low: (UInt64, UInt64) = (0, 0)
    private var high: (UInt64, UInt64) = (0, 0)

    /// No byte at all.
    package static let none = ByteSet()
    /// Every byte: a capture without a class.
    package static let any: ByteSet = {
        var set = ByteSet()
        set.low = (.max, .max)
        set.high = (.max, .max)
        return set
    }()
    /// `0` to `9`: the class `int`.
    package static let digits = ByteSet(UInt8(ascii: "0")...UInt8(ascii: "9"))

    package init() {}

    package init(_ range: ClosedRange<UInt8>) {
        for byte in range { insert(byte) }
    }

    package mutating func insert(_ byte: UInt8) {
        let bit = UInt64(1) << UInt64(byte & 63)
        switch byte >> 6 {
        case 0: low.0 |= bit
        case 1: low.1 |= bit
        case 2: high.0 |= bit
        default: high.1 |= bit
        }
    }

    package func contains(_ byte: UInt8) -> Bool {
        let word: UInt64
        switch byte >> 6 {
        case 0: word = low.0
        case 1: word = low.1
        case 2: word = high.0
        default: word = high.1
        }
        return word >> UInt64(byte & 63) & 1 != 0
    }

    package var isEmpty: Bool { self == .none }
    package var isAny: Bool { low.0 & low.1 & high.0 & high.1 == .max }

    package func intersection(_ other: ByteSet) -> ByteSet {
        var set = ByteSet()
        set.low = (low.0 & other.low.0, low.1 & other.low.1)
        set.high = (high.0 & other.high.0, high.1 & other.high.1)
        return set
    }

    package var inverted: ByteSet {
        var set = ByteSet()
        set.low = (~low.0, ~low.1)
        set.high = (~high.0, ~high.1)
        return set
    }

    /// Whether every byte of `bytes` is a member.
    func containsAll(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if isAny { return true }
        for byte in bytes where !contains(byte) { return false }
        return true
    }

    package static func == (a: ByteSet, b: ByteSet) -> Bool { a.low == b.low && a.high == b.high }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(low.0)
        hasher.combine(low.1)
        hasher.combine(high.0)
        hasher.combine(high.1)
    }
}

extension ByteSet {
    /// The class as it is written after the colon of a capture, `int` or `[a-z_]`; nil for a capture without a class.
    var text: String? {
        if isAny { return nil }
        if self == .digits { return "int" }
        let isNegated = contains(0x80)
        let listed = isNegated ? inverted : self
        var text = isNegated ? "[^" : "["
        var byte = 0
        while byte < 0x80 {
            guard listed.contains(UInt8(byte)) else {
                byte += 1
                continue
            }
            var last = byte
            while last + 1 < 0x80, listed.contains(UInt8(last + 1)) { last += 1 }
            text += Self.member(byte)
            if last > byte + 1 { text += "-" }
            if last > byte { text += Self.member(last) }
            byte = last + 1
        }
        return text + "]"
    }

    private static func member(_ byte: Int) -> String {
        let character = String(UnicodeScalar(UInt8(byte)))
        return "\\]^-[".contains(character) ? "\\" + character : character
    }

    /// Reads what stands between `[` and `]`: characters, ranges `a-z`, a leading `^`, and `\` before `\ ] ^ - [`.
    init(bracket members: ArraySlice<UInt8>) throws(TemplateError) {
        self.init()
        var rest = members
        let isNegated = rest.first == UInt8(ascii: "^")
        if isNegated { rest.removeFirst() }
        var pending: UInt8?
        func take() throws(TemplateError) -> UInt8 {
            var byte = rest.removeFirst()
            if byte == UInt8(ascii: "\\") {
                guard let escaped = rest.popFirst() else { throw TemplateError("a class ends in a lone backslash") }
                byte = escaped
            }
            guard byte < 0x80 else {
                throw TemplateError(
                    "a class may list ASCII characters only; [^…] already takes every non-ASCII character")
            }
            return byte
        }
        while let next = rest.first {
            if next == UInt8(ascii: "-"), let first = pending, rest.count > 1 {
                rest.removeFirst()
                let last = try take()
                guard first <= last else { throw TemplateError("a class has a range that runs backwards") }
                for byte in first...last { insert(byte) }
                pending = nil
            } else {
                let byte = try take()
                insert(byte)
                pending = byte
            }
        }
        guard !isEmpty else { throw TemplateError("a class is empty") }
        if isNegated { self = inverted }
    }
}
