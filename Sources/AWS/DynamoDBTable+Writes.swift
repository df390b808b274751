package import ByteStreams
package import Items
import Synchronization
package import Tables

extension DynamoDBTable {
    package func batchWrite(_ requests: [WriteRequest]) async throws(RekeyError) -> BatchWriteResult {
        try checks.check(batch: requests)
        if requests.isEmpty { return BatchWriteResult() }
        return try written(try await sent("BatchWriteItem", body(of: requests)))
    }

    /// What BatchWriteItem answers.
    func written(_ answer: [UInt8]) throws(RekeyError) -> BatchWriteResult {
        try read(answer) { (reader) throws(ItemError) in
            var result = BatchWriteResult()
            try reader.members { (reader, member) throws(ItemError) in
                if isEqual(member, "UnprocessedItems") {
                    try reader.members { (reader, _) throws(ItemError) in
                        try reader.elements { (reader) throws(ItemError) in
                            result.unprocessed.append(try writeRequest(try reader.value()))
                        }
                    }
                } else if isEqual(member, "ConsumedCapacity") {
                    try reader.elements { (reader) throws(ItemError) in
                        result.consumedWriteUnits += try Self.units(&reader)
                    }
                } else {
                    try reader.skip()
                }
            }
            return result
        }
    }

    package func put(_ item: Item, condition: WriteCondition) async throws(RekeyError) -> WriteOutcome {
        let key = try checks.check(item)
        var body = RequestBody(table: name)
        body.member("Item", json: item.json)
        return try await write("PutItem", body, key, condition, written: item)
    }

    package func delete(_ key: ItemKey, condition: WriteCondition) async throws(RekeyError) -> WriteOutcome {
        try checks.check(key)
        var body = RequestBody(table: name)
        body.member("Key", json: key.json(schema))
        return try await write("DeleteItem", body, key, condition, written: nil)
    }

    /// A write under a condition. `equals` is compared by all attributes in a consistent read just before, and again in the
    /// write itself as far as an expression goes: see `Comparison`.
    private func write(
        _ operation: String, _ body: consuming RequestBody, _ key: ItemKey, _ condition: WriteCondition, written: Item?
    ) async throws(RekeyError) -> WriteOutcome {
        switch condition {
        case .none: break
        case .absent: body.condition(Comparison(expression: "attribute_not_exists(#k)", schema: schema))
        case .exists: body.condition(Comparison(expression: "attribute_exists(#k)", schema: schema))
        case .equals(let expected):
            let current = try await get(key)
            guard let current, current.isEqual(to: expected) else { return .conditionFailed(current: current) }
            body.condition(compare(expected))
        }
        let bytes = body.finished()
        let answer: [UInt8]
        let limit = inFlightLimit
        let lost = LostAnswers()
        do throws(ServiceError) {
            answer = try await client.prepared(
                "DynamoDB_20120810.\(operation)", bytes, policy: .patient,
                noting: { failure in
                    limit.note(failure)
                    lost.note(failure)
                }
            ).answer().body
        } catch {
            guard error.kind == .conditionFailed else { throw told(error) }
            let current = try await get(key)
            // An earlier attempt whose answer was lost has done it.
            let isDone = written.map { wanted in current?.isEqual(to: wanted) ?? false } ?? (current == nil)
            return lost.mayHaveBeenDone && isDone
                ? .done(consumedWriteUnits: CapacityUnits.write(written?.size ?? 0))
                : .conditionFailed(current: current)
        }
        let units = try read(answer) { (reader) throws(ItemError) in
            var units = 0.0
            try reader.members { (reader, member) throws(ItemError) in
                if isEqual(member, "ConsumedCapacity") { units = try Self.units(&reader) } else { try reader.skip() }
            }
            return units
        }
        return .done(consumedWriteUnits: units)
    }

    private func body(of requests: [WriteRequest]) -> [UInt8] {
        var writer = ByteWriter(capacity: 16 << 10)
        beginBatch(&writer)
        for (index, request) in requests.enumerated() {
            if index > 0 { writer.append(UInt8(ascii: ",")) }
            switch request {
            case .put(let item):
                writer.append("{\"PutRequest\":{\"Item\":" as StaticString)
                writer.append(item.json)
            case .delete(let key):
                writer.append("{\"DeleteRequest\":{\"Key\":" as StaticString)
                writer.append(key.json(schema))
            }
            writer.append("}}" as StaticString)
        }
        endBatch(&writer)
        return writer.array
    }

    /// What stands around the requests of a batch.
    func beginBatch(_ writer: inout ByteWriter) {
        writer.append("{\"ReturnConsumedCapacity\":\"TOTAL\",\"RequestItems\":{" as StaticString)
        JSONTree.appendQuoted(Array(name.utf8), to: &writer)
        writer.append(":[" as StaticString)
    }

    func endBatch(_ writer: inout ByteWriter) { writer.append("]}}" as StaticString) }

