import ByteStreams
import Items
import Tables

/// What is read of items just before something is written of them.
extension MoveSteps {
    /// How long ago the first of what is written may have been looked at, and how long after that it may be sent.
    private static var freshness: Duration { .seconds(2) }

    /// What stands under the keys of some moves.
    struct Seen {
        /// Of those moves only that do not decide without.
        var old: [ItemKey: Item] = [:]
        var new: [ItemKey: Item] = [:]
    }

    /// What was not written of what was looked at, and why, where it is known.
    struct Undone {
        var moves: [PlannedMove] = []
        var failure: RekeyError?
    }

    /// The new items, and the old ones of those that do not decide alone.
    func look(
        at moves: some Collection<PlannedMove>, needsOld: (PlannedMove, Item?) -> Bool
    ) async throws(RekeyError) -> Seen {
        let new = try await table.read(moves.map(\.newKey))
        let unclear = moves.filter { needsOld($0, new[$0.newKey]) }
        return Seen(old: try await table.read(unclear.map(\.oldKey)), new: new)
    }

    /// Looks at moves and calls `act` with them, as many at a time as one call writes best and as are read within about a second.
    ///
    /// Limits and a pause are waited for before each look; between look and write, which takes no condition on all that was read, lie
    /// only reads and writes. What took longer than `freshness` to read is looked at again, fewer at a time: but for a table that answers so
    /// slowly that even a few take longer. Looked at again is what `act` has left undone, too, after a pause that grows while nothing is done.
    ///
    /// - Throws: the reason, or `.stoppedResumable`, where nothing is done any more for about a minute.
    func withLook(
        at chunk: [PlannedMove], needsOld: (PlannedMove, Item?) -> Bool,
        _ act: (ArraySlice<PlannedMove>, Seen) async throws(RekeyError) -> Undone
    ) async throws(RekeyError) {
        let backoff = Backoff(base: .milliseconds(200))
        var most = chunk.count
        // As many as the table has taken of late, so that little is looked at in vain.
        var burst = chunk.count
        var fruitless = 0
        var isSlow = false
        for part in parts(of: chunk) {
            var rest = part
            while !rest.isEmpty {
                let next = rest.prefix(min(most, burst))
                let reads = next.reduce(0) {
                    $0 + CapacityUnits.read($1.old.size, consistent: true)
                        + CapacityUnits.read($1.new.size, consistent: true)
                }
                let writes = next.reduce(0) { $0 + CapacityUnits.write(max($1.old.size, $1.new.size)) }
                let (count, undone) = try await table.atOnce(readUnits: reads, writeUnits: writes) {
                    () async throws(RekeyError) -> (Int, Undone) in
                    let start = time.now()
                    var seen = Seen()
                    var count = 0
                    repeat {
                        let group = next.dropFirst(count).prefix(table.limits.batchGet)
                        let found = try await look(at: group, needsOld: needsOld)
                        seen.old.merge(found.old) { $1 }
                        seen.new.merge(found.new) { $1 }
                        count += group.count
                    } while count < next.count && time.now() - start < Self.freshness / 2
                    let age = time.now() - start
                    if age <= Self.freshness {
                        isSlow = false
                        most = min(most * 2, chunk.count)
                    } else {
                        // Of few items it is the answers that take the time: fewer would not be read any faster.
                        let few = age <= Self.freshness * 5 ? table.limits.batchWrite : 1
                        guard count == 1 || isSlow && count <= few else {
                            isSlow = true
                            most = max(count / 2, few)
                            return (0, Undone())
                        }
                    }
                    return (count, try await act(next.prefix(count), seen))
                }
                rest = rest.dropFirst(count)
                let done = count - undone.moves.count
                guard !undone.moves.isEmpty else {
                    burst = min(burst * 2, chunk.count)
                    fruitless = 0
                    continue
                }
                fruitless = done > 0 ? 1 : fruitless + 1
                guard let pause = backoff.delay(after: fruitless, jitter: .random(in: 0...1)) else {
                    throw undone.failure
                        ?? RekeyError(
                            .stoppedResumable,
                            "\(undone.moves.count) writes were still not done after many tries", source: table.name)
                }
                try await time.wait(pause)
                burst = max(table.limits.batchWrite, done * 2)
                rest = (undone.moves + rest)[...]
            }
        }
    }

    /// Puts new items without a condition, each by one request: a second one would rest on an old look.
    func write(_ puts: [PlannedMove]) async throws(RekeyError) -> Undone {
        if puts.isEmpty { return Undone() }
        let batch = WriteBatch(schema: table.schema)
        batch.freshness = Self.freshness
        for move in puts { try batch.add(.put(move.new)) }
        let result = try await table.bulkWrite(batch)
        if result.unprocessed.isEmpty { return Undone() }
        var left: Set<ItemKey> = []
        for request in result.unprocessed { left.insert(try request.key(table.schema)) }
        return Undone(moves: puts.filter { left.contains($0.newKey) }, failure: result.failure)
    }

    /// What one call writes best.
    private func parts(of chunk: [PlannedMove]) -> [ArraySlice<PlannedMove>] {
        let limits = table.limits
        var parts: [ArraySlice<PlannedMove>] = []
        var start = 0
        var bytes = 0
        for index in chunk.indices {
            let size = chunk[index].new.size
            if index > start, index - start >= max(limits.bulkWrite, 1) || bytes + size > limits.bulkWriteBytes {
                parts.append(chunk[start..<index])
                start = index
                bytes = 0
            }
            bytes += size
        }
        return parts + [chunk[start...]]
    }
}
