/// Of which moves the run has read its copy back under the new key, as its ledger says: what differs there now is a later change of it.
struct ReadBack {
    private let delta: DeltaLog
    private let isDone: Bool
    /// Whether old items came or changed after it was done: of these it says nothing.
    private let hasLater: Bool

    init(_ delta: DeltaLog) {
        self.delta = delta
        let entries = delta.ledger.entries
        let last = entries.lastIndex { $0.step == .verified }
        isDone = last != nil
        hasLater = last.map { entries[$0...].contains { $0.step == .delta } } ?? false
    }

    func covers(_ move: PlannedMove) -> Bool { isDone && !(hasLater && delta.versions[move.oldKey] != nil) }
}
