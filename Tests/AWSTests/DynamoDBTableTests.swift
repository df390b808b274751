import AWS
import ByteStreams
import Items
import TableContract
import Tables
import TestServers
import Testing

@Suite struct DynamoDBTableTests {
    /// What the emulator does otherwise than DynamoDB: its consumed read units are flat, not by size.
    private static let notKept: Set<TableContract.Check> = [.consumesUnits]

    /// A new table of a fresh account on ministack.
    private func make(_ schema: KeySchema) async throws -> any Table {
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
        let body = JSONTree.members([
            "TableName": .text("contract"), "BillingMode": .text("PAY_PER_REQUEST"),
            "AttributeDefinitions": .array(attributes), "KeySchema": .array(keys),
        ])
        _ = try await session.client(.dynamodb).call("DynamoDB_20120810.CreateTable", body.compact)
        return try await DynamoDBTable.open(name: "contract", session: session)
    }

    @Test(arguments: TableContract.Check.allCases.filter { !notKept.contains($0) })
    func keepsTheContract(_ check: TableContract.Check) async throws {
        try await TableContract { try await make($0) }.run(check)
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
