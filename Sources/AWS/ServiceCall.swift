import ByteStreams
import Dispatch
import Synchronization

/// One request on its way through all its attempts. No step blocks, and none needs a task or a thread of its own.
///
///     begin ──▶ credentials ──▶ sign ──▶ transfer ──▶ check ──▶ completion
///                    ▲                                  │
///                    └───────────── pause ◀─────────────┘
final class ServiceCall: Sendable {
    typealias Completion = @Sendable (Result<HTTPResponse, ServiceError>) -> Void

    private struct State {
        var attempts: Attempts
        var transfer: Transfer?
        /// Nil before the beginning and after the end.
        var completion: Completion?
        var isCancelled = false
    }

    private let client: ServiceClient
    private let request: HTTPRequest
    private let noting: (@Sendable (ServiceError) -> Void)?
    private let state: Mutex<State>

    /// Larger answers are checked elsewhere than on the thread that drives all transfers.
    private static let largeAnswer = 64 << 10

    /// - Parameter noting: called with each attempt's failure.
    init(
        _ client: ServiceClient, _ request: HTTPRequest, policy: RetryPolicy,
        noting: (@Sendable (ServiceError) -> Void)? = nil
    ) {
        self.client = client
        self.request = request
        self.noting = noting
        state = Mutex(State(attempts: Attempts(policy: policy, budget: client.budget, start: ContinuousClock.now)))
    }

    /// Makes the first attempt. `completion` is called once, on any thread; it must not block.
    func begin(_ completion: @escaping Completion) {
        let isCancelled = state.withLock { state in
            state.completion = completion
            return state.isCancelled
        }
        if isCancelled { finish(.failure(cancelled)) } else { attempt() }
    }

    /// Begins the call and suspends until its end. A cancelled task cancels it.
    func answer() async throws(ServiceError) -> HTTPResponse {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                begin { continuation.resume(returning: $0) }
            }
        } onCancel: {
            cancel()
        }
        return try result.get()
    }

    /// Ends the call with `.cancelled`, unless it has ended.
    func cancel() {
        let transfer = state.withLock { state in
            state.isCancelled = true
            return state.transfer
        }
        if let transfer { client.http.cancel(transfer) } else { finish(.failure(cancelled)) }
    }

    private var cancelled: ServiceError {
        ServiceError(TransportError(.cancelled, "\(client.endpoint.authority): cancelled"))
    }

    private func attempt() {
        if let ready = client.credentials.ready() { return send(with: ready) }
        // Fetching may block.
        DispatchQueue.global().async { [self] in
            do throws(RekeyError) {
                send(with: try client.credentials.credentials())
            } catch {
                finish(.failure(ServiceError(credentials: error)))
            }
        }
    }

    private func send(with credentials: Credentials) {
        let (signed, date) = client.signed(request, with: credentials)
        let transfer = Transfer(signed)
        let mayBegin = state.withLock { state in
            if !state.isCancelled { state.transfer = transfer }
            return !state.isCancelled
        }
        guard mayBegin else { return finish(.failure(cancelled)) }
        let start = ContinuousClock.now
        client.http.begin(transfer) { [self] result in
            state.withLock { $0.transfer = nil }
            if case .success(let response) = result { client.tellAnswer(request, response, since: start) }
            if case .success(let response) = result, response.body.count > Self.largeAnswer {
                DispatchQueue.global().async { [self] in answered(result, credentials, date) }
            } else {
                answered(result, credentials, date)
            }
        }
    }

    private func answered(_ result: Result<HTTPResponse, TransportError>, _ credentials: Credentials, _ date: Int) {
        do throws(ServiceError) {
            let response: HTTPResponse
            switch result {
            case .success(let answer): response = try client.check(answer, signedWith: credentials, at: date)
            case .failure(let error): throw ServiceError(error)
            }
            state.withLock { $0.attempts.succeeded() }
            finish(.success(response))
        } catch {
            noting?(error)
            again(after: error)
        }
    }

    private func again(after error: ServiceError) {
        let (next, failed) = state.withLock { state -> (Result<Duration, ServiceError>, Int) in
            if state.isCancelled { return (.failure(cancelled), 0) }
            do throws(ServiceError) {
                return (.success(try state.attempts.next(after: error)), state.attempts.failed)
            } catch {
                return (.failure(error), 0)
            }
        }
        if case .success(let pause) = next { client.tellRetry(request, error, attempt: failed, pause: pause) }
        switch next {
        case .failure(let error): finish(.failure(error))
        case .success(.zero): attempt()
        case .success(let pause):
            DispatchQueue.global().asyncAfter(deadline: .now() + .microseconds(pause.microseconds)) { [self] in
                if !(state.withLock { $0.isCancelled }) { attempt() }
            }
        }
    }

    private func finish(_ result: Result<HTTPResponse, ServiceError>) {
        let completion = state.withLock { state in
            defer { state.completion = nil }
            return state.completion
        }
        completion?(result)
    }
}

/// The attempts of one request.
struct Attempts {
    let policy: RetryPolicy
    let budget: RetryBudget
    let start: ContinuousClock.Instant
    private(set) var failed = 0
    private var price: Int?
    private var hasRenewed = false
    private var hasCorrected = false

    init(policy: RetryPolicy, budget: RetryBudget, start: ContinuousClock.Instant) {
        self.policy = policy
        self.budget = budget
        self.start = start
    }

    func succeeded() {
        if policy.usesBudget { budget.succeeded(price: price) }
    }

    /// The pause before the next attempt; throws the error where there is none.
    mutating func next(after error: ServiceError) throws(ServiceError) -> Duration {
        // One more attempt each, whatever the policy: what made it fail has been mended.
        if error.kind == .clockSkew, !hasCorrected {
            hasCorrected = true
            return .zero
        }
        if error.kind == .expiredCredentials, !hasRenewed {
            hasRenewed = true
            return .zero
        }
        failed += 1
        guard
            let delay = policy.delay(
                after: error, attempt: failed, elapsed: ContinuousClock.now - start,
                jitter: Double.random(in: 0..<1), retryAfter: error.retryAfter)
        else { throw error }
        if policy.usesBudget {
            guard let price = budget.take(for: error) else { throw error }
            self.price = price
        }
        return delay
    }
}
