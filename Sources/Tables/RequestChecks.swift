package import ByteStreams
package import Items

/// What DynamoDB refuses before it does anything, in its words where they are known. Every table checks its
/// requests here before it does anything.
package struct RequestChecks: Sendable {
    let schema: KeySchema
    let limits: TableLimits

    package init(schema: KeySchema, limits: TableLimits) {
        self.schema = schema
        self.limits = limits
    }

    package func check(_ request: ScanRequest) throws(RekeyError) {
        let total = request.totalSegments
        guard (1...1_000_000).contains(total) else {
            let bound = total < 1 ? "greater than or equal to 1" : "less than or equal to 1000000"
            throw constraint("\(total)", "totalSegments", "have value \(bound)")
        }
        guard request.segment >= 0 else {
            throw constraint("\(request.segment)", "segment", "have value greater than or equal to 0")
        }
        guard request.segment < total else {
            throw refused(
                "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
                    + "Segment: \(request.segment) is not less than TotalSegments: \(total)")
        }
        try check(limit: request.limit)
        if let key = request.startKey { try check(startKey: key) }
        if request.partitionPrefix != nil && schema.partition.type == .number {
            throw noPrefix(schema.partition)
        }
    }

    package func check(_ request: QueryRequest) throws(RekeyError) {
        try check(limit: request.limit)
        try check(request.partition, against: schema.partition, limit: 2048)
        if request.sortBeginsWith != nil {
            guard let sort = schema.sort else { throw refused("Query key condition not supported") }
            guard sort.type != .number else { throw noPrefix(sort) }
        }
        if let key = request.startKey {
            try check(startKey: key)
            guard key.partition == request.partition else {
                throw refused(
                    "The provided starting key is outside query boundaries based on provided conditions")
            }
        }
    }

    package func check(get keys: [ItemKey]) throws(RekeyError) {
        guard keys.count <= limits.batchGet else {
            throw refused("Too many items requested for the BatchGetItem call")
        }
        for key in keys { try check(key) }
        guard Set(keys).count == keys.count else { throw refused("Provided list of item keys contains duplicates") }
    }

    /// Checks a batch and returns the keys of its items.
    @discardableResult
    package func check(batch requests: [WriteRequest]) throws(RekeyError) -> [ItemKey] {
        guard requests.count <= limits.batchWrite else {
            throw refused("Too many items requested for the BatchWriteItem call")
        }
        var keys: [ItemKey] = []
        keys.reserveCapacity(requests.count)
        for request in requests { keys.append(try check(request)) }
        guard Set(keys).count == keys.count else { throw refused("Provided list of item keys contains duplicates") }
        return keys
    }

    /// Checks one write and returns its key.
    @discardableResult
    package func check(_ request: WriteRequest) throws(RekeyError) -> ItemKey {
        switch request {
        case .put(let item): return try check(item)
        case .delete(let key):
            try check(key)
            return key
        }
    }

    /// Checks an item to be put and returns its key.
    @discardableResult
    package func check(_ item: Item) throws(RekeyError) -> ItemKey {
        let key = try item.requiredKey(schema)
        guard item.size <= CapacityUnits.maximumItemBytes else {
            throw refused("Item size has exceeded the maximum allowed size")
        }
        return key
    }

    /// Checks a transaction and returns the old and new keys of its moves.
    @discardableResult
    package func check(_ moves: [Move]) throws(RekeyError) -> [(old: ItemKey, new: ItemKey)] {
        guard moves.count <= limits.transactMove else {
            throw constraint(
                "\(moves.count * 2) actions", "transactItems", "have length less than or equal to 100")
        }
        var keys: [(old: ItemKey, new: ItemKey)] = []
        var distinct: Set<ItemKey> = []
        var bytes = 0
        for move in moves {
            let pair = (old: try check(move.old), new: try check(move.new))
            guard distinct.insert(pair.old).inserted, distinct.insert(pair.new).inserted else {
                throw refused("Transaction request cannot include multiple operations on one item")
            }
            bytes += move.old.size + move.new.size
            keys.append(pair)
        }
        guard bytes <= CapacityUnits.maximumTransactionBytes else {
            throw refused("Transaction request size has exceeded the maximum allowed size of 4 MB")
        }
        return keys
    }

    package func check(_ key: ItemKey) throws(RekeyError) {
        guard (key.sort == nil) == (schema.sort == nil) else {
            throw refused("The provided key element does not match the schema")
        }
        try check(key.partition, against: schema.partition, limit: 2048)
        if let value = key.sort, let attribute = schema.sort {
            try check(value, against: attribute, limit: 1024)
        }
    }

    private func check(
        _ value: KeyValue, against attribute: KeyAttribute, limit: Int
    ) throws(RekeyError) {
        guard value.type == attribute.type else {
            throw refused("The provided key element does not match the schema")
        }
        let bytes: [UInt8]
        switch value {
        case .number: return
        case .string(let text): bytes = text
        case .binary(let data): bytes = data
        }
        guard !bytes.isEmpty else {
            let kind = attribute.type == .string ? "string" : "binary"
            throw refused(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain "
                    + "an empty \(kind) value. Key: \(attribute.name)")
        }
        guard bytes.count <= limit else {
            throw refused(
                limit == 2048
                    ? "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit "
                        + "of2048 bytes"
                    : "One or more parameter values were invalid: Aggregated size of all range keys has exceeded the "
                        + "size limit of 1024 bytes")
        }
    }

    private func check(startKey key: ItemKey) throws(RekeyError) {
        do {
            try check(key)
        } catch {
            throw refused("The provided starting key is invalid: \(error.message)")
        }
    }

    private func check(limit: Int?) throws(RekeyError) {
        if let limit, limit < 1 { throw constraint("\(limit)", "limit", "have value greater than or equal to 1") }
    }

    private func noPrefix(_ attribute: KeyAttribute) -> RekeyError {
        refused(
            "Invalid operator used with begins_with: key attribute \(attribute.name) is a number and has no prefix")
    }

    private func constraint(_ value: String, _ name: String, _ rule: String) -> RekeyError {
        refused(
            "1 validation error detected: Value '\(value)' at '\(name)' failed to satisfy constraint: "
                + "Member must \(rule)")
    }

    private func refused(_ message: String) -> RekeyError { RekeyError(.badInput, message) }
}
