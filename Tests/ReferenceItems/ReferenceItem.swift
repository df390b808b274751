/// A DynamoDB number as the tests understand it: digits without zeros at either end, times a power of ten.
package struct ReferenceNumber: Equatable {
    package var isNegative: Bool
    /// No leading and trailing zeros; empty for zero.
    package var digits: String
    package var exponent: Int

    /// Nil when the text is no number in DynamoDB's grammar and range.
    package init?(_ text: String) {
        var rest = Substring(text)
        isNegative = rest.first == "-"
        if rest.first == "-" || rest.first == "+" { rest.removeFirst() }
        var power = 0
        if let place = rest.firstIndex(where: { $0 == "e" || $0 == "E" }) {
            var tail = rest[rest.index(after: place)...]
            rest = rest[..<place]
            let isDown = tail.first == "-"
            if tail.first == "-" || tail.first == "+" { tail.removeFirst() }
            guard !tail.isEmpty, tail.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
            let significant = tail.drop { $0 == "0" }
            guard significant.count < 12 else { return nil }
            power = (Int(significant) ?? 0) * (isDown ? -1 : 1)
        }
        let parts = rest.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let fraction = parts.count > 1 ? parts[1] : ""
        let all = Array((parts[0] + fraction).utf8)
        guard !all.isEmpty, all.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
        exponent = power - fraction.utf8.count
        guard let first = all.firstIndex(where: { $0 != 48 }), let last = all.lastIndex(where: { $0 != 48 }) else {
            guard power <= 125, exponent >= -130 else { return nil }
            (isNegative, digits, exponent) = (false, "", 0)
            return
        }
        digits = String(decoding: all[first...last], as: UTF8.self)
        exponent += all.count - 1 - last
        // d.ddd × 10^leading
        let leading = exponent + digits.utf8.count - 1
        guard digits.utf8.count <= 38, leading <= 125, leading >= -130 else { return nil }
    }

    package var canonical: String {
        digits.isEmpty ? "0" : (isNegative ? "-" : "") + digits + (exponent == 0 ? "" : "E\(exponent)")
    }

    /// Negative, zero or positive, as this number is below, equal to or above `other`: compared digit by digit.
    package func order(_ other: ReferenceNumber) -> Int {
        func sign(_ n: ReferenceNumber) -> Int { n.digits.isEmpty ? 0 : n.isNegative ? -1 : 1 }
        if sign(self) != sign(other) { return sign(self) - sign(other) }
        if sign(self) == 0 { return 0 }
        func aligned(_ n: ReferenceNumber, to lowest: Int) -> String {
            n.digits + String(repeating: "0", count: n.exponent - lowest)
        }
        let lowest = min(exponent, other.exponent)
        let (a, b) = (aligned(self, to: lowest), aligned(other, to: lowest))
        let order = a.utf8.count != b.utf8.count ? a.utf8.count - b.utf8.count : a == b ? 0 : a < b ? -1 : 1
        return order * sign(self)
    }
}

/// A typed value as a tree.
package indirect enum ReferenceValue {
    case string([UInt8])
    case number(String)
    /// Base64 text.
    case binary([UInt8])
    case boolean(Bool)
    case null
    case map([ReferenceAttribute])
    case list([ReferenceValue])
    /// `SS`, `NS` or `BS`.
    case set(String, [[UInt8]])

    package var tag: String {
        switch self {
        case .string: "S"
        case .number: "N"
        case .binary: "B"
        case .boolean: "BOOL"
        case .null: "NULL"
        case .map: "M"
        case .list: "L"
        case .set(let tag, _): tag
        }
    }
}

package struct ReferenceAttribute {
    package var name: [UInt8]
    package var value: ReferenceValue

    package init(name: [UInt8], value: ReferenceValue) {
        self.name = name
        self.value = value
    }
}

