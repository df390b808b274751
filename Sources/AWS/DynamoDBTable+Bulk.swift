package import ByteStreams
package import Items
package import Tables

extension DynamoDBTable {
    package func bulkWrite(_ requests: [WriteRequest]) async throws(RekeyError) -> BatchWriteResult {
        let batch = WriteBatch(schema: schema)
        for request in requests { try batch.add(request) }
        return try await bulkWrite(batch)
    }

    /// Batches of 25, many in flight. Of several requests for one item only the last is sent, and no item is in two batches, so the
    /// order in which batches arrive does not matter.
    ///
    /// - Throws: as `batchWrite`; other batches may have been written then.
    package func bulkWrite(_ batch: WriteBatch) async throws(RekeyError) -> BatchWriteResult {
        try await BulkWrite(batch, to: self).run()
    }

    /// Conditional puts, many in flight; each is decided by the service alone.
    package func put(_ puts: [ConditionalPut]) async throws(RekeyError) -> [WriteOutcome] {
        let keys = try puts.map { (next) throws(RekeyError) in try next.item.requiredKey(schema) }
        guard Set(keys).count == keys.count else {
            var outcomes: [WriteOutcome] = []
            for next in puts { outcomes.append(try await put(next.item, condition: next.condition)) }
            return outcomes
        }
        return try await inFlight(puts, limit: inFlightLimit) { (next) async throws(RekeyError) in
            let outcome = try await self.put(next.item, condition: next.condition)
            self.inFlightLimit.note(isThrottled: false)
            return outcome
        }
    }

    /// Conditional writes read what they compare first.
    package var readsToCompare: Bool { true }

    /// Conditional deletes, many in flight; each is decided by the service alone.
    package func deleteUnchanged(_ items: [Item]) async throws(RekeyError) -> [WriteOutcome] {
        note(items)
        // Equal keys are deleted one after the other: the second finds nothing.
        let keys = try items.map { (item) throws(RekeyError) in try item.requiredKey(schema) }
        guard Set(keys).count == keys.count else {
            var outcomes: [WriteOutcome] = []
            for (key, item) in zip(keys, items) {
                outcomes.append(try await delete(key, condition: .equals(item)))
            }
            return outcomes
        }
        return try await inFlight(Array(zip(keys, items)), limit: inFlightLimit) { (pair) async throws(RekeyError) in
            let outcome = try await self.delete(pair.0, condition: .equals(pair.1))
            self.inFlightLimit.note(isThrottled: false)
            return outcome
        }
    }
}
