/// The quick way through items as AWS and rekey write them: no white space, names without escapes.
///
/// It accepts only what the careful way accepts, and notes the same; whatever it does not know at once, faults among it, it leaves to
/// the careful way by answering -1. Positions are passed from call to call, so that they stay in registers.
///
///     "tp":{"S":"plan"},
///      name  tag  content
extension ValueScanner {
    /// Scans an item whose opening brace is at `start` and notes its attributes; where it ends, or -1.
    mutating func compactItem(_ text: MarkedText, at start: Int) -> Int {
        names.reset()
        slotCount = 0
        isSizeExact = false
        return compactAttributes(text, at: start, depth: 1, noting: true)
    }

    private mutating func compactAttributes(_ text: MarkedText, at start: Int, depth: Int, noting: Bool) -> Int {
        var position = start &+ 1
        guard position < text.end else { return -1 }
        if text.base[position] == UInt8(ascii: "}") { return position &+ 1 }
        let mark = names.count
        // One bit for each of 64 groups of names: a name of a group that none was in is new.
        var seen: UInt64 = 0
        while true {
            // The shortest attribute has 12 bytes, and a brace follows.
            guard position &+ 13 <= text.end, text.base[position] == UInt8(ascii: "\"") else { return -1 }
            let nameStart = position &+ 1
            let nameEnd = text.nextSpecial(nameStart)
            guard nameEnd > nameStart, nameEnd &+ 11 <= text.end,
                text.four(nameEnd)
                    == Self.fourBytes(UInt8(ascii: "\""), UInt8(ascii: ":"), UInt8(ascii: "{"), UInt8(ascii: "\""))
            else { return -1 }
            let count = nameEnd &- nameStart
            var prefix = text.eight(nameStart).byteSwapped
            if count < 8 { prefix &= ~0 &<< UInt64(64 &- 8 &* count) }
            let group: UInt64 = 1 &<< ((prefix &* 0x9E37_79B9_7F4A_7C15) &>> 58)
            if seen & group == 0 {
                names.append(text.base + nameStart, count: count, prefix: prefix, at: nameStart)
            } else {
                guard names.insert(text.base + nameStart, count: count, prefix: prefix, at: nameStart, mark: mark)
                else { return -1 }
            }
            seen |= group
            position = compactValue(text, tagAt: nameEnd &+ 4, depth: depth)
            guard position > 0, position < text.end else { return -1 }
            if noting { note(name: nameStart..<nameEnd, hasEscape: false, value: nameEnd &+ 2..<position) }
            let byte = text.base[position]
            position &+= 1
            if byte == UInt8(ascii: ",") { continue }
            guard byte == UInt8(ascii: "}"), names.firstRepeat(from: mark) < 0 else { return -1 }
            names.drop(to: mark)
            return position
        }
    }

    /// Scans one value from its tag's first letter on; behind the value's brace there must be another byte. Where it ends, or -1.
    @inline(__always)
    private mutating func compactValue(_ text: MarkedText, tagAt tag: Int, depth: Int) -> Int {
        // The shortest value goes on by `S":""}`, and a byte follows.
        guard tag &+ 8 <= text.end, depth <= Self.maximumDepth else { return -1 }
        var start = tag &+ 4
        switch text.four(tag) {
        case Self.tag("S", UInt8(ascii: "\"")):
            var hasEscape = false
            let end = text.stringEnd(start, hasEscape: &hasEscape)
            return closeLeaf(text, .string, start, end, hasEscape)
        case Self.tag("N", UInt8(ascii: "\"")):
            let end = text.nextSpecial(start)
            guard end < text.end, compactNumber(text, start, end) else { return -1 }
            return closeLeaf(text, .number, start, end, false)
        case Self.tag("M", UInt8(ascii: "{")):
            start = tag &+ 3
            let end = compactAttributes(text, at: start, depth: depth &+ 1, noting: false)
            return close(text, .map, start, end)
        case Self.tag("L", UInt8(ascii: "[")):
            start = tag &+ 3
            let end = compactList(text, at: start, depth: depth &+ 1)
            return close(text, .list, start, end)
        case Self.fourBytes(UInt8(ascii: "B"), UInt8(ascii: "O"), UInt8(ascii: "O"), UInt8(ascii: "L")):
            guard tag &+ 12 <= text.end else { return -1 }
            let rest = text.eight(tag &+ 4)
            start = tag &+ 6
            if rest & 0x00FF_FFFF_FFFF_FFFF == 0x7D_6575_7274_3A22 { return close(text, .boolean, start, start &+ 4) }
            return rest == 0x7D65_736C_6166_3A22 ? close(text, .boolean, start, start &+ 5) : -1
        case Self.fourBytes(UInt8(ascii: "N"), UInt8(ascii: "U"), UInt8(ascii: "L"), UInt8(ascii: "L")):
            guard tag &+ 12 <= text.end else { return -1 }
            start = tag &+ 6
            let isTrue = text.eight(tag &+ 4) & 0x00FF_FFFF_FFFF_FFFF == 0x7D_6575_7274_3A22
            return isTrue ? close(text, .null, start, start &+ 4) : -1
        default: return otherValue(text, tagAt: tag)
        }
    }

