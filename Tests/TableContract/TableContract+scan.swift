import Items
import Tables
import Testing

extension TableContract {
    func scansInPages() async throws {
        let table = try await make(.standard)
        #expect(try await table.scan(ScanRequest()).items.isEmpty)
        #expect(try await table.scan(ScanRequest()).lastEvaluatedKey == nil)
        try await load(spread(23, over: 5), into: table)
        let whole = try await scanAll(table)
        #expect(whole.count == 23)
        for limit in [1, 2, 3, 22, 23, 24] {
            var items: [Item] = []
            var request = ScanRequest(limit: limit)
            repeat {
                let page = try await table.scan(request)
                #expect(page.items.count <= limit)
                #expect(page.scannedCount == page.items.count)
                if let last = page.lastEvaluatedKey, let item = page.items.last { #expect(try key(of: item) == last) }
                items += page.items
                request.startKey = page.lastEvaluatedKey
            } while request.startKey != nil
            #expect(items.map { text($0) } == whole.map { text($0) }, "limit \(limit)")
        }
        // Partitions in one piece, their items by sort key.
        var seen: Set<KeyValue> = []
        var last: ItemKey?
        for item in whole {
            let key = try key(of: item)
            if let last, last.partition == key.partition {
                #expect(last.sortableBytes.lexicographicallyPrecedes(key.sortableBytes))
            } else {
                #expect(seen.insert(key.partition).inserted, "\(key)")
            }
            last = key
        }
        // A page can start after an item that is no longer there.
        let gone = try key(of: whole[10])
        _ = try await table.delete(gone, condition: .exists)
        let rest = try await scanAll(table, ScanRequest(startKey: gone))
        #expect(rest.map { text($0) } == whole[11...].map { text($0) })
    }

    func scansInSegments() async throws {
        let table = try await make(.standard)
        try await load(spread(120, over: 40), into: table)
        let whole = Set(try await scanAll(table).map { try key(of: $0) })
        #expect(whole.count == 120)
        for total in [1, 2, 3, 7, 64] {
            var keys: [ItemKey] = []
            var home: [KeyValue: Int] = [:]
            for segment in 0..<total {
                let request = ScanRequest(segment: segment, totalSegments: total, limit: 2)
                for item in try await scanAll(table, request) {
                    let key = try key(of: item)
                    keys.append(key)
                    #expect(home[key.partition, default: segment] == segment)
                    home[key.partition] = segment
                }
            }
            #expect(keys.count == 120)
            #expect(Set(keys) == whole)
            if total == 2 { #expect(Set(home.values).count == 2, "one segment has all 40 partitions") }
        }
        #expect(try await scanAll(table, ScanRequest(segment: 999_999, totalSegments: 1_000_000)).count <= 120)
    }

    func scansByPrefix() async throws {
        let table = try await make(.standard)
        let partitions = [
            "PLAN#1", "PLAN#2", "PLAN#", "PLAN", "PLAN$", "PLAM#1", "plan#1", "P", "PLAN#\u{E9}", "\u{10FFFF}",
        ]
        try await load(partitions.map { item($0, "s", $0) }, into: table)
        for prefix in ["PLAN#", "PLAN", "P", "PLAN#\u{E9}", "x", "", "\u{10FFFF}"] {
            for limit in [1, 3, 100] {
                var found: [String] = []
                var scanned = 0
                let request = ScanRequest(limit: limit, partitionPrefix: Array(prefix.utf8))
                try await table.forEachPage(request) { page in
                    found += page.items.map { value($0) }
                    scanned += page.scannedCount
                }
                let expected = partitions.filter { $0.utf8.starts(with: prefix.utf8) }
                #expect(Set(found) == Set(expected), "\(prefix)")
                #expect(found.count == expected.count)
                #expect(scanned == partitions.count)
            }
        }
        let binaries = try await make(KeySchema(partition: KeyAttribute(name: "id", type: .binary)))
        for base64 in ["/w==", "//8=", "//4=", "/gA=", "AA=="] {
            try await load([item(#"{"id":{"B":"\#(base64)"}}"#)], into: binaries)
        }
        #expect(try await scanAll(binaries, ScanRequest(partitionPrefix: [0xFF])).count == 3)
        #expect(try await scanAll(binaries, ScanRequest(partitionPrefix: [0xFF, 0xFF])).count == 1)
        #expect(try await scanAll(binaries, ScanRequest(partitionPrefix: [0xFE])).count == 1)
        #expect(try await scanAll(binaries, ScanRequest(partitionPrefix: [0])).count == 1)
    }

    func cutsPagesAtOneMegabyte() async throws {
        let table = try await make(.standard)
        let items = (0..<12).map { item("p", "\(10 + $0)", size: 300_000) }
        try await load(items, into: table)
        var pages: [Int] = []
        try await table.forEachPage(ScanRequest()) { pages.append($0.items.count) }
        // DynamoDB may or may not include the item that passes the limit.
        #expect(pages.reduce(0, +) == 12)
        #expect(pages.allSatisfy { $0 <= 4 })
        var found: [String] = []
        for ascending in [true, false] {
            found = []
            try await table.forEachPage(QueryRequest(partition: KeyValue("p"), ascending: ascending)) { page in
                #expect(page.items.count <= 4)
                #expect(page.consumedReadUnits <= 320)
                found += page.items.map { text(of: "SK", $0) }
            }
            let expected = items.map { text(of: "SK", $0) }
            #expect(found == (ascending ? expected : expected.reversed()))
        }
    }

    func refusesBadPages() async throws {
        let table = try await make(.standard)
        for (segment, total) in [(-1, 2), (2, 2), (0, 0), (0, 1_000_001)] {
            await expectRefused { _ = try await table.scan(ScanRequest(segment: segment, totalSegments: total)) }
        }
        for limit in [0, -1] {
            await expectRefused("greater than or equal to 1") { _ = try await table.scan(ScanRequest(limit: limit)) }
            await expectRefused { _ = try await table.query(QueryRequest(partition: KeyValue("p"), limit: limit)) }
        }
        let badKeys = [
            ItemKey(partition: KeyValue("p")), ItemKey(partition: .number([0x31]), sort: KeyValue("s")), key("", "s"),
        ]
        for key in badKeys {
            await expectRefused { _ = try await table.scan(ScanRequest(startKey: key)) }
            await expectRefused { _ = try await table.query(QueryRequest(partition: KeyValue("p"), startKey: key)) }
        }
        await expectRefused { _ = try await table.query(QueryRequest(partition: .number([0x31]))) }
        await expectRefused { _ = try await table.query(QueryRequest(partition: KeyValue(""))) }
        // A key of another partition, or outside the prefix, starts no page.
        await expectRefused("outside query boundaries") {
            _ = try await table.query(QueryRequest(partition: KeyValue("p"), startKey: key("q", "s")))
        }
        await expectRefused("provided starting key") {
            _ = try await table.query(
                QueryRequest(partition: KeyValue("p"), sortBeginsWith: Array("a".utf8), startKey: key("p", "b")))
        }
    }

    /// Items over so many partitions, each with sort keys that are not in the order of writing.
    private func spread(_ count: Int, over partitions: Int) -> [Item] {
        (0..<count).map { item("p\($0 % partitions)", "s\(($0 * 7) % count)", "\($0)") }
    }
}
