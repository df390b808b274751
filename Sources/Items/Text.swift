/// Appends a validated JSON string's bytes without escapes.
func appendUnescaped(_ bytes: UnsafeRawBufferPointer, to writer: inout ByteWriter) {
    let cursor = Cursor(bytes)
    var i = 0
    while i < cursor.end {
        let byte = cursor.base[i]
        guard byte == UInt8(ascii: "\\"), i + 1 < cursor.end else {
            writer.append(byte)
            i += 1
            continue
        }
        switch cursor.base[i + 1] {
        case UInt8(ascii: "b"): writer.append(0x08)
        case UInt8(ascii: "f"): writer.append(0x0C)
        case UInt8(ascii: "n"): writer.append(0x0A)
        case UInt8(ascii: "r"): writer.append(0x0D)
        case UInt8(ascii: "t"): writer.append(0x09)
        case UInt8(ascii: "u"):
            var scalar = cursor.hexUnit(at: i + 2) ?? 0xFFFD
            i += 4
            if scalar >= 0xD800, scalar < 0xDC00, let low = cursor.hexUnit(at: i + 4) {
                scalar = 0x10000 + ((scalar - 0xD800) << 10) + (low - 0xDC00)
                i += 6
            }
            for unit in String(UnicodeScalar(scalar) ?? "\u{FFFD}").utf8 { writer.append(unit) }
        default: writer.append(cursor.base[i + 1])
        }
        i += 2
    }
}

/// How many bytes a validated JSON string has without its escapes.
func unescapedCount(_ text: UnsafePointer<UInt8>, count: Int) -> Int {
    let cursor = Cursor(UnsafeRawBufferPointer(start: text, count: count))
    var total = 0
    var i = 0
    while i < count {
        guard text[i] == UInt8(ascii: "\\"), i + 1 < count else {
            total += 1
            i += 1
            continue
        }
        guard text[i + 1] == UInt8(ascii: "u"), let unit = cursor.hexUnit(at: i + 2) else {
            total += 1
            i += 2
            continue
        }
        let isPair = unit >= 0xD800 && unit < 0xDC00
        total += isPair ? 4 : unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3
        i += isPair ? 12 : 6
    }
    return total
}

/// Appends bytes as the inside of a JSON string, escaping what RFC 8785 escapes and nothing else.
package func appendEscaped(_ bytes: UnsafeRawBufferPointer, to writer: inout ByteWriter) {
    var plain = Cursor(bytes)
    plain.skipPlain()
    writer.append(UnsafeRawBufferPointer(rebasing: bytes[..<plain.position]))
    if plain.position == bytes.count { return }
    for byte in bytes[plain.position...] {
        if byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") {
            writer.append(byte)
            continue
        }
        writer.append(UInt8(ascii: "\\"))
        switch byte {
        case 0x08: writer.append(UInt8(ascii: "b"))
        case 0x09: writer.append(UInt8(ascii: "t"))
        case 0x0A: writer.append(UInt8(ascii: "n"))
        case 0x0C: writer.append(UInt8(ascii: "f"))
        case 0x0D: writer.append(UInt8(ascii: "r"))
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): writer.append(byte)
        default:
            writer.append("u00" as StaticString)
            writer.append(hexDigit(byte >> 4))
            writer.append(hexDigit(byte & 15))
        }
    }
}

@inline(__always)
func hexDigit(_ nibble: UInt8) -> UInt8 { nibble < 10 ? 0x30 + nibble : 0x61 + nibble - 10 }

/// The value of a base64 digit (RFC 4648, section 4), or 255.
@inline(__always)
func base64Value(_ byte: UInt8) -> UInt8 {
    switch byte {
    case 0x41...0x5A: byte - 0x41
    case 0x61...0x7A: byte - 0x61 + 26
    case 0x30...0x39: byte - 0x30 + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: 255
    }
}

/// True for standard base64 with padding whose unused bits are zero, so that equal bytes have one text.
func isBase64(_ p: UnsafePointer<UInt8>, count: Int) -> Bool {
    guard count & 3 == 0 else { return false }
    if count == 0 { return true }
    var digits = count
    if p[count - 1] == UInt8(ascii: "=") { digits -= p[count - 2] == UInt8(ascii: "=") ? 2 : 1 }
    for i in 0..<digits where base64Value(p[i]) == 255 { return false }
    let last = base64Value(p[digits - 1])
    return digits == count || (count - digits == 1 ? last & 0b11 == 0 : last & 0b1111 == 0)
}

/// How many bytes a base64 text stands for.
@inline(__always)
func base64Size(_ p: UnsafePointer<UInt8>, count: Int) -> Int {
    if count < 4 { return 0 }
    let padding = p[count - 1] == UInt8(ascii: "=") ? (p[count - 2] == UInt8(ascii: "=") ? 2 : 1) : 0
    return count / 4 * 3 - padding
}

/// The bytes of a valid base64 text.
func decodedBase64(_ p: UnsafePointer<UInt8>, count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count / 4 * 3)
    var bits: UInt32 = 0
    var held = 0
    for i in 0..<count where p[i] != UInt8(ascii: "=") {
        bits = bits << 6 | UInt32(base64Value(p[i]))
        held += 6
        if held >= 8 {
            held -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(held)))
        }
    }
    return bytes
}

/// Standard base64 with padding.
package func base64(_ bytes: [UInt8]) -> [UInt8] {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    var i = 0
    while i < bytes.count {
        let left = bytes.count - i
        let word =
            UInt32(bytes[i]) << 16 | (left > 1 ? UInt32(bytes[i + 1]) << 8 : 0) | (left > 2 ? UInt32(bytes[i + 2]) : 0)
        text.append(alphabet[Int(word >> 18)])
        text.append(alphabet[Int(word >> 12 & 63)])
        text.append(left > 1 ? alphabet[Int(word >> 6 & 63)] : UInt8(ascii: "="))
        text.append(left > 2 ? alphabet[Int(word & 63)] : UInt8(ascii: "="))
        i += 3
    }
    return text
}

/// Text for a person: what a terminal would obey or not show stands escaped, as do bytes that are not UTF-8.
package func displayText(_ bytes: some Sequence<UInt8>) -> String {
    var text = ""
    for scalar in String(decoding: Array(bytes), as: UTF8.self).unicodeScalars {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x200B...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF:
            text += "\\u{\(String(scalar.value, radix: 16))}"
        default: text.unicodeScalars.append(scalar)
        }
    }
    return text
}
