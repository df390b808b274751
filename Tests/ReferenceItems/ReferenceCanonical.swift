/// The canonical form written a second time, from trees.
package func referenceCanonical(_ attributes: [ReferenceAttribute]) -> String {
    let members = attributes.sorted {
        Array(String(decoding: $0.name, as: UTF8.self).utf16)
            .lexicographicallyPrecedes(Array(String(decoding: $1.name, as: UTF8.self).utf16))
    }
    return "{" + members.map { quoted($0.name) + ":" + typed($0.value) }.joined(separator: ",") + "}"
}

private func typed(_ value: ReferenceValue) -> String {
    let body: String
    switch value {
    case .string(let text), .binary(let text): body = quoted(text)
    case .number(let text): body = "\"" + (ReferenceNumber(text)?.canonical ?? "?") + "\""
    case .boolean(let flag): body = "\(flag)"
    case .null: body = "true"
    case .map(let attributes): body = referenceCanonical(attributes)
    case .list(let members): body = "[" + members.map(typed).joined(separator: ",") + "]"
    case .set(let tag, let members):
        let texts =
            tag == "NS"
            ? members.map { Array((ReferenceNumber(String(decoding: $0, as: UTF8.self))?.canonical ?? "?").utf8) }
            : members
        body = "[" + texts.sorted { $0.lexicographicallyPrecedes($1) }.map(quoted).joined(separator: ",") + "]"
    }
    return "{\"\(value.tag)\":\(body)}"
}

private func quoted(_ text: [UInt8]) -> String {
    var result = "\""
    for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\u{8}": result += "\\b"
        case "\t": result += "\\t"
        case "\n": result += "\\n"
        case "\u{C}": result += "\\f"
        case "\r": result += "\\r"
        case "\u{0}"..<" ":
            let digits = String(scalar.value, radix: 16)
            result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}

/// Storage bytes of an item, counted from its tree.
package func referenceSize(_ attributes: [ReferenceAttribute]) -> Int {
    attributes.reduce(0) { $0 + $1.name.count + size($1.value) }
}

private func size(_ value: ReferenceValue) -> Int {
    switch value {
    case .string(let text): text.count
    case .number(let text): numberSize(text)
    case .binary(let text): base64Length(text)
    case .boolean, .null: 1
    case .map(let attributes): 3 + referenceSize(attributes) + attributes.count
    case .list(let members): members.reduce(3) { $0 + 1 + size($1) }
    case .set("NS", let members): members.reduce(0) { $0 + numberSize(String(decoding: $1, as: UTF8.self)) }
    case .set("BS", let members): members.reduce(0) { $0 + base64Length($1) }
    case .set(_, let members): members.reduce(0) { $0 + $1.count }
    }
}

/// From the plain text: digits before the point without zeros at the outer ends, then those behind it, two to a byte.
private func numberSize(_ text: String) -> Int {
    guard let number = ReferenceNumber(text), !number.digits.isEmpty else { return 1 }
    let digits = number.digits.utf8.count
    let fraction = max(0, min(digits, -number.exponent))
    // With a fraction the integer's zeros at its end are significant digits already.
    let integer = digits - fraction
    return 1 + (integer + 1) / 2 + (fraction + 1) / 2 + (number.isNegative ? 1 : 0)
}
