import AWS
import Foundation
import Synchronization
import TestSupport
import Testing

@Suite("HTTP client", .timeLimit(.minutes(10))) struct HTTPClientTests {
    private func request(_ server: RawServer, path: String = "/", body: String = "") -> HTTPRequest {
        HTTPRequest(
            method: body.isEmpty ? "GET" : "POST", scheme: "http", authority: server.authority, path: path,
            body: Array(body.utf8))
    }

    /// The failure of a request against a server that treats each connection so.
    private func failure(
        responseLimit: Int = 1 << 20, stall: Duration = .seconds(30), total: Duration? = nil,
        _ serve: @escaping @Sendable (RawServer.Connection) -> Void
    ) async -> TransportError? {
        let server = RawServer(serve)
        defer { server.stop() }
        var request = request(server)
        request.responseLimit = responseLimit
        request.stallTimeout = stall
        request.totalTimeout = total
        do throws(TransportError) {
            _ = try await HTTPClient().send(request)
            return nil
        } catch {
            return error
        }
    }

    @Test func aHundredRequestsTakeOneConnection() async throws {
        let server = RawServer.answering { RawServer.answer(body: String(decoding: $0.body, as: UTF8.self)) }
        defer { server.stop() }
        let client = HTTPClient()
        for index in 0..<100 {
            let answer = try await client.send(request(server, body: "body \(index)"))
            #expect(answer.body == Array("body \(index)".utf8))
        }
        #expect(server.connections == 1)
        #expect(server.requests == 100)
    }

    /// Services close connections that have been idle; the next request must not fail for it.
    @Test func aConnectionClosedMeanwhileIsReplaced() async throws {
        let server = RawServer { connection in
            if connection.next() != nil { connection.write(RawServer.answer()) }
        }
        defer { server.stop() }
        let client = HTTPClient()
        for _ in 0..<20 { #expect(try await client.send(request(server, body: "x")).status == 200) }
        #expect(server.connections == 20)
    }

    @Test func aThousandAtOnceAreEachAnsweredTheirOwn() async throws {
        let server = RawServer.answering { RawServer.answer(body: "answer to \($0.line)") }
        defer { server.stop() }
        let client = HTTPClient(maximumConnections: 64)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<1000 {
                group.addTask {
                    let answer = try await client.send(request(server, path: "/\(index)"))
                    #expect(answer.body == Array("answer to GET /\(index) HTTP/1.1".utf8))
                }
            }
            try await group.waitForAll()
        }
        #expect(server.requests == 1000)
        #expect(server.connections <= 64)
    }

    /// What is sent is what was asked for and nothing that libcurl would add to it.
    @Test func theRequestOnTheWire() async throws {
        let seen = Mutex<[RawServer.Request]>([])
        let server = RawServer.answering { request in
            seen.withLock { $0.append(request) }
            return request.line.hasPrefix("HEAD")
                ? "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n" : RawServer.answer()
        }
        defer { server.stop() }
        let client = HTTPClient()
        let large = (0..<1_500_000).map { UInt8(truncatingIfNeeded: $0) }
        for (method, body) in [
            ("POST", large), ("PUT", []), ("GET", []), ("HEAD", []), ("DELETE", []), ("PUT", [0, 10]),
        ] {
            let answer = try await client.send(
                HTTPRequest(
                    method: method, scheme: "http", authority: server.authority, path: "/a/../%2B//b",
                    query: [("x y", "a+b/ä"), ("empty", "")], headers: [("X-One", "1"), ("X-Empty", "")], body: body))
            #expect(answer.status == 200)
            if method == "HEAD" { #expect(answer.header("Content-Length") == "12345" && answer.body.isEmpty) }
        }
        let requests = seen.withLock { $0 }
        #expect(
            requests.map { String($0.line.prefix { $0 != " " }) } == ["POST", "PUT", "GET", "HEAD", "DELETE", "PUT"])
        for request in requests {
            #expect(request.line.hasSuffix(" /a/../%2B//b?x%20y=a%2Bb%2F%C3%A4&empty= HTTP/1.1"))
            #expect(request.header("host") == server.authority)
            #expect(request.header("x-one") == "1" && request.header("x-empty") == "")
            for name in ["expect", "content-type", "accept-encoding", "transfer-encoding"] {
                #expect(request.header(name) == nil, "\(request.line): \(name)")
            }
        }
        #expect(
            requests[0].body == large && requests[1].header("content-length") == "0" && requests[5].body == [0, 10])
        #expect(server.connections == 1)
    }

    @Test func chunkedAnswersAndInterimHeads() async throws {
        let server = RawServer.answering { _ in
            "HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\nHTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\nX-A:  spaced out \r\nx-a: two\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: t\r\n\r\n"
        }
        defer { server.stop() }
        let answer = try await HTTPClient().send(request(server))
        #expect(answer.status == 404)
        #expect(answer.body == Array("hello world".utf8))
        #expect(answer.header("X-A") == "spaced out" && answer.header("X-Interim") == nil)
        #expect(answer.headers.filter { $0.name.lowercased() == "x-a" }.map(\.value) == ["spaced out", "two"])
        #expect(answer.header("x-trailer") == "t")
    }

    @Test func redirectsAreNotFollowed() async throws {
        let server = RawServer.answering { _ in RawServer.answer("301 Moved", ["Location: /elsewhere"]) }
        defer { server.stop() }
        #expect(try await HTTPClient().send(request(server)).status == 301)
        #expect(server.requests == 1)
    }

    @Test func cutConnections() async {
        for text in [
            "", "HTTP/1.1 200 O", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "no HTTP at all\r\n\r\n",
        ] {
            let error = await failure { connection in
                _ = connection.next()
                connection.write(text)
            }
            #expect(error?.kind == .cut, "\(text): \(String(describing: error))")
            #expect(error?.message.contains("127.0.0.1:") == true)
        }
    }

    @Test func stallsAndSlowAnswersTimeOut() async {
        let silent = await failure(stall: .milliseconds(300)) { $0.waitForClose() }
        #expect(silent?.kind == .timedOut, "\(String(describing: silent))")
        let halfway = await failure(stall: .milliseconds(300)) { connection in
            _ = connection.next()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            connection.waitForClose()
        }
        #expect(halfway?.kind == .timedOut)
        // Moves all the time, so only the time for the whole ends it.
        let slow = await failure(stall: .seconds(30), total: .milliseconds(500)) { connection in
            _ = connection.next()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            for _ in 0..<200 {
                connection.write("x")
                usleep(20_000)
            }
        }
        #expect(slow?.kind == .timedOut)
    }

    /// The place of a transfer that stalled goes to the next one at once.
    @Test func aStallMakesPlace() async throws {
        let server = RawServer { connection in
            while let request = connection.next() {
                if request.number > 0 { connection.write(RawServer.answer()) }
            }
        }
        defer { server.stop() }
        let client = HTTPClient(maximumConnections: 1)
        var stalling = request(server)
        stalling.stallTimeout = .milliseconds(300)
        let first = Task { [stalling] in try await client.send(stalling) }
        while server.requests == 0 { await Task.yield() }
        #expect(try await client.send(request(server)).status == 200)
        await #expect(throws: TransportError.self) { try await first.value }
    }

    /// A slow answer is none that stalls: the clock begins anew with each byte.
    @Test func whatMovesDoesNotStall() async throws {
        let server = RawServer { connection in
            _ = connection.next()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n")
            for _ in 0..<12 {
                usleep(200_000)
                connection.write("x")
            }
        }
        defer { server.stop() }
        var request = request(server)
        request.stallTimeout = .milliseconds(1500)
        #expect(try await HTTPClient().send(request).body.count == 12)
    }

    @Test func answersBeyondTheLimitAreRefused() async {
        let body = String(repeating: "x", count: 100_001)
        for head in ["Content-Length: 100001\r\n\r\n", "\r\n"] {
            let error = await failure(responseLimit: 100_000) { connection in
                _ = connection.next()
                connection.write("HTTP/1.1 200 OK\r\n" + head + body)
            }
            #expect(error?.kind == .tooLarge, "\(String(describing: error))")
        }
        let exact = await failure(responseLimit: 100_001) { connection in
            _ = connection.next()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n" + body)
        }
        #expect(exact == nil)
        let head = await failure { connection in
            _ = connection.next()
            connection.write("HTTP/1.1 200 OK\r\n")
            for index in 0..<10_000 { connection.write("X-\(index): \(String(repeating: "y", count: 100))\r\n") }
        }
        #expect(head?.kind == .tooLarge, "\(String(describing: head))")
    }

    @Test func noConnection() async throws {
        let server = RawServer { _ in }
        server.stop()
        await #expect(throws: TransportError.self) { try await HTTPClient().send(request(server)) }
        do throws(TransportError) {
            _ = try await HTTPClient().send(request(server))
        } catch {
            #expect(error.kind == .unreachable && error.isTransient)
        }
    }

    @Test func whatCannotBeSentIsRefused() async {
        let client = HTTPClient()
        var requests = [HTTPRequest(scheme: "ftp", authority: "h"), HTTPRequest(authority: "user@h")]
        requests.append(HTTPRequest(authority: "h", path: "no-slash"))
        requests.append(HTTPRequest(authority: "h", path: "/a b"))
        requests.append(HTTPRequest(authority: "h", path: "/ä"))
        requests.append(HTTPRequest(authority: "h", headers: [("X", "a\r\nY: b")]))
        requests.append(HTTPRequest(authority: "h", headers: [("X Y", "a")]))
        requests.append(HTTPRequest(method: "GET /", authority: "h"))
        for request in requests {
            do throws(TransportError) {
                _ = try await client.send(request)
                Issue.record("\(request) was sent")
            } catch {
                #expect(error.kind == .invalid, "\(request): \(error)")
            }
        }
    }

    @Test func blockingCallsNeedNoTask() async throws {
        let server = RawServer.answering { RawServer.answer(body: $0.line) }
        defer { server.stop() }
        let client = HTTPClient()
        let request = request(server, path: "/blocking")
        let answer: Result<HTTPResponse, TransportError> = await withCheckedContinuation { continuation in
            Thread {
                do throws(TransportError) {
                    continuation.resume(returning: .success(try client.sendBlocking(request)))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }.start()
        }
        #expect(try answer.get().body == Array("GET /blocking HTTP/1.1".utf8))
    }

    /// A proxy is given the whole address. In a process of its own, since libcurl reads the environment.
    @Test func proxiesComeFromTheEnvironment() async {
        await #expect(processExitsWith: .success) {
            let server = RawServer.answering { RawServer.answer(body: $0.line) }
            setenv("http_proxy", "http://\(server.authority)", 1)
            let answer = try await HTTPClient().send(
                HTTPRequest(scheme: "http", authority: "table.invalid", path: "/x"))
            let line = String(decoding: answer.body, as: UTF8.self)
            exit(line == "GET http://table.invalid/x HTTP/1.1" ? 0 : 1)
        }
    }
}
