import ByteStreams
import Items
import Tables

extension MoveSteps {
    /// Moves each item in a transaction: new if absent, old away if unchanged, both or neither.
    func transact(timeToLive: String?, now: @autoclosure () -> Timestamp) async throws(RekeyError) -> Tally {
        var tally = Tally()
        try await moves.forEachChunk { chunk async throws(RekeyError) in
            for group in groups(chunk) {
                let gone = try await transact(group, &tally)
                let there = try await table.read(gone.map(\.newKey))
                for move in gone {
                    if there[move.newKey] != nil {
                        tally.already += 1
                    } else if isDue(move.old, timeToLive, now()) {
                        tally.expired += 1
                    } else {
                        tally.gone.insert(move.newKey)
                    }
                }
            }
        }
        return tally
    }

    /// As many moves as one transaction takes, by number and by size.
    private func groups(_ moves: [PlannedMove]) -> [[PlannedMove]] {
        var groups: [[PlannedMove]] = []
        var group: [PlannedMove] = []
        var bytes = 0
        for move in moves {
            let size = move.old.size + move.new.size
            if group.count >= max(table.limits.transactMove, 1) || bytes + size > CapacityUnits.maximumTransactionBytes,
                !group.isEmpty
            {
                groups.append(group)
                group = []
                bytes = 0
            }
            group.append(move)
            bytes += size
        }
        return group.isEmpty ? groups : groups + [group]
    }

    /// Tries until all are moved, and returns those whose old item is not there. Items that others are at work on go one by one.
    private func transact(_ moves: [PlannedMove], _ tally: inout Tally) async throws(RekeyError) -> [PlannedMove] {
        var waiting = moves
        var gone: [PlannedMove] = []
        for _ in 0..<16 where !waiting.isEmpty {
            try await removeStrays(of: waiting)
            let result = try await table.transactMove(waiting.map { Move(old: $0.old, new: $0.new) })
            if result.isCommitted {
                tally.done += waiting.count
                return gone
            }
            var together: [PlannedMove] = []
            for (move, outcome) in zip(waiting, result.outcomes) {
                guard let next = try await afterCancelled(move, outcome, &tally) else {
                    gone.append(move)
                    continue
                }
                if next.isTouched, waiting.count > 1 {
                    gone += try await transact([next.move], &tally)
                } else {
                    together.append(next.move)
                }
            }
            waiting = together
        }
        guard waiting.isEmpty else {
            throw RekeyError(
                .stoppedResumable, "\(waiting.count) items change faster than they can be moved", source: table.name)
        }
        return gone
    }

    /// Removes the copies of earlier forms that stand under other new keys, where the old item stands: of one that is gone, such a copy
    /// may be all there is.
    private func removeStrays(of moves: [PlannedMove]) async throws(RekeyError) {
        let moves = moves.filter { !$0.strays.isEmpty }
        let old = moves.isEmpty ? [:] : try await table.read(moves.map(\.oldKey))
        for move in moves where old[move.oldKey] != nil { try await removeStrays(of: move) }
    }

    /// What to try next, and whether another writer is at work on the item; nil where its old item is not there.
    private func afterCancelled(
        _ move: PlannedMove, _ outcome: MoveOutcome, _ tally: inout Tally
    ) async throws(RekeyError) -> (move: PlannedMove, isTouched: Bool)? {
        let obstacle: MoveDecisions<Item>.Obstacle =
            switch outcome {
            case .moved, .cancelled: .none
            case .oldChanged(let current): .old(current)
            case .newTaken(let current): .new(current)
            }
        switch try decisions.afterCancelled(try planned(move), obstacle) {
        case .again: return (move, false)
        case .gone: return nil
        case .changed(let current):
            tally.recopied += 1
            return (try recorded(current, after: move), true)
        case .replace(let there):
            try await replace(PlannedMove.Copy(item: there, key: move.newKey), by: move)
            return (move, true)
        case .taken:
            throw try taken(move, differentItem(move))
        case .unmovable: throw unmovable(move.oldKey)
        }
    }
}
