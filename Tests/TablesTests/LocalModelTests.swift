import ByteStreams
import Items
import Tables
import TestSupport
import Testing

/// Random operations on a local table and on a dictionary, which have to stay equal; the file is opened anew now and then.
@Suite struct LocalModelTests {
    @Test func behavesLikeADictionary() async throws {
        var random = SeededGenerator(seed: testSeed("LocalModelTests"))
        let schema = KeySchema(
            partition: KeyAttribute(name: "p", type: .string), sort: KeyAttribute(name: "s", type: .number))
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/t.db"
            var table = try LocalTable.create(path: path, name: "t", schema: schema)
            var model: [ItemKey: Item] = [:]
            for step in 0..<400 {
                switch Int.random(in: 0..<12, using: &random) {
                case 0..<3:
                    var keys: Set<ItemKey> = []
                    let requests = try randomRequests(25, schema, &random).filter {
                        keys.insert(try $0.key(schema)).inserted
                    }
                    _ = try await table.batchWrite(requests)
                    for request in requests { try apply(request, to: &model, schema) }
                case 3:
                    let requests = try randomRequests(200, schema, &random)
                    _ = try await table.bulkWrite(requests)
                    for request in requests { try apply(request, to: &model, schema) }
                case 4, 5:
                    let item = try randomItem(&random)
                    let (condition, holds) = try randomCondition(try item.key(schema), model, &random)
                    let isDone = isDone(try await table.put(item, condition: condition))
                    #expect(isDone == holds, "step \(step)")
                    if holds { try apply(.put(item), to: &model, schema) }
                case 6, 7:
                    let key = try randomItem(&random).key(schema)
                    let (condition, holds) = try randomCondition(key, model, &random)
                    let isDone = isDone(try await table.delete(key, condition: condition))
                    #expect(isDone == holds, "step \(step)")
                    if holds { model[key] = nil }
                case 8:
                    try await move(table, &model, schema, &random)
                case 9:
                    let prefix = Array("p\(Int.random(in: 0..<3, using: &random))".utf8)
                    let request = ScanRequest(limit: Int.random(in: 1..<40, using: &random), partitionPrefix: prefix)
                    var found: [Item] = []
                    try await table.forEachPage(request) { found += $0.items }
                    let expected = model.filter { partition($0.key).starts(with: prefix) }.values
                    expectEqual(found, Array(expected), "step \(step)")
                case 10:
                    try table.close()
                    table = try LocalTable.open(path: path)
                default:
                    try await query(table, model, &random)
                }
            }
            var found: [Item] = []
            for segment in 0..<4 {
                let request = ScanRequest(segment: segment, totalSegments: 4, limit: 7)
                try await table.forEachPage(request) { found += $0.items }
            }
            expectEqual(found, Array(model.values), "at the end")
            let description = try await table.describe()
            #expect(description.itemCount == model.count)
            #expect(description.sizeBytes == model.values.reduce(0) { $0 + $1.size })
            try table.close()
        }
    }

    private func query(
        _ table: LocalTable, _ model: [ItemKey: Item], _ random: inout SeededGenerator
    ) async throws {
        let wanted = KeyValue("p\(Int.random(in: 0..<30, using: &random))")
        let ascending = Bool.random(using: &random)
        let limit = Int.random(in: 1..<9, using: &random)
        var found: [ItemKey] = []
        try await table.forEachPage(QueryRequest(partition: wanted, limit: limit, ascending: ascending)) { page in
            for item in page.items { found.append(try! item.key(table.schema)) }
        }
        let keys = model.keys.filter { $0.partition == wanted }.sorted { sortNumber($0) < sortNumber($1) }
        #expect(found == (ascending ? keys : keys.reversed()))
    }

    /// Moves some random items, with now and then one that stands in the way.
    private func move(
        _ table: LocalTable, _ model: inout [ItemKey: Item], _ schema: KeySchema, _ random: inout SeededGenerator
    ) async throws {
        var used: Set<ItemKey> = []
        var moves: [Move] = []
        let ordered = model.keys.sorted { $0.sortableBytes.lexicographicallyPrecedes($1.sortableBytes) }
        for key in ordered.shuffled(using: &random).prefix(Int.random(in: 1...6, using: &random)) {
            let new = try randomItem(&random)
            let newKey = try new.key(schema)
            guard used.insert(key).inserted, used.insert(newKey).inserted, let old = model[key] else { continue }
            let isStale = Int.random(in: 0..<12, using: &random) == 0
            moves.append(Move(old: isStale ? try randomItem(at: key, &random) : old, new: new))
        }
        let holds = try moves.allSatisfy { move in
            let isUnchanged = model[try move.old.key(schema)]?.isEqual(to: move.old) ?? false
            let isFree = model[try move.new.key(schema)]?.isEqual(to: move.new) ?? true
            return isUnchanged && isFree
        }
        let result = try await table.transactMove(moves)
        #expect(result.isCommitted == holds)
        if holds {
            for move in moves { model[try move.old.key(schema)] = nil }
            for move in moves { model[try move.new.key(schema)] = move.new.normalized() }
        }
    }

    private func apply(_ request: WriteRequest, to model: inout [ItemKey: Item], _ schema: KeySchema) throws {
        switch request {
        case .put(let item): model[try item.key(schema)] = item.normalized()
        case .delete(let key): model[key] = nil
        }
    }

    private func randomRequests(
        _ count: Int, _ schema: KeySchema, _ random: inout SeededGenerator
    ) throws -> [WriteRequest] {
        var requests: [WriteRequest] = []
        for _ in 0..<count {
            let item = try randomItem(&random)
            requests.append(Int.random(in: 0..<4, using: &random) == 0 ? .delete(try item.key(schema)) : .put(item))
        }
        return requests
    }

    private func randomItem(_ random: inout SeededGenerator) throws -> Item {
        let number = Int.random(in: -20...20, using: &random)
        // The same values in several spellings.
        let text = Bool.random(using: &random) ? "\(number)" : "\(number * 10)e-1"
        return try item("p\(Int.random(in: 0..<30, using: &random))", text, &random)
    }

    private func randomItem(at key: ItemKey, _ random: inout SeededGenerator) throws -> Item {
        try item(String(decoding: partition(key), as: UTF8.self), "\(sortNumber(key))", &random)
    }

    private func item(_ partition: String, _ sort: String, _ random: inout SeededGenerator) throws -> Item {
        let value = UInt64.random(in: 0...UInt64.max, using: &random)
        let filler = String(repeating: "x", count: Int.random(in: 0..<300, using: &random))
        let json = #"{"v":{"N":"\#(value)"},"p":{"S":"\#(partition)"},"s":{"N":"\#(sort)"},"f":{"S":"\#(filler)"}}"#
        return try Item(validating: Array(json.utf8))
    }

    private func randomCondition(
        _ key: ItemKey, _ model: [ItemKey: Item], _ random: inout SeededGenerator
    ) throws -> (WriteCondition, Bool) {
        let current = model[key]
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return (.none, true)
        case 1: return (.absent, current == nil)
        case 2: return (.exists, current != nil)
        default:
            if let current, Bool.random(using: &random) { return (.equals(current), true) }
            return (.equals(try randomItem(at: key, &random)), false)
        }
    }

    private func isDone(_ outcome: WriteOutcome) -> Bool { if case .done = outcome { true } else { false } }

    private func expectEqual(_ found: [Item], _ expected: [Item], _ comment: Comment) {
        func sorted(_ items: [Item]) -> [String] { items.map { String(decoding: $0.json, as: UTF8.self) }.sorted() }
        #expect(sorted(found) == sorted(expected), comment)
    }

    private func partition(_ key: ItemKey) -> [UInt8] {
        if case .string(let bytes) = key.partition { bytes } else { [] }
    }

    private func sortNumber(_ key: ItemKey) -> Int {
        guard case .number(let text)? = key.sort else { return .min }
        let parts = String(decoding: text, as: UTF8.self).split(separator: "E")
        return (Int(parts[0]) ?? .min) * (parts.count > 1 ? 10 : 1)
    }
}
