/// JSON as RFC 8259 has it, read slowly and obviously, to judge the scanner by.
package indirect enum ReferenceJSON {
    /// `raw` is the text between the quotes as written.
    case string([UInt8], raw: [UInt8])
    case number(String)
    case boolean(Bool)
    case null
    case array([ReferenceJSON])
    case object([(name: [UInt8], value: ReferenceJSON)])

    /// The tree of a whole text, or nil when it is no JSON.
    package static func parse(_ bytes: [UInt8]) -> ReferenceJSON? {
        var parser = Parser(bytes: bytes)
        guard let value = parser.value() else { return nil }
        parser.space()
        return parser.place == bytes.count ? value : nil
    }

    /// Levels, a leaf being one.
    package var depth: Int {
        switch self {
        case .array(let members): 1 + (members.map(\.depth).max() ?? 0)
        case .object(let members): 1 + (members.map(\.value.depth).max() ?? 0)
        default: 1
        }
    }

    private struct Parser {
        let bytes: [UInt8]
        var place = 0

        func peek() -> UInt8? { place < bytes.count ? bytes[place] : nil }

        mutating func space() {
            while let byte = peek(), byte == 32 || byte == 9 || byte == 10 || byte == 13 { place += 1 }
        }

        mutating func eat(_ text: String) -> Bool {
            let wanted = Array(text.utf8)
            guard bytes[place...].starts(with: wanted) else { return false }
            place += wanted.count
            return true
        }

        mutating func value() -> ReferenceJSON? {
            space()
            guard let byte = peek() else { return nil }
            switch byte {
            case UInt8(ascii: "\""):
                guard let (text, raw) = string() else { return nil }
                return .string(text, raw: raw)
            case UInt8(ascii: "{"): return object()
            case UInt8(ascii: "["): return array()
            default:
                if eat("true") { return .boolean(true) }
                if eat("false") { return .boolean(false) }
                if eat("null") { return .null }
                return number()
            }
        }

        private mutating func object() -> ReferenceJSON? {
            place += 1
            var members: [(name: [UInt8], value: ReferenceJSON)] = []
            space()
            if eat("}") { return .object(members) }
            while true {
                space()
                guard let (name, _) = string() else { return nil }
                space()
                guard eat(":"), let value = value() else { return nil }
                members.append((name, value))
                space()
                if eat("}") { return .object(members) }
                guard eat(",") else { return nil }
            }
        }

        private mutating func array() -> ReferenceJSON? {
            place += 1
            var members: [ReferenceJSON] = []
            space()
            if eat("]") { return .array(members) }
            while true {
                guard let value = value() else { return nil }
                members.append(value)
                space()
                if eat("]") { return .array(members) }
                guard eat(",") else { return nil }
            }
        }

        private mutating func digits() -> Int {
            let start = place
            while let byte = peek(), byte >= 48, byte <= 57 { place += 1 }
            return place - start
        }

        private mutating func number() -> ReferenceJSON? {
            let start = place
            _ = eat("-")
            if !eat("0") {
                guard digits() > 0 else { return nil }
            }
            if eat(".") {
                guard digits() > 0 else { return nil }
            }
            if eat("e") || eat("E") {
                _ = eat("+") || eat("-")
                guard digits() > 0 else { return nil }
            }
            return .number(String(decoding: bytes[start..<place], as: UTF8.self))
        }

        private mutating func string() -> ([UInt8], raw: [UInt8])? {
            guard eat("\"") else { return nil }
            let start = place
            var text: [UInt8] = []
            while let byte = peek() {
                if byte == UInt8(ascii: "\"") {
                    place += 1
                    // The standard library's decoder judges the UTF-8: whatever it repairs is bad.
                    guard Array(String(decoding: text, as: UTF8.self).utf8) == text else { return nil }
                    return (text, Array(bytes[start..<place - 1]))
                }
                if byte < 32 { return nil }
                place += 1
                if byte != UInt8(ascii: "\\") {
                    text.append(byte)
                    continue
                }
                guard let escape = peek() else { return nil }
                place += 1
                switch escape {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(escape)
                case UInt8(ascii: "b"): text.append(8)
                case UInt8(ascii: "f"): text.append(12)
                case UInt8(ascii: "n"): text.append(10)
                case UInt8(ascii: "r"): text.append(13)
                case UInt8(ascii: "t"): text.append(9)
                case UInt8(ascii: "u"):
                    guard var unit = unit() else { return nil }
                    if unit >= 0xD800 && unit <= 0xDBFF {
                        guard eat("\\u"), let low = self.unit(), low >= 0xDC00, low <= 0xDFFF else { return nil }
                        unit = 0x10000 + (unit - 0xD800) * 0x400 + (low - 0xDC00)
                    }
                    guard let scalar = UnicodeScalar(unit) else { return nil }
                    text += Array(String(Character(scalar)).utf8)
                default: return nil
                }
            }
            return nil
        }

        private mutating func unit() -> UInt32? {
            guard place + 4 <= bytes.count else { return nil }
            let text = bytes[place..<place + 4]
            guard text.allSatisfy({ ($0 >= 48 && $0 <= 57) || ($0 | 32 >= 97 && $0 | 32 <= 102) }) else { return nil }
            place += 4
            return UInt32(String(decoding: text, as: UTF8.self), radix: 16)
        }
    }
}
