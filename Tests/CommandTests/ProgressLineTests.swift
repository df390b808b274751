import ByteStreams
import Testing

@testable import rekey

@Suite("Progress line")
struct ProgressLineTests {
    private func reading(_ change: (inout ProgressCounters.Reading) -> Void) -> ProgressCounters.Reading {
        var reading = ProgressCounters.Reading()
        change(&reading)
        return reading
    }

    @Test("Rates and the time left go by the last seconds, not by all of them")
    func rates() {
        var line = ProgressLine()
        #expect(line.text(reading { _ in }, at: 0, verb: "load") == nil)
        for second in 1...20 {
            _ = line.text(
                reading {
                    $0.items = second <= 10 ? 0 : (second - 10) * 1000
                    $0.bytes = 1
                }, at: Double(second), verb: "load")
        }
        let text = line.text(
            reading {
                $0.items = 11_000
                $0.totalItems = 1_000_000
                $0.bytes = 3 << 30
                $0.writeUnits = 12_000.4
                $0.retries = 2
                $0.throttled = 1
                $0.rejected = 1234
            }, at: 21, verb: "load")
        #expect(
            text
                == "load  11,000 of 1,000,000 items  1 %  ETA 16:29  3.0 GiB  1,000/s  614 MiB/s  WCU 12,000 (2,400/s)  2 retries  1 throttled  1,234 bad"
        )
    }

    @Test("A new step begins anew")
    func steps() {
        var line = ProgressLine()
        _ = line.text(
            reading {
                $0.step = "put"
                $0.items = 5000
            }, at: 1, verb: "migrate")
        let text = line.text(
            reading {
                $0.step = "verify"
                $0.totalItems = 5000
            }, at: 2, verb: "migrate")
        #expect(text == "migrate: verify  0 of 5,000 items  0 %")
    }

    @Test("Without a count of items the bytes say how far it is")
    func bytesAlone() {
        var line = ProgressLine()
        _ = line.text(reading { $0.bytes = 1 }, at: 0, verb: "digest")
        let text = line.text(
            reading {
                $0.items = 10
                $0.bytes = 1_048_577
                $0.totalBytes = 4_194_305
            }, at: 2, verb: "digest")
        #expect(text == "digest  10 items  25 %  ETA 0:06  1.0 MiB  5/s  512 KiB/s")
    }

    @Test("Numbers for people", arguments: [(0.0, "0:00"), (7, "0:07"), (750, "12:30"), (11_100, "3:05:00")])
    func durations(seconds: Double, text: String) {
        #expect(ProgressLine.duration(seconds) == text)
    }
}
