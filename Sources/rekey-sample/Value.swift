/// One typed attribute value.
enum Value: Sendable {
    case s(String)
    case n(String)
    case b([UInt8])
    case bool(Bool)
    case null
    case m(Attributes)
    case l([Value])
    case ss([String])
    case ns([String])
    case bs([[UInt8]])
}

/// The attributes of an item or map, in the order they were named.
struct Attributes: Sendable, ExpressibleByDictionaryLiteral {
    var pairs: [(name: String, value: Value)]

    init(dictionaryLiteral elements: (String, Value)...) {
        pairs = elements.map { (name: $0.0, value: $0.1) }
    }

    /// The value of a name; setting one that is new adds it at the end.
    subscript(name: String) -> Value? {
        get { pairs.first { $0.name == name }?.value }
        set {
            let place = pairs.firstIndex { $0.name == name }
            if let place { pairs.remove(at: place) }
            guard let newValue else { return }
            pairs.insert((name: name, value: newValue), at: place ?? pairs.count)
        }
    }

    /// The text of a string attribute, or nothing.
    func text(_ name: String) -> String {
        if case .s(let text)? = self[name] { return text }
        return ""
    }

    /// `PK` and `SK` alone.
    var keys: Attributes { ["PK": self["PK"] ?? .null, "SK": self["SK"] ?? .null] }
}

/// Writes DynamoDB JSON without spaces; attribute order is drawn, since DynamoDB promises none.
struct TypedJSONWriter {
    var bytes: [UInt8] = []
    private var order: SampleRandom?

    /// With no seed, attributes stay in the order they were named.
    init(orderSeed: UInt64?) { order = orderSeed.map { SampleRandom(seed: $0) } }

    mutating func raw(_ text: String) { bytes.append(contentsOf: text.utf8) }

    mutating func append(_ attributes: Attributes) {
        let pairs = order?.shuffled(attributes.pairs) ?? attributes.pairs
        raw("{")
        for (index, pair) in pairs.enumerated() {
            if index > 0 { raw(",") }
            string(pair.name)
            raw(":")
            append(pair.value)
        }
        raw("}")
    }

    mutating func append(_ value: Value) {
        switch value {
        case .s(let text): tagged("S") { $0.string(text) }
        case .n(let text): tagged("N") { $0.string(text) }
        case .b(let data): tagged("B") { $0.string(base64(data)) }
        case .bool(let flag): tagged("BOOL") { $0.raw(flag ? "true" : "false") }
        case .null: tagged("NULL") { $0.raw("true") }
        case .m(let attributes): tagged("M") { $0.append(attributes) }
        case .l(let values): tagged("L") { $0.list(values) { $0.append($1) } }
        case .ss(let members): tagged("SS") { $0.list(members) { $0.string($1) } }
        case .ns(let members): tagged("NS") { $0.list(members) { $0.string($1) } }
        case .bs(let members): tagged("BS") { $0.list(members) { $0.string(base64($1)) } }
        }
    }

    private mutating func tagged(_ tag: String, _ body: (inout TypedJSONWriter) -> Void) {
        raw("{\"\(tag)\":")
        body(&self)
        raw("}")
    }

    private mutating func list<T>(_ members: [T], _ body: (inout TypedJSONWriter, T) -> Void) {
        raw("[")
        for (index, member) in members.enumerated() {
            if index > 0 { raw(",") }
            body(&self, member)
        }
        raw("]")
    }

    /// A JSON string: only what must be escaped is.
    mutating func string(_ text: String) {
        raw("\"")
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): raw("\\\"")
            case UInt8(ascii: "\\"): raw("\\\\")
            case 0x0A: raw("\\n")
            case 0x0D: raw("\\r")
            case 0x09: raw("\\t")
            case 0x00..<0x20: raw("\\u00" + hexadecimal([byte]))
            default: bytes.append(byte)
            }
        }
        raw("\"")
    }
}

/// Standard base64 with padding.
func base64(_ data: some Collection<UInt8>) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var text = ""
    var rest = Array(data)[...]
    while !rest.isEmpty {
        let group = rest.prefix(3)
        rest = rest.dropFirst(3)
        let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
        for place in 0..<4 {
            text.append(place <= group.count ? alphabet[bits >> (18 - 6 * place) & 63] : "=")
        }
    }
    return text
}

/// Two lower-case digits a byte.
func hexadecimal(_ data: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef")
    return data.reduce(into: "") { text, byte in
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
    }
}
