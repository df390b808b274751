import TestSupport

/// Decides which fault a request meets. Pure: the randomness comes from the plan's seed, the time from the caller.
struct FaultDecider: Sendable {
    private(set) var plan: FaultPlan
    private(set) var counts = FaultCounts()
    private var generator: SeededGenerator
    private var next = 0
    private var happened = 0
    private var descriptions: [String: Int] = [:]

    init(_ plan: FaultPlan) {
        self.plan = plan
        generator = SeededGenerator(seed: plan.seed)
    }

    /// Counts a request and draws its fault.
    mutating func decide(_ request: FaultRequest, at now: Int) -> FaultKind? {
        counts.requests += 1
        counts.operations[request.operation, default: 0] += 1
        if plan.clockSkewSeconds != 0, let date = request.date,
            abs(date - now - plan.clockSkewSeconds) > (request.form == .rest ? 900 : 300)
        {
            return count(.clockSkew)
        }
        guard plan.operations.isEmpty || plan.operations.contains(request.operation),
            counts.requests > plan.skip, happened < plan.limit ?? .max
        else { return nil }
        guard let kind = draw(request) else { return nil }
        happened += 1
        return count(kind)
    }

    private mutating func draw(_ request: FaultRequest) -> FaultKind? {
        if next < plan.sequence.count {
            let kind = plan.sequence[next]
            guard request.canMeet(kind) else { return nil }
            next += 1
            return kind == .none ? nil : kind
        }
        if plan.probabilities.isEmpty { return nil }
        // One number for each request, whatever it is, so that a plan's faults do not depend on their kinds.
        var left = Double.random(in: 0..<1, using: &generator)
        for kind in FaultKind.drawn {
            left -= plan.probabilities[kind] ?? 0
            if left < 0 { return request.canMeet(kind) ? kind : nil }
        }
        return nil
    }

    /// Whether this answer to DescribeTable is to say CREATING.
    mutating func isCreating(_ table: String) -> Bool {
        guard descriptions[table, default: 0] < plan.creatingDescriptions else { return false }
        descriptions[table, default: 0] += 1
        _ = count(.creating)
        return true
    }

    @discardableResult
    private mutating func count(_ kind: FaultKind) -> FaultKind {
        counts.faults[kind, default: 0] += 1
        return kind
    }

    mutating func countForwarded() { counts.forwarded += 1 }
    mutating func countUnprocessed(_ number: Int) { counts.unprocessed += number }
    mutating func countUpstreamFailure() { counts.upstreamFailures += 1 }

    /// Which of `count` parts of a batch are carried out: at least one, and not all.
    mutating func kept(of count: Int) -> Set<Int> {
        Set(Array(0..<count).shuffled(using: &generator).prefix(Int.random(in: 1..<count, using: &generator)))
    }

    /// A number below `count`.
    mutating func index(below count: Int) -> Int { Int.random(in: 0..<count, using: &generator) }
}
