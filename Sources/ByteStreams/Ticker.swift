import Dispatch

/// Calls something again and again on a thread of its own, outside Swift's pool, until it is stopped or let go.
package final class Ticker: Sendable {
    private let end = DispatchSemaphore(value: 0)

    /// - Parameters:
    ///   - delay: milliseconds before the first call.
    ///   - interval: milliseconds between the end of a call and the next one.
    package init(after delay: Int, every interval: Int, _ body: @escaping @Sendable () -> Void) {
        let end = end
        DispatchQueue(label: "ticker").async {
            var pause = delay
            while end.wait(timeout: .now() + .milliseconds(pause)) == .timedOut {
                body()
                pause = interval
            }
        }
    }

    deinit { end.signal() }

    /// A call under way may still end afterwards.
    package func stop() { end.signal() }
}
