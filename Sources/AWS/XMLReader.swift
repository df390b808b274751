package import ByteStreams

/// An element of an answer in XML. Attributes, comments and namespace prefixes are left out.
package struct XMLElement: Sendable, Equatable {
    /// Without its namespace prefix.
    package var name: String
    /// All text that stands directly in the element, entities resolved; white space between child elements is left out.
    package var text: String
    package var children: [XMLElement]

    package init(name: String, text: String = "", children: [XMLElement] = []) {
        self.name = name
        self.text = text
        self.children = children
    }

    /// The first child of this name.
    package subscript(name: String) -> XMLElement? { children.first { $0.name == name } }

    /// All children of this name, in their order.
    package func all(_ name: String) -> [XMLElement] { children.filter { $0.name == name } }

    /// The root element of a document (XML 1.0, UTF-8).
    ///
    /// - Parameter source: what errors call the document.
    /// - Throws: `.serviceGaveUp` with the offset, never with text of the document: what is not well-formed, a document
    ///   type, an entity that is not one of XML's own, elements nested more than 64 deep.
    package static func parse(_ bytes: [UInt8], source: String) throws(RekeyError) -> XMLElement {
        var reader = XMLReader(bytes: bytes, source: source)
        return try reader.document()
    }
}

/// Reads the part of XML that AWS services answer in; what else XML has is refused.
private struct XMLReader {
    private struct Open {
        var qualifiedName: ArraySlice<UInt8>
        var element: XMLElement
        var text: [UInt8] = []
    }

    private static let deepest = 64
    private let bytes: [UInt8]
    private let source: String
    private var position = 0

    init(bytes: [UInt8], source: String) {
        self.bytes = bytes
        self.source = source
    }

    mutating func document() throws(RekeyError) -> XMLElement {
        _ = take("\u{FEFF}")
        if starts("<?xml") { try skip(past: "?>", "the XML declaration") }
        try skipMiscellany()
        guard starts("<"), !starts("<!") else { throw bad("has no root element") }
        let root = try rootElement()
        try skipMiscellany()
        guard position == bytes.count else { throw bad("has something after the root element") }
        return root
    }

    /// Without recursion: the elements that are open stand in an array.
    private mutating func rootElement() throws(RekeyError) -> XMLElement {
        var open: [Open] = []
        while true {
            if starts("</") {
                guard let last = open.popLast() else { throw bad("has an end tag without its start") }
                position += 2
                guard try name() == last.qualifiedName else { throw bad("has an end tag that fits no start tag") }
                skipWhiteSpace()
                try expect(">")
                guard let whole = try Self.close(last, into: &open, self) else { continue }
                return whole
            } else if starts("<!--") {
                try skip(past: "-->", "a comment")
            } else if take("<![CDATA[") {
                let start = position
                try skip(past: "]]>", "a CDATA section")
                guard !open.isEmpty else { throw bad("has text outside of the root element") }
                open[open.count - 1].text += bytes[start..<position - 3]
            } else if starts("<?") {
                try skip(past: "?>", "a processing instruction")
            } else if take("<") {
                let started = try startTag()
                guard open.count < Self.deepest else { throw bad("nests more than \(Self.deepest) elements") }
                if started.isEmpty {
                    guard let whole = try Self.close(started.open, into: &open, self) else { continue }
                    return whole
                }
                open.append(started.open)
            } else {
                guard !open.isEmpty, position < bytes.count else { throw bad("ends within an element") }
                try text(into: &open[open.count - 1].text)
            }
        }
    }

    /// Gives a finished element to the one around it; returns it where it is the root.
    private static func close(
        _ last: Open, into open: inout [Open], _ reader: XMLReader
    ) throws(RekeyError) -> XMLElement? {
        var element = last.element
        let isSpace = last.text.allSatisfy(isWhiteSpace)
        if element.children.isEmpty || !isSpace {
            guard let text = String(validating: last.text, as: UTF8.self) else {
                throw reader.bad("has text that is not UTF-8")
            }
            element.text = text
        }
        if open.isEmpty { return element }
        open[open.count - 1].element.children.append(element)
        return nil
    }

