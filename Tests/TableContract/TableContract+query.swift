import Items
import Tables
import Testing

extension TableContract {
    func queriesInPages() async throws {
        let table = try await make(.standard)
        #expect(try await queryAll(table, QueryRequest(partition: KeyValue("p"))).isEmpty)
        let sorts = (10..<30).map { "\($0)" }
        try await load(sorts.reversed().map { item("p", $0, $0) }, into: table)
        try await load([item("o", "15", "x"), item("pp", "15", "x")], into: table)
        for ascending in [true, false] {
            for limit in [1, 3, 19, 20, 21] {
                var found: [String] = []
                let request = QueryRequest(partition: KeyValue("p"), limit: limit, ascending: ascending)
                try await table.forEachPage(request) { page in
                    #expect(page.items.count <= limit)
                    found += page.items.map { value($0) }
                }
                #expect(found == (ascending ? sorts : sorts.reversed()), "limit \(limit)")
            }
        }
        // A page can start after a key that is not there.
        let after = QueryRequest(partition: KeyValue("p"), startKey: key("p", "275"))
        #expect(try await queryAll(table, after).map { value($0) } == ["28", "29"])
        let before = QueryRequest(partition: KeyValue("p"), startKey: key("p", "11"), ascending: false)
        #expect(try await queryAll(table, before).map { value($0) } == ["10"])
    }

    func ordersStringsByBytes() async throws {
        let table = try await make(.standard)
        // By UTF-8: the composed letter after all of ASCII and after "e" with a combining accent; a character beyond
        // the basic plane after U+FFFD, which UTF-16 would have the other way round.
        let ordered = [
            "A", "B", "a", "aa", "b", "e", "e\u{301}", "f", "\u{E9}", "\u{E9}a", "\u{FFFD}", "\u{1F600}",
        ]
        try await load(ordered.reversed().map { item("p", $0, $0) }, into: table)
        let found = try await queryAll(table, QueryRequest(partition: KeyValue("p")))
        #expect(found.map { Array(value($0).utf8) } == ordered.map { Array($0.utf8) })
        #expect(try await table.get(key("p", "e\u{301}")).map { Array(value($0).utf8) } == Array("e\u{301}".utf8))
        #expect(try await table.get(key("p", "\u{E9}")).map { Array(value($0).utf8) } == Array("\u{E9}".utf8))
    }

    func selectsByPrefix() async throws {
        let table = try await make(.standard)
        let sorts = [
            "META", "META#", "META#1", "META#10", "META#2", "META$", "MET", "meta#1", "\u{E9}", "\u{E9}t", "e\u{301}",
            "\u{10FFFF}", "\u{10FFFF}z",
        ]
        try await load(sorts.map { item("PLAN", $0, $0) } + [item("PLAN#1", "META#1", "other")], into: table)
        for prefix in ["META#", "META", "META#1", "M", "e", "\u{E9}", "\u{10FFFF}", "none", "META#100"] {
            let expected = sorts.map { Array($0.utf8) }.filter { $0.starts(with: prefix.utf8) }
                .sorted { $0.lexicographicallyPrecedes($1) }
            for ascending in [true, false] {
                for limit in [nil, 1] {
                    let request = QueryRequest(
                        partition: KeyValue("PLAN"), sortBeginsWith: Array(prefix.utf8), limit: limit,
                        ascending: ascending)
                    let found = try await queryAll(table, request).map { Array(value($0).utf8) }
                    #expect(found == (ascending ? expected : expected.reversed()), "\(prefix)")
                }
            }
        }
    }

    func ordersNumbersByValue() async throws {
        let table = try await make(
            KeySchema(
                partition: KeyAttribute(name: "id", type: .string), sort: KeyAttribute(name: "at", type: .number)))
        let ordered = [
            "-1E125", "-100", "-99.5", "-10", "-9", "-2", "-1.5", "-1", "-0.1", "-1E-130", "0", "1E-130", "0.09",
            "0.1", "1", "1.5", "2", "9", "10", "11", "99.5", "100", "1000000007",
            "12345678901234567890123456789012345678",
            "9E125",
        ]
        for number in ordered.reversed() {
            try await load([item(#"{"id":{"S":"p"},"at":{"N":"\#(number)"},"v":{"S":"\#(number)"}}"#)], into: table)
        }
        let found = try await queryAll(table, QueryRequest(partition: KeyValue("p"), limit: 2))
        #expect(found.map { value($0) } == ordered)
        // One value is one key, however it is written.
        try await load([item(#"{"id":{"S":"p"},"at":{"N":"10.00"},"v":{"S":"again"}}"#)], into: table)
        let ten = ItemKey(partition: KeyValue("p"), sort: .number(Array("1E1".utf8)))
        #expect(try await table.get(ten).map { value($0) } == "again")
        #expect(try await queryAll(table, QueryRequest(partition: KeyValue("p"))).count == ordered.count)
        await expectRefused {
            _ = try await table.query(QueryRequest(partition: KeyValue("p"), sortBeginsWith: [0x31]))
        }
    }

    func ordersBinariesByBytes() async throws {
        let schema = KeySchema(
            partition: KeyAttribute(name: "id", type: .binary), sort: KeyAttribute(name: "at", type: .binary))
        let table = try await make(schema)
        // 00, 0000, 0001, 01, 7F, 80, FF, FF00, FFFF
        let ordered = ["AA==", "AAA=", "AAE=", "AQ==", "fw==", "gA==", "/w==", "/wA=", "//8="]
        try await load(
            ordered.reversed().map { item(#"{"id":{"B":"AAEC"},"at":{"B":"\#($0)"},"v":{"S":"\#($0)"}}"#) }, into: table
        )
        let id = KeyValue.binary([0, 1, 2])
        #expect(try await queryAll(table, QueryRequest(partition: id, limit: 2)).map { value($0) } == ordered)
        let zeros = QueryRequest(partition: id, sortBeginsWith: [0])
        #expect(try await queryAll(table, zeros).map { value($0) } == ["AA==", "AAA=", "AAE="])
        let last = QueryRequest(partition: id, sortBeginsWith: [0xFF], ascending: false)
        #expect(try await queryAll(table, last).map { value($0) } == ["//8=", "/wA=", "/w=="])
        let one = ItemKey(partition: id, sort: .binary([0xFF, 0]))
        #expect(try await table.get(one).map { value($0) } == "/wA=")
    }

    func tableWithoutSortKey() async throws {
        let schema = KeySchema(partition: KeyAttribute(name: "id", type: .string))
        let table = try await make(schema)
        let items = (0..<9).map { item(#"{"id":{"S":"\#($0)"},"v":{"S":"\#($0)"}}"#) }
        try await load(items, into: table)
        #expect(Set(try await scanAll(table, ScanRequest(limit: 2)).map { value($0) }).count == 9)
        #expect(try await queryAll(table, QueryRequest(partition: KeyValue("3"), limit: 1)).map { value($0) } == ["3"])
        let three = ItemKey(partition: KeyValue("3"))
        #expect(try await table.get(three).map { value($0) } == "3")
        let move = Move(old: items[3], new: item(#"{"id":{"S":"new"},"v":{"S":"3"}}"#))
        #expect(try await table.transactMove([move]).isCommitted)
        #expect(try await table.get(three) == nil)
        await expectRefused { _ = try await table.delete(key("3", "s"), condition: .none) }
        await expectRefused { _ = try await table.query(QueryRequest(partition: KeyValue("3"), sortBeginsWith: [])) }
    }
}
