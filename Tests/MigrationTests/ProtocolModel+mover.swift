import Migration

/// What the mover does next.
extension ProtocolModel {
    func moverEvents(_ state: State) throws -> [(String, State)] {
        var after = state
        switch state.place {
        case .survey(let index):
            after[index].snapshot = state[index].old
            after.place = index == 0 ? .survey(1) : start
            return [("survey reads plan \(index)", after)]
        case .readNew(let phase, let index):
            after[index].seenNew = state[index].new
            after.place = index == 0 ? .readNew(phase, 1) : .readOld(phase, 0)
            return [("\(order[Int(phase)]) reads new \(index)", after)]
        case .readOld(let phase, let index):
            after[index].seenOld = state[index].old
            after.place = index == 0 ? .readOld(phase, 1) : .act(phase, 0)
            return [("\(order[Int(phase)]) reads old \(index)", after)]
        case .act(let phase, let index):
            guard state.moving & 1 << index != 0, let planned = planned(state[index]) else {
                advance(&after, phase, index)
                return [("passes over plan \(index)", after)]
            }
            return strategy == .transact
                ? try transact(state, index, planned) : try act(state, phase, index, planned)
        case .replace(let phase, let index, let expected):
            guard let planned = planned(state[index]) else { return [] }
            if state[index].new == expected || mistake == .replaceWhateverIsThere {
                after[index].new = planned.new
            } else if state[index].new != planned.new {
                after.place = .stopped
                return [("replaces nothing of plan \(index), and stops", after)]
            }
            if strategy == .transact { after.place = .act(0, index) } else { advance(&after, phase, index) }
            return [("replaces new \(index) by \(planned.new)", after)]
        case .record(let phase, let index, let value, let copied):
            after[index].delta = state[index].delta << 4 | UInt32(value)
            after[index].isReadBack = false
            after.place = strategy == .transact ? .act(0, index) : .putAgain(phase, index, copied)
            return [("keeps \(value) of plan \(index)", after)]
        case .putAgain(let phase, let index, let copied):
            guard let value = state[index].forms.last else { return [] }
            if state[index].new == copied || mistake == .replaceWhateverIsThere {
                after[index].new = value
            } else if state[index].new != value {
                after.place = .stopped
                return [("finds plan \(index) changed under both keys, and stops", after)]
            }
            after.place = .deleteAgain(phase, index, value)
            return [("copies \(value) of plan \(index) again", after)]
        case .deleteAgain(let phase, let index, let value):
            if state[index].old == value || state[index].old == 0 {
                after[index].old = 0
                advance(&after, phase, index)
                return [("deletes old \(index) if still \(value)", after)]
            }
            after.tries += 1
            after.place = after.tries > 2 ? .stopped : .record(phase, index, state[index].old, value)
            return [("finds old \(index) changed to \(state[index].old)", after)]
        case .look(let index):
            after[index].seenOld = state[index].old
            after.place = index == 0 ? .look(1) : .note
            return [("looks for old \(index)", after)]
        case .note:
            guard state.a.seenOld > 0 || state.b.seenOld > 0 else {
                after.place = .finished
                return [("finishes", after)]
            }
            after.round += 1
            guard after.round <= 2 else {
                after.place = .stopped
                return [("stops after so many rounds", after)]
            }
            after.moving = 0
            for index in 0..<2 where state[index].seenOld > 0 {
                after[index].delta = state[index].delta << 4 | UInt32(state[index].seenOld)
                after[index].isReadBack = false
                after.moving |= 1 << index
            }
            for index in 0..<2 { after[index].seenOld = 0 }
            after.place = start
            return [("keeps what came or changed", after)]
        case .finished, .stopped: return []
        }
    }

    private func act(
        _ state: State, _ phase: Int8, _ index: Int, _ planned: MoveDecisions<Int8>.Planned
    ) throws -> [(String, State)] {
        var after = state
        let plan = state[index]
        switch order[Int(phase)] {
        case .put:
            let needsOld = decisions.needsOld(planned, new: some(plan.seenNew))
            let decision = try decisions.put(planned, old: needsOld ? some(plan.seenOld) : nil, new: some(plan.seenNew))
            switch decision {
            case .already, .unmovable: break
            case .gone: after.gone |= 1 << index
            case .taken where mistake == .overwriteStrangers: after[index].new = planned.new
            case .taken:
                after.place = .stopped
                return [("finds a stranger under new \(index), and stops", after)]
            case .replace(let there):
                after.place = .replace(phase, index, there)
                return [("will replace new \(index)", after)]
            case .put:
                var lost = state
                after[index].new = planned.new
                advance(&after, phase, index)
                let events = [("puts \(planned.new) under new \(index)", after)]
                guard state.lostPuts > 0 else { return events }
                lost.lostPuts -= 1
                advance(&lost, phase, index)
                return events + [("puts \(planned.new) under new \(index), which is lost", lost)]
            }
        case .verify:
            guard state.gone & 1 << index == 0 else { break }
            let needsOld = decisions.needsOld(planned, new: some(plan.seenNew))
            let old = needsOld ? some(plan.seenOld) : nil
            let found = try decisions.verify(planned, old: old, new: some(plan.seenNew))
            if mistake != .believeWithoutReading, found == .missing || found == .different {
                after.place = .stopped
                return [("finds new \(index) missing or different, and stops", after)]
            }
        case .delete:
            let old = plan.seenNew == 0 ? some(plan.seenOld) : nil
            switch looksBeforeDelete ? decisions.delete(old: old, new: some(plan.seenNew)) : .delete {
            case .delete: break
            case .already:
                advance(&after, phase, index)
                return [("finds plan \(index) gone", after)]
            case .missing:
                after.place = .stopped
                return [("finds new \(index) missing before it deletes, and stops", after)]
            }
            if plan.old == planned.old || mistake == .deleteWhatChanged {
                after[index].old = 0
            } else if plan.old > 0 {
                after.place = .record(phase, index, plan.old, planned.new)
                return [("finds old \(index) changed to \(plan.old)", after)]
            }
        }
        advance(&after, phase, index)
        return [("\(order[Int(phase)]) of plan \(index)", after)]
    }

    private func transact(
        _ state: State, _ index: Int, _ planned: MoveDecisions<Int8>.Planned
    ) throws -> [(String, State)] {
        var after = state
        let plan = state[index]
        let isUnchanged = plan.old == planned.old || (mistake == .moveWhatChanged && plan.old > 0)
        let isFree = plan.new == 0 || plan.new == planned.new || mistake == .overwriteStrangers
        if isUnchanged, isFree {
            after[index].old = 0
            after[index].new = planned.new
            advance(&after, 0, index)
            return [("moves plan \(index) as \(planned.new)", after)]
        }
        let obstacle: MoveDecisions<Int8>.Obstacle = isUnchanged ? .new(some(plan.new)) : .old(some(plan.old))
        switch try decisions.afterCancelled(planned, obstacle) {
        case .gone:
            advance(&after, 0, index)
            return [("finds plan \(index) gone or moved", after)]
        case .changed(let current):
            after.tries += 1
            after.place = after.tries > 2 ? .stopped : .record(0, index, current, planned.new)
            return [("finds old \(index) changed to \(current)", after)]
        case .replace(let there):
            after.place = .replace(0, index, there)
            return [("finds its earlier copy under new \(index)", after)]
        case .again, .taken, .unmovable:
            after.place = .stopped
            return [("finds a stranger under new \(index), and stops", after)]
        }
    }
}
