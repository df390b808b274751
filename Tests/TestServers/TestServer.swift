import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A DynamoDB-compatible server on this machine, one of each kind in a test process, ended with the process however that ends.
public struct TestServer: Sendable {
    public enum Kind: String, Sendable, Hashable {
        /// Keeps AWS's limits and number format; believes every signature.
        case ministack
        /// The same, and checks signatures.
        case ministackChecking = "ministack-auth"
        /// The independent second. What it accepts proves nothing.
        case moto
    }

    public let kind: Kind
    public let port: Int

    /// Scheme, host and port, without a slash at the end.
    public var endpoint: String { "http://127.0.0.1:\(port)" }

    /// ministack; with `auth`, one that refuses wrong signatures. Started by the first call, which takes half a second.
    public static func ministack(auth: Bool = false) throws(TestServerError) -> TestServer {
        try shared(auth ? .ministackChecking : .ministack)
    }

    /// moto. Started by the first call, which takes half a second.
    public static func moto() throws(TestServerError) -> TestServer { try shared(.moto) }

    private static let started = Mutex<[Kind: Result<TestServer, TestServerError>]>([:])

    private static func shared(_ kind: Kind) throws(TestServerError) -> TestServer {
        try started.withLock { servers in
            if let server = servers[kind] { return server }
            let server = Result<TestServer, TestServerError> { () throws(TestServerError) in
                TestServer(kind: kind, port: try Supervisor.start(kind.rawValue))
            }
            servers[kind] = server
            return server
        }.get()
    }

    /// A fresh account of 12 random digits: no other test sees its tables and buckets.
    ///
    /// On ministack the access key is the account's number and any secret will do; where it checks signatures, it is the key of a
    /// new user who may do everything. On moto it is a role's temporary key, with a session token.
    public func account() throws(TestServerError) -> TestAccount {
        let id = String(Int.random(in: 100_000_000_000...999_999_999_999))
        var account = TestAccount(server: self, id: id, accessKeyID: id, secretAccessKey: "test")
        switch kind {
        case .ministack: break
        case .ministackChecking:
            func call(_ action: String) throws(TestServerError) -> String {
                try query(service: "iam", key: id, body: "Version=2010-05-08&UserName=tester&Action=\(action)")
            }
            _ = try call("CreateUser")
            let document =
                "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22*%22%2C%22Resource%22%3A%22*%22%7D%5D%7D"
            _ = try call("PutUserPolicy&PolicyName=all&PolicyDocument=\(document)")
            let key = try call("CreateAccessKey")
            account.accessKeyID = try element("AccessKeyId", of: key)
            account.secretAccessKey = try element("SecretAccessKey", of: key)
        case .moto:
            let role = "arn%3Aaws%3Aiam%3A%3A\(id)%3Arole%2Ftester"
            let key = try query(
                service: "sts", key: "test",
                body: "Version=2011-06-15&Action=AssumeRole&RoleArn=\(role)&RoleSessionName=tester")
            account.accessKeyID = try element("AccessKeyId", of: key)
            account.secretAccessKey = try element("SecretAccessKey", of: key)
            account.sessionToken = try element("SessionToken", of: key)
        }
        return account
    }

    /// One call of an AWS query service, whose signature nobody checks.
    private func query(service: String, key: String, body: String) throws(TestServerError) -> String {
        let scope = "\(key)/20260101/us-east-1/\(service)/aws4_request"
        let answer = try rawRequest(
            port: port,
            """
            POST / HTTP/1.1\r
            Host: 127.0.0.1\r
            Authorization: AWS4-HMAC-SHA256 Credential=\(scope), SignedHeaders=host, Signature=0\r
            Content-Type: application/x-www-form-urlencoded\r
            Content-Length: \(body.utf8.count)\r
            Connection: close\r
            \r
            \(body)
            """)
        let text = String(decoding: answer, as: UTF8.self)
        guard text.hasPrefix("HTTP/1.1 200") else { throw TestServerError("\(service) of \(kind) answered: \(text)") }
        return text
    }

    private func element(_ name: String, of text: String) throws(TestServerError) -> String {
        guard let value = text.firstRange(of: "<\(name)>").map({ text[$0.upperBound...].prefix { $0 != "<" } }) else {
            throw TestServerError("no \(name) in: \(text)")
        }
        return String(value)
    }
}

/// Credentials and region for one test on one server.
public struct TestAccount: Sendable {
    public var server: TestServer
    /// 12 digits.
    public var id: String
    public var accessKeyID: String
    public var secretAccessKey: String
    public var sessionToken: String?
    public var region = "us-east-1"

    /// The variables that lead the AWS tools and `rekey` to this account on `endpoint` (the account's own server unless told
    /// otherwise), and to nothing else.
    public func environment(endpoint: String? = nil) -> [String: String] {
        var variables = [
            "AWS_ACCESS_KEY_ID": accessKeyID, "AWS_SECRET_ACCESS_KEY": secretAccessKey, "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region, "AWS_ENDPOINT_URL": endpoint ?? server.endpoint,
            "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
        ]
        variables["AWS_SESSION_TOKEN"] = sessionToken
        return variables
    }

    /// Runs Python with boto3 in this account; `boto3.client("dynamodb")` needs no further argument.
    ///
    /// - Parameters:
    ///   - arguments: `sys.argv[1...]`.
    ///   - endpoint: the server's own, or that of one in front of it.
    /// - Returns: what it printed.
    public func python(_ code: String, _ arguments: [String] = [], endpoint: String? = nil) throws(TestServerError)
        -> String
    {
        try Python.run(code, arguments, environment: environment(endpoint: endpoint))
    }
}

/// A server that did not start, a Python program that failed, or a broken connection: one text that says all.
public struct TestServerError: Error, CustomStringConvertible {
    public var description: String
    public init(_ description: String) { self.description = description }
}
