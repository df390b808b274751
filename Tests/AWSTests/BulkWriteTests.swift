import ByteStreams
import Foundation
import Items
import Synchronization
import Tables
import Testing

@testable import AWS

/// What came to a server in BatchWriteItem requests.
private final class Arrivals: Sendable {
    /// For a server that waits for a test.
    let isReleased = Atomic(false)
    private let state = Mutex((requests: 0, accepted: [String: Int]()))

    var requests: Int { state.withLock { $0.requests } }
    /// How often each sort key was accepted.
    var accepted: [String: Int] { state.withLock { $0.accepted } }

    func next() -> Int {
        state.withLock { state in
            state.requests += 1
            return state.requests - 1
        }
    }

    func accept(_ body: [UInt8]) throws {
        let tree = try JSONReader.parse(body, source: "the request")
        for request in tree["RequestItems"]?["plans"]?.elements ?? [] {
            let key = request["PutRequest"]?["Item"]?["SK"]?["S"]?.string ?? "none"
            state.withLock { $0.accepted[key, default: 0] += 1 }
        }
    }
}

@Suite("Bulk writes", .timeLimit(.minutes(10))) struct BulkWriteTests {
    private static let description =
        #"{"Table":{"TableName":"plans","TableStatus":"ACTIVE","TableSizeBytes":0,"AttributeDefinitions":[{"AttributeName":"PK","AttributeType":"S"},{"AttributeName":"SK","AttributeType":"S"}],"KeySchema":[{"AttributeName":"PK","KeyType":"HASH"},{"AttributeName":"SK","KeyType":"RANGE"}]}}"#
    private static let throttled = RawServer.answer(
        "400 Bad Request",
        body: #"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}"#)

    /// Writes items to a server whose answers `decide` gives by the number of the request; nil is that all was done.
    private func write(
        _ count: Int, _ arrivals: Arrivals, freshness: Duration? = nil, _ decide: @escaping @Sendable (Int) -> String?
    ) async throws -> (result: Result<BatchWriteResult, RekeyError>, limit: Int) {
        let server = RawServer.answering { request in
            guard request.header("X-Amz-Target")?.hasSuffix("BatchWriteItem") == true else {
                return RawServer.answer(body: Self.description)
            }
            if let answer = decide(arrivals.next()) { return answer }
            do { try arrivals.accept(request.body) } catch { return RawServer.answer("500 Bad", body: "{}") }
            return RawServer.answer(body: #"{"UnprocessedItems":{}}"#)
        }
        defer { server.stop() }
        let session = try AWSSession(
            AWSSettings(
                region: "us-east-1", endpointURL: "http://\(server.authority)",
                environment: [
                    "AWS_ACCESS_KEY_ID": "KEY", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_CONFIG_FILE": "/dev/null",
                    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
                ]))
        let table = try await DynamoDBTable.open(name: "plans", session: session)
        let batch = WriteBatch(schema: table.schema)
        batch.freshness = freshness
        for number in 0..<count {
            try batch.add(
                .put(Item(validating: Array(#"{"PK":{"S":"p"},"SK":{"S":"\#(number)"}}"#.utf8))))
        }
        do throws(RekeyError) {
            return (.success(try await table.bulkWrite(batch)), table.inFlightLimit.current)
        } catch {
            return (.failure(error), table.inFlightLimit.current)
        }
    }

    @Test func writesEachOnceAndRaisesTheLimit() async throws {
        let arrivals = Arrivals()
        let (result, limit) = try await write(2510, arrivals) { _ in nil }
        #expect(try result.get().unprocessed.isEmpty)
        #expect(arrivals.accepted.count == 2510)
        #expect(arrivals.accepted.values.allSatisfy { $0 == 1 })
        #expect(arrivals.requests == 101)
        #expect(limit >= 10)
    }

    /// Throttled requests are sent again by themselves, and fewer are in flight from then on.
    @Test func throttlingLowersTheLimitAndLosesNothing() async throws {
        let arrivals = Arrivals()
        let (result, limit) = try await write(2500, arrivals) { $0 % 3 == 0 ? Self.throttled : nil }
        #expect(try result.get().unprocessed.isEmpty)
        #expect(arrivals.accepted.count == 2500)
        #expect(arrivals.accepted.values.allSatisfy { $0 == 1 })
        #expect(limit < 8)
    }

    /// What rests on a look is sent once: what was throttled comes back, and with it why.
    @Test func aFreshBatchIsSentOnce() async throws {
        let arrivals = Arrivals()
        let (result, limit) = try await write(2500, arrivals, freshness: .seconds(600)) {
            $0 % 3 == 0 ? Self.throttled : nil
        }
        let written = try result.get()
        #expect(arrivals.requests == 100)
        #expect(written.unprocessed.count == 34 * 25 && arrivals.accepted.count == 66 * 25)
        #expect(
            written.failure?.message.contains("ProvisionedThroughputExceeded") == true,
            "\(String(describing: written.failure))")
        #expect(limit < 8)
        for request in written.unprocessed {
            guard case .put(let item) = request, let key = item.attribute("SK") else { continue }
            #expect(arrivals.accepted[String(decoding: key.text, as: UTF8.self)] == nil)
        }
    }

    /// Parts whose turn comes too late are not sent.
    @Test func aBatchThatIsNotFreshAnyMoreComesBack() async throws {
        let arrivals = Arrivals()
        let (result, _) = try await write(2500, arrivals, freshness: .milliseconds(200)) { _ in
            Thread.sleep(forTimeInterval: 0.05)
            return nil
        }
        let written = try result.get()
        #expect(!written.unprocessed.isEmpty && written.failure == nil)
        #expect(written.unprocessed.count + arrivals.accepted.count == 2500)
    }

    @Test func aRefusalEndsItAndNothingMoreIsBegun() async throws {
        let arrivals = Arrivals()
        let (result, _) = try await write(5000, arrivals) { number in
            number == 10
                ? RawServer.answer(
                    "400 Bad Request", body: #"{"__type":"ValidationException","message":"not like this"}"#) : nil
        }
        guard case .failure(let error) = result else {
            Issue.record("a refused batch was taken for done")
            return
        }
        #expect(error.code == .badInput)
        #expect(error.message.contains("not like this"))
        #expect(arrivals.requests < 60)
    }

    @Test func whatWasNotDoneComesBack() async throws {
        let arrivals = Arrivals()
        let (result, _) = try await write(100, arrivals) { number in
            number == 1
                ? RawServer.answer(
                    body:
                        #"{"UnprocessedItems":{"plans":[{"PutRequest":{"Item":{"PK":{"S":"p"},"SK":{"S":"x"}}}}]},"ConsumedCapacity":[{"CapacityUnits":24.0}]}"#
                ) : nil
        }
        let written = try result.get()
        #expect(written.unprocessed.count == 1)
        #expect(written.consumedWriteUnits == 24)
        #expect(arrivals.accepted.count == 75)
    }

    @Test func aCancelledTaskEndsIt() async throws {
        let arrivals = Arrivals()
        let begun = AsyncStream<Void>.makeStream()
        let task = Task {
            try await write(5000, arrivals) { number in
                if number == 3 { begun.continuation.yield() }
                // No answer comes before the write is cancelled.
                while number >= 3, !arrivals.isReleased.load(ordering: .sequentiallyConsistent) {
                    Thread.sleep(forTimeInterval: 0.005)
                }
                return nil
            }
        }
        for await _ in begun.stream { break }
        task.cancel()
        arrivals.isReleased.store(true, ordering: .sequentiallyConsistent)
        guard case .failure(let error) = try await task.value.result else {
            Issue.record("a cancelled write went on to its end")
            return
        }
        #expect(error.code == .interrupted)
        #expect(arrivals.requests < 200)
    }
}
