import ByteStreams
import Synchronization
import Testing

@testable import AWS

@Suite("Requests in flight")
struct InFlightTests {
    @Test func resultsStandInTheOrderOfTheirParts() async throws {
        let limit = InFlightLimit()
        let most = Mutex((running: 0, most: 0))
        let results = try await inFlight(Array(0..<500), limit: limit) { (part) async throws(RekeyError) -> Int in
            most.withLock {
                $0.running += 1
                $0.most = max($0.most, $0.running)
            }
            for _ in 0..<(part % 7) { await Task.yield() }
            limit.note(isThrottled: false)
            most.withLock { $0.running -= 1 }
            return part * 2
        }
        #expect(results == (0..<500).map { $0 * 2 })
        #expect(most.withLock { $0.most } <= Int(InFlightLimit.most))
        #expect(most.withLock { $0.most } > 1)
    }

    @Test func nothingIsBegunAfterAFailureAndWhatRunsIsWaitedFor() async throws {
        let begun = Mutex(0)
        let ended = Mutex(0)
        await #expect(throws: RekeyError.self) {
            _ = try await inFlight(Array(0..<1000), limit: InFlightLimit()) { (part) async throws(RekeyError) -> Int in
                begun.withLock { $0 += 1 }
                defer { ended.withLock { $0 += 1 } }
                if part == 10 { throw RekeyError(.serviceGaveUp, "part \(part)") }
                await Task.yield()
                return part
            }
        }
        #expect(begun.withLock { $0 } < 100)
        #expect(begun.withLock { $0 } == ended.withLock { $0 })
    }

    @Test func theLimitRisesByOneARoundAndHalvesWhenHeldBack() {
        let limit = InFlightLimit()
        #expect(limit.current == 4)
        for _ in 0..<5 { limit.note(isThrottled: false) }
        #expect(limit.current == 5)
        limit.note(isThrottled: true)
        #expect(limit.current == 2)
        for _ in 0..<5 { limit.note(isThrottled: true) }
        #expect(limit.current == 1)
        for _ in 0..<10_000 { limit.note(isThrottled: false) }
        #expect(limit.current == 32)
    }
}
