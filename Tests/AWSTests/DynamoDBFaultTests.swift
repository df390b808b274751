import ByteStreams
import FaultServer
import Foundation
import Items
import Tables
import TestServers
import Testing

@testable import AWS

/// What DynamoDB does and emulators do not.
@Suite("A live table's limits", .timeLimit(.minutes(10))) struct DynamoDBFaultTests {
    private static let description =
        #"{"Table":{"TableName":"t","TableStatus":"ACTIVE","TableArn":"arn:aws:dynamodb:us-east-1:1:table/t","ItemCount":0,"TableSizeBytes":0,"AttributeDefinitions":[{"AttributeName":"PK","AttributeType":"S"}],"KeySchema":[{"AttributeName":"PK","KeyType":"HASH"}]}}"#

    private func open(_ server: RawServer) async throws -> DynamoDBTable {
        let settings = AWSSettings(environment: [
            "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": "http://\(server.authority)", "HOME": "/nonexistent",
        ])
        return try await DynamoDBTable.open(name: "t", session: AWSSession(settings))
    }

    /// A server whose items are of this many bytes; keys that begin with `big` pass the limit of an answer by themselves.
    private func server(itemBytes: Int) -> RawServer {
        let text = String(repeating: "x", count: itemBytes)
        return RawServer.answering { request in
            guard request.header("x-amz-target")?.hasSuffix("BatchGetItem") == true else {
                return RawServer.answer(body: Self.description)
            }
            let items = String(decoding: request.body, as: UTF8.self).matches(of: /"PK":\{"S":"(\w+)"\}/).map {
                match in
                let text = match.1.hasPrefix("big") ? String(repeating: "y", count: 33 << 20) : text
                return #"{"PK":{"S":"\#(match.1)"},"t":{"S":"\#(text)"}}"#
            }
            return RawServer.answer(
                body: #"{"Responses":{"t":[\#(items.joined(separator: ","))]},"UnprocessedKeys":{}}"#)
        }
    }

    private func keys(_ names: [String]) -> [ItemKey] { names.map { ItemKey(partition: KeyValue($0), sort: nil) } }

    /// 16 MB of items may be more JSON than an answer may have.
    @Test func anAnswerThatIsTooLargeComesInParts() async throws {
        let server = server(itemBytes: 400 << 10)
        defer { server.stop() }
        let table = try await open(server)
        let names = (0..<100).map { "key\($0)" }
        let result = try await table.batchGet(keys(names), consistent: true)
        #expect(try Set(result.items.map { try $0.key(table.schema) }) == Set(keys(names)))
        #expect(result.items.count == 100 && result.unprocessed.isEmpty)
    }

    @Test func oneItemThatIsTooLargeFails() async throws {
        let server = server(itemBytes: 10)
        defer { server.stop() }
        let table = try await open(server)
        let error = await #expect(throws: RekeyError.self) {
            _ = try await table.batchGet(keys(["big", "small", "other"]), consistent: true)
        }
        #expect(error?.code == .serviceGaveUp, "\(error?.message ?? "")")
    }

    @Test(arguments: [("ENABLING", true), ("ENABLED", true), ("DISABLING", true), ("DISABLED", false)])
    func timeToLiveCountsWhileItChanges(status: String, isOn: Bool) async throws {
        let server = RawServer.answering { request in
            let target = request.header("x-amz-target") ?? ""
            if target.hasSuffix("DescribeTimeToLive") {
                return RawServer.answer(
                    body: #"{"TimeToLiveDescription":{"TimeToLiveStatus":"\#(status)","AttributeName":"ttl"}}"#)
            }
            return RawServer.answer(body: target.hasSuffix("DescribeTable") ? Self.description : "{}")
        }
        defer { server.stop() }
        #expect(try await open(server).describe().timeToLiveAttribute == (isOn ? "ttl" : nil))
    }

    /// A table on ministack behind a server with faults, with this item in it.
    private func withTable(
        _ item: Item, _ plan: FaultPlan, _ body: (DynamoDBTable, FaultServer) async throws -> Void
    ) async throws {
        let account = try TestServer.ministack().account()
        let server = try FaultServer(upstream: account.server.endpoint)
        defer { server.stop() }
        let session = try AWSSession(AWSSettings(endpointURL: server.endpoint, environment: account.environment()))
        _ = try await session.client(.dynamodb).call(
            "DynamoDB_20120810.CreateTable",
            Array(
                """
                {"TableName":"plans","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"PK","KeyType":"HASH"},\
                {"AttributeName":"SK","KeyType":"RANGE"}],"AttributeDefinitions":[{"AttributeName":"PK","AttributeType":"S"},\
                {"AttributeName":"SK","AttributeType":"S"}]}
                """.utf8))
        let table = try await DynamoDBTable.open(name: "plans", session: session)
        _ = try await table.put(item, condition: .none)
        server.plan = plan
        try await body(table, server)
    }

    private func item(_ partition: String, _ sort: String, attributes: Int = 1) throws -> Item {
        let members = (0..<attributes).map { #","a\#($0)":{"N":"\#($0)"}"# }.joined()
        return try Item(validating: Array(#"{"PK":{"S":"\#(partition)"},"SK":{"S":"\#(sort)"}\#(members)}"#.utf8))
    }

    /// The server refuses what DynamoDB refuses: more than 300 operators in a condition.
    @Test func itemsOfManyAttributesMove() async throws {
        let (old, new) = (try item("PLAN#1", "META", attributes: 400), try item("PLAN", "META#1", attributes: 400))
        try await withTable(old, FaultPlan()) { table, _ in
            let result = try await table.transactMove([Move(old: old, new: new)])
            #expect(result.isCommitted)
            guard case .done = try await table.delete(new.key(.standard), condition: .equals(new)) else {
                Issue.record("an equal item was not deleted")
                return
            }
            #expect(try await table.get(new.key(.standard)) == nil)
        }
    }

    /// Another writer comes between the look at an item and the transaction or deletion that was made for what was seen.
    @Test(arguments: ["TransactWriteItems", "DeleteItem"])
    func aChangeAfterTheLookIsKept(_ operation: String) async throws {
        let (old, new) = (try item("PLAN#1", "META"), try item("PLAN", "META#1"))
        let changed = try Item(validating: Array(#"{"PK":{"S":"PLAN#1"},"SK":{"S":"META"},"a0":{"N":"7"}}"#.utf8))
        var plan = FaultPlan(sequence: [.held], operations: [operation])
        plan.slowMilliseconds = 60_000
        try await withTable(old, plan) { table, server in
            async let result: Item? =
                operation == "DeleteItem"
                ? refused(table.delete(old.key(.standard), condition: .equals(old)))
                : refused(table.transactMove([Move(old: old, new: new)]))
            while server.counts.count(.held) == 0 { try await Task.sleep(for: .milliseconds(10)) }
            _ = try await table.put(changed, condition: .none)
            server.plan = FaultPlan()
            #expect(try await result?.isEqual(to: changed) == true)
            #expect(try await table.get(old.key(.standard))?.isEqual(to: changed) == true)
            #expect(try await table.get(new.key(.standard)) == nil)
        }
    }

    /// A write that was done without an answer is found done by its second attempt; the same of another writer is told apart from it.
    @Test func aLostAnswerCountsAsDone() async throws {
        let (first, second) = (try item("PLAN#1", "META"), try item("PLAN#2", "META"))
        try await withTable(first, FaultPlan()) { table, server in
            guard case .conditionFailed = try await table.put(first, condition: .absent) else {
                Issue.record("somebody else's item was taken for one's own")
                return
            }
            server.plan = FaultPlan(sequence: [.cutMiddle], operations: ["PutItem"])
            guard case .done = try await table.put(second, condition: .absent) else {
                Issue.record("a put whose answer was lost was taken for somebody else's")
                return
            }
            #expect(server.counts.count(.cutMiddle) == 1)
            server.plan = FaultPlan(sequence: [.cutMiddle], operations: ["DeleteItem"])
            guard case .done = try await table.delete(second.key(.standard), condition: .equals(second)) else {
                Issue.record("a deletion whose answer was lost was taken for somebody else's")
                return
            }
            #expect(server.counts.count(.cutMiddle) == 1)
        }
    }

    private func refused(_ outcome: WriteOutcome) -> Item? {
        if case .conditionFailed(let current) = outcome { current } else { nil }
    }

    private func refused(_ result: TransactMoveResult) -> Item? {
        if case .oldChanged(let current)? = result.outcomes.first { current } else { nil }
    }

    @Test(arguments: [FaultKind.transactionThrottled, .transactionConflict])
    func aTransactionThatIsHeldBackGoesOn(_ kind: FaultKind) async throws {
        let (old, new) = (try item("PLAN#1", "META"), try item("PLAN", "META#1"))
        let plan = FaultPlan(sequence: Array(repeating: kind, count: 9))
        try await withTable(old, plan) { table, server in
            let before = table.inFlightLimit.current
            let result = try await table.transactMove([Move(old: old, new: new)], patience: .seconds(540))
            #expect(result.isCommitted)
            #expect(server.counts.count(kind) == 9)
            #expect((table.inFlightLimit.current < before) == (kind == .transactionThrottled))
        }
    }

    @Test func aTransactionThatIsRefusedIsNotRepeated() async throws {
        let (old, new) = (try item("PLAN#1", "META"), try item("PLAN", "META#1"))
        try await withTable(old, FaultPlan(sequence: [.transactionInvalid])) { table, server in
            let error = await #expect(throws: RekeyError.self) {
                _ = try await table.transactMove([Move(old: old, new: new)])
            }
            #expect(error?.code == .badInput)
            #expect(error?.message.contains("exceeded the maximum allowed size") == true, "\(error?.message ?? "")")
            #expect(server.counts.operations["TransactWriteItems"] == 1)
        }
    }
}
