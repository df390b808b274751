package import ByteStreams
package import Items

/// The largest requests a table accepts, in items.
package struct TableLimits: Sendable, Equatable {
    /// Puts and deletes in one `batchWrite`.
    package var batchWrite: Int
    /// Keys in one `batchGet`.
    package var batchGet: Int
    /// Moves in one `transactMove`: two actions each of DynamoDB's 100.
    package var transactMove: Int
    /// Requests that one `bulkWrite` takes best; more are accepted.
    package var bulkWrite: Int
    /// Bytes of JSON at which a caller that gathers requests for one `bulkWrite` had better stop. Each call costs an
    /// embedded table about as much as rewriting the pages it touches: few large calls load it several times as fast
    /// as many small ones.
    package var bulkWriteBytes: Int
    /// Segments in which a whole table is best scanned, all at once: 1 or more.
    package var scanSegments: Int
    /// Top-level attributes, keys aside, of which a conditional write sees a change up to the moment of the write. Of more, changes are
    /// seen up to a read just before it.
    package var comparedAttributes: Int

    package init(
        batchWrite: Int = 25, batchGet: Int = 100, transactMove: Int = 50, bulkWrite: Int = 25,
        bulkWriteBytes: Int = 16 << 20, scanSegments: Int = 1, comparedAttributes: Int = .max
    ) {
        self.batchWrite = batchWrite
        self.batchGet = batchGet
        self.transactMove = transactMove
        self.bulkWrite = bulkWrite
        self.bulkWriteBytes = bulkWriteBytes
        self.scanSegments = scanSegments
        self.comparedAttributes = comparedAttributes
    }
}

/// Which page of a scan is wanted.
package struct ScanRequest: Sendable {
    /// 0-based, below `totalSegments`.
    package var segment: Int
    /// 1 to 1,000,000. Segments are disjoint, and all of them together are the table.
    package var totalSegments: Int
    /// The last page's `lastEvaluatedKey`, of the same segment; nil for the first page.
    package var startKey: ItemKey?
    /// The most items to look at, before the filter; nil for what fits into 1 MB.
    package var limit: Int?
    /// Whether all writes finished before the page was asked for are seen; doubles the read units.
    package var consistent: Bool
    /// Items whose partition key (S or B) does not begin with these bytes are left out. They are read and paid all the
    /// same, so a page may be empty and not the last.
    package var partitionPrefix: [UInt8]?

    package init(
        segment: Int = 0, totalSegments: Int = 1, startKey: ItemKey? = nil, limit: Int? = nil, consistent: Bool = true,
        partitionPrefix: [UInt8]? = nil
    ) {
        self.segment = segment
        self.totalSegments = totalSegments
        self.startKey = startKey
        self.limit = limit
        self.consistent = consistent
        self.partitionPrefix = partitionPrefix
    }
}

/// Which page of a partition is wanted.
package struct QueryRequest: Sendable {
    /// The partition key's value.
    package var partition: KeyValue
    /// Only items whose sort key (S or B) begins with these bytes: `begins_with`.
    package var sortBeginsWith: [UInt8]?
    /// The last page's `lastEvaluatedKey`; nil for the first page.
    package var startKey: ItemKey?
    /// The most items to return; nil for what fits into 1 MB.
    package var limit: Int?
    /// Whether all writes finished before the page was asked for are seen; doubles the read units.
    package var consistent: Bool
    /// Whether sort keys rise from page to page.
    package var ascending: Bool

    package init(
        partition: KeyValue, sortBeginsWith: [UInt8]? = nil, startKey: ItemKey? = nil, limit: Int? = nil,
        consistent: Bool = true, ascending: Bool = true
    ) {
        self.partition = partition
        self.sortBeginsWith = sortBeginsWith
        self.startKey = startKey
        self.limit = limit
        self.consistent = consistent
        self.ascending = ascending
    }
}

/// A part of a scan or query: items worth at most 1 MB.
package struct Page: Sendable {
    /// The items, in the table's order.
    package var items: [Item]
    /// Where the next page starts; nil says that this was the last one. An empty page may have one.
    package var lastEvaluatedKey: ItemKey?
    /// Items looked at, those that the filter left out included.
    package var scannedCount: Int
    /// What the page cost.
    package var consumedReadUnits: Double

    package init(items: [Item], lastEvaluatedKey: ItemKey?, scannedCount: Int, consumedReadUnits: Double) {
        self.items = items
        self.lastEvaluatedKey = lastEvaluatedKey
        self.scannedCount = scannedCount
        self.consumedReadUnits = consumedReadUnits
    }
}

