#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A string token: the bytes between its quotes.
@frozen
@usableFromInline
struct StringToken {
    /// Offset of the first byte after the opening quote.
    var start: Int
    /// Offset of the closing quote.
    var end: Int
    var hasEscape: Bool

    var count: Int { end - start }
}

/// A place in a run of JSON bytes, with the steps that every walk over it shares.
///
/// The walk over bytes that were validated before uses the same steps; they stay safe on bytes that were not.
struct Cursor {
    let base: UnsafePointer<UInt8>
    let end: Int
    var position: Int

    init(_ bytes: UnsafeRawBufferPointer, at position: Int = 0) {
        base = bytes.baseAddress.map { $0.assumingMemoryBound(to: UInt8.self) } ?? ("" as StaticString).utf8Start
        end = bytes.count
        self.position = position
    }

    @inline(__always)
    mutating func skipWhitespace() {
        while position < end {
            let byte = base[position]
            if byte > 0x20 { return }
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            position &+= 1
        }
    }

    /// The byte here, or 0 at the end (0 is no JSON byte).
    @inline(__always)
    var current: UInt8 { position < end ? base[position] : 0 }

    @inline(__always)
    mutating func expect(_ byte: UInt8, _ what: StaticString) throws(ItemError) {
        skipWhitespace()
        guard current == byte else { throw unexpected(what) }
        position &+= 1
    }

    /// Steps over `byte` if it is the next one.
    @inline(__always)
    mutating func take(_ byte: UInt8) -> Bool {
        skipWhitespace()
        guard current == byte else { return false }
        position &+= 1
        return true
    }

    func unexpected(_ what: StaticString) -> ItemError {
        if position >= end { return ItemError("the record ends where \(what) should be", at: position) }
        if isAtByteOrderMark {
            return ItemError(
                "found a byte order mark where \(what) should be: save it as UTF-8 without one", at: position)
        }
        return ItemError("found \(quoted(base[position])) where \(what) should be", at: position)
    }

    /// That of UTF-8 or of UTF-16, which some editors write before a text.
    private var isAtByteOrderMark: Bool {
        func begins(_ mark: [UInt8]) -> Bool {
            position + mark.count <= end && mark.indices.allSatisfy { base[position + $0] == mark[$0] }
        }
        return begins([0xEF, 0xBB, 0xBF]) || begins([0xFF, 0xFE]) || begins([0xFE, 0xFF])
    }

    private func quoted(_ byte: UInt8) -> String {
        if byte == UInt8(ascii: "'") { return "a single quote" }
        if byte >= 0x21 && byte < 0x7F { return "'\(Character(UnicodeScalar(byte)))'" }
        let digits = String(byte, radix: 16, uppercase: true)
        return "byte 0x\(digits.count == 1 ? "0" : "")\(digits)"
    }

    /// Reads a string whose opening quote is the next byte, checking escapes, control characters and UTF-8 (RFC 8259, RFC 3629).
    @inline(__always)
    mutating func string(_ what: StaticString) throws(ItemError) -> StringToken {
        skipWhitespace()
        guard current == UInt8(ascii: "\"") else { throw unexpected(what) }
        position &+= 1
        let start = position
        var hasEscape = false
        while true {
            skipPlain()
            guard position < end else { throw ItemError("the record ends inside a string", at: position) }
            let byte = base[position]
            if byte == UInt8(ascii: "\"") {
                let token = StringToken(start: start, end: position, hasEscape: hasEscape)
                position &+= 1
                return token
            }
            if byte == UInt8(ascii: "\\") {
                hasEscape = true
                try escape()
            } else if byte < 0x20 {
                throw unescapedControl()
            } else {
                try multibyte()
            }
        }
    }

    private func unescapedControl() -> ItemError {
        ItemError(
            "\(quoted(base[position])) is a control character, which must be escaped in a string", at: position)
    }

