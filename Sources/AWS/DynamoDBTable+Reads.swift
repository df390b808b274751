package import ByteStreams
package import Items
package import Tables

extension DynamoDBTable {
    package func scan(_ request: ScanRequest) async throws(RekeyError) -> Page {
        try checks.check(request)
        var body = RequestBody(table: name)
        body.consistent(request.consistent)
        body.member("Segment", number: request.segment)
        body.member("TotalSegments", number: request.totalSegments)
        if let limit = request.limit { body.member("Limit", number: limit) }
        if let key = request.startKey { body.member("ExclusiveStartKey", json: key.json(schema)) }
        if let prefix = request.partitionPrefix {
            body.member("FilterExpression", text: "begins_with(#p, :p)")
            body.member(
                "ExpressionAttributeNames", json: JSONTree.members(["#p": .text(schema.partition.name)]).compact)
            body.values([(":p", Self.value(prefix, schema.partition.type))])
        }
        return try await page("Scan", body.finished())
    }

    package func query(_ request: QueryRequest) async throws(RekeyError) -> Page {
        try checks.check(request)
        var body = RequestBody(table: name)
        body.consistent(request.consistent)
        if let limit = request.limit { body.member("Limit", number: limit) }
        if !request.ascending { body.member("ScanIndexForward", json: Array("false".utf8)) }
        if let key = request.startKey { body.member("ExclusiveStartKey", json: key.json(schema)) }
        var names: [JSONTree.Member] = [
            JSONTree.Member(name: Array("#p".utf8), value: .text(schema.partition.name))
        ]
        var values = [(":p", request.partition.json)]
        var expression = "#p = :p"
        if let prefix = request.sortBeginsWith, let sort = schema.sort {
            expression += " AND begins_with(#s, :s)"
            names.append(JSONTree.Member(name: Array("#s".utf8), value: .text(sort.name)))
            values.append((":s", Self.value(prefix, sort.type)))
        }
        body.member("KeyConditionExpression", text: expression)
        body.member("ExpressionAttributeNames", json: JSONTree.object(names).compact)
        body.values(values)
        return try await page("Query", body.finished())
    }

    /// DynamoDB ends an answer at 16 MB of item size, of which JSON may make several times as many bytes. What passes the limit of an
    /// answer is asked for again in halves.
    package func batchGet(_ keys: [ItemKey], consistent: Bool) async throws(RekeyError) -> BatchGetResult {
        try checks.check(get: keys)
        if keys.isEmpty { return BatchGetResult() }
        let answer: [UInt8]
        do throws(ServiceError) {
            answer = try await send("BatchGetItem", body(get: keys, consistent: consistent))
        } catch {
            guard error.kind == .transport(.tooLarge), keys.count > 1 else { throw told(error) }
            let half = keys.count / 2
            var result = try await batchGet(Array(keys[..<half]), consistent: consistent)
            let rest = try await batchGet(Array(keys[half...]), consistent: consistent)
            result.items += rest.items
            result.unprocessed += rest.unprocessed
            result.consumedReadUnits += rest.consumedReadUnits
            return result
        }
        return try found(answer)
    }

    private func body(get keys: [ItemKey], consistent: Bool) -> [UInt8] {
        var writer = ByteWriter(capacity: 256 + keys.count * 96)
        writer.append("{\"ReturnConsumedCapacity\":\"TOTAL\",\"RequestItems\":{" as StaticString)
        JSONTree.appendQuoted(Array(name.utf8), to: &writer)
        writer.append(":{\"ConsistentRead\":" as StaticString)
        writer.append(consistent ? "true" : "false" as StaticString)
        writer.append(",\"Keys\":[" as StaticString)
        for (index, key) in keys.enumerated() {
            if index > 0 { writer.append(UInt8(ascii: ",")) }
            writer.append(key.json(schema))
        }
        writer.append("]}}}" as StaticString)
        return writer.array
    }

    /// What BatchGetItem answers.
    private func found(_ answer: [UInt8]) throws(RekeyError) -> BatchGetResult {
        return try read(answer) { (reader) throws(ItemError) in
            var result = BatchGetResult()
            try reader.members { (reader, member) throws(ItemError) in
                if isEqual(member, "Responses") {
                    try reader.members { (reader, _) throws(ItemError) in
                        try reader.elements { (reader) throws(ItemError) in result.items.append(try reader.item()) }
                    }
                } else if isEqual(member, "UnprocessedKeys") {
                    try reader.members { (reader, _) throws(ItemError) in
                        try reader.members { (reader, member) throws(ItemError) in
                            guard isEqual(member, "Keys") else { return try reader.skip() }
                            try reader.elements { (reader) throws(ItemError) in
                                result.unprocessed.append(try reader.key(schema))
                            }
                        }
                    }
                } else if isEqual(member, "ConsumedCapacity") {
                    try reader.elements { (reader) throws(ItemError) in
                        result.consumedReadUnits += try Self.units(&reader)
                    }
                } else {
                    try reader.skip()
                }
            }
            return result
        }
    }

