import ByteStreams
import Synchronization

/// What holds the calls of a table back: units a second, a pause, a stop. All of it may change while calls wait.
package final class CapacityGovernor: Sendable {
    /// What is asked of the callers now.
    package enum State: Sendable, Equatable {
        case going
        case paused
        /// Every further call throws `.stoppedResumable`.
        case stopped
    }

    struct Budgets {
        var read: TokenBucket?
        var write: TokenBucket?
        var lastPage = 1.0
        var lastGet = 1.0
        var state = State.going
        var orders: (@Sendable (CapacityGovernor) -> Void)?
        var nextLook = Duration.zero
    }

    /// False for what `Table.atOnce` does: calls take their units and do not wait.
    @TaskLocal static var holdsBack = true

    /// How long a wait may be before orders are looked for again.
    private static let attention = Duration.milliseconds(250)

    private let time: TimeSource
    let budgets: Mutex<Budgets>

    /// - Parameters:
    ///   - readUnits: read units a second; nil for no limit.
    ///   - writeUnits: write units a second; nil for no limit.
    package init(readUnits: Double? = nil, writeUnits: Double? = nil, time: TimeSource = .continuous) {
        self.time = time
        budgets = Mutex(
            Budgets(
                read: readUnits.map { TokenBucket(rate: $0) }, write: writeUnits.map { TokenBucket(rate: $0) }))
    }

    package var state: State { budgets.withLock { $0.state } }

    /// The rates that hold now.
    package var rates: (read: Double?, write: Double?) { budgets.withLock { ($0.read?.rate, $0.write?.rate) } }

    package func set(_ state: State) { budgets.withLock { $0.state = state } }

    /// Takes other rates; nil leaves one as it is. Units that are owed are waited for at the new rate.
    package func setRates(readUnits: Double?, writeUnits: Double?) {
        budgets.withLock {
            if let readUnits { $0.read = TokenBucket(rate: readUnits) }
            if let writeUnits { $0.write = TokenBucket(rate: writeUnits) }
        }
    }

    /// Has `orders` called before a call begins and while calls wait, at most every quarter of a second; nil ends that.
    package func listen(_ orders: (@Sendable (CapacityGovernor) -> Void)?) {
        budgets.withLock {
            $0.orders = orders
            $0.nextLook = .zero
        }
    }

    /// Waits until a call may go; the caller settles the budget afterwards.
    ///
    /// - Throws: `.stoppedResumable` after a stop, `.interrupted`.
    func admit(_ budget: WritableKeyPath<Budgets, TokenBucket?>, _ units: Double) async throws(RekeyError) {
        guard Self.holdsBack else {
            _ = budgets.withLock { $0[keyPath: budget]?.take(units, now: time.now()) }
            return
        }
        try await waitWhilePaused()
        var owed = budgets.withLock { budgets -> Double in
            guard var bucket = budgets[keyPath: budget] else { return 0 }
            let wait = bucket.take(units, now: time.now())
            budgets[keyPath: budget] = bucket
            return wait / .seconds(1) * bucket.rate
        }
        while owed > 0, let rate = budgets.withLock({ $0[keyPath: budget]?.rate }) {
            let isHeard = budgets.withLock { $0.orders != nil }
            let wait = Duration.seconds(owed / rate)
            let slice = isHeard ? min(wait, Self.attention) : wait
            try await time.wait(slice)
            owed = slice == wait ? 0 : owed - slice / .seconds(1) * rate
            try await waitWhilePaused()
        }
    }

    /// Waits until a call of so many units could go at once, or as many as are ever saved up; takes none of them.
    ///
    /// - Throws: as `admit`.
    func awaitRoom(_ budget: WritableKeyPath<Budgets, TokenBucket?>, _ units: Double) async throws(RekeyError) {
        try await waitWhilePaused()
        while let wait = budgets.withLock({ $0[keyPath: budget]?.wait(for: units, now: time.now()) }), wait > .zero {
            try await time.wait(min(wait, Self.attention))
            try await waitWhilePaused()
        }
    }

    /// Gives back, or takes, what an estimate was wrong by.
    func settle(_ budget: WritableKeyPath<Budgets, TokenBucket?>, _ difference: Double) {
        budgets.withLock { $0[keyPath: budget]?.settle(difference, now: time.now()) }
    }

    private func waitWhilePaused() async throws(RekeyError) {
        while true {
            look()
            switch state {
            case .going: return
            case .stopped: throw RekeyError(.stoppedResumable, "stopped by rekey control")
            case .paused: try await time.wait(Self.attention)
            }
        }
    }

    private func look() {
        let now = time.now()
        let orders = budgets.withLock { budgets -> (@Sendable (CapacityGovernor) -> Void)? in
            guard let orders = budgets.orders, now >= budgets.nextLook else { return nil }
            budgets.nextLook = now + Self.attention
            return orders
        }
        orders?(self)
    }
}