/// A record as a tree.
package enum ReferenceRecord {
    case item([ReferenceAttribute])
    case change(keys: [ReferenceAttribute], image: [ReferenceAttribute]?)
    case putRequest([ReferenceAttribute])
    case deleteRequest([ReferenceAttribute])
    case bare([ReferenceAttribute])
    case seal(Int, String)

    /// Nil when the line is no valid record.
    package static func parse(_ line: [UInt8]) -> ReferenceRecord? {
        guard case .object(let members)? = ReferenceJSON.parse(line), !members.isEmpty else { return nil }
        if let record = wrapped(members) { return record }
        return attributes(.object(members), level: 1).map { .bare($0) }
    }

    private static func wrapped(_ members: [(name: [UInt8], value: ReferenceJSON)]) -> ReferenceRecord? {
        func only(_ value: ReferenceJSON, _ name: String) -> ReferenceJSON? {
            guard case .object(let inner) = value, inner.count == 1, inner[0].name == Array(name.utf8) else {
                return nil
            }
            return inner[0].value
        }
        let first = members[0].value
        if members.count == 1 {
            switch String(decoding: members[0].name, as: UTF8.self) {
            case "Item": return attributes(first, level: 1).map { .item($0) }
            case "PutRequest": return only(first, "Item").flatMap { attributes($0, level: 1) }.map { .putRequest($0) }
            case "DeleteRequest":
                return only(first, "Key").flatMap { attributes($0, level: 1) }.map { .deleteRequest($0) }
            case "Rekey": return only(first, "Seal").flatMap(seal)
            default: break
            }
        }
        var parts: [String: [ReferenceAttribute]] = [:]
        var names = Set<String>()
        for (name, value) in members {
            let name = String(decoding: name, as: UTF8.self)
            guard names.insert(name).inserted else { return nil }
            switch name {
            case "Metadata": if value.depth > 64 { return nil }
            case "Keys", "OldImage", "NewImage":
                guard let part = attributes(value, level: 1) else { return nil }
                parts[name] = part
            default: return nil
            }
        }
        return parts["Keys"].map { .change(keys: $0, image: parts["NewImage"]) }
    }

    private static func seal(_ value: ReferenceJSON) -> ReferenceRecord? {
        guard case .object(let members) = value, members.count == 2,
            let count = members.first(where: { $0.name == Array("count".utf8) })?.value,
            let digest = members.first(where: { $0.name == Array("digest".utf8) })?.value,
            case .number(let number) = count, number.utf8.count <= 18, let count = Int(number), !number.hasPrefix("-"),
            case .string(let text, let raw) = digest, raw == text, text.count == 64,
            text.allSatisfy({ "0123456789abcdef".utf8.contains($0) })
        else { return nil }
        return .seal(count, String(decoding: text, as: UTF8.self))
    }

    package static func attributes(_ value: ReferenceJSON, level: Int) -> [ReferenceAttribute]? {
        guard case .object(let members) = value else { return nil }
        var result: [ReferenceAttribute] = []
        for (name, value) in members {
            guard !name.isEmpty, !result.contains(where: { $0.name == name }), let value = typed(value, level: level)
            else { return nil }
            result.append(ReferenceAttribute(name: name, value: value))
        }
        return result
    }

    private static func typed(_ value: ReferenceJSON, level: Int) -> ReferenceValue? {
        guard level <= 32, case .object(let members) = value, members.count == 1 else { return nil }
        let tag = String(decoding: members[0].name, as: UTF8.self)
        switch (tag, members[0].value) {
        case ("S", .string(let text, _)): return .string(text)
        case ("N", .string(let text, _)):
            let text = String(decoding: text, as: UTF8.self)
            return ReferenceNumber(text) == nil ? nil : .number(text)
        case ("B", .string(let text, _)): return isStrictBase64(text) ? .binary(text) : nil
        case ("BOOL", .boolean(let flag)): return .boolean(flag)
        case ("NULL", .boolean(true)): return .null
        case ("M", let map): return attributes(map, level: level + 1).map { .map($0) }
        case ("L", .array(let members)):
            var list: [ReferenceValue] = []
            for member in members {
                guard let value = typed(member, level: level + 1) else { return nil }
                list.append(value)
            }
            return .list(list)
        case ("SS", .array(let members)), ("NS", .array(let members)), ("BS", .array(let members)):
            return set(tag, members)
        default: return nil
        }
    }

    private static func set(_ tag: String, _ members: [ReferenceJSON]) -> ReferenceValue? {
        guard !members.isEmpty else { return nil }
        var texts: [[UInt8]] = []
        var seen: [[UInt8]] = []
        for member in members {
            guard case .string(let text, _) = member else { return nil }
            var identity = text
            if tag == "NS" {
                guard let number = ReferenceNumber(String(decoding: text, as: UTF8.self)) else { return nil }
                identity = Array(number.canonical.utf8)
            }
            if tag == "BS" && !isStrictBase64(text) { return nil }
            if seen.contains(identity) { return nil }
            seen.append(identity)
            texts.append(text)
        }
        return .set(tag, texts)
    }
}

private let base64Digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

/// True for the one text that standard base64 gives to some bytes: decoded bit by bit and encoded again.
package func isStrictBase64(_ text: [UInt8]) -> Bool {
    guard text.count % 4 == 0 else { return false }
    var body = text
    var padding = 0
    while padding < 2, body.last == UInt8(ascii: "=") {
        body.removeLast()
        padding += 1
    }
    var bits: [Bool] = []
    for digit in body {
        guard let value = base64Digits.firstIndex(of: digit) else { return false }
        for shift in stride(from: 5, through: 0, by: -1) { bits.append(value >> shift & 1 == 1) }
    }
    return !bits.suffix(bits.count % 8).contains(true) && bits.count % 8 == padding * 2
}

/// How many bytes a base64 text stands for.
package func base64Length(_ text: [UInt8]) -> Int { text.filter { $0 != UInt8(ascii: "=") }.count * 6 / 8 }
