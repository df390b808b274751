import ReferenceItems
import TestSupport

/// Draws records of every kind and writes them in one of the many ways JSON allows.
struct RecordGenerator {
    var random: SeededGenerator
    /// How often white space and escapes are written, of 100.
    var noise = 10

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

    mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }

    // Values

    private static let pieces = [
        "a", "b", "PK", "SK", "PLAN#1", "META", "x y", "\"", "\\", "/", "\n", "\u{0}", "\u{1F}", "\u{7F}", "é",
        "e\u{301}",
        "한", "\u{FFFD}", "\u{E000}", "\u{D7FF}", "\u{10000}", "😀", "Item", "S", "M", "",
    ]

    mutating func text(_ longest: Int = 3) -> [UInt8] {
        var text = ""
        for _ in 0..<below(longest + 1) { text += pick(Self.pieces) }
        return Array(text.utf8)
    }

    mutating func name() -> [UInt8] {
        if chance(8) { return Array(pick(["Item", "Keys", "S", "M", "Metadata", "Rekey", "PutRequest"]).utf8) }
        let name = text()
        return name.isEmpty ? Array("n\(below(30))".utf8) : name
    }

    mutating func number() -> String {
        func digits(_ count: Int) -> String { (0..<count).map { _ in chance(30) ? "0" : "\(below(10))" }.joined() }
        var text = pick(["", "", "", "-", "-", "+"])
        switch below(8) {
        case 0: text += "0" + (chance(50) ? ".0" : "")
        case 1: text += digits(1 + below(38))
        case 2: text += digits(1 + below(19)) + "." + digits(1 + below(19))
        case 3: text += "." + digits(1 + below(5))
        case 4: text += digits(1 + below(3)) + "."
        default: text += digits(1 + below(4))
        }
        if chance(30) { text += pick(["e", "E"]) + pick(["", "+", "-"]) + "\(below(chance(20) ? 140 : 12))" }
        return ReferenceNumber(text) == nil ? "\(below(1000))" : text
    }

    mutating func base64() -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text = (0..<4 * below(3)).map { _ in pick(alphabet) }
        if chance(40) { text += [pick(alphabet), pick(Array("AQgw".utf8))] + Array("==".utf8) }
        if text.last != UInt8(ascii: "="), chance(40) {
            text += [pick(alphabet), pick(alphabet), pick(Array("AEIMQUYcgkosw048".utf8)), UInt8(ascii: "=")]
        }
        return text
    }

    mutating func value(_ deep: Int = 3) -> ReferenceValue {
        switch below(deep > 0 ? 12 : 8) {
        case 0, 1: return .string(text())
        case 2: return .number(number())
        case 3: return .binary(base64())
        case 4: return .boolean(chance(50))
        case 5: return .null
        case 6, 7: return set()
        case 8, 9, 10: return .map(attributes(below(4), deep - 1))
        default: return .list((0..<below(4)).map { _ in value(deep - 1) })
        }
    }

    private mutating func set() -> ReferenceValue {
        let tag = pick(["SS", "NS", "BS"])
        var members: [[UInt8]] = []
        var seen = Set<[UInt8]>()
        for _ in 0..<1 + below(chance(3) ? 60 : 4) {
            let member: [UInt8]
            var identity: [UInt8]
            switch tag {
            case "NS":
                let text = number()
                member = Array(text.utf8)
                identity = Array((ReferenceNumber(text)?.canonical ?? text).utf8)
            case "BS":
                member = base64()
                identity = member
            default:
                member = text()
                identity = member
            }
            if seen.insert(identity).inserted { members.append(member) }
        }
        return .set(tag, members)
    }

    mutating func attributes(_ count: Int, _ deep: Int = 2) -> [ReferenceAttribute] {
        var result: [ReferenceAttribute] = []
        var seen = Set<[UInt8]>()
        for _ in 0..<count {
            let name = name()
            if seen.insert(name).inserted { result.append(ReferenceAttribute(name: name, value: value(deep))) }
        }
        return result
    }

    mutating func item() -> [ReferenceAttribute] { attributes(chance(1) ? 30 + below(20) : 1 + below(3)) }

    // Text

    mutating func line() -> [UInt8] {
        var out: [UInt8] = []
        space(&out)
        switch below(12) {
        case 0, 1, 2: object([("Item", item())], &out)
        case 3: wrapped("PutRequest", "Item", &out)
        case 4: wrapped("DeleteRequest", "Key", &out)
        case 5, 6: change(&out)
        case 7: seal(&out)
        default: write(item(), &out)
        }
        space(&out)
        return out
    }

    private mutating func object(_ members: [(String, [ReferenceAttribute])], _ out: inout [UInt8]) {
        open("{", &out)
        for (index, (name, attributes)) in members.enumerated() {
            if index > 0 { open(",", &out) }
            string(Array(name.utf8), &out)
            open(":", &out)
            write(attributes, &out)
        }
        open("}", &out)
    }

    private mutating func wrapped(_ outer: String, _ inner: String, _ out: inout [UInt8]) {
        open("{", &out)
        string(Array(outer.utf8), &out)
        open(":", &out)
        object([(inner, item())], &out)
        open("}", &out)
    }

    private mutating func change(_ out: inout [UInt8]) {
        var members: [(String, [ReferenceAttribute])] = [("Keys", attributes(1 + below(2), 0))]
        if chance(60) { members.append(("OldImage", item())) }
        if chance(60) { members.append(("NewImage", item())) }
        if chance(30) { members.shuffle(using: &random) }
        var body: [UInt8] = []
        object(members, &body)
        guard chance(70) else {
            out += body
            return
        }
        let metadata = pick([
            #"{"WriteTimestampMicros":{"N":"1768387654353205"}}"#, #""17""#, "[1,-0.5e+3,null,true,[]]", "{}", "0",
        ])
        out += Array("{\"Metadata\":\(metadata),".utf8) + body.drop { $0 != UInt8(ascii: "{") }.dropFirst()
    }

    private mutating func seal(_ out: inout [UInt8]) {
        let digest = (0..<64).map { _ in pick(Array("0123456789abcdef").map(String.init)) }.joined()
        var members = ["\"count\":\(below(100_000))", "\"digest\":\"\(digest)\""]
        if chance(30) { members.swapAt(0, 1) }
        for text in ["{", "\"Rekey\"", ":", "{", "\"Seal\"", ":", "{", members[0], ",", members[1], "}", "}", "}"] {
            open(text, &out)
        }
    }

    mutating func write(_ attributes: [ReferenceAttribute], _ out: inout [UInt8]) {
        open("{", &out)
        for (index, attribute) in attributes.enumerated() {
            if index > 0 { open(",", &out) }
            string(attribute.name, &out)
            open(":", &out)
            write(attribute.value, &out)
        }
        open("}", &out)
    }

    private mutating func write(_ value: ReferenceValue, _ out: inout [UInt8]) {
        open("{", &out)
        string(Array(value.tag.utf8), &out)
        open(":", &out)
        switch value {
        case .string(let text), .binary(let text): string(text, &out)
        case .number(let text): string(Array(text.utf8), &out)
        case .boolean(let flag): open("\(flag)", &out)
        case .null: open("true", &out)
        case .map(let attributes): write(attributes, &out)
        case .list(let members):
            open("[", &out)
            for (index, member) in members.enumerated() {
                if index > 0 { open(",", &out) }
                write(member, &out)
            }
            open("]", &out)
        case .set(_, let members):
            open("[", &out)
            for (index, member) in members.enumerated() {
                if index > 0 { open(",", &out) }
                string(member, &out)
            }
            open("]", &out)
        }
        open("}", &out)
    }

    /// A token and white space behind it, sometimes.
    private mutating func open(_ text: String, _ out: inout [UInt8]) {
        out += text.utf8
        space(&out)
    }

    private mutating func space(_ out: inout [UInt8]) {
        while noise > 0, chance(noise / 2) { out.append(pick([32, 9, 13, 10])) }
    }

    private mutating func string(_ text: [UInt8], _ out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
            let short: [UnicodeScalar: String] = [
                "\"": "\\\"", "\\": "\\\\", "/": "\\/", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\u{8}": "\\b",
                "\u{C}": "\\f",
            ]
            let must = scalar.value < 32 || scalar == "\"" || scalar == "\\"
            if let short = short[scalar], must ? chance(70) : chance(noise) {
                out += short.utf8
            } else if must || chance(noise) {
                for unit in String(Character(scalar)).utf16 {
                    var digits = String(unit, radix: 16, uppercase: chance(50))
                    digits = String(repeating: "0", count: 4 - digits.count) + digits
                    out += "\\u\(digits)".utf8
                }
            } else {
                out += String(Character(scalar)).utf8
            }
        }
        out.append(UInt8(ascii: "\""))
        space(&out)
    }

    // Damage

    /// The line with one to three bytes changed, taken out, put in or cut off.
    mutating func damaged(_ line: [UInt8]) -> [UInt8] {
        var line = line
        for _ in 0..<1 + below(3) where !line.isEmpty {
            let place = below(line.count)
            switch below(6) {
            case 0: line[place] ^= 1 << UInt8(below(8))
            case 1:
                line[place] = pick(Array("{}[]\",:\\0eE.-+ =utSNBML".utf8) + [0, 0x1F, 0x80, 0xC0, 0xED, 0xF4, 0xFF])
            case 2: line.remove(at: place)
            case 3: line.insert(pick(Array("{}[]\",:\\0eE.-+ =utSNBML".utf8) + [0x80, 0xE2]), at: place)
            case 4:
                let end = min(line.count, place + 1 + below(12))
                line.insert(contentsOf: line[place..<end], at: below(line.count))
            default: if chance(30) { line.removeLast(line.count - place) } else { line.remove(at: place) }
            }
        }
        return line
    }
}