    private func writeRequest(_ bytes: UnsafeRawBufferPointer) throws(ItemError) -> WriteRequest {
        var scanner = RecordScanner()
        let record = try scanner.scan(bytes)
        if let image = record.image { return .put(Item(trusted: Array(bytes[image]))) }
        guard let keys = record.keys else { throw ItemError("an unprocessed request is neither put nor delete", at: 0) }
        return .delete(try Item(trusted: Array(bytes[keys])).key(schema))
    }
}

/// Whether an attempt that failed may have been carried out all the same.
private final class LostAnswers: Sendable {
    private let isLost = Atomic(false)

    var mayHaveBeenDone: Bool { isLost.load(ordering: .sequentiallyConsistent) }

    func note(_ failure: ServiceError) {
        if failure.isRetryable, !failure.isThrottling { isLost.store(true, ordering: .sequentiallyConsistent) }
    }
}

/// A condition that an item is still the same, within the limits of an expression: 4 KB of text and 300 operators.
///
/// Each top-level attribute is compared by value, 148 at most, keys aside. Of attributes that were added since, those are seen whose
/// names are `known` from other items, as far as the text and the operators have room.
/// Source: "Service, account, and table quotas", Amazon DynamoDB Developer Guide.
struct Comparison {
    /// Two operators each, and what stands around them in the longest form.
    static let maximumAttributes = 148
    /// AND, OR and each comparator; functions are counted as well, for the guide does not say that they are free.
    static let maximumOperators = 300
    /// Bytes of expression; the rest of DynamoDB's 4 KB is for what the expression stands in.
    static let maximumBytes = 4000

    var expression: String
    var names: [JSONTree.Member]
    var values: [(String, [UInt8])] = []

    /// An expression over the partition key, `#k`.
    init(expression: String, schema: KeySchema) {
        self.expression = expression
        names = [JSONTree.Member(name: Array("#k".utf8), value: .text(schema.partition.name))]
    }

    /// - Parameters:
    ///   - known: names of attributes that must be absent where the item has none of them.
    ///   - orAbsent: true where there may be no item as well.
    init(of item: Item, schema: KeySchema, known: Set<[UInt8]> = [], orAbsent: Bool = false) {
        self.init(expression: "attribute_exists(#k)", schema: schema)
        var operators = orAbsent ? 4 : 1
        var terms = [expression]
        let keys = [schema.partition.name, schema.sort?.name].compactMap { $0.map { Array($0.utf8) } }
        var own: Set<[UInt8]> = []
        item.withView { view in
            for slot in view.attributes {
                guard let text = Self.name(view.bytes(slot.name)), !keys.contains(text) else { continue }
                own.insert(text)
                guard terms.count <= Self.maximumAttributes else { continue }
                let number = terms.count
                names.append(JSONTree.Member(name: Array("#\(number)".utf8), value: .string(text)))
                values.append((":\(number)", Array(view.bytes(slot.value))))
                terms.append("#\(number)=:\(number)")
                operators += 2
            }
        }
        expression = terms.joined(separator: " AND ")
        for text in known.sorted(by: { $0.lexicographicallyPrecedes($1) })
        where !own.contains(text) && !keys.contains(text) {
            let term = " AND attribute_not_exists(#\(names.count))"
            guard operators + 2 <= Self.maximumOperators,
                expression.utf8.count + term.utf8.count <= Self.maximumBytes
            else { break }
            names.append(JSONTree.Member(name: Array("#\(names.count)".utf8), value: .string(text)))
            expression += term
            operators += 2
        }
        if orAbsent { expression = "attribute_not_exists(#k) OR (\(expression))" }
    }

    /// The name of an attribute without its escapes.
    static func name(_ escaped: UnsafeRawBufferPointer) -> [UInt8]? {
        var name = ByteWriter()
        name.append(UInt8(ascii: "\""))
        name.append(escaped)
        name.append(UInt8(ascii: "\""))
        guard case .string(let text)? = try? JSONReader.parse(name.array, source: "a name") else { return nil }
        return text
    }
}

extension DynamoDBTable {
    /// A condition that an item is still the same.
    func compare(_ item: Item) -> Comparison {
        note([item])
        return Comparison(of: item, schema: schema, known: knownNames.withLock { $0 })
    }

    /// Remembers the names of the items' attributes: of one that lacks them, they must still be absent when it is compared.
    func note(_ items: [Item]) {
        knownNames.withLock { known in
            for item in items where known.count < Comparison.maximumAttributes {
                item.withView { view in
                    for slot in view.attributes {
                        if let name = Comparison.name(view.bytes(slot.name)) { known.insert(name) }
                    }
                }
            }
        }
    }
}

extension RequestBody {
    mutating func condition(_ comparison: Comparison) {
        member("ConditionExpression", text: comparison.expression)
        member("ExpressionAttributeNames", json: JSONTree.object(comparison.names).compact)
        values(comparison.values)
    }
}
