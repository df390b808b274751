/// Why a template cannot be read, without a place: the reader of the rule file adds the line.
struct TemplateError: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }
}

/// A template as it is written: literals, and captures by name.
struct TemplateSyntax: Sendable, Equatable {
    enum Part: Sendable, Equatable {
        case literal([UInt8])
        /// `allowed` is nil where no class is written.
        case capture(name: String, allowed: ByteSet?)
    }

    /// Never two literals or two captures side by side, and no empty literal.
    var parts: [Part]

    init(parts: [Part]) { self.parts = parts }

    /// Reads `PLAN#{id}`; `{{` and `}}` are literal braces.
    init(_ text: String) throws(TemplateError) {
        parts = []
        var literal: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "{") where rest.first == UInt8(ascii: "{"),
                UInt8(ascii: "}") where rest.first == UInt8(ascii: "}"):
                literal.append(rest.removeFirst())
            case UInt8(ascii: "{"):
                let capture = try Self.takeCapture(&rest)
                if !literal.isEmpty {
                    parts.append(.literal(literal))
                    literal = []
                } else if case .capture(let before, _) = parts.last, case .capture(let after, _) = capture {
                    throw TemplateError(
                        "{\(before)} and {\(after)} stand side by side, so nothing says where the first one ends; "
                            + "put a literal between them")
                }
                parts.append(capture)
            case UInt8(ascii: "}"):
                throw TemplateError("a lone } in a template; a literal brace is written }}")
            default:
                literal.append(byte)
            }
        }
        if !literal.isEmpty { parts.append(.literal(literal)) }
    }

    /// Reads on from behind the opening brace to behind the closing one.
    private static func takeCapture(_ rest: inout ArraySlice<UInt8>) throws(TemplateError) -> Part {
        let nameBytes = rest.prefix { $0 != UInt8(ascii: ":") && $0 != UInt8(ascii: "}") }
        rest = rest.dropFirst(nameBytes.count)
        let name = String(decoding: nameBytes, as: UTF8.self)
        guard let first = nameBytes.first, isNameByte(first), !ByteSet.digits.contains(first),
            nameBytes.allSatisfy(isNameByte)
        else {
            throw TemplateError(
                "'{\(name)' does not begin a capture such as {id}; names are letters, digits and _, "
                    + "and a literal brace is written {{")
        }
        guard let end = rest.popFirst() else { throw TemplateError("the capture {\(name) has no closing brace") }
        if end == UInt8(ascii: "}") { return .capture(name: name, allowed: nil) }
        return .capture(name: name, allowed: try takeClass(&rest, capture: name))
    }

    /// Reads `int}`, `[^#]}` or `[^#]+}`.
    private static func takeClass(_ rest: inout ArraySlice<UInt8>, capture: String) throws(TemplateError) -> ByteSet {
        let allowed: ByteSet
        if rest.first == UInt8(ascii: "[") {
            var end = rest.startIndex + 1
            while end < rest.endIndex, rest[end] != UInt8(ascii: "]") {
                end += rest[end] == UInt8(ascii: "\\") ? 2 : 1
            }
            guard end < rest.endIndex else { throw TemplateError("the class of {\(capture)} has no closing ]") }
            do {
                allowed = try ByteSet(bracket: rest[(rest.startIndex + 1)..<end])
            } catch {
                throw TemplateError("{\(capture)}: \(error.reason)")
            }
            rest = rest[(end + 1)...]
            if rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        } else {
            let word = rest.prefix { $0 != UInt8(ascii: "}") }
            guard word.elementsEqual("int".utf8) else {
                throw TemplateError(
                    "{\(capture):\(String(decoding: word, as: UTF8.self))} has no class that is known; "
                        + "write int, or a class in brackets such as [^#] or [a-z0-9_-]")
            }
            rest = rest.dropFirst(word.count)
            allowed = .digits
        }
        guard rest.popFirst() == UInt8(ascii: "}") else {
            throw TemplateError("the class of {\(capture)} is not followed by a closing brace")
        }
        return allowed
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// The captures in order, a repeated one each time.
    var captures: [(name: String, allowed: ByteSet?)] {
        parts.compactMap { part in
            if case .capture(let name, let allowed) = part { (name, allowed) } else { nil }
        }
    }

    /// The template as text; parses back to an equal one.
    var text: String {
        var text = ""
        for part in parts {
            switch part {
            case .literal(let bytes):
                for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
                    text.unicodeScalars.append(scalar)
                    if scalar == "{" || scalar == "}" { text.unicodeScalars.append(scalar) }
                }
            case .capture(let name, let allowed):
                text += "{" + name + (allowed?.text.map { ":" + $0 } ?? "") + "}"
            }
        }
        return text
    }
}