    private func page(_ operation: String, _ body: [UInt8]) async throws(RekeyError) -> Page {
        let answer = try await sent(operation, body)
        return try read(answer) { (reader) throws(ItemError) in
            var page = Page(items: [], lastEvaluatedKey: nil, scannedCount: 0, consumedReadUnits: 0)
            try reader.members { (reader, member) throws(ItemError) in
                if isEqual(member, "Items") {
                    try reader.elements { (reader) throws(ItemError) in page.items.append(try reader.item()) }
                } else if isEqual(member, "LastEvaluatedKey") {
                    page.lastEvaluatedKey = try reader.key(schema)
                } else if isEqual(member, "ScannedCount") {
                    page.scannedCount = Int(try reader.number())
                } else if isEqual(member, "ConsumedCapacity") {
                    page.consumedReadUnits = try Self.units(&reader)
                } else {
                    try reader.skip()
                }
            }
            return page
        }
    }

    /// `CapacityUnits` of one ConsumedCapacity, index units included.
    static func units(_ reader: inout AnswerReader) throws(ItemError) -> Double {
        var units = 0.0
        try reader.members { (reader, member) throws(ItemError) in
            if isEqual(member, "CapacityUnits") { units = try reader.number() } else { try reader.skip() }
        }
        return units
    }

    func sent(_ operation: String, _ body: [UInt8]) async throws(RekeyError) -> [UInt8] {
        do throws(ServiceError) {
            return try await send(operation, body)
        } catch {
            throw told(error)
        }
    }

    func read<Result>(
        _ answer: [UInt8], _ body: (inout AnswerReader) throws(ItemError) -> Result
    ) throws(RekeyError) -> Result {
        do throws(ItemError) {
            return try answer.withRawBytes { (bytes) throws(ItemError) in
                var reader = AnswerReader(bytes)
                let result = try body(&reader)
                try reader.end()
                return result
            }
        } catch {
            throw told(error)
        }
    }

    /// A prefix as a typed value; only strings and binaries have one.
    private static func value(_ prefix: [UInt8], _ type: KeyType) -> [UInt8] {
        (type == .binary ? KeyValue.binary(prefix) : .string(prefix)).json
    }
}

/// A request's JSON, member by member.
struct RequestBody: ~Copyable {
    private var writer = ByteWriter(capacity: 512)

    init(table: String) {
        writer.append("{\"ReturnConsumedCapacity\":\"TOTAL\",\"TableName\":" as StaticString)
        JSONTree.appendQuoted(Array(table.utf8), to: &writer)
    }

    /// An action of a transaction.
    init(action: StaticString, table: String) {
        writer.append("{\"" as StaticString)
        writer.append(action)
        writer.append("\":{\"TableName\":" as StaticString)
        JSONTree.appendQuoted(Array(table.utf8), to: &writer)
    }

    mutating func member(_ name: StaticString, json: [UInt8]) {
        writer.append(",\"" as StaticString)
        writer.append(name)
        writer.append("\":" as StaticString)
        writer.append(json)
    }

    mutating func member(_ name: StaticString, text: String) { member(name, json: JSONTree.text(text).compact) }

    mutating func member(_ name: StaticString, number: Int) { member(name, json: Array("\(number)".utf8)) }

    mutating func consistent(_ isConsistent: Bool) {
        if isConsistent { member("ConsistentRead", json: Array("true".utf8)) }
    }

    /// Typed values by their names, which hold nothing to escape.
    mutating func values(_ values: [(String, [UInt8])]) {
        if values.isEmpty { return }
        var json = ByteWriter()
        for (index, value) in values.enumerated() {
            json.append(index == 0 ? "{\"" : ",\"" as StaticString)
            json.append(Array(value.0.utf8))
            json.append("\":" as StaticString)
            json.append(value.1)
        }
        json.append(UInt8(ascii: "}"))
        member("ExpressionAttributeValues", json: json.array)
    }

    consuming func finishedAction() -> [UInt8] {
        writer.append("}}" as StaticString)
        return writer.array
    }

    consuming func finished() -> [UInt8] {
        writer.append(UInt8(ascii: "}"))
        return writer.array
    }
}
