package import AWS

/// What a table did, as text: bars for a terminal, rows for everything else.
package struct ActivityPlot: Sendable {
    package var activity: TableActivity
    /// Rows of each plot.
    private static let height = 4

    package init(_ activity: TableActivity) { self.activity = activity }

    /// A plot for each metric that has values, one column a period; the others in a word.
    package var bars: [String] {
        let count = activity.series.first?.sums.count ?? 0
        let end = activity.start + count * activity.period
        var lines = [
            "\(activity.table), \(Timestamp(seconds: activity.start).text) to \(Timestamp(seconds: end).text), a column is "
                + LiveFindings.span(seconds: activity.period)
        ]
        for target in targets {
            lines.append("")
            lines.append(target.map { "index \($0)" } ?? "table")
            for series in activity.series where series.index == target { lines += bars(of: series) }
        }
        return lines
    }

    private var targets: [String?] {
        var targets: [String?] = []
        for series in activity.series where !targets.contains(series.index) { targets.append(series.index) }
        return targets
    }

    private func bars(of series: TableActivity.Series) -> [String] {
        let name = series.metric.title
        let most = series.sums.max() ?? 0
        guard most > 0 else { return ["  \(name): none"] }
        let total = Self.text(series.total)
        let rate = Self.text(most / Double(activity.period))
        let peak = series.metric.isThrottling ? "at most \(Self.text(most)) in a column" : "at most \(rate) a second"
        return ["  \(name): \(total), \(peak)"]
            + Self.bars(series.sums, height: Self.height).map { "  │\($0)" }
            + ["  └" + String(repeating: "─", count: series.sums.count)]
    }

    /// Columns of eighths, `height` rows, the top one first. The largest value fills its column; a value above 0 shows.
    package static func bars(_ values: [Double], height: Int) -> [String] {
        let most = values.max() ?? 0
        let eighths = values.map { value -> Int in
            guard most > 0, value > 0 else { return 0 }
            return max(1, Int((value / most * Double(height * 8)).rounded()))
        }
        return (0..<height).reversed().map { row in
            String(eighths.map { marks[min(8, max(0, $0 - row * 8))] })
        }
    }

    private static let marks: [Character] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]

    /// One row a period and target, columns apart by tabs, after a row of their names.
    package static var heading: String {
        (["time", "index"] + TableMetric.allCases.map(\.title)).joined(separator: "\t")
    }

    /// The rows of `heading`. Of an index, periods without any value are left out.
    package var rows: [Row] {
        var rows: [Row] = []
        let count = activity.series.first?.sums.count ?? 0
        for place in 0..<count {
            for target in targets {
                let own = activity.series.filter { $0.index == target }
                if target != nil, own.allSatisfy({ $0.sums[place] == 0 }) { continue }
                rows.append(
                    Row(
                        time: activity.start + place * activity.period, index: target,
                        values: TableMetric.allCases.map { metric in
                            own.first { $0.metric == metric }?.sums[place]
                        }))
            }
        }
        return rows
    }

    /// What one target did in one period.
    package struct Row: Sendable, Equatable {
        /// Start of the period, seconds since 1970.
        package var time: Int
        /// Nil for the table itself.
        package var index: String?
        /// In the order of `TableMetric`; nil where the target has no such metric.
        package var values: [Double?]

        /// With tabs between.
        package var text: String {
            ([Timestamp(seconds: time).text, index ?? "-"] + values.map { $0.map(ActivityPlot.text) ?? "-" })
                .joined(separator: "\t")
        }
    }

    /// With at most two decimals.
    package static func text(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
        let hundredths = Int((value * 100).rounded())
        let (whole, rest) = (hundredths / 100, hundredths % 100)
        if rest == 0 { return "\(whole)" }
        return rest % 10 == 0 ? "\(whole).\(rest / 10)" : "\(whole).\(rest < 10 ? "0" : "")\(rest)"
    }
}

extension TableMetric {
    /// In words.
    package var title: String {
        switch self {
        case .consumedRead: "read units"
        case .consumedWrite: "write units"
        case .readThrottle: "throttled reads"
        case .writeThrottle: "throttled writes"
        case .throttledRequests: "throttled requests"
        }
    }

    /// As a member of JSON.
    package var member: String {
        switch self {
        case .consumedRead: "readUnits"
        case .consumedWrite: "writeUnits"
        case .readThrottle: "throttledReads"
        case .writeThrottle: "throttledWrites"
        case .throttledRequests: "throttledRequests"
        }
    }
}
