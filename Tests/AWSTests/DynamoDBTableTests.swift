import AWS
import ByteStreams
import Items
import TableContract
import Tables
import TestServers
import Testing

@Suite struct DynamoDBTableTests {
    /// What the emulator does otherwise than DynamoDB: its consumed read units are flat, not by size.
    private static let notKept: Set<TableContract.Check> = [.consumesReadUnits]

    /// A new table of a fresh account on ministack.
    ///
    /// - Parameter indexed: the key of a global secondary index, a string.
    private func make(_ schema: KeySchema, indexed: String? = nil) async throws -> any Table {
        let account = try TestServer.ministack().account()
        let session = try AWSSession(AWSSettings(environment: account.environment()))
        var attributes: [JSONTree] = []
        var keys: [JSONTree] = []
        for (attribute, role) in [(schema.partition, "HASH"), (schema.sort, "RANGE")] as [(KeyAttribute?, String)] {
            guard let attribute else { continue }
            attributes.append(
                .members(["AttributeName": .text(attribute.name), "AttributeType": .text(attribute.type.rawValue)]))
            keys.append(.members(["AttributeName": .text(attribute.name), "KeyType": .text(role)]))
        }
        var members: [JSONTree.Member] = []
        if let indexed {
            attributes.append(.members(["AttributeName": .text(indexed), "AttributeType": .text("S")]))
            let index = JSONTree.members([
                "IndexName": .text("index"), "Projection": .members(["ProjectionType": .text("ALL")]),
                "KeySchema": .array([.members(["AttributeName": .text(indexed), "KeyType": .text("HASH")])]),
            ])
            members.append(JSONTree.Member(name: Array("GlobalSecondaryIndexes".utf8), value: .array([index])))
        }
        for (name, value) in [
            ("TableName", .text("contract")), ("BillingMode", .text("PAY_PER_REQUEST")),
            ("AttributeDefinitions", .array(attributes)), ("KeySchema", .array(keys)),
        ] as [(String, JSONTree)] {
            members.append(JSONTree.Member(name: Array(name.utf8), value: value))
        }
        let body = JSONTree.object(members)
        _ = try await session.client(.dynamodb).call("DynamoDB_20120810.CreateTable", body.compact)
        return try await DynamoDBTable.open(name: "contract", session: session)
    }

    @Test(arguments: TableContract.Check.allCases.filter { !notKept.contains($0) })
    func keepsTheContract(_ check: TableContract.Check) async throws {
        try await TableContract { try await make($0) }.run(check)
    }

    /// What an item costs in the indexes that it stands in is counted too.
    @Test func countsTheWritesOfIndexes() async throws {
        let table = try await make(.standard, indexed: "g")
        func put(_ sort: String, _ size: Int, _ more: String = "") throws -> WriteRequest {
            let text = String(repeating: "x", count: size)
            return .put(
                try Item(
                    validating: Array(#"{"PK":{"S":"p"},"SK":{"S":"\#(sort)"},"t":{"S":"\#(text)"}\#(more)}"#.utf8)))
        }
        let indexed = #","g":{"S":"v"}"#
        #expect(try await table.batchWrite([put("1", 100)]).consumedWriteUnits == 1)
        #expect(try await table.batchWrite([put("2", 100, indexed)]).consumedWriteUnits == 2)
        let batch = WriteBatch(schema: .standard)
        for request in try [put("3", 100), put("4", 1500, indexed), put("5", 2500)] { try batch.add(request) }
        #expect(try await table.bulkWrite(batch).consumedWriteUnits == 8)
    }

    /// What boto3 writes is read here as the same item, and the other way round; numbers keep their 38 digits.
    @Test func agreesWithBoto3() async throws {
        let account = try TestServer.ministack().account()
        _ = try account.python(
            """
            import boto3, decimal
            from boto3.dynamodb.types import Binary
            table = boto3.resource("dynamodb").create_table(
                TableName="plans", BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("PK", "SK")],
                KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}])
            table.put_item(Item={
                "PK": "PLAN#1", "SK": "META", "n": decimal.Decimal("12345678901234567890123456789012345678"),
                "b": Binary(bytes(range(256))), "s": {"b", "a"}, "m": {"l": [True, None, ""], "é": {}}})
            """)
        let session = try AWSSession(AWSSettings(environment: account.environment()))
        let table = try await DynamoDBTable.open(name: "plans", session: session)
        let read = try #require(
            try await table.get(ItemKey(partition: KeyValue("PLAN#1"), sort: KeyValue("META"))))
        #expect(read.attribute("n")?.text == Array("12345678901234567890123456789012345678".utf8))
        let tree = try JSONReader.parse(read.json, source: "the item")
        guard case .object(var members) = tree else { return }
        for index in members.indices {
            if members[index].name == Array("PK".utf8) { members[index].value = .members(["S": .text("PLAN")]) }
            if members[index].name == Array("SK".utf8) { members[index].value = .members(["S": .text("META#1")]) }
        }
        _ = try await table.put(Item(validating: JSONTree.object(members).compact), condition: .absent)
        let same = try account.python(
            """
            import boto3
            table = boto3.resource("dynamodb").Table("plans")
            old = table.get_item(Key={"PK": "PLAN#1", "SK": "META"})["Item"]
            new = table.get_item(Key={"PK": "PLAN", "SK": "META#1"})["Item"]
            for item in (old, new):
                del item["PK"], item["SK"]
            print(old == new and bytes(new["b"].value) == bytes(range(256)), end="")
            """)
        #expect(same == "True")
    }

    /// A delete under `equals` spares an item to which an attribute was added.
    @Test func anAddedAttributeIsSeen() async throws {
        let table = try await make(.standard)
        func item(_ more: String) throws -> Item {
            try Item(validating: Array(#"{"PK":{"S":"p"},"SK":{"S":"s"},"v":{"N":"1"}\#(more)}"#.utf8))
        }
        let key = ItemKey(partition: KeyValue("p"), sort: KeyValue("s"))
        _ = try await table.put(item(#","added":{"BOOL":true}"#), condition: .none)
        guard case .conditionFailed(let current) = try await table.delete(key, condition: .equals(item(""))) else {
            Issue.record("a changed item was deleted")
            return
        }
        #expect(try current?.isEqual(to: item(#","added":{"BOOL":true}"#)) == true)
        guard case .done = try await table.delete(key, condition: .equals(#require(current))) else {
            Issue.record("an unchanged item was not deleted")
            return
        }
        #expect(try await table.get(key) == nil)
    }
}
