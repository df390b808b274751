/// At which hours of the day (UTC) a table had the least to do.
package struct QuietHours: Sendable, Equatable {
    /// One hour of the day.
    package struct Hour: Sendable, Equatable {
        /// 0 to 23, UTC.
        package var hour: Int
        /// Units consumed in that hour, the mean over the days.
        package var mean: Double
        /// The most on any of the days.
        package var most: Double

        package init(hour: Int, mean: Double, most: Double) {
            self.hour = hour
            self.mean = mean
            self.most = most
        }
    }

    /// The quietest first: by mean, then by the most, then by the hour.
    package var hours: [Hour]

    /// From sums by hour; nil where nothing was consumed at all, for then no hour is better than another.
    ///
    /// - Parameters:
    ///   - sums: one an hour without gaps, zeros included.
    ///   - start: of the first, seconds since 1970.
    package init?(hourly sums: [Double], start: Int) {
        var days = [[Double]](repeating: [], count: 24)
        for (place, sum) in sums.enumerated() {
            let hour = ((start / 3600 + place) % 24 + 24) % 24
            days[hour].append(sum)
        }
        guard sums.contains(where: { $0 > 0 }) else { return nil }
        hours = days.enumerated().filter { !$0.element.isEmpty }.map { hour, sums in
            Hour(hour: hour, mean: sums.reduce(0, +) / Double(sums.count), most: sums.max() ?? 0)
        }
        hours.sort { ($0.mean, $0.most, $0.hour) < ($1.mean, $1.most, $1.hour) }
    }

    /// The hour with the highest mean.
    package var busiest: Hour? { hours.max { ($0.mean, $0.most) < ($1.mean, $1.most) } }
}
