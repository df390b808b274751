package import ByteStreams
import GRDB
package import Items

extension LocalTable {
    package func batchWrite(_ requests: [WriteRequest]) async throws(RekeyError) -> BatchWriteResult {
        let keys = try checks.check(batch: requests)
        let changes = zip(requests, keys).map { Change($0, $1) }
        guard changes.reduce(0, { $0 + $1.size }) <= CapacityUnits.maximumBatchBytes else {
            throw RekeyError(.badInput, "Request size exceeds the maximum of 16 MB")
        }
        return try await apply(changes)
    }

    /// All requests in one transaction: all are done or, if it throws, none.
    package func bulkWrite(_ requests: [WriteRequest]) async throws(RekeyError) -> BatchWriteResult {
        var changes = try await prepare(requests)
        // In the order of the file neighbours share pages. The sort is stable, so of the changes of one item the last
        // one stands last.
        changes.sort { $0.position < $1.position }
        var distinct: [Change] = []
        distinct.reserveCapacity(changes.count)
        for change in changes {
            if distinct.last?.position == change.position { distinct.removeLast() }
            distinct.append(change)
        }
        return try await apply(distinct)
    }

    package func put(_ item: Item, condition: WriteCondition) async throws(RekeyError) -> WriteOutcome {
        let change = Change(.put(item), try checks.check(item))
        return try await apply(change, if: condition)
    }

    package func delete(_ key: ItemKey, condition: WriteCondition) async throws(RekeyError) -> WriteOutcome {
        try checks.check(key)
        return try await apply(Change(.delete(key), key), if: condition)
    }

    /// All in one transaction.
    package func put(_ puts: [ConditionalPut]) async throws(RekeyError) -> [WriteOutcome] {
        var changes: [(condition: WriteCondition, change: Change)] = []
        for put in puts { changes.append((put.condition, Change(.put(put.item), try checks.check(put.item)))) }
        let wanted = changes
        return try await write { database in
            var writer = RowWriter(database)
            var outcomes: [WriteOutcome] = []
            for (condition, change) in wanted {
                let refused = try Self.refusal(condition, change, database)
                outcomes.append(try refused ?? .done(consumedWriteUnits: writer.apply(change)))
            }
            try writer.finish()
            return outcomes
        }
    }

    /// All in one transaction.
    package func deleteUnchanged(_ items: [Item]) async throws(RekeyError) -> [WriteOutcome] {
        var changes: [(item: Item, change: Change)] = []
        for item in items {
            let key = try item.requiredKey(schema)
            changes.append((item, Change(.delete(key), key)))
        }
        let wanted = changes
        return try await write { database in
            var writer = RowWriter(database)
            var outcomes: [WriteOutcome] = []
            for (item, change) in wanted {
                let current = try Row(database, at: change.position)?.item
                if let current, current.isEqual(to: item) {
                    outcomes.append(.done(consumedWriteUnits: try writer.apply(change)))
                } else {
                    outcomes.append(.conditionFailed(current: current))
                }
            }
            try writer.finish()
            return outcomes
        }
    }

    package func transactMove(_ moves: [Move]) async throws(RekeyError) -> TransactMoveResult {
        let keys = try checks.check(moves)
        let changes = zip(moves, keys).map { move, keys in
            (delete: Change(.delete(keys.old), keys.old), put: Change(.put(move.new), keys.new))
        }
        return try await write { database in
            var outcomes: [MoveOutcome] = []
            var units = 0.0
            for (move, change) in zip(moves, changes) {
                let old = try Row(database, at: change.delete.position)
                let taken = try Row(database, at: change.put.position)
                units += CapacityUnits.write(old?.size ?? 0, transactional: true)
                units += CapacityUnits.replace(taken?.size ?? 0, by: change.put.size, transactional: true)
                if !(old?.item.isEqual(to: move.old) ?? false) {
                    outcomes.append(.oldChanged(current: old?.item))
                } else if let taken, !taken.item.isEqual(to: move.new) {
                    outcomes.append(.newTaken(current: taken.item))
                } else {
                    outcomes.append(.moved)
                }
            }
            guard TransactMoveResult(outcomes: outcomes, consumedWriteUnits: units).isCommitted else {
                let answers = outcomes.map { if case .moved = $0 { MoveOutcome.cancelled } else { $0 } }
                return TransactMoveResult(outcomes: answers, consumedWriteUnits: units)
            }
            var writer = RowWriter(database)
            for change in changes {
                try writer.apply(change.delete)
                try writer.apply(change.put)
            }
            try writer.finish()
            return TransactMoveResult(outcomes: outcomes, consumedWriteUnits: units)
        }
    }

