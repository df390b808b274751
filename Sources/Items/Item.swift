/// One item as validated typed JSON, `{"PK":{"S":"…"},…}`, in bytes of its own.
package struct Item: Sendable {
    package let json: [UInt8]

    /// Checks the bytes: one typed item and nothing else but white space around it.
    package init(validating json: [UInt8]) throws(ItemError) {
        self.json = try json.withRawBytes { bytes throws(ItemError) in
            var scanner = RecordScanner()
            let range = try scanner.scanItem(bytes)
            var rest = Cursor(bytes, at: range.upperBound)
            rest.skipWhitespace()
            guard rest.position == bytes.count else { throw rest.unexpected("the end of the item") }
            return Array(bytes[range])
        }
    }

    /// Takes bytes that a scanner has accepted before.
    package init(trusted json: [UInt8]) { self.json = json }

    /// Calls `body` with the item's attributes.
    package func withView<R, E: Error>(_ body: (ItemView) throws(E) -> R) throws(E) -> R {
        try json.withRawBytes { bytes throws(E) in
            var scanner = RecordScanner()
            _ = try? scanner.scanItem(bytes)
            return try body(ItemView(line: bytes, attributes: scanner.attributes, size: scanner.itemSize))
        }
    }

    /// The item's key; throws when a key attribute is missing, of another type, empty or too long.
    package func key(_ schema: KeySchema) throws(ItemError) -> ItemKey {
        try withView { view throws(ItemError) in try view.key(schema) }
    }

    /// The canonical form that the digest hashes.
    package func canonical() -> [UInt8] {
        var canonicalizer = Canonicalizer()
        return json.withUnsafeBytes { Array(canonicalizer.canonical($0)) }
    }

    /// True when DynamoDB would hold both equal: by canonical form.
    package func isEqual(to other: Item) -> Bool { json == other.json || canonical() == other.canonical() }

    /// The value of a top-level attribute, or nil.
    package func attribute(_ name: String) -> AttributeValue? {
        withView { view in
            view.find(Array(name.utf8)).map { slot in
                AttributeValue(
                    type: slot.type, json: Array(view.bytes(slot.value)),
                    text: view.withText(slot) { Array($0) })
            }
        }
    }

    /// The value at a path of attribute names through maps, or nil.
    package func value(at path: [String]) -> AttributeValue? {
        guard let first = path.first, var value = attribute(first) else { return nil }
        for name in path.dropFirst() {
            guard value.type == .map, let next = Item(trusted: value.text).attribute(name) else { return nil }
            value = next
        }
        return value
    }
}

/// One attribute value.
package struct AttributeValue: Sendable, Equatable {
    package var type: AttributeType
    /// The typed object, `{"S":"…"}`.
    package var json: [UInt8]
    /// What stands behind the tag: strings, numbers and binaries without quotes and escapes, all else as written.
    package var text: [UInt8]

    package init(type: AttributeType, json: [UInt8], text: [UInt8]) {
        self.type = type
        self.json = json
        self.text = text
    }
}

extension Item {
    /// The item with every number in the form DynamoDB stores and returns (plain decimal, no superfluous zeros); all other bytes stay.
    package func normalized() -> Item {
        var writer = ByteWriter(capacity: json.count + 16)
        var copied = 0
        json.withUnsafeBytes { bytes in
            forEachLeaf(bytes) { type, token, cursor in
                guard type == .number else { return }
                var text = ByteWriter(capacity: 64)
                appendUnescaped(UnsafeRawBufferPointer(start: cursor.base + token.start, count: token.count), to: &text)
                guard let number = try? DecimalNumber(text.base, count: text.count) else { return }
                writer.append(cursor.base + copied, count: token.start - copied)
                number.appendPlain(of: text.base, to: &writer)
                copied = token.end
            }
            writer.append(UnsafeRawBufferPointer(rebasing: bytes[copied...]))
        }
        return Item(trusted: writer.array)
    }
}
