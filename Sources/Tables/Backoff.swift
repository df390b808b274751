/// When to try again: full jitter, a random part of a delay that doubles from try to try up to a cap.
///
/// Pure: it knows no clock and no generator.
package struct Backoff: Sendable, Equatable {
    /// The longest delay before the first retry.
    package var base: Duration
    /// The longest delay before any retry.
    package var cap: Duration
    /// Tries in a row that may get nothing done, the first one included.
    package var maximumAttempts: Int

    /// The defaults give up after about a minute without progress.
    package init(base: Duration = .milliseconds(25), cap: Duration = .seconds(20), maximumAttempts: Int = 13) {
        self.base = base
        self.cap = cap
        self.maximumAttempts = maximumAttempts
    }

    /// How long to wait after `failures` fruitless tries in a row, 1 or more; nil to give up.
    ///
    /// - Parameter jitter: 0 to 1.
    package func delay(after failures: Int, jitter: Double) -> Duration? {
        guard failures < maximumAttempts else { return nil }
        var longest = base
        for _ in 1..<max(failures, 1) where longest < cap { longest *= 2 }
        return min(longest, cap) * jitter
    }
}
