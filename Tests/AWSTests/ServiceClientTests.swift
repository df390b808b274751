import AWS
import ByteStreams
import Items
import TestServers
import Testing

@Suite struct ServiceClientTests {
    private func session(_ account: TestAccount) throws -> AWSSession {
        try AWSSession(AWSSettings(environment: account.environment()))
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    private func failure(_ body: () async throws -> Void) async -> ServiceError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? ServiceError
        }
    }

    /// A table made by boto3 is seen through the client, on servers that check signatures and that do not.
    @Test(arguments: [TestServer.Kind.ministack, .ministackChecking, .moto])
    func listsTables(kind: TestServer.Kind) async throws {
        let server =
            switch kind {
            case .ministack: try TestServer.ministack()
            case .ministackChecking: try TestServer.ministack(auth: true)
            case .moto: try TestServer.moto()
            }
        let account = try server.account()
        _ = try account.python(
            """
            import boto3
            boto3.client("dynamodb").create_table(
                TableName="plans", BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}])
            """)
        let client = try session(account).client(.dynamodb)
        let answer = try await client.call("DynamoDB_20120810.ListTables", Array("{}".utf8))
        let tree = try JSONReader.parse(answer, source: "the answer")
        #expect(tree["TableNames"]?.elements?.compactMap(\.string) == ["plans"])
        #expect(try client.callBlocking("DynamoDB_20120810.ListTables", Array("{}".utf8)) == answer)
    }

    /// Many requests at once each get their own answer.
    @Test func manyAtOnce() async throws {
        let client = try session(try TestServer.ministack().account()).client(.dynamodb)
        let missing = try await withThrowingTaskGroup(of: (Int, String).self) { group in
            for number in 0..<100 {
                group.addTask {
                    do {
                        let body = "{\"TableName\":\"missing-\(number)\"}"
                        return (
                            number, text(try await client.call("DynamoDB_20120810.DescribeTable", Array(body.utf8)))
                        )
                    } catch let error as ServiceError {
                        return (number, "\(error.code) \(error.message)")
                    }
                }
            }
            return try await group.reduce(into: [Int: String]()) { $0[$1.0] = $1.1 }
        }
        #expect(missing.count == 100)
        for (number, message) in missing {
            #expect(message.hasPrefix("ResourceNotFoundException"), "\(number): \(message)")
        }
    }

    @Test func aMissingTableIsNotFound() async throws {
        let client = try session(try TestServer.ministack().account()).client(.dynamodb)
        let error = await failure {
            _ = try await client.call("DynamoDB_20120810.DescribeTable", Array(#"{"TableName":"nowhere"}"#.utf8))
        }
        #expect(error?.kind == .notFound && error?.code == "ResourceNotFoundException")
        #expect(error?.rekeyError(service: "DynamoDB", source: "dynamodb:nowhere").code == .inputMissing)
    }

    @Test func aWrongSecretIsDenied() async throws {
        var account = try TestServer.ministack(auth: true).account()
        account.secretAccessKey += "x"
        let client = try session(account).client(.dynamodb)
        let error = await failure { _ = try await client.call("DynamoDB_20120810.ListTables", Array("{}".utf8)) }
        #expect(error?.kind == .denied)
        let told = error?.rekeyError(service: "DynamoDB")
        #expect(told?.code == .permission)
        #expect(told.map { "\($0)".contains(account.secretAccessKey) } == false)
    }

    /// A clock that is an hour off is corrected by the service's date.
    @Test func aWrongClockIsCorrected() async throws {
        let account = try TestServer.ministack(auth: true).account()
        let session = try session(account)
        let given = try session.client(.dynamodb)
        let client = ServiceClient(
            service: .dynamodb, region: account.region, endpoint: given.endpoint, credentials: session.credentials,
            http: session.http, now: { ClockForTests.now - 3600 })
        let answer = try await client.call("DynamoDB_20120810.ListTables", Array("{}".utf8))
        #expect(text(answer).contains("TableNames"))
    }

    /// Nobody listens there: tried again, then told.
    @Test func nobodyThere() async throws {
        let account = try TestServer.ministack().account()
        let settings = AWSSettings(endpointURL: "http://127.0.0.1:1", environment: account.environment())
        let client = try AWSSession(settings).client(.dynamodb)
        let error = await failure { _ = try await client.call("DynamoDB_20120810.ListTables", Array("{}".utf8)) }
        #expect(error?.kind == .transport(.unreachable))
        #expect(error?.rekeyError(service: "DynamoDB").code == .serviceGaveUp)
    }
}

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

private enum ClockForTests {
    /// Seconds since 1970.
    static var now: Int { time(nil) }
}
