import Items
import Tables
import Testing

extension TableContract {
    func refusesLargeBatches() async throws {
        let table = try await make(.standard)
        let puts = (0..<26).map { WriteRequest.put(item("p", "\($0)", "x")) }
        await expectRefused("Too many items requested for the BatchWriteItem call") {
            _ = try await table.batchWrite(puts)
        }
        let deletes = (0..<26).map { WriteRequest.delete(key("p", "\($0)")) }
        await expectRefused { _ = try await table.batchWrite(deletes) }
        #expect(try await scanAll(table).isEmpty)
    }

    func refusesEqualKeysInABatch() async throws {
        let words = "Provided list of item keys contains duplicates"
        let table = try await make(.standard)
        let first = item("p", "1", "a")
        await expectRefused(words) { _ = try await table.batchWrite([.put(first), .put(item("p", "1", "b"))]) }
        await expectRefused(words) { _ = try await table.batchWrite([.put(first), .delete(key("p", "1"))]) }
        await expectRefused(words) {
            _ = try await table.batchWrite([.delete(key("p", "1")), .put(item("q", "1", "b")), .delete(key("p", "1"))])
        }
        #expect(try await scanAll(table).isEmpty)
        let numbers = try await make(KeySchema(partition: KeyAttribute(name: "id", type: .number)))
        await expectRefused(words) {
            _ = try await numbers.batchWrite([
                .put(item(#"{"id":{"N":"1"}}"#)), .put(item(#"{"id":{"N":"1.0"}}"#)),
            ])
        }
        #expect(try await scanAll(numbers).isEmpty)
    }

    func refusesBadKeys() async throws {
        let table = try await make(.standard)
        let bad = [
            #"{"PK":{"S":"p"}}"#, #"{"SK":{"S":"p"}}"#, #"{"PK":{"N":"1"},"SK":{"S":"s"}}"#,
            #"{"PK":{"S":"p"},"SK":{"B":"AA=="}}"#, #"{"PK":{"S":""},"SK":{"S":"s"}}"#,
            #"{"PK":{"S":"p"},"SK":{"S":""}}"#,
        ].map { item($0) }
        let good = item("p", "good", "x")
        for bad in bad {
            await expectRefused { _ = try await table.put(bad, condition: .none) }
            // The good one is not written either.
            await expectRefused { _ = try await table.batchWrite([.put(good), .put(bad)]) }
            await expectRefused { _ = try await table.bulkWrite([.put(good), .put(bad)]) }
            await expectRefused { _ = try await table.transactMove([Move(old: good, new: bad)]) }
        }
        let keys = [
            ItemKey(partition: KeyValue("p")), key("", "s"), key("p", ""),
            ItemKey(partition: .number([0x31]), sort: KeyValue("s")),
            ItemKey(partition: KeyValue("p"), sort: .binary([1])),
        ]
        for key in keys {
            await expectRefused { _ = try await table.batchGet([key], consistent: true) }
            await expectRefused { _ = try await table.delete(key, condition: .none) }
            await expectRefused { _ = try await table.batchWrite([.put(good), .delete(key)]) }
        }
        #expect(try await scanAll(table).isEmpty)
    }

    func limitsItemSize() async throws {
        let table = try await make(.standard)
        let words = "Item size has exceeded the maximum allowed size"
        let largest = item("p", "largest", size: 409_600)
        let tooLarge = item("p", "too large", size: 409_601)
        try await load([largest], into: table)
        #expect(try await table.get(key("p", "largest"))?.isEqual(to: largest) == true)
        await expectRefused(words) { _ = try await table.put(tooLarge, condition: .none) }
        await expectRefused(words) { _ = try await table.batchWrite([.put(item("p", "1", "x")), .put(tooLarge)]) }
        await expectRefused(words) { _ = try await table.transactMove([Move(old: largest, new: tooLarge)]) }
        #expect(try await scanAll(table).count == 1)
    }

    func limitsKeySize() async throws {
        let table = try await make(.standard)
        // Two bytes a character: the limit is in bytes.
        let partition = String(repeating: "\u{E9}", count: 1024)
        let sort = String(repeating: "\u{E9}", count: 512)
        let largest = item(partition, sort, "x")
        try await load([largest], into: table)
        #expect(try await table.get(key(partition, sort))?.isEqual(to: largest) == true)
        #expect(try await queryAll(table, QueryRequest(partition: KeyValue(partition))).count == 1)
        #expect(try await scanAll(table, ScanRequest(limit: 1)).count == 1)
        for (partition, sort) in [(partition + "x", sort), (partition, sort + "x")] {
            await expectRefused { _ = try await table.put(item(partition, sort, "x"), condition: .none) }
            await expectRefused { _ = try await table.delete(key(partition, sort), condition: .none) }
            await expectRefused { _ = try await table.batchGet([key(partition, sort)], consistent: true) }
        }
    }

    func batchGetLimits() async throws {
        let table = try await make(.standard)
        let items = (0..<101).map { item("p\($0 % 7)", "\($0)", "\($0)") }
        try await load(items, into: table)
        let keys = try items.map { try key(of: $0) }
        let answer = try await table.batchGet(Array(keys.prefix(99)) + [key("p", "missing")], consistent: true)
        #expect(answer.unprocessed.isEmpty)
        #expect(Set(answer.items.map { value($0) }) == Set((0..<99).map { "\($0)" }))
        #expect(answer.items.count == 99)
        await expectRefused("Too many items requested for the BatchGetItem call") {
            _ = try await table.batchGet(keys, consistent: true)
        }
        await expectRefused("Provided list of item keys contains duplicates") {
            _ = try await table.batchGet([keys[0], keys[1], keys[0]], consistent: true)
        }
        #expect(try await table.batchGet([], consistent: true).items.isEmpty)
        // 50 items of 400 KB are more than one answer may hold: read or told apart, never lost.
        let large = (0..<50).map { item("large", "\($0)", size: 409_600) }
        for start in stride(from: 0, to: 50, by: 25) { try await load(Array(large[start..<start + 25]), into: table) }
        var waiting = try large.map { try key(of: $0) }
        var found: Set<String> = []
        while !waiting.isEmpty {
            let answer = try await table.batchGet(waiting, consistent: true)
            #expect(answer.items.count + answer.unprocessed.count == waiting.count)
            for item in answer.items { #expect(found.insert(text(of: "SK", item)).inserted) }
            waiting = answer.unprocessed
            try #require(!answer.items.isEmpty)
        }
        #expect(found.count == 50)
    }

    func accountsForEachRequest() async throws {
        let table = try await make(.standard)
        let requests = (0..<25).map { WriteRequest.put(item("p\($0)", "s", "\($0)")) }
        let sent = Set(try requests.map { try $0.key(.standard) })
        let answer = try await table.batchWrite(requests)
        let waiting = try answer.unprocessed.map { try $0.key(.standard) }
        #expect(Set(waiting).count == waiting.count)
        #expect(Set(waiting).isSubset(of: sent))
        let stored = Set(try await scanAll(table).map { try key(of: $0) })
        #expect(stored == sent.subtracting(waiting))
    }

    func bulkWriteLastWins() async throws {
        let table = try await make(.standard)
        var requests: [WriteRequest] = []
        for round in 0..<3 {
            for number in 0..<40 {
                let sort = "\(number)"
                requests.append(
                    (round + number) % 4 == 3 ? .delete(key("p", sort)) : .put(item("p", sort, "\(round)")))
            }
        }
        #expect(try await table.bulkWrite(requests).unprocessed.isEmpty)
        // The last round alone decides.
        let expected = (0..<40).filter { (2 + $0) % 4 != 3 }.map { "\($0)" }
        let items = try await scanAll(table)
        #expect(Set(items.map { text(of: "SK", $0) }) == Set(expected))
        #expect(items.allSatisfy { value($0) == "2" })
        #expect(try await table.bulkWrite([]).unprocessed.isEmpty)
        // The same in a batch that was rendered before.
        let second = try await make(.standard)
        let batch = WriteBatch(schema: .standard)
        for request in requests { try batch.add(request) }
        #expect(try await second.bulkWrite(batch).unprocessed.isEmpty)
        #expect(Set(try await scanAll(second).map(\.json)) == Set(items.map(\.json)))
        #expect(try await second.bulkWrite(WriteBatch(schema: .standard)).unprocessed.isEmpty)
    }

    func consumesWriteUnits() async throws {
        let table = try await make(.standard)
        let write = try await table.batchWrite([
            .put(item("p", "1", size: 1024)), .put(item("p", "2", size: 1025)), .delete(key("p", "3")),
        ])
        #expect(write.consumedWriteUnits == 4)
        // A replacement costs the larger of both, a delete what it removes.
        guard case .done(let replaced) = try await table.put(item("p", "2", size: 100), condition: .none),
            case .done(let deleted) = try await table.delete(key("p", "1"), condition: .none)
        else {
            Issue.record("an unconditional write failed")
            return
        }
        #expect(replaced == 2)
        #expect(deleted == 1)
    }

    func consumesReadUnits() async throws {
        let table = try await make(.standard)
        try await load([item("p", "1", size: 4096), item("p", "2", size: 4097)], into: table)
        #expect(try await table.query(QueryRequest(partition: KeyValue("p"))).consumedReadUnits == 3)
        #expect(
            try await table.query(QueryRequest(partition: KeyValue("p"), consistent: false)).consumedReadUnits == 1.5)
        #expect(try await table.scan(ScanRequest(consistent: true)).consumedReadUnits == 3)
        #expect(try await table.batchGet([key("p", "1"), key("p", "2")], consistent: true).consumedReadUnits == 3)
    }
}
