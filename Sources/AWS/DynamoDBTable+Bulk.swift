package import ByteStreams
package import Items
package import Tables

extension DynamoDBTable {
    /// Batches of 25, many in flight. Of several requests for one item only the last is sent, and no item is in two batches, so the
    /// order in which batches arrive does not matter.
    ///
    /// - Throws: as `batchWrite`; other batches may have been written then.
    package func bulkWrite(_ requests: [WriteRequest]) async throws(RekeyError) -> BatchWriteResult {
        for request in requests { try checks.check(request) }
        let last = try lastOfEachItem(requests, schema: schema)
        let results = try await inFlight(Self.parts(last, of: limits.batchWrite), limit: inFlightLimit) {
            (batch) async throws(RekeyError) in
            let result = try await self.batchWrite(batch)
            self.inFlightLimit.note(isThrottled: !result.unprocessed.isEmpty)
            return result
        }
        var total = BatchWriteResult()
        for result in results {
            total.unprocessed += result.unprocessed
            total.consumedWriteUnits += result.consumedWriteUnits
        }
        return total
    }

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

    private static func parts<Element>(_ elements: [Element], of size: Int) -> [[Element]] {
        stride(from: 0, to: elements.count, by: size).map { Array(elements[$0..<min($0 + size, elements.count)]) }
    }
}
