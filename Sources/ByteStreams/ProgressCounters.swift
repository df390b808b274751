import Synchronization

/// What a command has done so far: added to by the threads that work, read now and then by whoever shows or records it.
///
/// Added to once a block, page or call, never once an item.
package final class ProgressCounters: Sendable {
    /// The counts at one moment.
    package struct Reading: Sendable, Equatable {
        /// The step in hand, such as `put`; nil where the command has no steps.
        package var step: String?
        /// Items of the step that are done.
        package var items = 0
        /// How many there will be, where it is known.
        package var totalItems: Int?
        /// Bytes of the step, as they stand in the stream.
        package var bytes = 0
        package var totalBytes: Int?
        /// All that follows counts from the command's start.
        package var readUnits = 0.0
        package var writeUnits = 0.0
        /// Requests that were answered, or calls of an embedded table.
        package var requests = 0
        /// Requests that were sent again after a failure.
        package var retries = 0
        /// Answers that asked to slow down, and items that came back as unprocessed.
        package var throttled = 0
        /// Records that were set aside.
        package var rejected = 0
        package var latency = LatencyHistogram()

        package init() {}
    }

    private struct State {
        var reading = Reading()
        /// Written since items of the step were last said to be done.
        var written = 0
    }

    private let state = Mutex(State())

    package init() {}

    package var reading: Reading {
        state.withLock { state in
            var reading = state.reading
            // A step says what is done in large parts; its writes tell how far the part in hand is.
            if reading.step != nil { reading.items += state.written }
            if let total = reading.totalItems, state.written > 0 { reading.items = min(reading.items, total) }
            return reading
        }
    }

    private func change(_ body: (inout Reading) -> Void) { state.withLock { body(&$0.reading) } }

    /// Begins a step: its items and bytes count from 0.
    package func begin(_ step: String?, totalItems: Int? = nil) {
        state.withLock {
            $0.written = 0
            $0.reading.step = step
            $0.reading.items = 0
            $0.reading.bytes = 0
            $0.reading.totalItems = totalItems
            $0.reading.totalBytes = nil
        }
    }

    /// Says how much a further source of the step holds; nil where it is not known, and then the total is not either.
    package func expect(items: Int?, bytes: Int?) {
        change { reading in
            reading.totalItems = items.map { reading.items + $0 }
            reading.totalBytes = bytes.map { reading.bytes + $0 }
        }
    }

    package func add(items: Int, bytes: Int = 0, rejected: Int = 0) {
        state.withLock {
            $0.written = 0
            $0.reading.items += items
            $0.reading.bytes += bytes
            $0.reading.rejected += rejected
        }
    }

    /// - Parameter written: items that were written, in a step that will say later that they are done.
    package func add(readUnits: Double = 0, writeUnits: Double = 0, throttled: Int = 0, written: Int = 0) {
        state.withLock {
            $0.written += written
            $0.reading.readUnits += readUnits
            $0.reading.writeUnits += writeUnits
            $0.reading.throttled += throttled
        }
    }

    /// Counts a request that was answered after so long.
    package func answered(after time: Duration) {
        change {
            $0.requests += 1
            $0.latency.add(time)
        }
    }

    /// Counts a request that is sent again.
    package func retried(isThrottled: Bool) {
        change {
            $0.retries += 1
            if isThrottled { $0.throttled += 1 }
        }
    }
}

/// How long requests took, in classes that grow by a quarter: a quantile is at most a quarter above what it was.
package struct LatencyHistogram: Sendable, Equatable {
    /// Class n holds what took up to 50 µs · 1.25ⁿ; the last one all that took longer (about 50 s).
    private static let limits: [Double] = {
        var limits = [0.05]
        while limits.count < 63 { limits.append(limits[limits.count - 1] * 1.25) }
        return limits
    }()

    private var counts = [Int](repeating: 0, count: 64)

    package init() {}

    package mutating func add(_ time: Duration) {
        let milliseconds = time / .milliseconds(1)
        counts[Self.limits.firstIndex { milliseconds <= $0 } ?? 63] += 1
    }

    /// What was added since an earlier reading of the same counters.
    package func since(_ earlier: LatencyHistogram) -> LatencyHistogram {
        var difference = self
        for place in counts.indices { difference.counts[place] -= earlier.counts[place] }
        return difference
    }

    package var count: Int { counts.reduce(0, +) }

    /// Milliseconds that a share of the requests did not exceed; nil where there were none.
    ///
    /// - Parameter share: above 0, 1 at most.
    package func quantile(_ share: Double) -> Double? {
        let total = count
        guard total > 0 else { return nil }
        let rank = max(1, Int((Double(total) * share).rounded(.up)))
        var seen = 0
        for (place, count) in counts.enumerated() {
            seen += count
            if seen >= rank { return Self.limits[min(place, Self.limits.count - 1)] }
        }
        return Self.limits.last
    }
}
