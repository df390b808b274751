/// What CloudWatch counts of a table or an index.
package enum TableMetric: String, Sendable, CaseIterable {
    case consumedRead = "ConsumedReadCapacityUnits"
    case consumedWrite = "ConsumedWriteCapacityUnits"
    case readThrottle = "ReadThrottleEvents"
    case writeThrottle = "WriteThrottleEvents"
    /// Whole requests that were refused: of the table only, the sum over its operations.
    case throttledRequests = "ThrottledRequests"

    /// Whether any at all is bad news.
    package var isThrottling: Bool { self != .consumedRead && self != .consumedWrite }
}

/// What a table and its global indexes consumed and had refused, period by period.
package struct TableActivity: Sendable, Equatable {
    /// One metric of the table, or of one of its indexes.
    package struct Series: Sendable, Equatable {
        /// Nil for the table itself, which does not include its indexes.
        package var index: String?
        package var metric: TableMetric
        /// The sum over each period, the oldest first; 0 where CloudWatch has none, as it keeps no zeros.
        package var sums: [Double]

        package init(index: String?, metric: TableMetric, sums: [Double]) {
            self.index = index
            self.metric = metric
            self.sums = sums
        }

        package var total: Double { sums.reduce(0, +) }
    }

    package var table: String
    /// Start of the first period, seconds since 1970, a multiple of `period`.
    package var start: Int
    /// Seconds.
    package var period: Int
    /// The table's first, then each index's by name; each in the order of `TableMetric`.
    package var series: [Series]

    package init(table: String, start: Int, period: Int, series: [Series]) {
        self.table = table
        self.start = start
        self.period = period
        self.series = series
    }

    /// Whether there is any value above zero.
    package var isEmpty: Bool { series.allSatisfy { $0.sums.allSatisfy { $0 == 0 } } }

    /// Sums over all series of these metrics, period by period.
    package func sums(of metrics: Set<TableMetric>) -> [Double] {
        var sums = [Double](repeating: 0, count: series.first?.sums.count ?? 0)
        for one in series where metrics.contains(one.metric) {
            for (place, sum) in one.sums.enumerated() { sums[place] += sum }
        }
        return sums
    }
}

extension CloudWatch {
    /// The operations whose refusals `ThrottledRequests` counts, each under a dimension of its own.
    private static let operations = [
        "BatchGetItem", "BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "TransactGetItems",
        "TransactWriteItems", "UpdateItem",
    ]

    /// What a table and its global indexes did in whole periods, by one request.
    ///
    /// - Parameters:
    ///   - table: its name or ARN.
    ///   - start: seconds since 1970, rounded down to a period.
    ///   - end: exclusive, rounded up.
    ///   - metrics: those that are asked for.
    package func activity(
        table: String, indexes: [String], from start: Int, to end: Int, period: Int,
        metrics: [TableMetric] = TableMetric.allCases
    ) async throws(ServiceError) -> TableActivity {
        let table = table.hasPrefix("arn:") ? table.split(separator: "/").last.map(String.init) ?? table : table
        let first = start / period * period
        let count = max(1, (end - first + period - 1) / period)
        var series: [TableActivity.Series] = []
        var queries: [MetricQuery] = []
        var owners: [Int] = []
        for index in [nil] + indexes.sorted().map(Optional.some) {
            for metric in metrics where index == nil || metric != .throttledRequests {
                var dimensions = [MetricQuery.Dimension("TableName", table)]
                if let index { dimensions.append(MetricQuery.Dimension("GlobalSecondaryIndexName", index)) }
                let parts = metric == .throttledRequests ? Self.operations.map(Optional.some) : [nil]
                for operation in parts {
                    let more = operation.map { [MetricQuery.Dimension("Operation", $0)] } ?? []
                    queries.append(MetricQuery(metric.rawValue, dimensions + more))
                    owners.append(series.count)
                }
                series.append(
                    TableActivity.Series(index: index, metric: metric, sums: Array(repeating: 0, count: count)))
            }
        }
        let found = try await sums(queries, from: first, to: first + count * period, period: period)
        for (owner, points) in zip(owners, found) {
            for point in points {
                let place = (point.time - first) / period
                if point.time >= first, place < count { series[owner].sums[place] += point.sum }
            }
        }
        return TableActivity(table: table, start: first, period: period, series: series)
    }
}