    /// Steps to the next quote, backslash, control character or byte above 0x7F, eight bytes at a time.
    @inline(__always)
    mutating func skipPlain() {
        var i = position
        while i &+ 8 <= end {
            let word = UnsafeRawPointer(base + i).loadUnaligned(as: UInt64.self).littleEndian
            let ones: UInt64 = 0x0101_0101_0101_0101
            let high: UInt64 = 0x8080_8080_8080_8080
            let quote = word ^ 0x2222_2222_2222_2222
            let slash = word ^ 0x5C5C_5C5C_5C5C_5C5C
            let stop =
                (((quote &- ones) & ~quote) | ((slash &- ones) & ~slash)
                    | ((word &- 0x2020_2020_2020_2020) & ~word) | word) & high
            if stop != 0 {
                position = i &+ (stop.trailingZeroBitCount >> 3)
                return
            }
            i &+= 8
        }
        while i < end {
            let byte = base[i]
            if byte == 0x22 || byte == 0x5C || byte < 0x20 || byte >= 0x80 { break }
            i &+= 1
        }
        position = i
    }

    mutating func escape() throws(ItemError) {
        let start = position
        guard position + 1 < end else { throw ItemError("the record ends inside a string", at: end) }
        switch base[position + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 2
        case UInt8(ascii: "u"):
            guard let unit = hexUnit(at: position + 2) else {
                throw ItemError("\\u is not followed by four hexadecimal digits", at: start)
            }
            position += 6
            if unit >= 0xDC00 && unit < 0xE000 {
                throw ItemError("an escaped surrogate has no partner, so it is no character", at: start)
            }
            if unit >= 0xD800 && unit < 0xDC00 {
                guard position + 1 < end, base[position] == UInt8(ascii: "\\"), base[position + 1] == UInt8(ascii: "u"),
                    let low = hexUnit(at: position + 2), low >= 0xDC00, low < 0xE000
                else { throw ItemError("an escaped surrogate has no partner, so it is no character", at: start) }
                position += 6
            }
        default:
            throw ItemError("a backslash begins no JSON escape", at: start)
        }
    }

    /// The UTF-16 unit written as four hexadecimal digits at `offset`, or nil.
    func hexUnit(at offset: Int) -> UInt32? {
        guard offset + 4 <= end else { return nil }
        var unit: UInt32 = 0
        for i in offset..<offset + 4 {
            let byte = base[i]
            switch byte {
            case 0x30...0x39: unit = unit << 4 | UInt32(byte - 0x30)
            case 0x41...0x46: unit = unit << 4 | UInt32(byte - 0x41 + 10)
            case 0x61...0x66: unit = unit << 4 | UInt32(byte - 0x61 + 10)
            default: return nil
            }
        }
        return unit
    }

    /// Steps over one well-formed UTF-8 sequence of two to four bytes (RFC 3629, section 4).
    mutating func multibyte() throws(ItemError) {
        let lead = base[position]
        let left = end - position
        func continuation(_ i: Int, _ low: UInt8 = 0x80, _ high: UInt8 = 0xBF) -> Bool {
            i < left && base[position + i] >= low && base[position + i] <= high
        }
        switch lead {
        case 0xC2...0xDF where continuation(1): position += 2
        case 0xE0 where continuation(1, 0xA0) && continuation(2): position += 3
        case 0xE1...0xEC where continuation(1) && continuation(2): position += 3
        case 0xED where continuation(1, 0x80, 0x9F) && continuation(2): position += 3
        case 0xEE...0xEF where continuation(1) && continuation(2): position += 3
        case 0xF0 where continuation(1, 0x90) && continuation(2) && continuation(3): position += 4
        case 0xF1...0xF3 where continuation(1) && continuation(2) && continuation(3): position += 4
        case 0xF4 where continuation(1, 0x80, 0x8F) && continuation(2) && continuation(3): position += 4
        default: throw ItemError("a string is not valid UTF-8", at: position)
        }
    }

    /// Reads a literal such as `true`.
    @inline(__always)
    mutating func literal(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard position + count <= end, memcmp(base + position, text.utf8Start, count) == 0 else { return false }
        position &+= count
        return true
    }
}
