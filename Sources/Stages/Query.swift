package import ByteStreams
import Items
import Tables

/// The items of one partition of a table, in the order of their sort keys, as NDJSON.
package struct Query: Sendable {
    package var from: Location
    /// The partition key as text: a string, a number, or base64 by the type of the table's key.
    package var partition: String
    /// Only the item under this sort key.
    package var sort: String?
    /// Only sort keys that begin so.
    package var sortBegins: String?
    /// Items at most; nil for all.
    package var limit: Int?
    /// From the last sort key to the first.
    package var isDescending = false
    /// Whether items are written over several lines, for a person; no stage reads those.
    package var isPretty = false
    package var options: StreamOptions

    package init(from: Location, partition: String, options: StreamOptions = StreamOptions()) {
        self.from = from
        self.partition = partition
        self.options = options
    }

    package struct Outcome: Sendable {
        package var count: Int
        /// What DynamoDB says it cost; a local table counts by the same rules.
        package var readUnits: Double
        /// Whether the limit ended it.
        package var isCut: Bool
    }

    /// Writes the items to standard output.
    ///
    /// - Throws: `.usage` where the location is no table, or a key does not fit its schema; as `Table.query`.
    package func run() async throws(RekeyError) -> Outcome {
        guard from.isTable else {
            throw RekeyError(
                .usage, "is no table; read files, exports and snapshots with rekey extract --prefix", source: from.text)
        }
        let table = try await openTable(from, services: options.services)
        let schema = table.schema
        let value = try Self.value(partition, schema.partition, "--pk")
        guard let key = schema.sort else {
            guard sort == nil, sortBegins == nil else {
                throw RekeyError(
                    .usage, "the table has no sort key; leave out --sk and --sk-begins", source: table.name)
            }
            return try await one(table, ItemKey(partition: value))
        }
        if let sort {
            guard sortBegins == nil else { throw RekeyError(.usage, "--sk and --sk-begins do not go together") }
            return try await one(table, ItemKey(partition: value, sort: try Self.value(sort, key, "--sk")))
        }
        var begins: [UInt8]?
        if let sortBegins {
            guard key.type == .string else {
                throw RekeyError(
                    .usage, "--sk-begins is for sort keys that are strings; \(key.name) has type \(key.type.rawValue)",
                    source: table.name)
            }
            begins = Array(sortBegins.utf8)
        }
        return try await several(
            table, QueryRequest(partition: value, sortBeginsWith: begins, consistent: true, ascending: !isDescending))
    }

    private func one(_ table: any Table, _ key: ItemKey) async throws(RekeyError) -> Outcome {
        let result = try await table.batchGet([key], consistent: true)
        guard result.unprocessed.isEmpty else {
            throw RekeyError(.serviceGaveUp, "item \(key) could not be read; try again later", source: table.name)
        }
        let out = try openSink("-")
        for item in result.items { try write(item, to: out) }
        try out.finish()
        return Outcome(count: result.items.count, readUnits: result.consumedReadUnits, isCut: false)
    }

    private func several(_ table: any Table, _ request: QueryRequest) async throws(RekeyError) -> Outcome {
        var request = request
        var outcome = Outcome(count: 0, readUnits: 0, isCut: false)
        let out = try openSink("-")
        repeat {
            request.limit = limit.map { $0 - outcome.count }
            let page = try await table.query(request)
            for item in page.items { try write(item, to: out) }
            outcome.count += page.items.count
            outcome.readUnits += page.consumedReadUnits
            request.startKey = page.lastEvaluatedKey
            if let limit, outcome.count >= limit, request.startKey != nil {
                outcome.isCut = true
                break
            }
        } while request.startKey != nil
        try out.finish()
        return outcome
    }

    private func write(_ item: Item, to out: any ByteSink) throws(RekeyError) {
        var line = Array("{\"Item\":".utf8) + item.json + [UInt8(ascii: "}")]
        if isPretty { line = try JSONReader.parse(line, source: from.text).pretty.dropLast() }
        line.append(0x0A)
        try out.write(line)
    }

    private static func value(
        _ text: String, _ attribute: KeyAttribute, _ option: String
    ) throws(RekeyError) -> KeyValue {
        guard !text.isEmpty else { throw RekeyError(.usage, "\(option) is empty; no key is") }
        let tag = attribute.type.rawValue
        let quoted = JSONTree.members([attribute.name: .members([tag: .text(text)])]).compact
        do throws(ItemError) {
            return try Item(validating: quoted).key(KeySchema(partition: attribute)).partition
        } catch {
            throw RekeyError(.usage, "\(option) \(text): \(attribute.name) has type \(tag); \(error.reason)")
        }
    }
}
