#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Writes the canonical form of validated items: RFC 8785 after DynamoDB's equalities are applied.
///
/// Numbers become integer significand and exponent, sets are sorted, members are sorted by UTF-16 code units. Two items have the same
/// canonical bytes exactly when DynamoDB holds them equal. Not thread-safe: one per worker.
///
/// Items as AWS writes them take `CompactCanonicalizer`'s way; all others this one.
package struct Canonicalizer: ~Copyable {
    private struct Piece {
        /// The sort key inside `keys`.
        var keyStart: Int
        var keyEnd: Int
        /// The rendered text inside the output.
        var start: Int
        var end: Int
    }

    private var output = ByteWriter(capacity: 4096)
    private var keys = ByteWriter(capacity: 512)
    private var spare = ByteWriter(capacity: 512)
    private var number = ByteWriter(capacity: 64)
    private var pieces: [Piece] = []
    private var compact = CompactCanonicalizer()

    package init() {}

    /// The canonical form of a validated item; valid until the next call.
    package mutating func canonical(_ item: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        compact.canonical(item) ?? careful(item)
    }

    /// The canonical form of the item of a view, which stands at `range` of its line; valid until the next call.
    package mutating func canonical(_ range: Range<Int>, of view: ItemView) -> UnsafeRawBufferPointer {
        if let notes = view.notes, let noted = compact.canonical(notes, length: range.count) { return noted }
        return careful(UnsafeRawBufferPointer(rebasing: view.line[range]))
    }

    /// The canonical form of a validated item, valid until the next call, and DynamoDB's size of the item.
    package mutating func measured(_ item: UnsafeRawBufferPointer) -> (canonical: UnsafeRawBufferPointer, size: Int) {
        guard let noted = compact.canonical(item) else { return (careful(item), storedSize(item)) }
        return (noted, compact.storedSize ?? storedSize(item))
    }

    private mutating func careful(_ item: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        output.removeAll()
        keys.removeAll()
        pieces.removeAll(keepingCapacity: true)
        var cursor = Cursor(item)
        attributes(&cursor)
        return output.bytes
    }

    private mutating func attributes(_ cursor: inout Cursor) {
        _ = cursor.take(UInt8(ascii: "{"))
        output.append(UInt8(ascii: "{"))
        if !cursor.take(UInt8(ascii: "}")) {
            let mark = pieces.count
            let keyMark = keys.count
            var isSorted = true
            repeat {
                let name = token(&cursor)
                let keyStart = keys.count
                appendKey(name, of: cursor)
                let keyEnd = keys.count
                if pieces.count > mark {
                    output.append(UInt8(ascii: ","))
                    let last = pieces[pieces.count - 1]
                    isSorted =
                        isSorted
                        && utf16Order(
                            keys.base + last.keyStart, last.keyEnd - last.keyStart, keys.base + keyStart,
                            keyEnd - keyStart)
                            < 0
                }
                let start = output.count
                appendQuoted(name, of: cursor)
                output.append(UInt8(ascii: ":"))
                _ = cursor.take(UInt8(ascii: ":"))
                value(&cursor)
                pieces.append(Piece(keyStart: keyStart, keyEnd: keyEnd, start: start, end: output.count))
            } while cursor.take(UInt8(ascii: ","))
            _ = cursor.take(UInt8(ascii: "}"))
            if !isSorted { arrange(from: mark, byUTF16: true) }
            pieces.removeLast(pieces.count - mark)
            keys.truncate(to: keyMark)
        }
        output.append(UInt8(ascii: "}"))
    }

    /// Puts the pieces from `mark`, which stand in the output with commas between, in the order of their keys.
    private mutating func arrange(from mark: Int, byUTF16: Bool) {
        let start = pieces[mark].start
        let base = keys.base
        pieces.withUnsafeMutableBufferPointer { all in
            var group = UnsafeMutableBufferPointer(rebasing: all[mark...])
            if byUTF16 {
                group.sort { a, b in
                    utf16Order(base + a.keyStart, a.keyEnd - a.keyStart, base + b.keyStart, b.keyEnd - b.keyStart) < 0
                }
            } else {
                group.sort { a, b in
                    bytesOrder(base + a.keyStart, a.keyEnd - a.keyStart, base + b.keyStart, b.keyEnd - b.keyStart) < 0
                }
            }
        }
        spare.removeAll()
        for i in mark..<pieces.count {
            if i > mark { spare.append(UInt8(ascii: ",")) }
            spare.append(output.base + pieces[i].start, count: pieces[i].end - pieces[i].start)
        }
        output.truncate(to: start)
        output.append(spare.base, count: spare.count)
    }

    private mutating func value(_ cursor: inout Cursor) {
        _ = cursor.take(UInt8(ascii: "{"))
        output.append(UInt8(ascii: "{"))
        let tag = token(&cursor)
        let tagStart = output.count + 1
        appendQuoted(tag, of: cursor)
        // An escaped tag has become plain in the output.
        let type =
            AttributeType(tag: output.base + tagStart, count: output.count - tagStart - 1) ?? .null
        _ = cursor.take(UInt8(ascii: ":"))
        output.append(UInt8(ascii: ":"))
        cursor.skipWhitespace()
        switch type {
        case .string, .binary: appendQuoted(token(&cursor), of: cursor)
        case .number:
            let text = token(&cursor)
            output.append(UInt8(ascii: "\""))
            appendNumber(text, of: cursor, toKeys: false)
            output.append(UInt8(ascii: "\""))
        case .boolean, .null:
            let isTrue = cursor.current == UInt8(ascii: "t")
            if isTrue { output.append("true" as StaticString) } else { output.append("false" as StaticString) }
            cursor.position += isTrue ? 4 : 5
        case .map: attributes(&cursor)
        case .list:
            _ = cursor.take(UInt8(ascii: "["))
            output.append(UInt8(ascii: "["))
            if !cursor.take(UInt8(ascii: "]")) {
                var isFirst = true
                repeat {
                    if !isFirst { output.append(UInt8(ascii: ",")) }
                    isFirst = false
                    value(&cursor)
                } while cursor.take(UInt8(ascii: ","))
                _ = cursor.take(UInt8(ascii: "]"))
            }
            output.append(UInt8(ascii: "]"))
        case .stringSet, .numberSet, .binarySet: set(&cursor, type)
        }
        _ = cursor.take(UInt8(ascii: "}"))
        output.append(UInt8(ascii: "}"))
    }

    private mutating func set(_ cursor: inout Cursor, _ type: AttributeType) {
        _ = cursor.take(UInt8(ascii: "["))
        output.append(UInt8(ascii: "["))
        let mark = pieces.count
        let keyMark = keys.count
        var isSorted = true
        repeat {
            let member = token(&cursor)
            let keyStart = keys.count
            if type == .numberSet {
                appendNumber(member, of: cursor, toKeys: true)
            } else {
                appendKey(member, of: cursor)
            }
            if pieces.count > mark {
                output.append(UInt8(ascii: ","))
                let last = pieces[pieces.count - 1]
                isSorted =
                    isSorted
                    && bytesOrder(
                        keys.base + last.keyStart, last.keyEnd - last.keyStart, keys.base + keyStart,
                        keys.count - keyStart) < 0
            }
            let start = output.count
            if type == .numberSet {
                output.append(UInt8(ascii: "\""))
                output.append(keys.base + keyStart, count: keys.count - keyStart)
                output.append(UInt8(ascii: "\""))
            } else {
                appendQuoted(member, of: cursor)
            }
            pieces.append(Piece(keyStart: keyStart, keyEnd: keys.count, start: start, end: output.count))
        } while cursor.take(UInt8(ascii: ","))
        _ = cursor.take(UInt8(ascii: "]"))
        if !isSorted { arrange(from: mark, byUTF16: false) }
        pieces.removeLast(pieces.count - mark)
        keys.truncate(to: keyMark)
        output.append(UInt8(ascii: "]"))
    }

    /// The next string of bytes that were validated before.
    @inline(__always)
    private func token(_ cursor: inout Cursor) -> StringToken {
        (try? cursor.string("a string")) ?? StringToken(start: cursor.position, end: cursor.position, hasEscape: false)
    }

    @inline(__always)
    private mutating func appendQuoted(_ token: StringToken, of cursor: Cursor) {
        output.append(UInt8(ascii: "\""))
        if token.hasEscape {
            spare.removeAll()
            appendUnescaped(UnsafeRawBufferPointer(start: cursor.base + token.start, count: token.count), to: &spare)
            appendEscaped(spare.bytes, to: &output)
        } else {
            output.append(cursor.base + token.start, count: token.count)
        }
        output.append(UInt8(ascii: "\""))
    }

    @inline(__always)
    private mutating func appendKey(_ token: StringToken, of cursor: Cursor) {
        if token.hasEscape {
            appendUnescaped(UnsafeRawBufferPointer(start: cursor.base + token.start, count: token.count), to: &keys)
        } else {
            keys.append(cursor.base + token.start, count: token.count)
        }
    }

    private mutating func appendNumber(_ token: StringToken, of cursor: Cursor, toKeys: Bool) {
        number.removeAll()
        if token.hasEscape {
            appendUnescaped(UnsafeRawBufferPointer(start: cursor.base + token.start, count: token.count), to: &number)
        } else {
            number.append(cursor.base + token.start, count: token.count)
        }
        guard let value = try? DecimalNumber(number.base, count: number.count) else { return }
        if toKeys {
            value.appendCanonical(of: number.base, to: &keys)
        } else {
            value.appendCanonical(of: number.base, to: &output)
        }
    }
}

/// Order by bytes, shorter first.
@inline(__always)
private func bytesOrder(_ a: UnsafePointer<UInt8>, _ aCount: Int, _ b: UnsafePointer<UInt8>, _ bCount: Int) -> Int {
    let order = memcmp(a, b, min(aCount, bCount))
    return order != 0 ? Int(order) : aCount - bCount
}

/// Order of two UTF-8 texts by their UTF-16 code units (RFC 8785, section 3.2.3): as their bytes, but for characters above U+FFFF,
/// which sort before U+E000 to U+FFFF.
@inline(__always)
private func utf16Order(_ a: UnsafePointer<UInt8>, _ aCount: Int, _ b: UnsafePointer<UInt8>, _ bCount: Int) -> Int {
    let shorter = min(aCount, bCount)
    var i = 0
    while i < shorter, a[i] == b[i] { i &+= 1 }
    guard i < shorter else { return aCount - bCount }
    let x = a[i]
    let y = b[i]
    if x >= 0xF0, y == 0xEE || y == 0xEF { return -1 }
    if y >= 0xF0, x == 0xEE || x == 0xEF { return 1 }
    return Int(x) - Int(y)
}
