package import ByteStreams

/// Reads JSON (RFC 8259) whose numbers must keep their text: manifests, plain backups, answers of services.
///
/// Strict: names twice in one object, bytes that are not UTF-8, lone surrogates and nesting beyond 64 levels are refused.
package struct JSONReader {
    package private(set) var position = 0
    private let bytes: [UInt8]
    private let source: String
    private let line: Int?

    /// - Parameters:
    ///   - source: what messages call the file.
    ///   - line: its line, where `bytes` is one of several.
    package init(_ bytes: [UInt8], source: String, line: Int? = nil) {
        self.bytes = bytes
        self.source = source
        self.line = line
    }

    /// The one value that the bytes hold.
    package static func parse(_ bytes: [UInt8], source: String, line: Int? = nil) throws(RekeyError) -> JSONTree {
        var reader = JSONReader(bytes, source: source, line: line)
        let value = try reader.value()
        try reader.end()
        return value
    }

    /// The next byte that is no white space, or 0 at the end.
    package var next: UInt8 {
        mutating get {
            while position < bytes.count {
                let byte = bytes[position]
                guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return byte }
                position += 1
            }
            return 0
        }
    }

    /// Steps over `byte` where it is the next one.
    package mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte, position < bytes.count else { return false }
        position += 1
        return true
    }

    package mutating func expect(_ byte: UInt8, _ what: String) throws(RekeyError) {
        guard take(byte) else { throw unexpected(what) }
    }

    /// Nothing but white space may follow.
    package mutating func end() throws(RekeyError) {
        _ = next
        guard position == bytes.count else { throw unexpected("the end") }
    }

    /// Calls `body` for each member of the object that begins here; `body` reads the value.
    package mutating func object(
        _ body: (_ reader: inout JSONReader, _ name: [UInt8]) throws(RekeyError) -> Void
    ) throws(RekeyError) {
        try expect(UInt8(ascii: "{"), "an object")
        if take(UInt8(ascii: "}")) { return }
        var names: Set<[UInt8]> = []
        repeat {
            _ = next
            let start = position
            let name = try string()
            guard names.insert(name).inserted else {
                throw bad("the member \(String(decoding: name, as: UTF8.self)) stands twice in one object", at: start)
            }
            try expect(UInt8(ascii: ":"), "':'")
            try body(&self, name)
        } while take(UInt8(ascii: ","))
        try expect(UInt8(ascii: "}"), "',' or '}'")
    }

    /// Calls `body` for each element of the array that begins here; `body` reads it.
    package mutating func array(_ body: (_ reader: inout JSONReader) throws(RekeyError) -> Void) throws(RekeyError) {
        try expect(UInt8(ascii: "["), "an array")
        if take(UInt8(ascii: "]")) { return }
        repeat { try body(&self) } while take(UInt8(ascii: ","))
        try expect(UInt8(ascii: "]"), "',' or ']'")
    }

    /// The value that begins here.
    package mutating func value(depth: Int = 0) throws(RekeyError) -> JSONTree {
        guard depth < 64 else { throw bad("the JSON is nested deeper than 64 levels", at: position) }
        switch next {
        case UInt8(ascii: "{"):
            var members: [JSONTree.Member] = []
            try object { (reader, name) throws(RekeyError) in
                members.append(JSONTree.Member(name: name, value: try reader.value(depth: depth + 1)))
            }
            return .object(members)
        case UInt8(ascii: "["):
            var elements: [JSONTree] = []
            try array { (reader) throws(RekeyError) in elements.append(try reader.value(depth: depth + 1)) }
            return .array(elements)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
        default:
            if literal("true") { return .boolean(true) }
            if literal("false") { return .boolean(false) }
            if literal("null") { return .null }
            throw unexpected("a JSON value")
        }
    }

    /// The string that begins here, without escapes.
    package mutating func string() throws(RekeyError) -> [UInt8] {
        try expect(UInt8(ascii: "\""), "a string")
        let start = position
        var text: [UInt8] = []
        while true {
            guard position < bytes.count else { throw bad("a string does not end", at: start) }
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard String(validating: text, as: UTF8.self) != nil else {
                    throw bad("a string is not UTF-8", at: start)
                }
                return text
            case 0..<0x20: throw bad("a string holds a control character without an escape", at: position - 1)
            case UInt8(ascii: "\\"): try escape(into: &text)
            default: text.append(byte)
            }
        }
    }

    private mutating func escape(into text: inout [UInt8]) throws(RekeyError) {
        let start = position - 1
        let byte = position < bytes.count ? bytes[position] : 0
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var unit = try hexadecimal(start)
            if unit & 0xFC00 == 0xD800, position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
                bytes[position + 1] == UInt8(ascii: "u")
            {
                position += 2
                let low = try hexadecimal(start)
                guard low & 0xFC00 == 0xDC00 else { throw bad("half of a surrogate pair stands alone", at: start) }
                unit = 0x10000 + (unit & 0x3FF) << 10 + low & 0x3FF
            }
            guard let scalar = UnicodeScalar(unit) else {
                throw bad("half of a surrogate pair stands alone", at: start)
            }
            text.append(contentsOf: UTF8.encode(scalar)!)
        default: throw bad("an escape in a string is unknown", at: start)
        }
    }

    private mutating func hexadecimal(_ start: Int) throws(RekeyError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard position < bytes.count, let digit = Character(UnicodeScalar(bytes[position])).hexDigitValue else {
                throw bad("an escape in a string lacks its four hexadecimal digits", at: start)
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    private mutating func number() throws(RekeyError) -> [UInt8] {
        let start = position
        if bytes[position] == UInt8(ascii: "-") { position += 1 }
        let leading = position < bytes.count ? bytes[position] : 0
        let integerDigits = digits()
        var isValid = integerDigits == 1 || (integerDigits > 1 && leading != UInt8(ascii: "0"))
        if isValid, position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            position += 1
            isValid = digits() > 0
        }
        if isValid, position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            if position < bytes.count, bytes[position] == UInt8(ascii: "-") || bytes[position] == UInt8(ascii: "+") {
                position += 1
            }
            isValid = digits() > 0
        }
        guard isValid else { throw bad("a number is malformed", at: start) }
        return Array(bytes[start..<position])
    }

    private mutating func digits() -> Int {
        let start = position
        while position < bytes.count, (0x30...0x39).contains(bytes[position]) { position += 1 }
        return position - start
    }

    private mutating func literal(_ text: StaticString) -> Bool {
        let end = position + text.utf8CodeUnitCount
        guard end <= bytes.count else { return false }
        let word = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        guard bytes[position..<end].elementsEqual(word) else { return false }
        position = end
        return true
    }

    private func unexpected(_ what: String) -> RekeyError {
        position < bytes.count
            ? bad("no JSON that can be read: \(what) should stand here", at: position)
            : bad("the JSON ends where \(what) should be", at: position)
    }

    private func bad(_ message: String, at offset: Int) -> RekeyError {
        RekeyError(.badInput, message, source: source, line: line, byte: offset)
    }
}
