import ByteStreams
import Items
import Rekeying
import Tables

/// The steps of a migration between snapshot and report. Each may be repeated: what is done already is left as it is.
struct MoveSteps: Sendable {
    let table: any Table
    let moves: MoveList
    let rules: RuleSet

    /// What a step did.
    struct Tally: Sendable {
        var done = 0
        /// Done before, by an earlier try of the same step.
        var already = 0
        /// Changed by another writer since the snapshot, and copied again.
        var recopied: [ItemKey] = []
        /// Gone because their time to live was over.
        var expired = 0
    }

    /// Puts every new item that is not there yet. Stops before writing over a different item.
    func put() async throws(RekeyError) -> Tally {
        var tally = Tally()
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            let there = try await table.read(chunk.map(\.newKey))
            var requests: [WriteRequest] = []
            for move in chunk {
                if let current = there[move.newKey] {
                    guard current.isEqual(to: move.new) else {
                        throw RekeyError(
                            .differences,
                            "a different item came under the new key \(move.newKey) since the survey; nothing of it was overwritten",
                            source: table.name)
                    }
                    tally.already += 1
                } else {
                    requests.append(.put(move.new))
                }
            }
            try await table.write(requests)
            tally.done += requests.count
        }
        return tally
    }

    /// Reads every new item back and compares it with what the rules make of the old one.
    func verifyNew(timeToLive: String?, now: Timestamp) async throws(RekeyError) -> Tally {
        var tally = Tally()
        var missing: [ItemKey] = []
        var different: [ItemKey] = []
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            let there = try await table.read(chunk.map(\.newKey))
            for move in chunk {
                if let current = there[move.newKey] {
                    if current.isEqual(to: move.new) { tally.done += 1 } else { different.append(move.newKey) }
                } else if isDue(move.new, timeToLive, now) {
                    tally.expired += 1
                } else {
                    missing.append(move.newKey)
                }
            }
        }
        guard missing.isEmpty && different.isEmpty else {
            let shown = (missing + different).prefix(3).map(\.description).joined(separator: ", ")
            throw RekeyError(
                .differences,
                "after the put \(missing.count) new items are missing and \(different.count) differ (\(shown)); no old item was deleted",
                source: table.name)
        }
        return tally
    }

    /// The new keys under which nothing stands, items whose time to live was over left out.
    func missingNew(timeToLive: String?, now: Timestamp) async throws(RekeyError) -> [ItemKey] {
        var missing: [ItemKey] = []
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            let there = try await table.read(chunk.map(\.newKey))
            for move in chunk where there[move.newKey] == nil && !isDue(move.new, timeToLive, now) {
                missing.append(move.newKey)
            }
        }
        return missing
    }

    /// Deletes every old item that is still equal to what was copied; one that changed is copied again first.
    func deleteOld() async throws(RekeyError) -> Tally {
        var tally = Tally()
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            let outcomes = try await table.deleteUnchanged(chunk.map(\.old))
            for (move, outcome) in zip(chunk, outcomes) {
                switch outcome {
                case .done: tally.done += 1
                case .conditionFailed(nil): tally.already += 1
                case .conditionFailed(let current?):
                    try await copyAgain(move, current: current)
                    tally.recopied.append(move.newKey)
                    tally.done += 1
                }
            }
        }
        return tally
    }

    /// Takes a change that another writer made to an old item over to the new one, then deletes the old one.
    private func copyAgain(_ move: PlannedMove, current: Item) async throws(RekeyError) {
        var current = current
        var copied = move.new
        for _ in 0..<16 {
            guard let next = try moved(current) else {
                throw RekeyError(
                    .differences,
                    "item \(move.oldKey) was changed since the snapshot so that no rule moves it any more; it stays where it is",
                    source: table.name)
            }
            guard case .done = try await table.put(next.new, condition: .equals(copied)) else {
                throw RekeyError(
                    .differences,
                    "items \(move.oldKey) and \(move.newKey) were both changed since the snapshot; decide which one holds, then resume",
                    source: table.name)
            }
            copied = next.new
            switch try await table.delete(move.oldKey, condition: .equals(current)) {
            case .done, .conditionFailed(nil): return
            case .conditionFailed(let later?): current = later
            }
        }
        throw RekeyError(
            .stoppedResumable, "item \(move.oldKey) changes faster than it can be copied", source: table.name)
    }

    private func moved(_ item: Item) throws(RekeyError) -> PlannedMove? {
        var mover = Mover(rules: rules, schema: table.schema)
        do {
            return try mover.move(item)
        } catch {
            throw RekeyError(.badInput, error.reason, source: table.name)
        }
    }

    /// Moves each item in a transaction of its own kind: new if absent, old away if unchanged, both or neither.
    func transact() async throws(RekeyError) -> Tally {
        var tally = Tally()
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            var start = 0
            while start < chunk.count {
                let end = min(start + table.limits.transactMove, chunk.count)
                try await transact(Array(chunk[start..<end]), &tally)
                start = end
            }
        }
        return tally
    }

    private func transact(_ moves: [PlannedMove], _ tally: inout Tally) async throws(RekeyError) {
        var waiting = moves
        for _ in 0..<16 where !waiting.isEmpty {
            let result = try await table.transactMove(waiting.map { Move(old: $0.old, new: $0.new) })
            if result.isCommitted {
                tally.done += waiting.count
                return
            }
            var next: [PlannedMove] = []
            for (move, outcome) in zip(waiting, result.outcomes) {
                switch outcome {
                case .moved, .cancelled: next.append(move)
                case .oldChanged(nil):
                    guard let there = try await table.get(move.newKey) else {
                        tally.expired += 1
                        continue
                    }
                    _ = there
                    tally.already += 1
                case .oldChanged(let current?):
                    guard let again = try moved(current) else {
                        throw RekeyError(
                            .differences,
                            "item \(move.oldKey) was changed since the snapshot so that no rule moves it any more",
                            source: table.name)
                    }
                    tally.recopied.append(move.newKey)
                    next.append(again)
                case .newTaken:
                    throw RekeyError(
                        .differences, "a different item stands under the new key \(move.newKey); it was not overwritten",
                        source: table.name)
                }
            }
            waiting = next
        }
        guard waiting.isEmpty else {
            throw RekeyError(
                .stoppedResumable, "\(waiting.count) items change faster than they can be moved", source: table.name)
        }
    }
}

/// True where an item's time to live was over at `now`, so that the table may have deleted it.
private func isDue(_ item: Item, _ attribute: String?, _ now: Timestamp) -> Bool {
    guard let attribute, let value = item.attribute(attribute), value.type == .number,
        let seconds = Int(String(decoding: plainNumber(value.text).prefix { $0 != UInt8(ascii: ".") }, as: UTF8.self))
    else { return false }
    return seconds <= now.seconds
}