    /// Checks requests and gets them ready for their rows, on all cores where there are many.
    private func prepare(_ requests: [WriteRequest]) async throws(RekeyError) -> [Change] {
        let checks = checks
        let count = max(1, (requests.count + 4095) / 4096)
        let parts = await withTaskGroup(of: (Int, Result<[Change], RekeyError>).self) { group in
            for part in 0..<count {
                let slice = requests[requests.count * part / count..<requests.count * (part + 1) / count]
                group.addTask {
                    (
                        part,
                        Result { () throws(RekeyError) in
                            var changes: [Change] = []
                            changes.reserveCapacity(slice.count)
                            for request in slice { changes.append(Change(request, try checks.check(request))) }
                            return changes
                        }
                    )
                }
            }
            var parts = [Result<[Change], RekeyError>](repeating: .success([]), count: count)
            for await (part, changes) in group { parts[part] = changes }
            return parts
        }
        var changes: [Change] = []
        changes.reserveCapacity(requests.count)
        for part in parts { changes += try part.get() }
        return changes
    }

    private func apply(_ changes: [Change]) async throws(RekeyError) -> BatchWriteResult {
        if changes.isEmpty { return BatchWriteResult() }
        return try await write { database in
            var result = BatchWriteResult()
            var writer = RowWriter(database)
            for change in changes { result.consumedWriteUnits += try writer.apply(change) }
            try writer.finish()
            return result
        }
    }

    /// The outcome where the condition does not hold, else nil.
    private static func refusal(
        _ condition: WriteCondition, _ change: Change, _ database: Database
    ) throws -> WriteOutcome? {
        if case .none = condition { return nil }
        let current = try Row(database, at: change.position)?.item
        let holds =
            switch condition {
            case .none: true
            case .absent: current == nil
            case .exists: current != nil
            case .equals(let expected): current?.isEqual(to: expected) ?? false
            }
        return holds ? nil : .conditionFailed(current: current)
    }

    private func apply(_ change: Change, if condition: WriteCondition) async throws(RekeyError) -> WriteOutcome {
        try await write { database in
            if let refused = try Self.refusal(condition, change, database) { return refused }
            var writer = RowWriter(database)
            let units = try writer.apply(change)
            try writer.finish()
            return .done(consumedWriteUnits: units)
        }
    }
}

/// A checked write, ready for its row.
private struct Change: Sendable {
    let position: RowPosition
    /// The typed item with its numbers in stored form; nil deletes the row.
    let json: [UInt8]?
    /// DynamoDB's size of the item; 0 for a delete.
    let size: Int

    init(_ request: WriteRequest, _ key: ItemKey) {
        position = RowPosition(key)
        switch request {
        case .put(let item):
            json = item.normalized().json
            size = item.size
        case .delete:
            json = nil
            size = 0
        }
    }
}

/// Writes rows within a transaction and keeps the table's counts.
private struct RowWriter {
    private let database: Database
    private var items = 0
    private var bytes = 0

    init(_ database: Database) { self.database = database }

    /// Stores or removes a row, and returns the write units it costs.
    @discardableResult
    mutating func apply(_ change: Change) throws -> Double {
        guard let json = change.json else {
            let delete = try RawStatement(
                database, "DELETE FROM items WHERE hash = ?1 AND partition = ?2 AND sort = ?3 RETURNING size")
            delete.bind(change.position)
            var size = 0
            while try delete.step() {
                size = Int(delete.integer(0))
                items -= 1
                bytes -= size
            }
            return CapacityUnits.write(size)
        }
        // Most rows of a load are new: the size of the old one is looked for only if there is one.
        let insert = try RawStatement(
            database,
            "INSERT INTO items(hash, partition, sort, size, json) VALUES (?1, ?2, ?3, ?4, ?5) "
                + "ON CONFLICT(hash, partition, sort) DO NOTHING")
        insert.bind(change.position)
        insert.bind(4, Int64(change.size))
        insert.bind(5, json)
        bytes += change.size
        if try insert.run() == 1 {
            items += 1
            return CapacityUnits.write(change.size)
        }
        let select = try RawStatement(
            database, "SELECT size FROM items WHERE hash = ?1 AND partition = ?2 AND sort = ?3")
        select.bind(change.position)
        let oldSize = try select.step() ? Int(select.integer(0)) : 0
        select.reset()
        let update = try RawStatement(
            database, "UPDATE items SET size = ?4, json = ?5 WHERE hash = ?1 AND partition = ?2 AND sort = ?3")
        update.bind(change.position)
        update.bind(4, Int64(change.size))
        update.bind(5, json)
        try update.run()
        bytes -= oldSize
        return CapacityUnits.replace(oldSize, by: change.size)
    }

    /// Stores the counts, before the transaction ends.
    func finish() throws {
        for (name, delta) in [("itemCount", items), ("sizeBytes", bytes)] where delta != 0 {
            try database.execute(
                sql: "UPDATE meta SET value = value + ? WHERE name = ?", arguments: [delta, name])
        }
    }
}
