import ByteStreams
import Items
import Tables
import TestSupport
import Testing

@Suite struct WriteBatchTests {
    private func item(_ sort: String, _ text: String = "") throws -> Item {
        try Item(validating: Array(#"{"PK":{"S":"p"},"SK":{"S":"\#(sort)"},"t":{"S":"\#(text)"}}"#.utf8))
    }

    private func key(_ sort: String) -> ItemKey { ItemKey(partition: KeyValue("p"), sort: KeyValue(sort)) }

    private func rendered(_ batch: WriteBatch, _ part: WriteBatch.Part) -> String {
        var writer = ByteWriter()
        batch.append(part, to: &writer)
        return String(decoding: writer.array, as: UTF8.self)
    }

    @Test func standsInTheWordsOfTheRequest() throws {
        let batch = WriteBatch(schema: .standard)
        try batch.add(.put(item("1", "a")))
        try batch.add(.delete(key("2")))
        let parts = batch.parts(of: 25)
        #expect(parts.map(\.count) == [2])
        #expect(
            rendered(batch, parts[0])
                == #"{"PutRequest":{"Item":{"PK":{"S":"p"},"SK":{"S":"1"},"t":{"S":"a"}}}},{"DeleteRequest":{"Key":{"PK":{"S":"p"},"SK":{"S":"2"}}}}"#
        )
        #expect(batch.units == 2)
        batch.removeAll()
        #expect(batch.parts(of: 25).isEmpty)
        #expect(batch.isEmpty)
    }

    /// As of one array of requests: DynamoDB refuses a batch that names an item twice.
    @Test func theLastRequestOfEachItemInTheirOrder() throws {
        let requests: [WriteRequest] = [
            .put(try item("1", "first")), .put(try item("2")), .delete(key("1")), .put(try item("3")),
            .put(try item("1", "last")), .delete(key("3")),
        ]
        let last = try lastOfEachItem(requests, schema: .standard)
        #expect(try last.map { try $0.key(.standard) } == ["2", "1", "3"].map(key))
        guard case .put(let put) = last[1], case .delete = last[2] else {
            Issue.record("\(last)")
            return
        }
        #expect(put.isEqual(to: try item("1", "last")))
    }

    /// Many random requests for few keys: each key stands once in all parts, with its last request.
    @Test func onlyTheLastRequestOfAnItemStands() throws {
        let seed = testSeed("write batch")
        var random = SeededGenerator(seed: seed)
        for _ in 0..<50 {
            let batch = WriteBatch(schema: .standard)
            var expected: [String: String] = [:]
            let count = Int(random.next() % 600)
            let keys = random.next() % 400 + 1
            for number in 0..<count {
                let sort = "\(random.next() % keys)"
                if random.next() % 4 == 0 {
                    try batch.add(.delete(key(sort)))
                    expected[sort] = "deleted"
                } else {
                    try batch.add(.put(item(sort, "\(number)")))
                    expected[sort] = "\(number)"
                }
            }
            var found: [String: String] = [:]
            for part in batch.parts(of: 25) {
                #expect(part.count <= 25)
                let text = rendered(batch, part)
                #expect(text.utf8.count <= part.byteCount)
                let requests = try JSONReader.parse(Array("[\(text)]".utf8), source: "part").elements ?? []
                #expect(requests.count == part.count)
                for request in requests {
                    let put = request["PutRequest"]?["Item"]
                    let sort = (put ?? request["DeleteRequest"]?["Key"])?["SK"]?["S"]?.string ?? ""
                    #expect(found.updateValue(put?["t"]?["S"]?.string ?? "deleted", forKey: sort) == nil)
                }
            }
            #expect(found == expected, "seed \(seed)")
            #expect(batch.count == count)
            #expect(batch.units == Double(expected.count))
            #expect(try batch.allRequests.count == count)
        }
    }

    @Test func partsKeepTheirBytes() throws {
        let batch = WriteBatch(schema: .standard)
        for number in 0..<30 { try batch.add(.put(item("\(number)", String(repeating: "x", count: 1000)))) }
        let parts = batch.parts(of: 25, maximumBytes: 5000)
        #expect(parts.map(\.count).reduce(0, +) == 30)
        #expect(parts.allSatisfy { $0.byteCount <= 5000 && $0.count == 4 || $0.count == 2 })
        // One request that is larger than all goes alone.
        #expect(batch.parts(of: 25, maximumBytes: 10).map(\.count) == Array(repeating: 1, count: 30))
    }

    @Test func refusesWhatDynamoDBRefusesAndStaysAsItWas() throws {
        let batch = WriteBatch(schema: .standard)
        try batch.add(.put(item("1")))
        #expect(throws: RekeyError.self) { try batch.add(.put(Item(trusted: Array(#"{"PK":{"S":"p"}}"#.utf8)))) }
        #expect(throws: RekeyError.self) { try batch.add(.put(item("2", String(repeating: "x", count: 409_600)))) }
        #expect(throws: RekeyError.self) { try batch.add(.delete(ItemKey(partition: KeyValue("p")))) }
        #expect(batch.count == 1)
        #expect(
            batch.parts(of: 25).map { rendered(batch, $0) } == [
                #"{"PutRequest":{"Item":{"PK":{"S":"p"},"SK":{"S":"1"},"t":{"S":""}}}}"#
            ])
    }
}
