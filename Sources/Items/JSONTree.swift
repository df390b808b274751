/// A JSON value with its numbers as written and its strings without escapes; members in their order.
package indirect enum JSONTree: Equatable, Sendable {
    package struct Member: Equatable, Sendable {
        package var name: [UInt8]
        package var value: JSONTree

        package init(name: [UInt8], value: JSONTree) {
            self.name = name
            self.value = value
        }
    }

    case object([Member])
    case array([JSONTree])
    case string([UInt8])
    /// The text of a number in JSON's grammar.
    case number([UInt8])
    case boolean(Bool)
    case null

    /// An object with members in the order given.
    package static func members(_ members: KeyValuePairs<String, JSONTree>) -> JSONTree {
        .object(members.map { Member(name: Array($0.key.utf8), value: $0.value) })
    }

    package static func text(_ text: String) -> JSONTree { .string(Array(text.utf8)) }

    package static func integer(_ value: Int) -> JSONTree { .number(Array("\(value)".utf8)) }

    /// A string, or null for nil.
    package static func optional(_ text: String?) -> JSONTree { text.map(JSONTree.text) ?? .null }

    /// The member of this name; nil where there is none or this is no object.
    package subscript(name: String) -> JSONTree? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name.elementsEqual(name.utf8) }?.value
    }

    /// The text of a string; nil for every other value.
    package var string: String? {
        guard case .string(let bytes) = self else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The value of a number without point and exponent that is not negative and fits; nil for every other value.
    package var count: Int? {
        guard case .number(let text) = self, text.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(String(decoding: text, as: UTF8.self))
    }

    /// The elements of an array; nil for every other value.
    package var elements: [JSONTree]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    /// On one line, without spaces.
    package var compact: [UInt8] {
        var writer = ByteWriter()
        append(to: &writer, indent: nil)
        return writer.array
    }

    /// A line for each member, indented by two spaces, with a newline at the end.
    package var pretty: [UInt8] {
        var writer = ByteWriter()
        append(to: &writer, indent: 0)
        writer.append(UInt8(ascii: "\n"))
        return writer.array
    }

    /// Appends the value; `indent` counts the levels around it, nil means all on one line.
    package func append(to writer: inout ByteWriter, indent: Int? = nil) {
        switch self {
        case .object(let members):
            writer.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                Self.separate(index, indent, &writer)
                Self.appendQuoted(member.name, to: &writer)
                writer.append(UInt8(ascii: ":"))
                if indent != nil { writer.append(UInt8(ascii: " ")) }
                member.value.append(to: &writer, indent: indent.map { $0 + 1 })
            }
            if !members.isEmpty { Self.newline(indent, &writer) }
            writer.append(UInt8(ascii: "}"))
        case .array(let elements):
            writer.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                Self.separate(index, indent, &writer)
                element.append(to: &writer, indent: indent.map { $0 + 1 })
            }
            if !elements.isEmpty { Self.newline(indent, &writer) }
            writer.append(UInt8(ascii: "]"))
        case .string(let bytes): Self.appendQuoted(bytes, to: &writer)
        case .number(let text): writer.append(text)
        case .boolean(let value): writer.append(value ? "true" : "false" as StaticString)
        case .null: writer.append("null" as StaticString)
        }
    }

    /// Appends a JSON string.
    package static func appendQuoted(_ bytes: [UInt8], to writer: inout ByteWriter) {
        writer.append(UInt8(ascii: "\""))
        bytes.withUnsafeBytes { appendEscaped($0, to: &writer) }
        writer.append(UInt8(ascii: "\""))
    }

    private static func separate(_ index: Int, _ indent: Int?, _ writer: inout ByteWriter) {
        if index > 0 { writer.append(UInt8(ascii: ",")) }
        newline(indent.map { $0 + 1 }, &writer)
    }

    private static func newline(_ indent: Int?, _ writer: inout ByteWriter) {
        guard let indent else { return }
        writer.append(UInt8(ascii: "\n"))
        for _ in 0..<indent { writer.append("  " as StaticString) }
    }
}
