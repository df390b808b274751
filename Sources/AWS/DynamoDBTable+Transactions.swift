package import ByteStreams
import Items
package import Tables

extension DynamoDBTable {
    /// A transaction that was held back, by throttling or by another one on its items, is tried again for a minute and a half.
    package func transactMove(_ moves: [Move]) async throws(RekeyError) -> TransactMoveResult {
        try await transactMove(moves, patience: .seconds(90))
    }

    func transactMove(_ moves: [Move], patience: Duration) async throws(RekeyError) -> TransactMoveResult {
        let start = ContinuousClock.now
        var failed = 0
        while true {
            let cancellation: TransactionCancellation
            switch try await tryToMove(moves) {
            case .ended(let result): return result
            case .cancelled(let reasons): cancellation = reasons
            }
            failed += 1
            inFlightLimit.note(isThrottled: cancellation.isThrottled)
            guard
                let pause = cancellation.policy(patience: patience).delay(
                    after: cancellation.error, attempt: failed, elapsed: .now - start, jitter: .random(in: 0..<1))
            else { throw told(cancellation.error) }
            do {
                try await Task.sleep(for: pause)
            } catch {
                throw RekeyError(.interrupted, "stopped between two attempts", source: name)
            }
        }
    }

    private enum Attempt {
        case ended(TransactMoveResult)
        /// Nothing of the items has changed by now, and the same transaction may go through.
        case cancelled(TransactionCancellation)
    }

    private func tryToMove(_ moves: [Move]) async throws(RekeyError) -> Attempt {
        let keys = try checks.check(moves)
        if moves.isEmpty { return .ended(TransactMoveResult(outcomes: [], consumedWriteUnits: 0)) }
        note(moves.map(\.old))
        // What an expression does not see is compared before: attributes that were added.
        let before = try await current(keys.flatMap { [$0.old, $0.new] })
        let outcomes = Self.outcomes(moves, keys, before)
        guard TransactMoveResult(outcomes: outcomes, consumedWriteUnits: 0).isCommitted else {
            return .ended(TransactMoveResult(outcomes: Self.cancelled(outcomes), consumedWriteUnits: 0))
        }
        do throws(ServiceError) {
            let answer = try await send("TransactWriteItems", body(moves, keys))
            return .ended(TransactMoveResult(outcomes: outcomes, consumedWriteUnits: try units(answer)))
        } catch {
            guard error.kind == .transactionCanceled else { throw told(error) }
            let cancellation = TransactionCancellation(error)
            if let refusal = cancellation.refusal { throw told(refusal) }
            let after = Self.outcomes(moves, keys, try await current(keys.flatMap { [$0.old, $0.new] }))
            let units = moves.reduce(0.0) {
                $0 + CapacityUnits.write($1.old.size, transactional: true)
                    + CapacityUnits.write($1.new.size, transactional: true)
            }
            guard TransactMoveResult(outcomes: after, consumedWriteUnits: 0).isCommitted else {
                return .ended(TransactMoveResult(outcomes: Self.cancelled(after), consumedWriteUnits: units))
            }
            return .cancelled(cancellation)
        }
    }

    /// Items by key, read consistently.
    private func current(_ keys: [ItemKey]) async throws(RekeyError) -> [ItemKey: Item] {
        var found: [ItemKey: Item] = [:]
        var waiting = keys
        var failures = 0
        while !waiting.isEmpty {
            let part = Array(waiting.prefix(limits.batchGet))
            let result = try await batchGet(part, consistent: true)
            for item in result.items { found[try item.requiredKey(schema)] = item }
            failures = result.unprocessed.count < part.count ? 0 : failures + 1
            waiting = Array(waiting.dropFirst(part.count)) + result.unprocessed
            guard failures < 10 else {
                throw RekeyError(
                    .serviceGaveUp, "DynamoDB did not read \(waiting.count) items; try again", source: name)
            }
        }
        return found
    }

    private static func outcomes(
        _ moves: [Move], _ keys: [(old: ItemKey, new: ItemKey)], _ current: [ItemKey: Item]
    ) -> [MoveOutcome] {
        zip(moves, keys).map { move, key in
            let old = current[key.old]
            guard let old, old.isEqual(to: move.old) else { return .oldChanged(current: old) }
            if let taken = current[key.new], !taken.isEqual(to: move.new) { return .newTaken(current: taken) }
            return .moved
        }
    }

    private static func cancelled(_ outcomes: [MoveOutcome]) -> [MoveOutcome] {
        outcomes.map { if case .moved = $0 { .cancelled } else { $0 } }
    }

    private func body(_ moves: [Move], _ keys: [(old: ItemKey, new: ItemKey)]) -> [UInt8] {
        var writer = ByteWriter(capacity: 64 << 10)
        // The same token makes a repeated request the same transaction.
        let token = (0..<32).map { _ in String(Int.random(in: 0..<16), radix: 16) }.joined()
        writer.append("{\"ReturnConsumedCapacity\":\"TOTAL\",\"ClientRequestToken\":" as StaticString)
        JSONTree.appendQuoted(Array(token.utf8), to: &writer)
        writer.append(",\"TransactItems\":[" as StaticString)
        for (index, move) in moves.enumerated() {
            var delete = RequestBody(action: "Delete", table: name)
            delete.member("Key", json: keys[index].old.json(schema))
            delete.condition(compare(move.old))
            var put = RequestBody(action: "Put", table: name)
            put.member("Item", json: move.new.json)
            put.condition(Comparison(of: move.new, schema: schema, orAbsent: true))
            if index > 0 { writer.append(UInt8(ascii: ",")) }
            writer.append(delete.finishedAction())
            writer.append(UInt8(ascii: ","))
            writer.append(put.finishedAction())
        }
        writer.append("]}" as StaticString)
        return writer.array
    }

    private func units(_ answer: [UInt8]) throws(ServiceError) -> Double {
        do throws(RekeyError) {
            return try read(answer) { (reader) throws(ItemError) in
                var units = 0.0
                try reader.members { (reader, member) throws(ItemError) in
                    guard isEqual(member, "ConsumedCapacity") else { return try reader.skip() }
                    try reader.elements { (reader) throws(ItemError) in units += try Self.units(&reader) }
                }
                return units
            }
        } catch {
            throw ServiceError(code: "", message: error.message, kind: .other)
        }
    }
}
