#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The type of a key attribute.
package enum KeyType: String, Sendable, Codable {
    case string = "S"
    case number = "N"
    case binary = "B"
}

/// One attribute of a key schema.
package struct KeyAttribute: Sendable, Equatable, Codable {
    package var name: String
    package var type: KeyType

    package init(name: String, type: KeyType) {
        self.name = name
        self.type = type
    }
}

/// What makes an item unique in its table.
package struct KeySchema: Sendable, Equatable, Codable {
    package var partition: KeyAttribute
    package var sort: KeyAttribute?

    package init(partition: KeyAttribute, sort: KeyAttribute? = nil) {
        self.partition = partition
        self.sort = sort
    }

    /// `PK` and `SK`, both strings.
    package static let standard = KeySchema(
        partition: KeyAttribute(name: "PK", type: .string), sort: KeyAttribute(name: "SK", type: .string))

    /// The names of the key attributes, partition key first.
    package var names: [String] { [partition.name] + (sort.map { [$0.name] } ?? []) }
}

/// The value of one key attribute, without escapes; numbers and binaries in one form per value.
package enum KeyValue: Sendable, Hashable {
    case string([UInt8])
    /// Canonical text, such as `15E-1`.
    case number([UInt8])
    /// The bytes themselves, not base64.
    case binary([UInt8])

    package init(_ text: String) { self = .string(Array(text.utf8)) }

    package var type: KeyType {
        switch self {
        case .string: .string
        case .number: .number
        case .binary: .binary
        }
    }

    /// `{"S":"PLAN#1"}`.
    package var json: [UInt8] {
        var writer = ByteWriter()
        appendJSON(to: &writer)
        return writer.array
    }

    func appendJSON(to writer: inout ByteWriter) {
        writer.append(UInt8(ascii: "{"))
        switch self {
        case .string(let bytes):
            writer.append("\"S\":\"" as StaticString)
            bytes.withUnsafeBytes { appendEscaped($0, to: &writer) }
        case .number(let text):
            writer.append("\"N\":\"" as StaticString)
            text.withUnsafeBufferPointer { p in
                if let start = p.baseAddress, let number = try? DecimalNumber(start, count: p.count) {
                    number.appendPlain(of: start, to: &writer)
                }
            }
        case .binary(let bytes):
            writer.append("\"B\":\"" as StaticString)
            writer.append(base64(bytes))
        }
        writer.append("\"}" as StaticString)
    }

    /// What the sortable bytes of each type begin with.
    static let stringTag: UInt8 = 0x10
    static let numberTag: UInt8 = 0x20
    static let binaryTag: UInt8 = 0x30

    /// Appends bytes whose order under memcmp is DynamoDB's order of the values; self-delimiting.
    package func appendSortable(to writer: inout ByteWriter) {
        switch self {
        case .string(let bytes): bytes.withRawBytes { Self.appendDelimited($0, tag: Self.stringTag, to: &writer) }
        case .number(let text):
            writer.append(Self.numberTag)
            text.withUnsafeBufferPointer { p in
                if let start = p.baseAddress, let number = try? DecimalNumber(start, count: p.count) {
                    number.appendSortable(of: start, to: &writer)
                }
            }
        case .binary(let bytes): bytes.withRawBytes { Self.appendDelimited($0, tag: Self.binaryTag, to: &writer) }
        }
    }

    /// Appends the sortable bytes of the string that `text` is, given without escapes.
    package static func appendSortable(text: UnsafeRawBufferPointer, to writer: inout ByteWriter) {
        appendDelimited(text, tag: stringTag, to: &writer)
    }

    /// A zero byte becomes 00 FF and the end 00, so that a prefix sorts before what it begins.
    private static func appendDelimited(_ bytes: UnsafeRawBufferPointer, tag: UInt8, to writer: inout ByteWriter) {
        writer.append(tag)
        if let start = bytes.baseAddress, memchr(start, 0, bytes.count) != nil {
            for byte in bytes {
                writer.append(byte)
                if byte == 0 { writer.append(0xFF) }
            }
        } else {
            writer.append(bytes)
        }
        writer.append(0)
    }
}

extension KeyValue: CustomStringConvertible {
    /// For a person: control characters escaped, binaries as base64.
    package var description: String {
        switch self {
        case .string(let bytes): displayText(bytes)
        case .number(let text): String(decoding: text, as: UTF8.self)
        case .binary(let bytes): String(decoding: base64(bytes), as: UTF8.self)
        }
    }
}

/// The key of one item: partition key and, where the table has one, sort key.
package struct ItemKey: Sendable, Hashable {
    package var partition: KeyValue
    package var sort: KeyValue?

    package init(partition: KeyValue, sort: KeyValue? = nil) {
        self.partition = partition
        self.sort = sort
    }

    /// Bytes whose memcmp order is the order by partition key, then sort key; equal exactly for equal keys.
    package var sortableBytes: [UInt8] {
        var writer = ByteWriter()
        appendSortable(to: &writer)
        return writer.array
    }

    /// Appends `sortableBytes`.
    package func appendSortable(to writer: inout ByteWriter) {
        partition.appendSortable(to: &writer)
        sort?.appendSortable(to: &writer)
    }

    /// The sortable bytes of one value alone.
    package static func sortableBytes(of value: KeyValue) -> [UInt8] {
        var writer = ByteWriter()
        value.appendSortable(to: &writer)
        return writer.array
    }

    /// `{"PK":{"S":"PLAN#1"},"SK":{"S":"META"}}`.
    package func json(_ schema: KeySchema) -> [UInt8] {
        var writer = ByteWriter()
        writer.append("{\"" as StaticString)
        Array(schema.partition.name.utf8).withUnsafeBytes { appendEscaped($0, to: &writer) }
        writer.append("\":" as StaticString)
        partition.appendJSON(to: &writer)
        if let name = schema.sort?.name, let sort {
            writer.append(",\"" as StaticString)
            Array(name.utf8).withUnsafeBytes { appendEscaped($0, to: &writer) }
            writer.append("\":" as StaticString)
            sort.appendJSON(to: &writer)
        }
        writer.append(UInt8(ascii: "}"))
        return writer.array
    }
}

extension ItemKey: CustomStringConvertible {
    /// `PLAN#1 / META`.
    package var description: String { sort.map { "\(partition) / \($0)" } ?? "\(partition)" }
}
