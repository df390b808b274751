import Dispatch
import Synchronization

/// Sends requests over kept-alive HTTP/1.1 connections, many at a time, from one thread of its own.
///
/// Certificates are always verified, redirects are not followed, and proxies are taken from libcurl's variables
/// (`https_proxy`, `no_proxy`, …). Nothing is tried again, but for a request on a kept-alive connection that turns out to be
/// closed before a byte of the answer: that one is sent anew on a new connection.
/// Once the client is no longer used, transfers under way end with `.cancelled` and its thread ends.
package final class HTTPClient: Sendable {
    private let loop: TransferLoop

    /// - Parameters:
    ///   - certificateBundle: a file of trusted certificates (PEM) in place of the system's.
    ///   - maximumConnections: transfers under way at once; more wait in the order they came.
    package init(certificateBundle: String? = nil, maximumConnections: Int = 128) {
        loop = TransferLoop(certificateBundle: certificateBundle, maximumTransfers: maximumConnections)
    }

    deinit { loop.stop() }

    /// The answer, whatever its status. A cancelled task cancels its transfer.
    package func send(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        let transfer = Transfer(request)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                loop.submit(transfer) { continuation.resume(returning: $0) }
            }
        } onCancel: {
            loop.cancel(transfer)
        }
        return try result.get()
    }

    /// The answer, whatever its status. Blocks the thread, so it is for threads outside Swift's pool.
    package func sendBlocking(_ request: HTTPRequest) throws(TransportError) -> HTTPResponse {
        let answer = AwaitedResult<HTTPResponse, TransportError>()
        loop.submit(Transfer(request)) { answer.set($0) }
        return try answer.wait().get()
    }

    /// Hands over a transfer; `completion` is called once, on the thread that drives all transfers, and must not block.
    func begin(_ transfer: Transfer, _ completion: @escaping Transfer.Completion) {
        loop.submit(transfer, completion)
    }

    /// Ends a transfer with `.cancelled`, unless it has ended.
    func cancel(_ transfer: Transfer) { loop.cancel(transfer) }

    /// Ends all transfers, waiting ones too, with `.cancelled`; later ones are refused in the same way.
    package func shutDown() { loop.stop() }
}

/// One request on its way through the loop.
///
/// Unchecked: `completion` is set before the transfer is handed over under the loop's lock, and it and `isQueued` belong to
/// the loop's thread from then on; the rest is constant or atomic.
final class Transfer: @unchecked Sendable {
    typealias Completion = @Sendable (Result<HTTPResponse, TransportError>) -> Void

    let request: HTTPRequest
    let isCancelled = Atomic(false)
    /// Called once, on the loop's thread; nil afterwards.
    var completion: Completion?
    /// Whether the loop has taken it over.
    var isQueued = false

    init(_ request: HTTPRequest) { self.request = request }

    func complete(_ result: Result<HTTPResponse, TransportError>) {
        let completion = self.completion
        self.completion = nil
        completion?(result)
    }
}

/// A result that one thread waits for and another sets.
final class AwaitedResult<Success: Sendable, Failure: Error>: Sendable {
    private let result = Mutex<Result<Success, Failure>?>(nil)
    private let isSet = DispatchSemaphore(value: 0)

    func set(_ value: Result<Success, Failure>) {
        result.withLock { $0 = value }
        isSet.signal()
    }

    func wait() -> Result<Success, Failure> {
        while true {
            isSet.wait()
            if let value = result.withLock({ $0 }) { return value }
        }
    }
}
