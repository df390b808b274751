import ByteStreams
import Items
import Tables
import Testing

/// A checked item from its typed JSON.
func item(_ json: String, sourceLocation: SourceLocation = #_sourceLocation) -> Item {
    do {
        return try Item(validating: Array(json.utf8))
    } catch {
        Issue.record("\(error.reason): \(json)", sourceLocation: sourceLocation)
        return Item(trusted: Array(json.utf8))
    }
}

/// An item under two strings with one more attribute, `v`.
func item(_ partition: String, _ sort: String, _ value: String) -> Item {
    item(#"{"PK":{"S":"\#(partition)"},"SK":{"S":"\#(sort)"},"v":{"S":"\#(value)"}}"#)
}

/// An item of so many bytes by DynamoDB's count.
func item(_ partition: String, _ sort: String, size: Int) -> Item {
    let names = 2 + partition.utf8.count + 2 + sort.utf8.count + 1
    let result = item(partition, sort, String(repeating: "x", count: size - names))
    #expect(result.size == size)
    return result
}

func key(_ partition: String, _ sort: String) -> ItemKey {
    ItemKey(partition: KeyValue(partition), sort: KeyValue(sort))
}

func key(of item: Item, _ schema: KeySchema = .standard) throws -> ItemKey { try item.key(schema) }

func value(_ item: Item) -> String { text(of: "v", item) }

func text(of name: String, _ item: Item) -> String {
    String(decoding: item.attribute(name)?.text ?? [], as: UTF8.self)
}

func text(_ item: Item) -> String { String(decoding: item.json, as: UTF8.self) }

/// Puts items, the way a caller of a table that may leave some unprocessed has to.
func load(_ items: [Item], into table: any Table) async throws {
    var start = 0
    while start < items.count {
        let end = min(start + table.limits.batchWrite, items.count)
        var waiting = items[start..<end].map { WriteRequest.put($0) }
        var tries = 0
        while !waiting.isEmpty {
            tries += 1
            try #require(tries < 1000, "the table does not get on with \(waiting.count) requests")
            waiting = try await table.batchWrite(waiting).unprocessed
        }
        start = end
    }
}

/// All items of a scan, page by page.
func scanAll(_ table: any Table, _ request: ScanRequest = ScanRequest()) async throws -> [Item] {
    var items: [Item] = []
    try await table.forEachPage(request) { page in items += page.items }
    return items
}

/// All items of a query, page by page.
func queryAll(_ table: any Table, _ request: QueryRequest) async throws -> [Item] {
    var items: [Item] = []
    try await table.forEachPage(request) { page in items += page.items }
    return items
}

/// Expects a request to be refused as bad input, with words of DynamoDB in the message.
func expectRefused(
    _ words: String = "", sourceLocation: SourceLocation = #_sourceLocation, _ request: () async throws -> Void
) async {
    do {
        try await request()
        Issue.record("was not refused: \(words)", sourceLocation: sourceLocation)
    } catch let error as RekeyError {
        #expect(error.code == .badInput, "\(error)", sourceLocation: sourceLocation)
        #expect(
            words.isEmpty || error.message.contains(words), "\(error) does not say: \(words)",
            sourceLocation: sourceLocation)
    } catch {
        Issue.record("\(error)", sourceLocation: sourceLocation)
    }
}
