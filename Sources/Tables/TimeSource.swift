package import ByteStreams

/// The clock of what waits, so that tests need not.
package struct TimeSource: Sendable {
    /// Time since some fixed moment; never goes back.
    package var now: @Sendable () -> Duration
    /// Suspends for a time; throws when the task is cancelled.
    package var sleep: @Sendable (Duration) async throws -> Void

    package init(
        now: @escaping @Sendable () -> Duration, sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.now = now
        self.sleep = sleep
    }

    /// The machine's monotonic clock.
    package static var continuous: TimeSource {
        let start = ContinuousClock.now
        return TimeSource(now: { start.duration(to: .now) }, sleep: { try await Task.sleep(for: $0) })
    }

    /// Suspends for a time; throws `interrupted` when the task is cancelled.
    package func wait(_ duration: Duration) async throws(RekeyError) {
        do {
            try await sleep(duration)
        } catch {
            throw RekeyError(.interrupted, "interrupted")
        }
    }
}
