import AWS
import TestSupport
import Testing

@Suite struct QuietHoursTests {
    /// A Monday at 00:00 UTC.
    private static let midnight = 1_795_392_000 / 86_400 * 86_400

    @Test func theQuietestOfAWeek() throws {
        // Busy by day, quiet at night, and one job at 03:00 on one night only.
        var sums = (0..<168).map { 100.0 + Double(($0 % 24) * 10) }
        for day in 0..<7 {
            sums[day * 24 + 3] = 1
            sums[day * 24 + 4] = 2
            sums[day * 24 + 5] = 2
        }
        sums[2 * 24 + 5] = 9
        sums[3 * 24 + 3] = 1000
        let quiet = try #require(QuietHours(hourly: sums, start: Self.midnight))
        #expect(quiet.hours.count == 24)
        #expect(quiet.hours.prefix(3).map(\.hour) == [4, 5, 0])
        #expect(quiet.hours[0] == QuietHours.Hour(hour: 4, mean: 2, most: 2))
        #expect(quiet.hours[1] == QuietHours.Hour(hour: 5, mean: 3, most: 9))
        #expect(quiet.busiest?.hour == 23)
        #expect(quiet.hours.first { $0.hour == 3 }?.most == 1000)
    }

    /// The first sum need not be of midnight.
    @Test func whereverTheWeekBegins() throws {
        var generator = SeededGenerator(seed: testSeed("quiet"))
        let offset = Int.random(in: 0..<168, using: &generator)
        let sums = (0..<168).map { _ in Double(Int.random(in: 0..<1000, using: &generator)) }
        let quiet = try #require(QuietHours(hourly: sums, start: Self.midnight + offset * 3600 + 1800))
        for hour in quiet.hours {
            let own = sums.enumerated().filter { ($0.offset + offset) % 24 == hour.hour }.map(\.element)
            #expect(own.count == 7)
            #expect(hour.mean == own.reduce(0, +) / 7 && hour.most == own.max())
        }
        #expect(zip(quiet.hours, quiet.hours.dropFirst()).allSatisfy { $0.mean <= $1.mean })
    }

    @Test func nothingConsumed() {
        #expect(QuietHours(hourly: Array(repeating: 0, count: 168), start: Self.midnight) == nil)
        #expect(QuietHours(hourly: [], start: Self.midnight) == nil)
    }
}