    /// Binaries and sets.
    @inline(never)
    private mutating func otherValue(_ text: MarkedText, tagAt tag: Int) -> Int {
        if text.four(tag) == Self.tag("B", UInt8(ascii: "\"")) {
            let end = text.nextSpecial(tag &+ 4)
            guard end < text.end, text.base[end] == UInt8(ascii: "\""),
                isBase64(text.base + (tag &+ 4), count: end &- tag &- 4)
            else { return -1 }
            return closeLeaf(text, .binary, tag &+ 4, end, false)
        }
        guard text.base[tag &+ 1] == UInt8(ascii: "S"), let type = AttributeType(tag: text.base + tag, count: 2),
            text.base[tag &+ 2] == UInt8(ascii: "\""), text.base[tag &+ 3] == UInt8(ascii: ":"),
            text.base[tag &+ 4] == UInt8(ascii: "[")
        else { return -1 }
        cursor = Cursor(UnsafeRawBufferPointer(start: text.base, count: text.end), at: tag &+ 4)
        guard (try? set(type)) != nil else { return -1 }
        return close(text, type, tag &+ 4, cursor.position)
    }

    private mutating func compactList(_ text: MarkedText, at start: Int, depth: Int) -> Int {
        var position = start &+ 1
        guard position < text.end else { return -1 }
        if text.base[position] == UInt8(ascii: "]") { return position &+ 1 }
        while true {
            guard position &+ 10 <= text.end, text.base[position] == UInt8(ascii: "{"),
                text.base[position &+ 1] == UInt8(ascii: "\"")
            else { return -1 }
            position = compactValue(text, tagAt: position &+ 2, depth: depth)
            guard position > 0, position < text.end else { return -1 }
            let byte = text.base[position]
            position &+= 1
            if byte == UInt8(ascii: ",") { continue }
            return byte == UInt8(ascii: "]") ? position : -1
        }
    }

    /// Steps over the quote at `end` and the value's brace.
    @inline(__always)
    private mutating func closeLeaf(
        _ text: MarkedText, _ type: AttributeType, _ start: Int, _ end: Int, _ hasEscape: Bool
    ) -> Int {
        guard end >= 0, end &+ 1 < text.end, text.base[end] == UInt8(ascii: "\""),
            text.base[end &+ 1] == UInt8(ascii: "}")
        else { return -1 }
        scanned(type, start, end, hasEscape)
        return end &+ 2
    }

    /// Steps over the value's brace, which must be at `end`.
    @inline(__always)
    private mutating func close(_ text: MarkedText, _ type: AttributeType, _ start: Int, _ end: Int) -> Int {
        guard end > 0, end < text.end, text.base[end] == UInt8(ascii: "}") else { return -1 }
        scanned(type, start, end, false)
        return end &+ 1
    }

    /// Whether the text is a number. Up to 38 digits with one point at most are one whatever they are; others are looked at with care.
    @inline(__always)
    private func compactNumber(_ text: MarkedText, _ start: Int, _ end: Int) -> Bool {
        var position = text.base[start] == UInt8(ascii: "-") ? start &+ 1 : start
        let count = end &- position
        guard count > 0, count <= 38 else { return otherNumber(text, start, end) }
        var points = 0
        // The words reach behind the number, where what stands there is shifted out.
        while position < end {
            guard position &+ 8 <= text.end else { return otherNumber(text, start, end) }
            let left = end &- position
            let unused: UInt64 = left >= 8 ? 0 : ~0 &<< UInt64(8 &* left)
            let digits = (text.eight(position) & ~unused | 0x3030_3030_3030_3030 & unused) ^ 0x3030_3030_3030_3030
            // A byte is a digit where it is at most 9 by now; a point has become 0x1E.
            let others = (digits &+ 0x7676_7676_7676_7676 | digits) & 0x8080_8080_8080_8080
            if others != 0 {
                guard others & (others &- 1) == 0,
                    digits &>> UInt64(others.trailingZeroBitCount &- 7) & 0xFF == 0x1E
                else { return otherNumber(text, start, end) }
                points &+= 1
            }
            position &+= 8
        }
        return points == 0 || points == 1 && count > 1 || otherNumber(text, start, end)
    }

    @inline(never)
    private func otherNumber(_ text: MarkedText, _ start: Int, _ end: Int) -> Bool {
        (try? DecimalNumber(text.base + start, count: end &- start)) != nil
    }

    /// Four bytes as `MarkedText.four` gives them.
    @inline(__always)
    private static func fourBytes(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) -> UInt32 {
        UInt32(a) | UInt32(b) << 8 | UInt32(c) << 16 | UInt32(d) << 24
    }

    /// A tag of one letter, its quote, the colon and what the value begins with.
    @inline(__always)
    private static func tag(_ letter: Unicode.Scalar, _ first: UInt8) -> UInt32 {
        fourBytes(UInt8(ascii: letter), UInt8(ascii: "\""), UInt8(ascii: ":"), first)
    }
}
