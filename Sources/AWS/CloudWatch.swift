/// What is asked of one metric: a sum over each period.
package struct MetricQuery: Sendable, Equatable {
    /// A name and its value, which tell whose metric it is.
    package struct Dimension: Sendable, Equatable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// `ConsumedWriteCapacityUnits`.
    package var metric: String
    /// All of the metric's dimensions: CloudWatch knows no part of them.
    package var dimensions: [Dimension]

    package init(_ metric: String, _ dimensions: [Dimension]) {
        self.metric = metric
        self.dimensions = dimensions
    }
}

/// The sum of a metric over one period.
package struct MetricPoint: Sendable, Equatable {
    /// Start of the period, seconds since 1970.
    package var time: Int
    package var sum: Double

    package init(time: Int, sum: Double) {
        self.time = time
        self.sum = sum
    }
}

/// CloudWatch, as far as it tells what a table has consumed. Source: Amazon CloudWatch API Reference, GetMetricData.
package struct CloudWatch: Sendable {
    /// Of one GetMetricData call.
    private static let queryLimit = 500

    private let client: ServiceClient
    private let namespace: String

    package init(_ client: ServiceClient, namespace: String = "AWS/DynamoDB") {
        self.client = client
        self.namespace = namespace
    }

    /// Sums by period, ascending, a list for each query; periods without a value are missing from it. Needs the permission
    /// `cloudwatch:GetMetricData`.
    ///
    /// - Parameters:
    ///   - start: seconds since 1970, a multiple of `period`.
    ///   - end: exclusive.
    ///   - period: seconds, a multiple of 60; of 300 for what is older than 15 days and of 3600 for what is older than 63.
    package func sums(
        _ queries: [MetricQuery], from start: Int, to end: Int, period: Int
    ) async throws(ServiceError) -> [[MetricPoint]] {
        var found = [[MetricPoint]](repeating: [], count: queries.count)
        for first in stride(from: 0, to: queries.count, by: Self.queryLimit) {
            let numbers = first..<min(first + Self.queryLimit, queries.count)
            let parameters = parameters(queries, numbers, from: start, to: end, period: period)
            var token: String?
            repeat {
                let more = token.map { [QueryParameter("NextToken", $0)] } ?? []
                let page = try await client.query("GetMetricData", version: "2010-08-01", parameters + more)
                for result in page["MetricDataResults"]?.all("member") ?? [] {
                    try Self.take(result, into: &found)
                }
                token = page["NextToken"].flatMap { $0.text.isEmpty ? nil : $0.text }
            } while token != nil
        }
        return found.map { points in points.sorted { $0.time < $1.time } }
    }

    private func parameters(
        _ queries: [MetricQuery], _ numbers: Range<Int>, from start: Int, to end: Int, period: Int
    ) -> [QueryParameter] {
        var parameters = [
            QueryParameter("StartTime", InternetDate.text(start)), QueryParameter("EndTime", InternetDate.text(end)),
            QueryParameter("ScanBy", "TimestampAscending"),
        ]
        for (position, number) in numbers.enumerated() {
            let query = "MetricDataQueries.member.\(position + 1)"
            let metric = "\(query).MetricStat.Metric"
            parameters += [
                QueryParameter("\(query).Id", "q\(number)"), QueryParameter("\(query).ReturnData", "true"),
                QueryParameter("\(query).MetricStat.Period", "\(period)"),
                QueryParameter("\(query).MetricStat.Stat", "Sum"), QueryParameter("\(metric).Namespace", namespace),
                QueryParameter("\(metric).MetricName", queries[number].metric),
            ]
            for (place, dimension) in queries[number].dimensions.enumerated() {
                let member = "\(metric).Dimensions.member.\(place + 1)"
                parameters.append(QueryParameter("\(member).Name", dimension.name))
                parameters.append(QueryParameter("\(member).Value", dimension.value))
            }
        }
        return parameters
    }

    private static func take(_ result: XMLElement, into found: inout [[MetricPoint]]) throws(ServiceError) {
        // Complete, or PartialData with the rest on the next page; anything else is no value of a metric.
        if let status = result["StatusCode"]?.text, !["Complete", "PartialData"].contains(status) {
            throw ServiceError(
                code: "", message: "CloudWatch gave no values: \(status)",
                kind: status == "Forbidden" ? .denied : .other)
        }
        let times = result["Timestamps"]?.all("member") ?? []
        let values = result["Values"]?.all("member") ?? []
        guard let id = result["Id"]?.text, let number = Int(id.dropFirst()), found.indices.contains(number),
            times.count == values.count
        else { throw malformed() }
        for (time, value) in zip(times, values) {
            guard let time = InternetDate.seconds(time.text), let sum = Double(value.text), sum.isFinite else {
                throw malformed()
            }
            found[number].append(MetricPoint(time: time, sum: sum))
        }
    }

    private static func malformed() -> ServiceError {
        ServiceError(code: "", message: "CloudWatch's answer to GetMetricData cannot be read", kind: .other)
    }
}