    /// The rest of a start tag, after `<`.
    private mutating func startTag() throws(RekeyError) -> (open: Open, isEmpty: Bool) {
        let qualified = try name()
        let local = qualified.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).last ?? qualified
        guard let text = String(validating: local, as: UTF8.self) else { throw bad("has a name that is not UTF-8") }
        let open = Open(qualifiedName: qualified, element: XMLElement(name: text))
        while true {
            let before = position
            skipWhiteSpace()
            if take("/>") { return (open, true) }
            if take(">") { return (open, false) }
            guard position > before else { throw bad("has a tag that does not end") }
            _ = try name()
            skipWhiteSpace()
            try expect("=")
            skipWhiteSpace()
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") || bytes[position] == UInt8(ascii: "'")
            else { throw bad("has an attribute without quotes") }
            let quote = bytes[position]
            position += 1
            while position < bytes.count, bytes[position] != quote, bytes[position] != UInt8(ascii: "<") {
                position += 1
            }
            guard position < bytes.count, bytes[position] == quote else {
                throw bad("has an attribute that does not end")
            }
            position += 1
        }
    }

    /// Text up to the next `<`; line ends become `\n` as XML asks.
    private mutating func text(into text: inout [UInt8]) throws(RekeyError) {
        while position < bytes.count, bytes[position] != UInt8(ascii: "<") {
            switch bytes[position] {
            case UInt8(ascii: "&"): try reference(into: &text)
            case 0x0D:
                position += 1
                if position == bytes.count || bytes[position] != 0x0A { text.append(0x0A) }
            case 0..<0x09, 0x0B, 0x0C, 0x0E..<0x20: throw bad("has a control character")
            case let byte:
                text.append(byte)
                position += 1
            }
        }
    }

    private mutating func reference(into text: inout [UInt8]) throws(RekeyError) {
        let start = position + 1
        guard let end = bytes[start...].prefix(12).firstIndex(of: UInt8(ascii: ";")) else {
            throw bad("has '&' without an entity")
        }
        let name = bytes[start..<end]
        let scalar: Unicode.Scalar?
        switch String(decoding: name, as: UTF8.self) {
        case "amp": scalar = "&"
        case "lt": scalar = "<"
        case "gt": scalar = ">"
        case "quot": scalar = "\""
        case "apos": scalar = "'"
        case let other where other.hasPrefix("#x"): scalar = Self.scalar(other.dropFirst(2), radix: 16)
        case let other where other.hasPrefix("#"): scalar = Self.scalar(other.dropFirst(), radix: 10)
        default: scalar = nil
        }
        guard let scalar else { throw bad("has an entity that is none of XML's own") }
        text += Array(String(Character(scalar)).utf8)
        position = end + 1
    }

    private static func scalar(_ digits: Substring, radix: Int) -> Unicode.Scalar? {
        guard digits.first != "+", let value = UInt32(digits, radix: radix), value != 0 else { return nil }
        return Unicode.Scalar(value)
    }

    private mutating func name() throws(RekeyError) -> ArraySlice<UInt8> {
        let start = position
        while position < bytes.count, Self.isNameByte(bytes[position], first: position == start) { position += 1 }
        guard position > start else { throw bad("has a tag without a name") }
        return bytes[start..<position]
    }

    private static func isNameByte(_ byte: UInt8, first: Bool) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
            UInt8(ascii: ":"), 0x80...0xFF:
            true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."): !first
        default: false
        }
    }

    private static func isWhiteSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (0x09...0x0A).contains(byte) || byte == 0x0D
    }

    private mutating func skipMiscellany() throws(RekeyError) {
        while true {
            skipWhiteSpace()
            if starts("<!--") {
                try skip(past: "-->", "a comment")
            } else if starts("<?") {
                try skip(past: "?>", "a processing instruction")
            } else {
                return
            }
        }
    }

    private mutating func skipWhiteSpace() {
        while position < bytes.count, Self.isWhiteSpace(bytes[position]) { position += 1 }
    }

    private func starts(_ text: String) -> Bool { bytes[position...].starts(with: text.utf8) }

    private mutating func take(_ text: String) -> Bool {
        guard starts(text) else { return false }
        position += text.utf8.count
        return true
    }

    private mutating func expect(_ text: String) throws(RekeyError) {
        guard take(text) else { throw bad("lacks '\(text)'") }
    }

    private mutating func skip(past end: String, _ what: String) throws(RekeyError) {
        while position < bytes.count {
            if bytes[position] == end.utf8.first, take(end) { return }
            position += 1
        }
        throw bad("ends within \(what)")
    }

    private func bad(_ what: String) -> RekeyError {
        RekeyError(
            .serviceGaveUp, "the answer \(what), so it cannot be read as XML; a proxy may have changed it",
            source: source, byte: position)
    }
}
