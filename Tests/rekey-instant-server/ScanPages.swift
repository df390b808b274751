#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The answers to Scan, made before the first one is asked for.
struct ScanPages {
    private struct Page {
        /// The key of its last item, as a typed item.
        var lastKey: [UInt8]
        /// Whole answers: with LastEvaluatedKey, and without for the last page of a segment.
        var answer: [UInt8]
        var lastAnswer: [UInt8]
    }

    private var pages: [Page] = []
    private(set) var byteCount = 0
    private(set) var itemCount = 0

    private static let pageBytes = 1 << 20

    /// Reads `{"Item":…}` lines whose items have PK and SK, strings without a brace or an escape.
    mutating func load(_ path: String) throws(Problem) {
        guard let file = fopen(path, "r") else { throw Problem("\(path): \(String(cString: strerror(errno)))") }
        defer { fclose(file) }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        var items: [UInt8] = []
        var count = 0
        var last: [UInt8] = []
        while true {
            let length = getline(&line, &capacity, file)
            guard length > 0, let line else { break }
            let bytes = UnsafeRawBufferPointer(start: line, count: length)
            let prefix = "{\"Item\":".utf8
            guard bytes.starts(with: prefix), let end = bytes.lastIndex(of: UInt8(ascii: "}")) else {
                throw Problem("\(path): a line is no {\"Item\":…}")
            }
            let item = UnsafeRawBufferPointer(rebasing: bytes[prefix.count..<end])
            if count > 0 { items.append(UInt8(ascii: ",")) }
            items.append(contentsOf: item)
            count += 1
            last = try Self.key(item, path)
            if items.count >= Self.pageBytes {
                add(items, count, last)
                items.removeAll(keepingCapacity: true)
                count = 0
            }
        }
        if count > 0 { add(items, count, last) }
    }

    /// The page that a request asks for.
    func answer(to body: UnsafeRawBufferPointer) -> [UInt8] {
        let total = max(1, number("\"TotalSegments\":", in: body))
        let segment = number("\"Segment\":", in: body)
        let first = pages.count * segment / total
        let end = pages.count * (segment + 1) / total
        guard first < end else { return InstantServer.answer(#"{"Items":[],"Count":0,"ScannedCount":0}"#) }
        var index = first
        if position(of: "ExclusiveStartKey", in: body) != nil {
            // The key of a page's last item names the next page.
            index =
                (first..<end).first { index in
                    pages[index].lastKey.withUnsafeBytes { position(of: $0, in: body) != nil }
                }.map { $0 + 1 } ?? first
        }
        guard index < end else { return InstantServer.answer(#"{"Items":[],"Count":0,"ScannedCount":0}"#) }
        return index + 1 == end ? pages[index].lastAnswer : pages[index].answer
    }

    private mutating func add(_ items: [UInt8], _ count: Int, _ last: [UInt8]) {
        let units = (items.count + 4095) / 4096
        let end =
            #"],"Count":\#(count),"ScannedCount":\#(count),"ConsumedCapacity":{"TableName":"instant","CapacityUnits":\#(units).0}"#
        let members = Array("{\"Items\":[".utf8) + items + Array(end.utf8)
        pages.append(
            Page(
                lastKey: last,
                answer: InstantServer.answer(
                    members + Array(",\"LastEvaluatedKey\":".utf8) + last + [UInt8(ascii: "}")]),
                lastAnswer: InstantServer.answer(members + [UInt8(ascii: "}")])))
        byteCount += items.count
        itemCount += count
    }

    /// `{"PK":{"S":"…"},"SK":{"S":"…"}}` of an item.
    private static func key(_ item: UnsafeRawBufferPointer, _ path: String) throws(Problem) -> [UInt8] {
        func member(_ name: StaticString) -> UnsafeRawBufferPointer.SubSequence? {
            guard let start = position(of: name, in: item), let end = item[start...].firstIndex(of: UInt8(ascii: "}"))
            else { return nil }
            return item[start...end]
        }
        guard let partition = member("\"PK\":{\"S\":\""), let sort = member("\"SK\":{\"S\":\"") else {
            throw Problem("\(path): an item has no PK and SK that are strings")
        }
        return [UInt8(ascii: "{")] + partition + [UInt8(ascii: ",")] + sort + [UInt8(ascii: "}")]
    }

    private func number(_ name: StaticString, in body: UnsafeRawBufferPointer) -> Int {
        guard let found = position(of: name, in: body) else { return 0 }
        let digits = body[(found + name.utf8CodeUnitCount)...].prefix { $0 >= 0x30 && $0 <= 0x39 }
        return Int(String(decoding: digits, as: UTF8.self)) ?? 0
    }
}
