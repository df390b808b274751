import TestServers
import Testing

@Suite("Test servers")
struct TestServerTests {
    @Test("An account sees its own tables only", arguments: [TestServer.Kind.ministack, .ministackChecking, .moto])
    func accounts(kind: TestServer.Kind) throws {
        let server =
            switch kind {
            case .ministack: try TestServer.ministack()
            case .ministackChecking: try TestServer.ministack(auth: true)
            case .moto: try TestServer.moto()
            }
        let (one, other) = (try server.account(), try server.account())
        let identity = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'], end='')"
        #expect(try one.python(identity) == one.id)
        #expect(try other.python(identity) == other.id)
        _ = try one.python(createTable, ["orders"])
        let list = "import boto3; print(*boto3.client('dynamodb').list_tables()['TableNames'], end='')"
        #expect(try one.python(list) == "orders")
        #expect(try other.python(list) == "")
    }

    @Test("A wrong secret is refused by the server that checks, and by it only")
    func signatures() throws {
        let list = "import boto3; boto3.client('dynamodb').list_tables()"
        var checked = try TestServer.ministack(auth: true).account()
        _ = try checked.python(list)
        checked.secretAccessKey += "x"
        #expect { try checked.python(list) } throws: { "\($0)".contains("InvalidSignatureException") }
        var unchecked = try TestServer.ministack().account()
        unchecked.secretAccessKey += "x"
        _ = try unchecked.python(list)
    }

    @Test("A server is started once")
    func once() throws {
        #expect(try TestServer.moto().port == TestServer.moto().port)
        #expect(try TestServer.ministack().port != TestServer.ministack(auth: true).port)
    }

    @Test("A failing Python program is an error with its last words")
    func failure() throws {
        #expect { try Python.run("import sys; sys.exit('no such ' + sys.argv[1])", ["luck"]) } throws: {
            "\($0)".contains("ended with 1: no such luck")
        }
    }
}

private let createTable = """
    import boto3, sys
    boto3.client("dynamodb").create_table(
        TableName=sys.argv[1], BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}])
    """
