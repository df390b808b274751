import ByteStreams
import Items
import Synchronization
import TableContract
import Tables
import TestSupport
import Testing

/// What holds calls back, on a clock that moves when somebody sleeps.
@Suite("Capacity governor")
struct GovernorTests {
    private final class Clock: Sendable {
        private let state = Mutex<(now: Duration, slept: Duration)>((.zero, .zero))
        var slept: Duration { state.withLock { $0.slept } }
        var source: TimeSource {
            TimeSource(
                now: { self.state.withLock { $0.now } },
                sleep: { time in self.state.withLock { $0 = ($0.now + time, $0.slept + time) } })
        }
    }

    private func put(_ count: Int, _ table: any Table) async throws {
        for number in 0..<count {
            let item = Item(trusted: Array(#"{"PK":{"S":"p\#(number)"},"SK":{"S":"1"}}"#.utf8))
            _ = try await table.put(item, condition: .none)
        }
    }

    @Test("Room is waited for, and taken by the write alone")
    func room() async throws {
        try await withTables { make in
            let clock = Clock()
            let table = RateLimitedTable(
                try await make(.standard), governor: CapacityGovernor(writeUnits: 10, time: clock.source))
            try await put(20, table)
            #expect(clock.slept == .seconds(1))
            try await table.awaitRoom(readUnits: 0, writeUnits: 5)
            #expect(clock.slept == .seconds(1.5))
            try await table.awaitRoom(readUnits: 0, writeUnits: 5)
            try await put(5, table)
            #expect(clock.slept == .seconds(1.5))
            // More than is ever saved up: a full bucket.
            try await table.awaitRoom(readUnits: 0, writeUnits: 1000)
            #expect(clock.slept == .seconds(2.5))
        }
    }

    @Test("What goes at once waits before it begins and not between, and later calls wait for it")
    func atOnce() async throws {
        try await withTables { make in
            let clock = Clock()
            let governor = CapacityGovernor(writeUnits: 10, time: clock.source)
            let table = RateLimitedTable(try await make(.standard), governor: governor)
            try await put(10, table)
            try await table.atOnce(readUnits: 5, writeUnits: 10) { () async throws(RekeyError) in
                #expect(clock.slept == .seconds(1))
                governor.set(.paused)
                for number in 0..<20 {
                    let item = Item(trusted: Array(#"{"PK":{"S":"q\#(number)"},"SK":{"S":"1"}}"#.utf8))
                    _ = try await table.put(item, condition: .none)
                }
                governor.set(.going)
            }
            #expect(clock.slept == .seconds(1))
            try await put(10, table)
            #expect(clock.slept > .seconds(2.99) && clock.slept < .seconds(3.01))
            governor.set(.stopped)
            await #expect(throws: RekeyError(.stoppedResumable, "stopped by rekey control")) {
                try await table.atOnce(readUnits: 0, writeUnits: 1) { () throws(RekeyError) in Issue.record("begun") }
            }
        }
    }

    @Test("A rate that is changed holds for what is still owed")
    func otherRate() async throws {
        try await withTables { make in
            let clock = Clock()
            let governor = CapacityGovernor(writeUnits: 10, time: clock.source)
            let table = RateLimitedTable(try await make(.standard), governor: governor)
            try await put(20, table)
            #expect(clock.slept == .seconds(1))
            // Orders come while a call waits; from the second look on 100 units a second are allowed.
            let looks = Mutex(0)
            governor.listen { governor in
                let look = looks.withLock {
                    $0 += 1
                    return $0
                }
                if look == 2 { governor.setRates(readUnits: nil, writeUnits: 100) }
            }
            try await put(101, table)
            #expect(governor.rates.write == 100)
            #expect(clock.slept < .seconds(2.3))
            #expect(looks.withLock { $0 } >= 2)
        }
    }

    @Test("A pause holds reads and writes until it ends; a stop ends them")
    func pauseAndStop() async throws {
        try await withTables { make in
            let clock = Clock()
            let governor = CapacityGovernor(time: clock.source)
            let table = RateLimitedTable(try await make(.standard), governor: governor)
            governor.set(.paused)
            governor.listen { if clock.slept >= .seconds(3) { $0.set(.going) } }
            _ = try await table.scan(ScanRequest())
            #expect(clock.slept >= .seconds(3) && clock.slept < .seconds(4))
            governor.set(.stopped)
            for _ in 0..<2 {
                await #expect(throws: RekeyError(.stoppedResumable, "stopped by rekey control")) {
                    try await put(1, table)
                }
            }
            #expect(try await table.describe().itemCount == 0)
        }
    }

    @Test("Without limits nothing waits, and with one what is written at once is about a second's worth")
    func limits() async throws {
        try await withTables { make in
            let base = try await make(.standard)
            let governor = CapacityGovernor()
            let table = RateLimitedTable(base, governor: governor)
            #expect(table.limits == base.limits)
            governor.setRates(readUnits: 100, writeUnits: nil)
            #expect(table.limits.bulkWrite == 50)
            governor.setRates(readUnits: nil, writeUnits: 3)
            #expect(table.limits.bulkWrite == table.limits.batchWrite)
        }
    }
}
