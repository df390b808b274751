import ByteStreams
import Migration

/// The protocol of a migration, small enough to be tried in every order of events: one mover, one writer, crashes, two plans.
///
/// A plan's contents are numbers, 0 is none. What the mover does next is decided by the program's own `MoveDecisions`, and the order of
/// its steps is the program's; the model adds only what reads, writes and crashes do. Each read and each write is an event of its own.
struct ProtocolModel {
    enum Strategy { case batch, transact }

    /// A mistake made on purpose.
    enum Mistake: CaseIterable {
        case deleteWhatChanged
        case overwriteStrangers
        case believeWithoutReading
        case replaceWhateverIsThere
        case moveWhatChanged
        case takeEveryCopyForReadBack
    }

    /// What a writer may do; what it is told was done is acknowledged.
    enum Operation: Hashable, CaseIterable {
        case updateOld, putOld, deleteOld, updateNew, deleteNew
    }

    var strategy = Strategy.batch
    var order = MoveDecisions<Int8>.batchOrder
    var mistake: Mistake?
    /// Whether each item is looked at once more before its old one is deleted.
    var looksBeforeDelete = true
    var operations: [Operation] = []
    var writes: Int8 = 0
    var crashes: Int8 = 0
    /// So many puts are said to be done and are not.
    var lostPuts: Int8 = 0
    /// Whether the second plan is there from the beginning.
    var hasBoth = true

    struct Plan: Hashable {
        var old: Int8 = 0
        var new: Int8 = 0
        /// On the run's disk: the snapshot, and the delta's forms, four bits each, the last one lowest.
        var snapshot: Int8 = 0
        var delta: UInt32 = 0
        /// By the run's ledger: its copy of the last form was read back.
        var isReadBack = false
        /// What the writer knows to be true.
        var acknowledged: Int8 = 0
        /// It was deleted while both of its items stood, or while its copy was on the way: the one thing that may come back.
        var mayComeBack = false
        /// What the mover read.
        var seenOld: Int8 = 0
        var seenNew: Int8 = 0

        /// The forms that the run has on disk, the last one last.
        var forms: [Int8] {
            var forms: [Int8] = []
            var rest = delta
            while rest > 0 {
                forms.insert(Int8(rest & 15), at: 0)
                rest >>= 4
            }
            return snapshot > 0 ? [snapshot] + forms : forms
        }
    }

    enum Place: Hashable {
        case survey(Int)
        case readNew(Int8, Int)
        case readOld(Int8, Int)
        case act(Int8, Int)
        case replace(Int8, Int, Int8)
        case record(Int8, Int, Int8, Int8)
        case putAgain(Int8, Int, Int8)
        case deleteAgain(Int8, Int, Int8)
        case look(Int)
        case note
        case finished
        case stopped
    }

    struct State: Hashable {
        var a = Plan()
        var b = Plan()
        var place = Place.survey(0)
        /// Which plans this round moves, a bit each.
        var moving: UInt8 = 3
        var gone: UInt8 = 0
        var round: Int8 = 0
        var tries: Int8 = 0
        var writes: Int8
        var crashes: Int8
        var lostPuts: Int8
        /// The writer writes under new keys from now on.
        var isSwitched = false

        subscript(_ index: Int) -> Plan {
            get { index == 0 ? a : b }
            set { if index == 0 { a = newValue } else { b = newValue } }
        }
    }

    struct Violation: CustomStringConvertible {
        var what: String
        var trace: [String]
        var description: String { "\(what) after\n  " + trace.joined(separator: "\n  ") }
    }

    struct Result {
        var violation: Violation?
        var states = 0
        var finishes = 0
        var stops = 0
    }

    let decisions = MoveDecisions<Int8>(isEqual: { $0 == $1 }, moved: { $0 })

    /// Goes through every order of events, breadth first, to the first violation.
    func run() throws -> Result {
        var first = State(writes: writes, crashes: crashes, lostPuts: lostPuts)
        for index in 0..<(hasBoth ? 2 : 1) {
            first[index].old = 1
            first[index].acknowledged = 1
        }
        var result = Result()
        var parents: [State: (State, String)] = [:]
        var seen: Set<State> = [first]
        var queue = [first]
        var next = 0
        while next < queue.count {
            let state = queue[next]
            next += 1
            if state.place == .finished { result.finishes += 1 }
            if state.place == .stopped { result.stops += 1 }
            if let what = problem(state) {
                var trace: [String] = []
                var place = state
                while let (before, event) = parents[place] {
                    trace.insert(event, at: 0)
                    place = before
                }
                result.violation = Violation(what: what, trace: trace)
                break
            }
            for (event, after) in try events(state) where seen.insert(after).inserted {
                parents[after] = (state, event)
                queue.append(after)
            }
        }
        result.states = seen.count
        return result
    }

