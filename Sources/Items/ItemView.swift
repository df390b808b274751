#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The item a scanner read last, as its attributes over the line's bytes. Copies nothing; valid until the next scan.
package struct ItemView {
    package let line: UnsafeRawBufferPointer
    package let attributes: UnsafeBufferPointer<AttributeSlot>
    /// What the scanner has reckoned.
    private let scannedSize: Int?
    /// What the quick pass has noted of the item.
    let notes: NotedText?

    /// - Parameter size: the scanner's `itemSize`.
    package init(line: UnsafeRawBufferPointer, attributes: UnsafeBufferPointer<AttributeSlot>, size: Int? = nil) {
        self.line = line
        self.attributes = attributes
        scannedSize = size
        notes = nil
    }

    init(line: UnsafeRawBufferPointer, attributes: UnsafeBufferPointer<AttributeSlot>, notes: NotedText) {
        self.line = line
        self.attributes = attributes
        scannedSize = nil
        self.notes = notes
    }

    /// DynamoDB's size of the item, as `Item.size`.
    package var storedSize: Int { notes?.storedSize ?? scannedSize ?? walkedSize }

    /// The slot of the attribute with this name, compared without escapes; nil when the item lacks it.
    package func find(_ name: [UInt8]) -> AttributeSlot? {
        if name.isEmpty { return nil }
        return name.withUnsafeBytes { wanted in
            guard let name = wanted.baseAddress, let base = line.baseAddress else { return nil }
            let count = wanted.count
            let (first, last) = (wanted[0], wanted[count - 1])
            for index in 0..<attributes.count {
                let place = attributes[index].name
                if attributes[index].nameHasEscape {
                    var writer = ByteWriter()
                    appendUnescaped(bytes(place), to: &writer)
                    if equal(writer.bytes, wanted) { return attributes[index] }
                    continue
                }
                guard Int(place.upperBound &- place.lowerBound) == count else { continue }
                let start = base + Int(place.lowerBound)
                if start.load(as: UInt8.self) == first, start.load(fromByteOffset: count - 1, as: UInt8.self) == last,
                    count < 3 || memcmp(start, name, count) == 0
                {
                    return attributes[index]
                }
            }
            return nil
        }
    }

    package func bytes(_ range: Range<Int32>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: line[Int(range.lowerBound)..<Int(range.upperBound)])
    }

    /// Calls `body` with the content of a string, number or binary, without escapes.
    package func withText<R>(_ slot: AttributeSlot, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        if !slot.contentHasEscape { return try body(bytes(slot.content)) }
        var writer = ByteWriter()
        appendUnescaped(bytes(slot.content), to: &writer)
        return try body(writer.bytes)
    }

    /// Whether a string, number or binary has these bytes, without escapes.
    package func holds(_ text: UnsafeRawBufferPointer, in slot: AttributeSlot) -> Bool {
        slot.contentHasEscape ? withText(slot) { equal($0, text) } : equal(bytes(slot.content), text)
    }

    /// The value of a key attribute. Throws when it is missing, of another type, empty or over DynamoDB's limits (partition key 2048
    /// bytes, sort key 1024; source: DynamoDB developer guide, Naming rules and data types).
    package func keyValue(_ attribute: KeyAttribute, isSort: Bool) throws(ItemError) -> KeyValue {
        guard let slot = find(Array(attribute.name.utf8)) else {
            throw ItemError("the item has no key attribute \(attribute.name)", at: 0)
        }
        guard slot.type.tag == attribute.type.rawValue else {
            throw ItemError(
                "key attribute \(attribute.name) has type \(slot.type.tag), the table's key has \(attribute.type.rawValue)",
                at: Int(slot.value.lowerBound))
        }
        let value = withText(slot) { text -> KeyValue in
            switch attribute.type {
            case .string: return .string(Array(text))
            case .number: return .number(canonicalNumber(text))
            case .binary:
                return text.withMemoryRebound(to: UInt8.self) { p in
                    .binary(p.baseAddress.map { decodedBase64($0, count: p.count) } ?? [])
                }
            }
        }
        let count: Int
        switch value {
        case .string(let bytes), .binary(let bytes): count = bytes.count
        case .number: count = 1
        }
        guard count > 0 else {
            throw ItemError("key attribute \(attribute.name) is empty", at: Int(slot.value.lowerBound))
        }
        let limit = isSort ? 1024 : 2048
        guard count <= limit else {
            throw ItemError(
                "key attribute \(attribute.name) has \(count) bytes, DynamoDB takes \(limit)",
                at: Int(slot.value.lowerBound))
        }
        return value
    }

    /// The item's key.
    package func key(_ schema: KeySchema) throws(ItemError) -> ItemKey {
        let partition = try keyValue(schema.partition, isSort: false)
        guard let sort = schema.sort else { return ItemKey(partition: partition) }
        return ItemKey(partition: partition, sort: try keyValue(sort, isSort: true))
    }

    /// The schema these key names have in this item: the types are the item's own.
    package func inferredSchema(partition: String, sort: String?) throws(ItemError) -> KeySchema {
        func attribute(_ name: String) throws(ItemError) -> KeyAttribute {
            guard let slot = find(Array(name.utf8)) else {
                throw ItemError("the item has no key attribute \(name)", at: 0)
            }
            guard let type = KeyType(rawValue: slot.type.tag) else {
                throw ItemError(
                    "attribute \(name) has type \(slot.type.tag), which no key may have", at: Int(slot.value.lowerBound)
                )
            }
            return KeyAttribute(name: name, type: type)
        }
        var schema = KeySchema(partition: try attribute(partition))
        if let sort { schema.sort = try attribute(sort) }
        return schema
    }
}

@inline(__always)
func equal(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    guard a.count == b.count else { return false }
    guard let x = a.baseAddress, let y = b.baseAddress else { return true }
    return memcmp(x, y, a.count) == 0
}

/// The canonical text of a valid number.
package func canonicalNumber(_ text: UnsafeRawBufferPointer) -> [UInt8] {
    var writer = ByteWriter(capacity: 64)
    text.withMemoryRebound(to: UInt8.self) { p in
        if let start = p.baseAddress, let number = try? DecimalNumber(start, count: p.count) {
            number.appendCanonical(of: start, to: &writer)
        }
    }
    return writer.array
}

/// True for text that is a number in DynamoDB's grammar and range.
package func isNumber(_ text: [UInt8]) -> Bool {
    text.withUnsafeBufferPointer { p in
        guard let start = p.baseAddress else { return false }
        return (try? DecimalNumber(start, count: p.count)) != nil
    }
}

/// The plain decimal text of a valid number, as DynamoDB returns it.
package func plainNumber(_ text: [UInt8]) -> [UInt8] {
    var writer = ByteWriter(capacity: 64)
    text.withUnsafeBufferPointer { p in
        if let start = p.baseAddress, let number = try? DecimalNumber(start, count: p.count) {
            number.appendPlain(of: start, to: &writer)
        }
    }
    return writer.array
}
