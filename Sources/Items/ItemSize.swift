/// Calls `body` with each string, number and binary token of a validated item, sets' members included.
func forEachLeaf(_ item: UnsafeRawBufferPointer, _ body: (AttributeType, StringToken, Cursor) -> Void) {
    var cursor = Cursor(item)
    withoutActuallyEscaping(body) { body in
        var walk = ItemWalk(onLeaf: body)
        walk.attributes(&cursor, overhead: 0)
    }
}

extension Item {
    /// The bytes DynamoDB counts for the item: names, values and their overhead; at most 409,600.
    ///
    /// Source: DynamoDB developer guide, Item sizes and formats; numbers as measured, see `DecimalNumber.storedSize`.
    package var size: Int { json.withUnsafeBytes { storedSize($0) } }
}

/// DynamoDB's size of a validated item.
package func storedSize(_ item: UnsafeRawBufferPointer) -> Int {
    var cursor = Cursor(item)
    var walk = ItemWalk { _, _, _ in }
    walk.attributes(&cursor, overhead: 0)
    return walk.size
}

extension ItemView {
    /// DynamoDB's size of the item, by a walk over each attribute.
    var walkedSize: Int {
        var walk = ItemWalk { _, _, _ in }
        for slot in attributes {
            var cursor = Cursor(line, at: Int(slot.name.lowerBound) - 1)
            walk.attribute(&cursor, overhead: 0)
        }
        return walk.size
    }
}

/// A walk over validated typed JSON that adds up DynamoDB's storage bytes and tells of each leaf.
private struct ItemWalk {
    var onLeaf: (AttributeType, StringToken, Cursor) -> Void
    var size = 0

    init(onLeaf: @escaping (AttributeType, StringToken, Cursor) -> Void) { self.onLeaf = onLeaf }

    /// `overhead` is what each member costs beyond its name and value: 1 inside a map, 0 at the top.
    mutating func attributes(_ cursor: inout Cursor, overhead: Int) {
        _ = cursor.take(UInt8(ascii: "{"))
        if cursor.take(UInt8(ascii: "}")) { return }
        repeat { attribute(&cursor, overhead: overhead) } while cursor.take(UInt8(ascii: ","))
        _ = cursor.take(UInt8(ascii: "}"))
    }

    mutating func attribute(_ cursor: inout Cursor, overhead: Int) {
        guard let name = try? cursor.string("a name") else { return }
        size += textSize(name, cursor) + overhead
        _ = cursor.take(UInt8(ascii: ":"))
        value(&cursor)
    }

    private mutating func value(_ cursor: inout Cursor) {
        _ = cursor.take(UInt8(ascii: "{"))
        guard let tag = try? cursor.string("a tag") else { return }
        let type = withPlainText(tag, cursor) { AttributeType(tag: $0, count: $1) ?? .null }
        _ = cursor.take(UInt8(ascii: ":"))
        cursor.skipWhitespace()
        switch type {
        case .string, .number, .binary: leaf(&cursor, type)
        case .boolean, .null:
            size += 1
            while cursor.current &- 0x61 < 26 { cursor.position += 1 }
        case .map:
            size += 3
            attributes(&cursor, overhead: 1)
        case .list:
            size += 3
            _ = cursor.take(UInt8(ascii: "["))
            if cursor.take(UInt8(ascii: "]")) { break }
            repeat {
                size += 1
                value(&cursor)
            } while cursor.take(UInt8(ascii: ","))
            _ = cursor.take(UInt8(ascii: "]"))
        case .stringSet, .numberSet, .binarySet:
            let member: AttributeType = type == .stringSet ? .string : type == .numberSet ? .number : .binary
            _ = cursor.take(UInt8(ascii: "["))
            repeat { leaf(&cursor, member) } while cursor.take(UInt8(ascii: ","))
            _ = cursor.take(UInt8(ascii: "]"))
        }
        _ = cursor.take(UInt8(ascii: "}"))
    }

    private mutating func leaf(_ cursor: inout Cursor, _ type: AttributeType) {
        guard let token = try? cursor.string("a string") else { return }
        onLeaf(type, token, cursor)
        switch type {
        case .binary: size += withPlainText(token, cursor) { base64Size($0, count: $1) }
        case .number: size += withPlainText(token, cursor) { (try? DecimalNumber($0, count: $1).storedSize) ?? 0 }
        default: size += textSize(token, cursor)
        }
    }

    private func textSize(_ token: StringToken, _ cursor: Cursor) -> Int {
        token.hasEscape ? withPlainText(token, cursor) { $1 } : token.count
    }

    /// Calls `body` with the token's bytes without escapes.
    @inline(__always)
    private func withPlainText<R>(
        _ token: StringToken, _ cursor: Cursor, _ body: (UnsafePointer<UInt8>, Int) -> R
    ) -> R {
        guard token.hasEscape else { return body(cursor.base + token.start, token.count) }
        var text = ByteWriter()
        appendUnescaped(UnsafeRawBufferPointer(start: cursor.base + token.start, count: token.count), to: &text)
        return body(text.base, text.count)
    }
}
