#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Where the parts of a JSON text lie in its bytes, so that they can be taken out and put elsewhere unchanged.
///
/// It trusts its input to be JSON; for other input it finds fewer parts.
struct JSONSpans {
    let bytes: [UInt8]

    struct Member {
        /// The text between the quotation marks, escapes as they stand.
        var name: String
        /// Name and value.
        var whole: Range<Int>
        var value: Range<Int>
    }

    /// The members of the object that begins at the first byte of `range`.
    func members(of range: Range<Int>) -> [Member] {
        var members: [Member] = []
        var at = range.lowerBound
        guard skipSpace(&at, range), bytes[at] == UInt8(ascii: "{") else { return [] }
        at += 1
        while skipSpace(&at, range), bytes[at] == UInt8(ascii: "\"") {
            let name = value(at: at, in: range)
            at = name.upperBound
            guard name.count >= 2, skipSpace(&at, range), bytes[at] == UInt8(ascii: ":") else { break }
            at += 1
            guard skipSpace(&at, range) else { break }
            let value = value(at: at, in: range)
            members.append(
                Member(
                    name: String(decoding: bytes[(name.lowerBound + 1)..<(name.upperBound - 1)], as: UTF8.self),
                    whole: name.lowerBound..<value.upperBound, value: value))
            at = value.upperBound
            guard skipSpace(&at, range), bytes[at] == UInt8(ascii: ",") else { break }
            at += 1
        }
        return members
    }

    func member(_ name: String, of range: Range<Int>) -> Member? { members(of: range).first { $0.name == name } }

    /// The elements of the array that begins at the first byte of `range`.
    func elements(of range: Range<Int>) -> [Range<Int>] {
        var elements: [Range<Int>] = []
        var at = range.lowerBound
        guard skipSpace(&at, range), bytes[at] == UInt8(ascii: "[") else { return [] }
        at += 1
        while skipSpace(&at, range), bytes[at] != UInt8(ascii: "]") {
            let element = value(at: at, in: range)
            elements.append(element)
            at = element.upperBound
            guard skipSpace(&at, range), bytes[at] == UInt8(ascii: ",") else { break }
            at += 1
        }
        return elements
    }

    var all: Range<Int> { 0..<bytes.count }

    func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    private func skipSpace(_ at: inout Int, _ range: Range<Int>) -> Bool {
        while at < range.upperBound, bytes[at] <= 0x20 { at += 1 }
        return at < range.upperBound
    }

    /// The value that begins at `start`.
    private func value(at start: Int, in range: Range<Int>) -> Range<Int> {
        bytes.withUnsafeBufferPointer { bytes in
            let end = range.upperBound
            var at = start
            var depth = 0
            while at < end {
                let byte = bytes[at]
                if byte == 0x22 {
                    at = Self.endOfString(bytes, from: at + 1, to: end)
                    if depth == 0 { return start..<at }
                } else if byte == 0x7B || byte == 0x5B {
                    depth += 1
                    at += 1
                } else if byte == 0x7D || byte == 0x5D {
                    // With depth 0: the end of what a number or a word stands in.
                    if depth == 0 { return start..<at }
                    depth -= 1
                    at += 1
                    if depth == 0 { return start..<at }
                } else if depth == 0, byte == 0x2C || byte <= 0x20 {
                    return start..<at
                } else {
                    at += 1
                }
            }
            return start..<end
        }
    }

    /// The place after the closing quotation mark of the string whose text begins at `start`.
    private static func endOfString(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int, to end: Int) -> Int {
        let base = bytes.baseAddress!
        var from = start
        while from < end, let found = memchr(base + from, 0x22, end - from) {
            let mark = UnsafeRawPointer(base).distance(to: UnsafeRawPointer(found))
            var before = mark
            while before > start, bytes[before - 1] == 0x5C { before -= 1 }
            if (mark - before) % 2 == 0 { return mark + 1 }
            from = mark + 1
        }
        return end
    }
}
