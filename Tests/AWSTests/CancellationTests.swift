import AWS
import Foundation
import Synchronization
import Testing

/// Ends of transfers that do not wait for an answer. Servers here never answer, so a lost cancellation hangs.
@Suite("Cancellation", .timeLimit(.minutes(10))) struct CancellationTests {
    private func get(_ server: RawServer) -> HTTPRequest {
        HTTPRequest(scheme: "http", authority: server.authority, stallTimeout: .seconds(3600))
    }

    private func kind(_ task: Task<HTTPResponse, any Error>) async -> TransportError.Kind? {
        switch await task.result {
        case .success: nil
        case .failure(let error): (error as? TransportError)?.kind
        }
    }

    @Test func aCancelledTaskEndsItsTransferAlone() async throws {
        let closed = DispatchSemaphore(value: 0)
        let server = RawServer { connection in
            while let request = connection.next() {
                if request.line.contains("/fast") { connection.write(RawServer.answer()) }
            }
            closed.signal()
        }
        defer { server.stop() }
        let client = HTTPClient()
        let request = get(server)
        let task = Task { try await client.send(request) }
        while server.requests == 0 { await Task.yield() }
        task.cancel()
        #expect(await kind(task) == .cancelled)
        // The connection of an unfinished answer cannot be used again: the server sees it closed.
        await withCheckedContinuation { continuation in
            Thread {
                closed.wait()
                continuation.resume()
            }.start()
        }
        var fast = request
        fast.path = "/fast"
        #expect(try await client.send(fast).status == 200)
    }

    @Test func waitingAndUnsubmittedTransfersEndToo() async {
        let server = RawServer { $0.waitForClose() }
        defer { server.stop() }
        let client = HTTPClient(maximumConnections: 1)
        let request = get(server)
        let running = Task { try await client.send(request) }
        while server.requests == 0 { await Task.yield() }
        let waiting = (0..<50).map { _ in Task { try await client.send(request) } }
        for task in waiting { task.cancel() }
        for task in waiting { #expect(await kind(task) == .cancelled) }
        #expect(server.requests == 1)
        running.cancel()
        #expect(await kind(running) == .cancelled)
    }

    /// Cancelled before it is sent, while nothing else can start.
    @Test func aTaskThatIsAlreadyCancelledEndsAtOnce() async {
        let server = RawServer { $0.waitForClose() }
        defer { server.stop() }
        let client = HTTPClient(maximumConnections: 1)
        let request = get(server)
        let running = Task { try await client.send(request) }
        while server.requests == 0 { await Task.yield() }
        for _ in 0..<20 {
            let task = Task {
                while !Task.isCancelled { await Task.yield() }
                return try await client.send(request)
            }
            task.cancel()
            #expect(await kind(task) == .cancelled)
        }
        running.cancel()
        #expect(await kind(running) == .cancelled)
    }

    @Test func cancellingAtAnyMomentLosesNothing() async {
        let server = RawServer.answering { _ in RawServer.answer() }
        defer { server.stop() }
        let client = HTTPClient(maximumConnections: 8)
        let request = get(server)
        let tasks = (0..<400).map { index in
            let task = Task { try await client.send(request) }
            if index % 2 == 0 { task.cancel() }
            if index % 5 == 0 { Thread { task.cancel() }.start() }
            return task
        }
        for (index, task) in tasks.enumerated() {
            let kind = await kind(task)
            #expect(kind == nil || kind == .cancelled)
            if index % 2 != 0, index % 5 != 0 { #expect(kind == nil) }
        }
    }

    @Test func shuttingDownEndsRunningWaitingAndLaterTransfers() async {
        let server = RawServer { $0.waitForClose() }
        defer { server.stop() }
        let client = HTTPClient(maximumConnections: 2)
        let request = get(server)
        let tasks = (0..<20).map { _ in Task { try await client.send(request) } }
        while server.requests < 2 { await Task.yield() }
        client.shutDown()
        for task in tasks { #expect(await kind(task) == .cancelled) }
        #expect(await kind(Task { try await client.send(request) }) == .cancelled)
        #expect(server.requests == 2)
    }
}
