import ByteStreams
import Items

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Walks a JSON answer on its bytes and hands out what is wanted of it; items are checked by the record scanner as they pass.
///
/// Members that nobody asks for are stepped over, whatever they hold: a service may add some.
struct AnswerReader: ~Copyable {
    private let bytes: UnsafeRawBufferPointer
    private(set) var position = 0
    private var scanner = RecordScanner()

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// Calls `body` for each member of the object that begins here; `body` reads or steps over the value.
    mutating func members(
        _ body: (inout AnswerReader, _ name: UnsafeRawBufferPointer) throws(ItemError) -> Void
    ) throws(ItemError) {
        try expect(UInt8(ascii: "{"))
        if take(UInt8(ascii: "}")) { return }
        repeat {
            let name = try quoted()
            try expect(UInt8(ascii: ":"))
            try body(&self, name)
        } while take(UInt8(ascii: ","))
        try expect(UInt8(ascii: "}"))
    }

    /// Calls `body` for each element of the array that begins here; `body` reads or steps over it.
    mutating func elements(_ body: (inout AnswerReader) throws(ItemError) -> Void) throws(ItemError) {
        try expect(UInt8(ascii: "["))
        if take(UInt8(ascii: "]")) { return }
        repeat { try body(&self) } while take(UInt8(ascii: ","))
        try expect(UInt8(ascii: "]"))
    }

    /// The typed item that begins here.
    mutating func item() throws(ItemError) -> Item {
        skipWhitespace()
        let range = try scanner.scanItem(bytes, at: position)
        position = range.upperBound
        return Item(trusted: Array(bytes[range]))
    }

    /// The typed item that begins here, as a key of a table.
    mutating func key(_ schema: KeySchema) throws(ItemError) -> ItemKey { try item().key(schema) }

    /// The bytes of the value that begins here.
    mutating func value() throws(ItemError) -> UnsafeRawBufferPointer {
        skipWhitespace()
        let start = position
        try skip()
        return UnsafeRawBufferPointer(rebasing: bytes[start..<position])
    }

    /// The number that begins here; 0 for another value, which is stepped over. What no count or capacity can be, such as
    /// 1e300, throws, so that the number can be rounded to an `Int`.
    mutating func number() throws(ItemError) -> Double {
        let start = position
        let number = Double(String(decoding: try value(), as: UTF8.self)) ?? 0
        guard number.magnitude <= 1e15 else {
            throw ItemError("a number of the answer is larger than it can be", at: start)
        }
        return number
    }

    /// The text of the string that begins here without its escapes; nil for another value, which is stepped over.
    mutating func text() throws(ItemError) -> String? {
        try AnswerText.string(Array(try value()))
    }

    /// Steps over the value that begins here; its inside is not checked.
    mutating func skip() throws(ItemError) {
        var depth = 0
        repeat {
            skipWhitespace()
            guard position < bytes.count else { throw unexpected() }
            switch bytes[position] {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                position += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                position += 1
            case UInt8(ascii: "\""): _ = try quoted()
            case UInt8(ascii: ","), UInt8(ascii: ":"):
                guard depth > 0 else { throw unexpected() }
                position += 1
            default:
                let start = position
                while position < bytes.count, Self.isOfWord(bytes[position]) { position += 1 }
                guard position > start else { throw unexpected() }
            }
            guard depth >= 0 else { throw unexpected() }
        } while depth > 0
    }

    /// What stands between the quotes of the string that begins here, escapes as they are.
    private mutating func quoted() throws(ItemError) -> UnsafeRawBufferPointer {
        try expect(UInt8(ascii: "\""))
        let start = position
        while position < bytes.count, let base = bytes.baseAddress {
            guard let found = memchr(base + position, 0x22, bytes.count - position) else { break }
            let end = UnsafeRawPointer(found) - base
            var slashes = 0
            while end - slashes > start, bytes[end - slashes - 1] == UInt8(ascii: "\\") { slashes += 1 }
            position = end + 1
            if slashes % 2 == 0 { return UnsafeRawBufferPointer(rebasing: bytes[start..<end]) }
        }
        throw ItemError("a string of the answer does not end", at: start)
    }

    /// Nothing but white space may follow.
    mutating func end() throws(ItemError) {
        skipWhitespace()
        guard position == bytes.count else { throw unexpected() }
    }

    private mutating func skipWhitespace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipWhitespace()
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ byte: UInt8) throws(ItemError) {
        guard take(byte) else { throw unexpected() }
    }

    private func unexpected() -> ItemError { ItemError("the answer is no JSON as it should be", at: position) }

    private static func isOfWord(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2D, 0x2E: true
        default: false
        }
    }
}

/// Strings of small JSON texts.
enum AnswerText {
    /// The string that `bytes` are, without escapes; nil for another value.
    static func string(_ bytes: [UInt8]) throws(ItemError) -> String? {
        guard bytes.first == UInt8(ascii: "\"") else { return nil }
        do {
            return try JSONReader.parse(bytes, source: "the answer").string
        } catch {
            throw ItemError(error.message, at: 0)
        }
    }
}

/// Whether bytes are this text.
func isEqual(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
    bytes.count == text.utf8CodeUnitCount
        && (bytes.isEmpty || memcmp(bytes.baseAddress!, text.utf8Start, bytes.count) == 0)
}
