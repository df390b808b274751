/// Writes typed items as plain JSON, `{"PK":"PLAN#1","price":9.90}`, and counts what that form cannot hold.
///
/// Numbers keep their text where it is JSON; one that JSON cannot write so (`+5`, `.5`, `007`) stands as DynamoDB stores it. Sets
/// become arrays and binaries base64 strings: they cannot be told from lists and strings any more. Not thread-safe.
package struct PlainForm: ~Copyable {
    /// What was written in another type, so far.
    package struct Losses: Sendable, Equatable {
        package var sets = 0
        package var binaries = 0

        package init() {}

        package var isEmpty: Bool { self == Losses() }
    }

    package private(set) var losses = Losses()
    private var text = ByteWriter()

    package init() {}

    /// Appends a typed item that a scanner accepted before.
    package mutating func append(item bytes: UnsafeRawBufferPointer, to writer: inout ByteWriter) {
        var cursor = Cursor(bytes)
        attributes(&cursor, &writer)
    }

    /// Appends one typed value, `{"N":"5"}`, that a scanner accepted before.
    package mutating func append(value bytes: UnsafeRawBufferPointer, to writer: inout ByteWriter) {
        var cursor = Cursor(bytes)
        value(&cursor, &writer)
    }

    private mutating func attributes(_ cursor: inout Cursor, _ writer: inout ByteWriter) {
        _ = cursor.take(UInt8(ascii: "{"))
        writer.append(UInt8(ascii: "{"))
        if !cursor.take(UInt8(ascii: "}")) {
            var isFirst = true
            repeat {
                if !isFirst { writer.append(UInt8(ascii: ",")) }
                isFirst = false
                copyString(&cursor, &writer)
                _ = cursor.take(UInt8(ascii: ":"))
                writer.append(UInt8(ascii: ":"))
                value(&cursor, &writer)
            } while cursor.take(UInt8(ascii: ","))
            _ = cursor.take(UInt8(ascii: "}"))
        }
        writer.append(UInt8(ascii: "}"))
    }

    private mutating func value(_ cursor: inout Cursor, _ writer: inout ByteWriter) {
        _ = cursor.take(UInt8(ascii: "{"))
        let tag = token(&cursor)
        text.removeAll()
        appendUnescaped(UnsafeRawBufferPointer(start: cursor.base + tag.start, count: tag.count), to: &text)
        let type = AttributeType(tag: text.base, count: text.count) ?? .null
        _ = cursor.take(UInt8(ascii: ":"))
        cursor.skipWhitespace()
        switch type {
        case .string: copyString(&cursor, &writer)
        case .binary:
            losses.binaries += 1
            copyString(&cursor, &writer)
        case .number: copyNumber(&cursor, &writer)
        case .boolean:
            let isTrue = cursor.current == UInt8(ascii: "t")
            if isTrue { writer.append("true" as StaticString) } else { writer.append("false" as StaticString) }
            cursor.position += isTrue ? 4 : 5
        case .null:
            writer.append("null" as StaticString)
            cursor.position += 4
        case .map: attributes(&cursor, &writer)
        case .list: elements(&cursor, &writer, of: nil)
        case .stringSet, .numberSet, .binarySet:
            losses.sets += 1
            elements(&cursor, &writer, of: type)
        }
        _ = cursor.take(UInt8(ascii: "}"))
    }

    /// A list, or a set of `type`.
    private mutating func elements(_ cursor: inout Cursor, _ writer: inout ByteWriter, of type: AttributeType?) {
        _ = cursor.take(UInt8(ascii: "["))
        writer.append(UInt8(ascii: "["))
        if !cursor.take(UInt8(ascii: "]")) {
            var isFirst = true
            repeat {
                if !isFirst { writer.append(UInt8(ascii: ",")) }
                isFirst = false
                switch type {
                case nil: value(&cursor, &writer)
                case .numberSet: copyNumber(&cursor, &writer)
                default: copyString(&cursor, &writer)
                }
            } while cursor.take(UInt8(ascii: ","))
            _ = cursor.take(UInt8(ascii: "]"))
        }
        writer.append(UInt8(ascii: "]"))
    }

    private func copyString(_ cursor: inout Cursor, _ writer: inout ByteWriter) {
        let string = token(&cursor)
        writer.append(UInt8(ascii: "\""))
        writer.append(cursor.base + string.start, count: string.count)
        writer.append(UInt8(ascii: "\""))
    }

    /// The number's own text where JSON's grammar (RFC 8259, section 6) has it.
    private mutating func copyNumber(_ cursor: inout Cursor, _ writer: inout ByteWriter) {
        let string = token(&cursor)
        text.removeAll()
        appendUnescaped(UnsafeRawBufferPointer(start: cursor.base + string.start, count: string.count), to: &text)
        if isJSONNumber(text.bytes) {
            writer.append(text.bytes)
        } else if let number = try? DecimalNumber(text.base, count: text.count) {
            number.appendPlain(of: text.base, to: &writer)
        }
    }

    private func token(_ cursor: inout Cursor) -> StringToken {
        (try? cursor.string("a string")) ?? StringToken(start: cursor.position, end: cursor.position, hasEscape: false)
    }
}

