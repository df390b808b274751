import Items
import TestServers
import Testing

@testable import AWS

/// What a conditional write on a live table compares in the write itself.
@Suite struct ComparisonTests {
    private func item(_ members: String) throws -> Item {
        try Item(validating: Array("{\"PK\":{\"S\":\"a\"},\"SK\":{\"S\":\"b\"}\(members)}".utf8))
    }

    @Test func eachAttributeByValueAndKnownNamesByAbsence() throws {
        let comparison = Comparison(
            of: try item(",\"x\":{\"N\":\"1\"}"), schema: .standard,
            known: [Array("PK".utf8), Array("x".utf8), Array("y".utf8)])
        #expect(comparison.expression == "attribute_exists(#k) AND #1=:1 AND attribute_not_exists(#2)")
        #expect(comparison.names.map { String(decoding: $0.name, as: UTF8.self) } == ["#k", "#1", "#2"])
        #expect(comparison.names[2].value == .text("y"))
        #expect(comparison.values.map(\.0) == [":1"])
    }

    /// However many attributes there are, DynamoDB's 4 KB and 300 operators are kept, functions counted as well.
    @Test(arguments: [0, 1, 100, 147, 148, 149, 150, 151, 199, 200, 201, 500], [0, 1, 100, 150, 300])
    func limitsAreKept(count: Int, knownCount: Int) throws {
        let members = (0..<count).map { ",\"attribute \($0)\":{\"N\":\"1\"}" }.joined()
        // The item's own names are known as well, those beyond the limit included.
        let known = Set(
            (0..<knownCount).map { Array("known \($0)".utf8) } + (0..<count).map { Array("attribute \($0)".utf8) })
        for orAbsent in [false, true] {
            let comparison = Comparison(of: try item(members), schema: .standard, known: known, orAbsent: orAbsent)
            #expect(comparison.values.count == min(count, 148))
            let absent = comparison.names.dropFirst(1 + comparison.values.count)
            #expect(absent.allSatisfy { $0.value.string?.hasPrefix("known") == true })
            #expect(comparison.expression.utf8.count <= 4096)
            #expect(comparison.expression.matches(of: /=|AND|OR|[a-z_]+\(/).count <= 300)
            #expect(comparison.expression.hasPrefix("attribute_not_exists(#k) OR (") == orAbsent)
        }
    }

    /// An attribute that a writer adds after the item was read is seen in the write, for another item has one of that name.
    @Test func anAddedAttributeIsSeenInTheWrite() async throws {
        let account = try TestServer.ministack().account()
        let session = try AWSSession(AWSSettings(environment: account.environment()))
        let client = try session.client(.dynamodb)
        func call(_ operation: String, _ body: String) async throws {
            _ = try await client.call("DynamoDB_20120810.\(operation)", Array(body.utf8))
        }
        try await call(
            "CreateTable",
            """
            {"TableName":"plans","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"PK","KeyType":"HASH"},\
            {"AttributeName":"SK","KeyType":"RANGE"}],"AttributeDefinitions":[{"AttributeName":"PK","AttributeType":"S"},\
            {"AttributeName":"SK","AttributeType":"S"}]}
            """)
        try await call(
            "PutItem", #"{"TableName":"plans","Item":{"PK":{"S":"a"},"SK":{"S":"b"},"x":{"N":"1"},"y":{"N":"2"}}}"#)
        // What was read is the item without `y`; the request is the one that such a reader sends.
        let read = try item(",\"x\":{\"N\":\"1\"}")
        for (known, isRefused) in [(Set([Array("y".utf8)]), true), ([], false)] {
            var body = RequestBody(table: "plans")
            body.member("Key", json: try read.key(.standard).json(.standard))
            body.condition(Comparison(of: read, schema: .standard, known: known))
            var code = ""
            do throws(ServiceError) { _ = try await client.call("DynamoDB_20120810.DeleteItem", body.finished()) } catch
            {
                code = error.code
            }
            #expect(code.hasSuffix("ConditionalCheckFailedException") == isRefused)
        }
    }
}
