import Synchronization

/// Whether and when a failed attempt is made again; a value without clock and randomness.
package struct RetryPolicy: Sendable, Equatable {
    /// The first attempt included.
    package var maximumAttempts: Int
    /// The first pause after a transient failure, before jitter; it doubles with each attempt.
    package var base: Duration
    /// The same after throttling.
    package var throttlingBase: Duration
    /// The longest pause before jitter.
    package var cap: Duration
    /// How long failures may go on; nil where attempts alone count.
    package var patience: Duration?
    /// Whether each retry is paid for from the client's `RetryBudget`.
    package var usesBudget: Bool

    package init(
        maximumAttempts: Int, base: Duration, throttlingBase: Duration, cap: Duration, patience: Duration? = nil,
        usesBudget: Bool
    ) {
        self.maximumAttempts = maximumAttempts
        self.base = base
        self.throttlingBase = throttlingBase
        self.cap = cap
        self.patience = patience
        self.usesBudget = usesBudget
    }

    /// The SDKs' standard mode in its form of 2026: full jitter, at most 20 s, a budget of 500.
    /// Source: "Retry behavior", AWS SDKs and Tools Reference Guide.
    ///
    /// - Parameter base: 25 ms for DynamoDB, 50 ms for others.
    package static func standard(maximumAttempts: Int = 3, base: Duration = .milliseconds(50)) -> RetryPolicy {
        RetryPolicy(
            maximumAttempts: maximumAttempts, base: base, throttlingBase: .seconds(1), cap: .seconds(20),
            usesBudget: true
        )
    }

    /// For long runs: goes on for a minute and a half without progress. The caller limits its own rate, so there is no budget.
    package static let patient = RetryPolicy(
        maximumAttempts: .max, base: .milliseconds(50), throttlingBase: .milliseconds(200), cap: .seconds(20),
        patience: .seconds(90), usesBudget: false)

    /// One attempt.
    package static let none = RetryPolicy(
        maximumAttempts: 1, base: .zero, throttlingBase: .zero, cap: .zero, usesBudget: false)

    /// The pause before the next attempt; nil where there is none.
    ///
    /// - Parameters:
    ///   - attempt: how many have failed, from 1.
    ///   - elapsed: since the first began.
    ///   - jitter: random, in 0..<1.
    ///   - retryAfter: what the service asked for; it raises the pause, at most 5 s above it.
    package func delay(
        after error: ServiceError, attempt: Int, elapsed: Duration, jitter: Double, retryAfter: Duration? = nil
    ) -> Duration? {
        guard error.isRetryable, attempt < maximumAttempts else { return nil }
        if let patience, elapsed >= patience { return nil }
        let base = error.isThrottling ? throttlingBase : base
        // Beyond 2^20 every base is far above the cap.
        let longest = min(base * (1 << min(attempt - 1, 20)), cap)
        let pause = longest * jitter
        guard let retryAfter else { return pause }
        return min(max(pause, retryAfter), pause + .seconds(5))
    }
}

/// What the retries of one client may cost together, so that a service in trouble is not asked ever more often.
/// Source: "Retry behavior", AWS SDKs and Tools Reference Guide: "retry quota".
package final class RetryBudget: Sendable {
    private let left: Mutex<Int>
    private let capacity: Int

    package init(capacity: Int = 500) {
        self.capacity = capacity
        left = Mutex(capacity)
    }

    /// Takes the price of a retry.
    ///
    /// - Returns: the price, to be given back after a success; nil where the budget is used up.
    package func take(for error: ServiceError) -> Int? {
        let price = error.isThrottling ? 5 : 14
        return left.withLock { left in
            guard left >= price else { return nil }
            left -= price
            return price
        }
    }

    /// Gives back after a success what its last retry has cost, or 1 where there was none.
    package func succeeded(price: Int?) {
        left.withLock { $0 = min(capacity, $0 + (price ?? 1)) }
    }

    package var remaining: Int { left.withLock { $0 } }
}