/// Whether a text is a number in JSON's grammar.
func isJSONNumber(_ text: UnsafeRawBufferPointer) -> Bool {
    var rest = text[...]
    func takeDigits() -> Int {
        let digits = rest.prefix { (0x30...0x39).contains($0) }.count
        rest = rest.dropFirst(digits)
        return digits
    }
    if rest.first == UInt8(ascii: "-") { rest.removeFirst() }
    let leading = rest.first
    let integer = takeDigits()
    guard integer == 1 || (integer > 1 && leading != UInt8(ascii: "0")) else { return false }
    if rest.first == UInt8(ascii: ".") {
        rest.removeFirst()
        guard takeDigits() > 0 else { return false }
    }
    if let mark = rest.first, mark | 0x20 == UInt8(ascii: "e") {
        rest.removeFirst()
        if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest.removeFirst() }
        guard takeDigits() > 0 else { return false }
    }
    return rest.isEmpty
}

/// The typed item that plain JSON stands for: strings S, numbers N with their text, true and false BOOL, null NULL, arrays L,
/// objects M.
///
/// - Throws: where it is no object, or an object in it looks as if it were typed already (`{"S":"…"}`): then nothing tells which
///   is meant. Where the typed item is none that DynamoDB takes, as `Item.init(validating:)`.
package func typedItem(ofPlain tree: JSONTree) throws(ItemError) -> Item {
    guard case .object(let members) = tree, !members.isEmpty else {
        throw ItemError("the line is no object with attributes", at: 0)
    }
    var typed: [JSONTree.Member] = []
    for member in members {
        typed.append(JSONTree.Member(name: member.name, value: try typedValue(member.value, path: member.name)))
    }
    return try Item(validating: JSONTree.object(typed).compact)
}

private func typedValue(_ value: JSONTree, path: [UInt8]) throws(ItemError) -> JSONTree {
    switch value {
    case .string: return .members(["S": value])
    case .number(let text): return .members(["N": .string(text)])
    case .boolean: return .members(["BOOL": value])
    case .null: return .members(["NULL": .boolean(true)])
    case .array(let elements):
        var typed: [JSONTree] = []
        for element in elements { typed.append(try typedValue(element, path: path)) }
        return .members(["L": .array(typed)])
    case .object(let members):
        let tags = AttributeType.allCases.map(\.tag)
        if members.count == 1, tags.contains(String(decoding: members[0].name, as: UTF8.self)) {
            throw ItemError(
                "the attribute \(displayText(path)) looks as if it were typed already, so nothing tells what is meant; leave out --plain, or rename what is in it",
                at: 0)
        }
        var typed: [JSONTree.Member] = []
        for member in members {
            let below = path + [UInt8(ascii: ".")] + member.name
            typed.append(JSONTree.Member(name: member.name, value: try typedValue(member.value, path: below)))
        }
        return .members(["M": .object(typed)])
    }
}
