import ByteStreams
import Testing

@Suite("Progress counters")
struct ProgressCountersTests {
    @Test("A step counts from 0; units, retries and requests go on")
    func steps() {
        let counters = ProgressCounters()
        counters.begin("put", totalItems: 10)
        counters.add(items: 4, bytes: 400)
        counters.add(writeUnits: 5, throttled: 2)
        counters.retried(isThrottled: true)
        counters.answered(after: .milliseconds(3))
        var reading = counters.reading
        #expect(reading.step == "put" && reading.items == 4 && reading.bytes == 400 && reading.totalItems == 10)
        counters.begin("verify")
        reading = counters.reading
        #expect(reading.items == 0 && reading.totalItems == nil)
        #expect(reading.writeUnits == 5 && reading.throttled == 3 && reading.retries == 1 && reading.requests == 1)
    }

    @Test("What is written counts until the step says what is done")
    func written() {
        let counters = ProgressCounters()
        counters.add(written: 3)
        #expect(counters.reading.items == 0)
        counters.begin("delete", totalItems: 10)
        counters.add(items: 4)
        counters.add(written: 5)
        #expect(counters.reading.items == 9)
        counters.add(items: 5)
        #expect(counters.reading.items == 9)
        counters.add(written: 5)
        #expect(counters.reading.items == 10)
    }

    @Test("What is expected of a further source adds to what is done")
    func expectation() {
        let counters = ProgressCounters()
        counters.expect(items: 3, bytes: 30)
        counters.add(items: 3, bytes: 30)
        counters.expect(items: 5, bytes: nil)
        #expect(counters.reading.totalItems == 8)
        #expect(counters.reading.totalBytes == nil)
    }

    @Test("A quantile is what so many did not exceed, to a quarter")
    func quantiles() throws {
        var histogram = LatencyHistogram()
        #expect(histogram.quantile(0.5) == nil)
        for milliseconds in 1...100 { histogram.add(.milliseconds(milliseconds)) }
        for (share, exact) in [(0.5, 50.0), (0.99, 99.0), (0.01, 1.0)] {
            let found = try #require(histogram.quantile(share))
            #expect(found >= exact && found <= exact * 1.25, "\(share): \(found)")
        }
        var later = histogram
        for _ in 0..<9 { later.add(.seconds(1)) }
        let since = later.since(histogram)
        #expect(since.count == 9)
        #expect(try #require(since.quantile(0.5)) >= 1000)
        later.add(.seconds(900))
        #expect(try #require(later.quantile(1)) > 40_000)
    }
}
