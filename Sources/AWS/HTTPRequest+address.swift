extension HTTPRequest {
    /// A request to an address as a user writes it: `http[s]://host[:port][/path][?query]`; nil for what is none.
    ///
    /// The query's percent signs are read, so that it is sent as it was meant.
    package init?(url: String) {
        let parts = url.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[1].contains("#") else { return nil }
        let address = parts[1].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let slash = address[0].firstIndex(of: "/") ?? address[0].endIndex
        let path = String(address[0][slash...])
        var query: [(name: String, value: String)] = []
        if address.count == 2 {
            for pair in address[1].split(separator: "&") {
                let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard let name = PercentEncoding.decode(sides[0]),
                    let value = PercentEncoding.decode(sides.count == 2 ? sides[1] : "")
                else { return nil }
                query.append((name, value))
            }
        }
        self.init(
            scheme: parts[0].lowercased(), authority: String(address[0][..<slash]), path: path.isEmpty ? "/" : path,
            query: query)
        if self.url == nil { return nil }
    }
}

extension PercentEncoding {
    /// The text of a query's name or value; nil where a `%` is not followed by two hexadecimal digits, or the bytes are not UTF-8.
    static func decode(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = Substring(text).utf8
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte == UInt8(ascii: "+") ? 0x20 : byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(Substring(rest.prefix(2)), radix: 16) else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