    /// No acknowledged write is lost at any moment, and in the end none is back from the dead.
    private func problem(_ state: State) -> String? {
        for index in 0..<2 {
            let plan = state[index]
            if plan.acknowledged > 0, plan.old != plan.acknowledged, plan.new != plan.acknowledged {
                return "plan \(index): \(plan.acknowledged) is under neither key"
            }
            if state.place == .finished, plan.acknowledged == 0, plan.old + plan.new > 0, !plan.mayComeBack {
                return "plan \(index): back from the dead"
            }
        }
        return nil
    }

    private func events(_ state: State) throws -> [(String, State)] {
        var events = writerEvents(state)
        switch state.place {
        case .finished: break
        case .stopped:
            if state.crashes > 0 { events.append(("resumed", restarted(state))) }
        default:
            events += try moverEvents(state)
            if state.crashes > 0 { events.append(("killed and resumed", restarted(state))) }
        }
        return events
    }

    private func restarted(_ state: State) -> State {
        var after = state
        after.crashes -= 1
        for index in 0..<2 {
            after[index].seenOld = 0
            after[index].seenNew = 0
        }
        after.moving = 3
        after.gone = 0
        after.round = 0
        after.tries = 0
        if case .survey = state.place {
            for index in 0..<2 { after[index].snapshot = 0 }
            after.place = .survey(0)
        } else {
            after.place = start
        }
        return after
    }

    private func writerEvents(_ state: State) -> [(String, State)] {
        guard state.writes > 0 else { return [] }
        let value = Int8(2) + writes - state.writes
        var events: [(String, State)] = []
        for operation in operations {
            for index in 0..<2 {
                var after = state
                var plan = state[index]
                switch operation {
                case .updateOld:
                    guard !state.isSwitched, plan.old > 0 else { continue }
                    plan.old = value
                case .putOld:
                    guard !state.isSwitched else { continue }
                    plan.old = value
                case .deleteOld:
                    guard !state.isSwitched, plan.old > 0 else { continue }
                    plan.old = 0
                    plan.mayComeBack = plan.new > 0 || isPutting(state)
                case .updateNew:
                    guard plan.new > 0 else { continue }
                    after.isSwitched = true
                    plan.new = value
                case .deleteNew:
                    guard plan.new > 0 else { continue }
                    after.isSwitched = true
                    plan.mayComeBack = plan.old > 0
                    plan.new = 0
                }
                let isDeletion = operation == .deleteOld || operation == .deleteNew
                plan.acknowledged = isDeletion ? 0 : value
                if !isDeletion { plan.mayComeBack = false }
                after[index] = plan
                after.writes -= 1
                events.append(("writer: \(operation) of plan \(index)\(isDeletion ? "" : " to \(value)")", after))
            }
        }
        return events
    }

    /// In `batch`, between look and write of a put.
    private func isPutting(_ state: State) -> Bool {
        guard strategy == .batch else { return false }
        switch state.place {
        case .readNew(let phase, _), .readOld(let phase, _), .act(let phase, _), .replace(let phase, _, _):
            return order[Int(phase)] == .put
        default: return false
        }
    }

    var start: Place { strategy == .batch ? .readNew(0, 0) : .act(0, 0) }

    func planned(_ plan: Plan) -> MoveDecisions<Int8>.Planned? {
        let forms = plan.forms
        guard let last = forms.last else { return nil }
        return MoveDecisions.Planned(
            old: last, new: last, earlier: forms.dropLast(),
            isReadBack: plan.isReadBack || mistake == .takeEveryCopyForReadBack)
    }

    func some(_ value: Int8) -> Int8? { value == 0 ? nil : value }

    /// The place after all plans had their turn at a phase.
    func next(_ phase: Int8) -> Place {
        guard strategy == .batch, Int(phase) + 1 < order.count else { return .look(0) }
        return order[Int(phase) + 1] == .delete && !looksBeforeDelete ? .act(phase + 1, 0) : .readNew(phase + 1, 0)
    }

    func advance(_ state: inout State, _ phase: Int8, _ index: Int) {
        state.tries = 0
        state.place = index == 0 ? .act(phase, 1) : next(phase)
        if index == 1 {
            let isReadBack = strategy == .batch && order[Int(phase)] == .verify
            for index in 0..<2 {
                state[index].seenOld = 0
                state[index].seenNew = 0
                if isReadBack, !state[index].forms.isEmpty { state[index].isReadBack = true }
            }
        }
    }
}
