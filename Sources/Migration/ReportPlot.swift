/// Values over time, for a picture and for the table that says the same.
package struct ReportPlot: Sendable {
    package struct Series: Sendable {
        var name: Message
        /// One a column; nil where nothing was measured.
        var values: [Double?]
    }

    var title: Message
    var unit: Message
    /// Seconds of a column.
    var width: Int
    var series: [Series]
    /// Where each step begins, in columns.
    var steps: [(name: String, column: Int)]

    var most: Double { series.flatMap(\.values).compactMap { $0 }.max() ?? 0 }
}

/// The samples of a run, put into columns of equal time.
struct MetricsColumns {
    private static let most = 60

    let width: Int
    let count: Int
    private(set) var items: [Double]
    private(set) var writeUnits: [Double]
    private(set) var readUnits: [Double]
    private(set) var heldBack: [Double]
    private(set) var p50: [Double?]
    private(set) var p99: [Double?]
    private(set) var steps: [(name: String, column: Int)] = []
    /// Over the whole run.
    private(set) var totals = (readUnits: 0.0, writeUnits: 0.0, requests: 0, retries: 0, throttled: 0)

    init(_ samples: [MetricsSample]) {
        let start = samples.first?.time ?? 0
        let span = max(0, (samples.last?.time ?? 0) - start)
        width = max(1, (span / 1000 + Self.most - 1) / Self.most)
        count = min(Self.most, span / (width * 1000) + 1)
        items = Array(repeating: 0, count: count)
        writeUnits = items
        readUnits = items
        heldBack = items
        p50 = Array(repeating: nil, count: count)
        p99 = p50
        for (last, next) in zip(samples, samples.dropFirst()) {
            if next.step != last.step, !next.step.isEmpty {
                steps.append((next.step, column(next.time - start)))
            }
            // Another process counts from 0.
            if next.first { continue }
            let (from, to) = (last.time - start, next.time - start)
            if next.step == last.step { spread(Double(next.items - last.items), from, to, into: \.items) }
            spread(next.writeUnits - last.writeUnits, from, to, into: \.writeUnits)
            spread(next.readUnits - last.readUnits, from, to, into: \.readUnits)
            spread(Double(next.throttled - last.throttled), from, to, into: \.heldBack)
            totals.readUnits += next.readUnits - last.readUnits
            totals.writeUnits += next.writeUnits - last.writeUnits
            totals.requests += next.requests - last.requests
            totals.retries += next.retries - last.retries
            totals.throttled += next.throttled - last.throttled
            let place = column(to)
            if let value = next.p50 { p50[place] = max(p50[place] ?? 0, value) }
            if let value = next.p99 { p99[place] = max(p99[place] ?? 0, value) }
        }
    }

    private func column(_ milliseconds: Int) -> Int { min(count - 1, max(0, milliseconds / (width * 1000))) }

    /// Adds a change that happened evenly between two moments, as a rate a second.
    private mutating func spread(
        _ change: Double, _ from: Int, _ to: Int, into values: WritableKeyPath<MetricsColumns, [Double]>
    ) {
        guard change > 0 else { return }
        let length = width * 1000
        let (first, last) = (column(from), column(to))
        for place in first...max(first, last) {
            let overlap = min(to, (place + 1) * length) - max(from, place * length)
            let share = to > from ? Double(max(0, overlap)) / Double(to - from) : place == last ? 1 : 0
            self[keyPath: values][place] += change * share / Double(width)
        }
    }

    /// The pictures; none of a run that was over at once.
    var plots: [ReportPlot] {
        guard count >= 3 else { return [] }
        func plot(_ title: Message, _ unit: Message, _ series: [(Message, [Double?])]) -> ReportPlot? {
            let plot = ReportPlot(
                title: title, unit: unit, width: width,
                series: series.map { ReportPlot.Series(name: $0.0, values: $0.1) }, steps: steps)
            return plot.most > 0 ? plot : nil
        }
        return [
            plot(Message("Throughput"), Message("items a second"), [(Message("items"), items)]),
            plot(
                Message("Consumed capacity"), Message("units a second"),
                [(Message("write units"), writeUnits), (Message("read units"), readUnits)]),
            plot(
                Message("Latency of requests"), Message("milliseconds"),
                [(Message("half of them within (p50)"), p50), (Message("99 of 100 within (p99)"), p99)]),
            plot(Message("Held back by the table"), Message("a second"), [(Message("throttled"), heldBack)]),
        ].compactMap { $0 }
    }
}
