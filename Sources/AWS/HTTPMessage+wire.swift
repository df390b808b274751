/// Requests and answers as they stand on the wire (RFC 9110, RFC 3986).
extension HTTPRequest {
    /// The whole address; nil where a part may not stand in one.
    var url: String? {
        guard scheme == "https" || scheme == "http", !authority.isEmpty, path.utf8.first == UInt8(ascii: "/"),
            authority.utf8.allSatisfy({ Self.isVisible($0) && !#"/\?#@"#.utf8.contains($0) }),
            path.utf8.allSatisfy({ Self.isVisible($0) && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") })
        else { return nil }
        var text = "\(scheme)://\(authority)\(path)"
        for (index, item) in query.enumerated() {
            text += index == 0 ? "?" : "&"
            text += PercentEncoding.encode(item.name)
            text += "="
            text += PercentEncoding.encode(item.value)
        }
        return text
    }

    /// Letters, digits and some marks: what a method or the name of a header is made of.
    static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                PercentEncoding.isUnreserved(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
    }

    /// No control characters, so that a value cannot become a header of its own.
    static func isHeaderValue(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
    }

    private static func isVisible(_ byte: UInt8) -> Bool { byte > 0x20 && byte < 0x7F }
}

extension HTTPResponse {
    /// The first header of this name, in any case, of a head as received.
    static func header(_ name: String, of head: [UInt8]) -> String? {
        var name = name
        let range = name.withUTF8 { name in
            head.withUnsafeBufferPointer { head -> Range<Int>? in
                var start = 0
                while start < head.count {
                    let end = head[start...].firstIndex(of: UInt8(ascii: "\n")) ?? head.count
                    if end - start > name.count, head[start + name.count] == UInt8(ascii: ":"),
                        isEqualIgnoringCase(UnsafeBufferPointer(rebasing: head[start..<start + name.count]), name)
                    {
                        return start + name.count + 1..<end
                    }
                    start = end + 1
                }
                return nil
            }
        }
        return range.map { String(decoding: trimmed(head[$0]), as: UTF8.self) }
    }

    /// Of ASCII letters.
    private static func isEqualIgnoringCase(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>)
        -> Bool
    {
        for index in left.indices where left[index] != right[index] {
            guard left[index] ^ right[index] == 0x20, (0x61...0x7A).contains(left[index] | 0x20) else { return false }
        }
        return true
    }

    private static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text = text
        while let first = text.first, first == 0x20 || first == 0x09 { text.removeFirst() }
        while let last = text.last, last == 0x20 || last == 0x09 || last == 0x0D { text.removeLast() }
        return text
    }

    /// The headers of a head as received: status line, headers, perhaps trailers.
    static func headers(of head: [UInt8]) -> [(name: String, value: String)] {
        var headers: [(name: String, value: String)] = []
        headers.reserveCapacity(12)
        for line in head.split(separator: UInt8(ascii: "\n")) {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")), !line.starts(with: "HTTP/".utf8) else { continue }
            let value = trimmed(line[(colon + 1)...])
            headers.append((String(decoding: line[..<colon], as: UTF8.self), String(decoding: value, as: UTF8.self)))
        }
        return headers
    }
}

/// Percent-encoding as AWS signs it: everything but letters, digits and `-._~` (RFC 3986 section 2.3), in upper-case digits.
package enum PercentEncoding {
    /// Of a name or a value in a query.
    package static func encode(_ text: String) -> String {
        if text.utf8.allSatisfy(isUnreserved) { return text }
        return String(decoding: encoded(text.utf8, keepingSlashes: false), as: UTF8.self)
    }

    /// Of a path, whose slashes stay: the key of an S3 object.
    package static func encodePath(_ text: String) -> String {
        String(decoding: encoded(text.utf8, keepingSlashes: true), as: UTF8.self)
    }

    static func encoded(_ bytes: some Sequence<UInt8>, keepingSlashes: Bool) -> [UInt8] {
        var out: [UInt8] = []
        for byte in bytes {
            if isUnreserved(byte) || (keepingSlashes && byte == UInt8(ascii: "/")) {
                out.append(byte)
            } else {
                out.append(UInt8(ascii: "%"))
                out.append(digits[Int(byte >> 4)])
                out.append(digits[Int(byte & 15)])
            }
        }
        return out
    }

    static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }

    private static let digits = Array("0123456789ABCDEF".utf8)
}

extension Duration {
    /// Whole microseconds, rounded up; for pauses, which are far below what an Int holds.
    var microseconds: Int {
        let (seconds, attoseconds) = components
        return Int(seconds) * 1_000_000 + Int((attoseconds + 999_999_999_999) / 1_000_000_000_000)
    }

    /// Whole milliseconds, rounded up.
    var milliseconds: Int {
        let (seconds, attoseconds) = components
        return Int(seconds) * 1000 + Int((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
