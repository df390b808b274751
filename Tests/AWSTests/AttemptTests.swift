import AWS
import ByteStreams
import Foundation
import Synchronization
import Testing

/// Credentials that are counted: `renewed` ones come after each `invalidate`.
private final class CountedCredentials: CredentialsProvider {
    private let state = Mutex((generation: 0, isReady: false, fetches: 0))

    func credentials() throws(RekeyError) -> Credentials {
        let generation = state.withLock { state in
            state.fetches += 1
            state.isReady = true
            return state.generation
        }
        // Other requests go on meanwhile only where this is not one of Swift's own threads.
        usleep(20_000)
        return Self.generation(generation)
    }

    func ready() -> Credentials? {
        state.withLock { $0.isReady ? Self.generation($0.generation) : nil }
    }

    func invalidate() {
        state.withLock { state in
            state.generation += 1
            state.isReady = false
        }
    }

    var counts: (generation: Int, fetches: Int) { state.withLock { ($0.generation, $0.fetches) } }

    private static func generation(_ number: Int) -> Credentials {
        Credentials(
            accessKeyID: "KEY\(number)", secretAccessKey: "the-secret", sessionToken: "the-token", origin: "test")
    }
}

@Suite("Attempts of the service client", .timeLimit(.minutes(10))) struct AttemptTests {
    private static let plain = StaticCredentials(
        Credentials(accessKeyID: "KEY", secretAccessKey: "the-secret", sessionToken: "the-token", origin: "test"))
    /// As standard mode, without its pauses.
    private static let quick = RetryPolicy(
        maximumAttempts: 4, base: .zero, throttlingBase: .zero, cap: .zero, usesBudget: true)

    private func client(
        _ server: RawServer, _ service: AWSService = .dynamodb, credentials: any CredentialsProvider = plain,
        path: String = "", now: @escaping @Sendable () -> Int = { time(nil) }
    ) throws -> ServiceClient {
        ServiceClient(
            service: service, region: "us-east-1",
            endpoint: try ServiceEndpoint(url: "http://\(server.authority)\(path)"),
            credentials: credentials, http: HTTPClient(), now: now)
    }

    /// What a call comes to when the server gives these answers in turn, the last one again and again.
    private func outcome(
        _ answers: [String], policy: RetryPolicy = quick
    ) async throws -> (result: Result<[UInt8], ServiceError>, requests: Int) {
        let server = RawServer.answering { answers[min($0.number, answers.count - 1)] }
        defer { server.stop() }
        let client = try client(server)
        do throws(ServiceError) {
            return (.success(try await client.call("T.Call", Array("{}".utf8), policy: policy)), server.requests)
        } catch {
            return (.failure(error), server.requests)
        }
    }

    private func error(_ code: String, status: String = "400 Bad Request", headers: [String] = []) -> String {
        RawServer.answer(
            status, ["x-amzn-RequestId: REQ1"] + headers,
            body: #"{"__type":"com.amazonaws.dynamodb.v20120810#\#(code)","message":"said"}"#)
    }

    @Test func theCall() async throws {
        let seen = Mutex<[RawServer.Request]>([])
        let server = RawServer.answering { request in
            seen.withLock { $0.append(request) }
            return RawServer.answer()
        }
        defer { server.stop() }
        let client = try client(server, path: "/base/")
        _ = try await client.call("DynamoDB_20120810.Scan", Array(#"{"a":1}"#.utf8))
        let request = try #require(seen.withLock { $0.first })
        #expect(request.line == "POST /base/ HTTP/1.1")
        #expect(request.header("x-amz-target") == "DynamoDB_20120810.Scan")
        #expect(request.header("content-type") == "application/x-amz-json-1.0")
        #expect(request.header("x-amz-security-token") == "the-token")
        #expect(request.header("authorization")?.hasPrefix("AWS4-HMAC-SHA256 Credential=KEY/") == true)
        #expect(request.body == Array(#"{"a":1}"#.utf8))
        #expect(client.usesCustomEndpoint)
    }

    @Test(
        "What is tried again, and how often",
        arguments: [
            ("ProvisionedThroughputExceededException", "400 Bad Request", 4),
            ("ThrottlingException", "400 Bad Request", 4), ("InternalServerError", "500 Internal Server Error", 4),
            ("", "503 Service Unavailable", 4), ("", "429 Too Many Requests", 4),
            ("LimitExceededException", "400 Bad Request", 4), ("ValidationException", "400 Bad Request", 1),
            ("ConditionalCheckFailedException", "400 Bad Request", 1), ("AccessDeniedException", "400 Bad Request", 1),
            ("ResourceNotFoundException", "400 Bad Request", 1), ("UnheardOf", "400 Bad Request", 1),
        ])
    func retries(code: String, status: String, attempts: Int) async throws {
        let (result, requests) = try await outcome([error(code, status: status)])
        #expect(requests == attempts)
        guard case .failure(let error) = result else {
            Issue.record("no error")
            return
        }
        #expect(error.code == code && error.message == "said" && error.requestID == "REQ1")
        #expect(error.status == Int(status.prefix(3)))
    }

    @Test func cutConnectionsAreTriedAgain() async throws {
        let server = RawServer { connection in
            while let request = connection.next() {
                if request.number < 3 { return connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{") }
                connection.write(RawServer.answer())
            }
        }
        defer { server.stop() }
        #expect(try await client(server).call("T.Call", [], policy: Self.quick) == Array("{}".utf8))
        #expect(server.requests == 4)
        let blocking = try client(server)
        #expect(try await Self.offPool { try blocking.callBlocking("T.Call", []) } == Array("{}".utf8))
    }

    @Test func wrongChecksumsAreTriedAgain() async throws {
        // zlib.crc32(b"{}")
        let right = RawServer.answer("200 OK", ["x-amz-crc32: 2745614147"])
        let wrong = RawServer.answer("200 OK", ["x-amz-crc32: 2745614148"])
        let mended = try await outcome([wrong, wrong, right])
        #expect(try mended.result.get() == Array("{}".utf8))
        #expect(mended.requests == 3)
        let given = try await outcome([wrong])
        #expect(throws: ServiceError.self) { try given.result.get() }
        #expect(given.requests == 4)
        // zlib.crc32(bytes(i % 95 + 32 for i in range(100003)))
        let body = String(decoding: (0..<100_003).map { UInt8($0 % 95 + 32) }, as: UTF8.self)
        let long = try await outcome([RawServer.answer("200 OK", ["x-amz-crc32: 3254615186"], body: body)])
        #expect(try long.result.get().count == 100_003)
        #expect(long.requests == 1)
    }

    @Test(arguments: ["InvalidSignatureException", "RequestTimeTooSkewed"])
    func theClockIsCorrectedByTheServersDate(code: String) async throws {
        let dates = Mutex<[String]>([])
        let server = RawServer.answering { request in
            let date = request.header("x-amz-date") ?? ""
            dates.withLock { $0.append(date) }
            return date.hasPrefix("20150830T1236")
                ? RawServer.answer() : error(code, headers: ["Date: Sun, 30 Aug 2015 12:36:00 GMT"])
        }
        defer { server.stop() }
        let client = try client(server, now: { 1_440_938_160 - 4000 })
        _ = try await client.call("T.Call", [], policy: RetryPolicy.none)
        #expect(dates.withLock { $0 } == ["20150830T112920Z", "20150830T123600Z"])
        // Later calls are right at once.
        _ = try await client.call("T.Call", [])
        #expect(server.requests == 3)
    }

    @Test func aWrongSecretIsNoMatterOfTheClock() async throws {
        let now = HTTPDateText.now()
        let (result, requests) = try await outcome([error("InvalidSignatureException", headers: ["Date: \(now)"])])
        #expect(requests == 1)
        #expect(throws: ServiceError.self) { try result.get() }
    }

    @Test func expiredCredentialsAreRenewedOnceForAll() async throws {
        let server = RawServer.answering { request in
            request.header("authorization")?.contains("Credential=KEY0/") == true
                ? error("ExpiredTokenException") : RawServer.answer()
        }
        defer { server.stop() }
        let credentials = CountedCredentials()
        let client = try client(server, credentials: credentials)
        _ = try credentials.credentials()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<16 { group.addTask { _ = try await client.call("T.Call", [], policy: RetryPolicy.none) } }
            try await group.waitForAll()
        }
        #expect(credentials.counts.generation == 1)
    }

    @Test func credentialsThatStayExpiredFailAsPermission() async throws {
        let (result, requests) = try await outcome([error("ExpiredTokenException")])
        #expect(requests == 2)
        guard case .failure(let error) = result else { return }
        #expect(error.kind == .expiredCredentials)
        let told = error.rekeyError(service: "DynamoDB", source: "dynamodb:t")
        #expect(told.code == .permission && told.source == "dynamodb:t")
    }

    @Test func withoutCredentialsNothingIsSent() async throws {
        struct None: CredentialsProvider {
            func credentials() throws(RekeyError) -> Credentials { throw RekeyError(.permission, "none found; log in") }
            func ready() -> Credentials? { nil }
            func invalidate() {}
        }
        let server = RawServer.answering { _ in RawServer.answer() }
        defer { server.stop() }
        let client = try client(server, credentials: None())
        do throws(ServiceError) {
            _ = try await client.call("T.Call", [])
        } catch {
            #expect(error.rekeyError(service: "DynamoDB") == RekeyError(.permission, "none found; log in"))
        }
        #expect(server.requests == 0)
    }

    /// The answer to a wrong signature holds the canonical request, session token included.
    @Test(arguments: [#"\n\n"#, " "]) func messagesHoldNoToken(gap: String) async throws {
        let message = #"It does not match.\#(gap)The Canonical String was\n'POST\nx-amz-security-token:the-token'"#
        let body = #"{"__type":"x#InvalidSignatureException","message":"\#(message)"}"#
        let (result, _) = try await outcome([RawServer.answer("400 Bad Request", body: body)])
        guard case .failure(let error) = result else {
            Issue.record("no error")
            return
        }
        #expect(error.message.hasPrefix("It does not match."))
        #expect(!"\(error)\(error.rekeyError(service: "DynamoDB"))".contains("the-token"))
        #expect(error.kind == .denied)
    }

    @Test func errorsInXML() async throws {
        let answers = [
            "<Error><Code>NoSuchKey</Code><Message>a &lt;b&gt; c</Message><RequestId>R</RequestId></Error>",
            "<ErrorResponse xmlns=\"x\"><Error><Code>NoSuchKey</Code><Message>a &lt;b&gt; c</Message></Error><RequestId>R</RequestId></ErrorResponse>",
        ]
        for answer in answers {
            let error = ServiceError(HTTPResponse(status: 404, headers: [], body: Array(answer.utf8)))
            #expect(error.code == "NoSuchKey" && error.message == "a <b> c" && error.requestID == "R")
            #expect(error.kind == .notFound)
        }
    }

    /// Each field of an answer may hold anything; a failure is one line all the same.
    @Test(arguments: [
        #"{"__type":"cht`pp/\nb"}"#, #"{"__type":"x#A\u001b[2JB:c","message":"a\nb"}"#,
        "<Error><Code>A&#10;B</Code><Message>a&#10;b</Message><RequestId>R&#10;R</RequestId></Error>",
    ])
    func errorsOfManyLines(answer: String) {
        let error = ServiceError(HTTPResponse(status: 400, headers: [], body: Array(answer.utf8)))
        #expect(!error.description.contains { $0.isNewline || $0 == "\u{1B}" })
        #expect(error.code == (answer.contains("cht") ? "cht" : "A"))
    }

    @Test func aCancelledTaskStopsRetrying() async throws {
        let server = RawServer.answering { _ in error("ThrottlingException") }
        defer { server.stop() }
        let client = try client(server)
        let policy = RetryPolicy(
            maximumAttempts: 10, base: .seconds(3600), throttlingBase: .seconds(3600), cap: .seconds(3600),
            usesBudget: false)
        let task = Task { try await client.call("T.Call", [], policy: policy) }
        while server.requests == 0 { await Task.yield() }
        task.cancel()
        guard case .failure(let error) = await task.result else { return }
        #expect((error as? ServiceError)?.kind == .transport(.cancelled))
        #expect(server.requests == 1)
    }

    private static func offPool<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
        try await withCheckedThrowingContinuation { continuation in
            Thread { continuation.resume(with: Result { try body() }) }.start()
        }
    }
}

/// The present moment as servers write it.
private enum HTTPDateText {
    static func now() -> String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "GMT")
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        return formatter.string(from: Date())
    }
}
