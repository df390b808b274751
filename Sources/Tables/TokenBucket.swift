/// A budget that grows with time up to a cap, and may be overdrawn.
///
/// Pure: the time is an argument. What a request costs is known only after it, so its estimate is taken before and
/// the difference settled after.
package struct TokenBucket: Sendable {
    /// Units a second.
    package let rate: Double
    /// The most units that are saved up.
    package let capacity: Double
    private var tokens: Double
    private var updated: Duration?

    /// A full bucket; it saves up one second's units unless told otherwise.
    package init(rate: Double, capacity: Double? = nil) {
        precondition(rate > 0)
        self.rate = rate
        self.capacity = capacity ?? rate
        tokens = self.capacity
    }

    /// Takes units and returns how long to wait before they may be used. Waiting callers queue up behind each other.
    package mutating func take(_ units: Double, now: Duration) -> Duration {
        refill(now)
        tokens -= units
        return tokens >= 0 ? .zero : .seconds(-tokens / rate)
    }

    /// How long until so many units are there, or a full bucket.
    package mutating func wait(for units: Double, now: Duration) -> Duration {
        refill(now)
        let missing = min(units, capacity) - tokens
        return missing > 0 ? .seconds(missing / rate) : .zero
    }

    /// Corrects an estimate: positive for units used beyond it, negative for units left over.
    package mutating func settle(_ difference: Double, now: Duration) {
        refill(now)
        tokens = min(capacity, tokens - difference)
    }

    private mutating func refill(_ now: Duration) {
        if let updated, now > updated { tokens = min(capacity, tokens + (now - updated) / .seconds(1) * rate) }
        updated = max(updated ?? now, now)
    }
}
