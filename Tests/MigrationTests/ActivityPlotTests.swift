import AWS
import Migration
import TestSupport
import Testing

@Suite struct ActivityPlotTests {
    @Test func barsOfEighths() {
        #expect(
            ActivityPlot.bars([0, 1, 8, 9, 16, 0.01], height: 2) == [
                "   ▁█ ",
                " ▁███▁",
            ])
        #expect(ActivityPlot.bars([0, 0], height: 2) == ["  ", "  "])
        #expect(ActivityPlot.bars([], height: 1) == [""])
    }

    /// Heights differ from the values by half an eighth at most, and what is above zero shows.
    @Test func barsOfAnything() {
        var generator = SeededGenerator(seed: testSeed("bars"))
        for _ in 0..<200 {
            let height = Int.random(in: 1...8, using: &generator)
            let values = (0..<Int.random(in: 1...60, using: &generator)).map { _ in
                Bool.random(using: &generator) ? 0 : Double.random(in: 0...1e6, using: &generator)
            }
            let rows = ActivityPlot.bars(values, height: height)
            #expect(rows.count == height && rows.allSatisfy { $0.count == values.count })
            let most = values.max() ?? 0
            for (place, value) in values.enumerated() {
                let eighths = rows.reduce(0) { sum, row in
                    let mark = row[row.index(row.startIndex, offsetBy: place)]
                    return sum
                        + (" ▁▂▃▄▅▆▇█".firstIndex(of: mark).map {
                            " ▁▂▃▄▅▆▇█".distance(from: " ▁▂▃▄▅▆▇█".startIndex, to: $0)
                        } ?? -99)
                }
                #expect((eighths == 0) == (value == 0))
                if value > 0, most > 0 {
                    let exact = value / most * Double(height * 8)
                    #expect(abs(Double(eighths) - exact) <= (exact < 1 ? 1 : 0.5))
                }
            }
        }
    }

    @Test func rowsOfTableAndIndexes() {
        let activity = TableActivity(
            table: "plans", start: 1_795_514_400, period: 60,
            series: [
                TableActivity.Series(index: nil, metric: .consumedRead, sums: [0, 2]),
                TableActivity.Series(index: nil, metric: .consumedWrite, sums: [1.25, 0]),
                TableActivity.Series(index: nil, metric: .throttledRequests, sums: [0, 0]),
                TableActivity.Series(index: "by", metric: .consumedWrite, sums: [0, 3]),
            ])
        #expect(
            ActivityPlot(activity).rows.map(\.text) == [
                "2026-11-24T10:00:00Z\t-\t0\t1.25\t-\t-\t0", "2026-11-24T10:01:00Z\t-\t2\t0\t-\t-\t0",
                "2026-11-24T10:01:00Z\tby\t-\t3\t-\t-\t-",
            ])
    }

    @Test(arguments: [
        (0.0, "0"), (12.5, "12.5"), (0.005, "0.01"), (0.004, "0"), (1.05, "1.05"), (2.999, "3"), (1e6, "1000000"),
    ])
    func decimals(_ value: Double, _ text: String) { #expect(ActivityPlot.text(value) == text) }

    @Test func times() {
        #expect(
            ["1m", "90m", "2h", "7d", "455d"].map { Monitor.seconds(of: $0) } == [60, 5400, 7200, 604_800, 39_312_000])
        for text in ["", "h", "0h", "-1h", "1", "1s", "1.5h", "456d", "١h", "99999999999999999999d"] {
            #expect(Monitor.seconds(of: text) == nil, "\(text)")
        }
        for since in stride(from: 60, through: 455 * 86_400, by: 86_399) {
            let period = Monitor.period(since: since)
            #expect((since + period - 1) / period <= 60 && period % 60 == 0)
            // What CloudWatch keeps of older times.
            if since > 15 * 86_400 { #expect(period % 300 == 0) }
            if since > 63 * 86_400 { #expect(period % 3600 == 0) }
        }
    }
}