/// The answer of `batchGet`.
package struct BatchGetResult: Sendable {
    /// The items found, in any order.
    package var items: [Item]
    /// Keys that were not read and have to be asked for again.
    package var unprocessed: [ItemKey]
    /// What the reads cost.
    package var consumedReadUnits: Double

    package init(items: [Item] = [], unprocessed: [ItemKey] = [], consumedReadUnits: Double = 0) {
        self.items = items
        self.unprocessed = unprocessed
        self.consumedReadUnits = consumedReadUnits
    }
}

/// One write of a batch.
package enum WriteRequest: Sendable {
    /// Stores the item in place of any item under its key.
    case put(Item)
    /// Removes the item under the key, if there is one.
    case delete(ItemKey)

    /// The key of the item concerned; `badInput` if a put has no valid one.
    package func key(_ schema: KeySchema) throws(RekeyError) -> ItemKey {
        switch self {
        case .put(let item): return try item.requiredKey(schema)
        case .delete(let key): return key
        }
    }
}

/// The answer of `batchWrite` and `bulkWrite`.
package struct BatchWriteResult: Sendable {
    /// Requests that were not done and have to be sent again; the rest is done.
    package var unprocessed: [WriteRequest]
    /// What the writes cost.
    package var consumedWriteUnits: Double
    /// Why some are unprocessed, where an error says so; of several the first.
    package var failure: RekeyError?

    package init(unprocessed: [WriteRequest] = [], consumedWriteUnits: Double = 0) {
        self.unprocessed = unprocessed
        self.consumedWriteUnits = consumedWriteUnits
    }
}

/// What has to hold under a key for a write to be done.
package enum WriteCondition: Sendable {
    /// Nothing.
    case none
    /// There is no item.
    case absent
    /// There is an item.
    case exists
    /// There is an item, equal by canonical form: order of attributes and of set members and the text of numbers
    /// do not matter.
    case equals(Item)
}

/// An item to store under a condition.
package struct ConditionalPut: Sendable {
    package var item: Item
    package var condition: WriteCondition

    package init(_ item: Item, if condition: WriteCondition) {
        self.item = item
        self.condition = condition
    }
}

/// What became of a conditional write.
package enum WriteOutcome: Sendable {
    /// Written (or deleted).
    case done(consumedWriteUnits: Double)
    /// Not written: the condition did not hold for the item that is there, nil if there is none.
    case conditionFailed(current: Item?)
}

/// An item's way from one key to another.
package struct Move: Sendable {
    /// The item as it was read; it is deleted only if it is still equal.
    package var old: Item
    /// The item to put, under another key.
    package var new: Item

    package init(old: Item, new: Item) {
        self.old = old
        self.new = new
    }
}

/// What became of one move of a transaction.
package enum MoveOutcome: Sendable {
    /// The old item is gone, the new one is there.
    case moved
    /// Nothing stood in its way, but another move's failure cancelled the transaction.
    case cancelled
    /// The old item is not what was read: it changed, or is gone (nil) and may have been moved before.
    case oldChanged(current: Item?)
    /// Another item is under the new key.
    case newTaken(current: Item?)
}

/// The answer of `transactMove`.
package struct TransactMoveResult: Sendable {
    /// One outcome a move, in the order of the moves: all of them `moved`, or none.
    package var outcomes: [MoveOutcome]
    /// What the transaction cost, done or not.
    package var consumedWriteUnits: Double

    package init(outcomes: [MoveOutcome], consumedWriteUnits: Double) {
        self.outcomes = outcomes
        self.consumedWriteUnits = consumedWriteUnits
    }

    /// Whether all moves are done.
    package var isCommitted: Bool {
        outcomes.allSatisfy { if case .moved = $0 { true } else { false } }
    }
}

extension Item {
    /// The item's key, or `badInput` with the reason why it has none.
    package func requiredKey(_ schema: KeySchema) throws(RekeyError) -> ItemKey {
        do {
            return try key(schema)
        } catch {
            throw RekeyError(.badInput, error.reason)
        }
    }
}
