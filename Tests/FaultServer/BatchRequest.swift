/// A BatchWriteItem or BatchGetItem, divided into its parts: put and delete requests, or keys.
struct BatchRequest: Sendable {
    private let bytes: [UInt8]
    /// The value of `RequestItems`.
    private let requestItems: Range<Int>
    private let tables: [Table]

    private struct Table: Sendable {
        /// With its quotation marks.
        var name: Range<Int>
        /// What stands before and after the parts within the table's value: `[` and `]`, or `{"Keys":[` and the rest.
        var before: Range<Int>
        var parts: [Range<Int>]
        var after: Range<Int>
    }

    /// Nil for what is no such request.
    init?(_ bytes: [UInt8]) {
        let spans = JSONSpans(bytes: bytes)
        guard let items = spans.member("RequestItems", of: spans.all)?.value else { return nil }
        self.bytes = bytes
        requestItems = items
        tables = spans.members(of: items).compactMap { table in
            let array = spans.member("Keys", of: table.value)?.value ?? table.value
            let parts = spans.elements(of: array)
            guard let first = parts.first, let last = parts.last else { return nil }
            return Table(
                name: table.whole.lowerBound..<(table.whole.lowerBound + table.name.utf8.count + 2),
                before: table.value.lowerBound..<first.lowerBound, parts: parts,
                after: last.upperBound..<table.value.upperBound)
        }
    }

    var count: Int { tables.reduce(0) { $0 + $1.parts.count } }

    /// The same request with some parts only, and the others in the same form, for `UnprocessedItems` or `UnprocessedKeys`.
    func divided(keeping kept: Set<Int>) -> (request: [UInt8], unprocessed: [UInt8]) {
        var request = Array(bytes[..<requestItems.lowerBound])
        request += object { kept.contains($0) }
        request += bytes[requestItems.upperBound...]
        return (request, object { !kept.contains($0) })
    }

    private func object(_ includes: (Int) -> Bool) -> [UInt8] {
        var out: [UInt8] = [UInt8(ascii: "{")]
        var index = 0
        for table in tables {
            var parts: [Range<Int>] = []
            for part in table.parts {
                if includes(index) { parts.append(part) }
                index += 1
            }
            if parts.isEmpty { continue }
            if out.count > 1 { out.append(UInt8(ascii: ",")) }
            out += bytes[table.name]
            out.append(UInt8(ascii: ":"))
            out += bytes[table.before]
            for (place, part) in parts.enumerated() {
                if place > 0 { out.append(UInt8(ascii: ",")) }
                out += bytes[part]
            }
            out += bytes[table.after]
        }
        return out + [UInt8(ascii: "}")]
    }

    /// An answer's bytes with `unprocessed` as its unprocessed parts, whatever was said of them before.
    static func answer(_ bytes: [UInt8], unprocessed: [UInt8], operation: String) -> [UInt8] {
        let name = operation == "BatchGetItem" ? "UnprocessedKeys" : "UnprocessedItems"
        let spans = JSONSpans(bytes: bytes)
        let others = spans.members(of: spans.all).filter { $0.name != name }.map { Array(bytes[$0.whole]) }
        let members = others + [Array("\"\(name)\":".utf8) + unprocessed]
        return [UInt8(ascii: "{")] + Array(members.joined(separator: [UInt8(ascii: ",")])) + [UInt8(ascii: "}")]
    }
}
