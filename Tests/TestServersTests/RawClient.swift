import FaultServer
import TestServers
import Testing

/// An answer as it came over the wire.
struct RawAnswer {
    var status: Int
    /// Names in lower case.
    var headers: [String: String]
    var body: [UInt8]

    /// Nil for a connection that was closed before the end of the head.
    init?(_ bytes: [UInt8]) {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
        self.status = status
        headers = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""
        }
        body = Array(bytes[end.upperBound...])
    }

    var text: String { String(decoding: body, as: UTF8.self) }
    /// Whether as much came as was promised.
    var isWhole: Bool { headers["content-length"] == "\(body.count)" }
    /// `ThrottlingException` of `…#ThrottlingException`; "" for none.
    var code: String { text.firstMatch(of: /"__type": ?"[^"]*#(\w+)"/).map { String($0.1) } ?? "" }
    var isChecksumRight: Bool { headers["x-amz-crc32"] == "\(crc32(body))" }
}

/// CRC-32 bit by bit, to be compared with zlib's.
private func crc32(_ bytes: [UInt8]) -> UInt32 {
    var value: UInt32 = ~0
    for byte in bytes {
        value ^= UInt32(byte)
        for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
    }
    return ~value
}

/// A fault server in front of ministack with an account that has the table `orders`, which has the key `PK`.
struct Faulty {
    var server: FaultServer
    var account: TestAccount

    init(_ plan: FaultPlan = FaultPlan()) throws {
        account = try TestServer.ministack().account()
        server = try FaultServer(upstream: account.server.endpoint)
        let made = try call(
            "CreateTable",
            #"{"TableName":"orders","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"PK","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"PK","AttributeType":"S"}]}"#
        )
        #expect(made?.status == 200)
        server.plan = plan
    }

    /// One DynamoDB call, unsigned but for the account; nil where the connection was cut before the end of the head.
    func call(_ operation: String, _ body: String, date: String? = nil) throws -> RawAnswer? {
        let scope = "\(account.accessKeyID)/20260101/us-east-1/dynamodb/aws4_request"
        let dateLine = date.map { "X-Amz-Date: \($0)\r\n" } ?? ""
        return RawAnswer(
            try rawRequest(
                port: server.port,
                """
                POST / HTTP/1.1\r
                Host: 127.0.0.1\r
                X-Amz-Target: DynamoDB_20120810.\(operation)\r
                Authorization: AWS4-HMAC-SHA256 Credential=\(scope), SignedHeaders=host, Signature=0\r
                Content-Type: application/x-amz-json-1.0\r
                \(dateLine)Content-Length: \(body.utf8.count)\r
                Connection: close\r
                \r
                \(body)
                """))
    }

    func put(_ key: String) throws -> RawAnswer? {
        try call("PutItem", #"{"TableName":"orders","Item":{"PK":{"S":"\#(key)"}}}"#)
    }

    /// The partition keys in the table, read past the fault server.
    func keys() throws -> Set<String> {
        let code = """
            import boto3
            for page in boto3.client("dynamodb").get_paginator("scan").paginate(TableName="orders"):
                for item in page["Items"]: print(item["PK"]["S"])
            """
        return Set(try account.python(code).split(separator: "\n").map(String.init))
    }
}
