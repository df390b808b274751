import ByteStreams
import Dispatch
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Speaks to one service: signs, sends, checks and tries again.
package final class ServiceClient: Sendable {
    package let service: AWSService
    package let region: String
    package let endpoint: ServiceEndpoint
    /// What calls without a policy of their own follow.
    package let policy: RetryPolicy
    private let credentials: any CredentialsProvider
    private let http: HTTPClient
    private let signer: Signer
    private let budget = RetryBudget()
    /// Seconds to add to this machine's clock to have the service's.
    private let clockOffset = Atomic<Int>(0)
    private let now: @Sendable () -> Int
    private let observer: RequestObserver?

    /// - Parameters:
    ///   - maximumAttempts: nil for the SDKs' own: 4 for DynamoDB, 3 for others.
    ///   - now: seconds since 1970.
    package init(
        service: AWSService, region: String, endpoint: ServiceEndpoint, credentials: any CredentialsProvider,
        http: HTTPClient, maximumAttempts: Int? = nil, observer: RequestObserver? = nil,
        now: @escaping @Sendable () -> Int = { time(nil) }
    ) {
        self.observer = observer
        self.service = service
        self.region = region
        self.endpoint = endpoint
        self.credentials = credentials
        self.http = http
        self.now = now
        signer = Signer(service: service.signingName, region: region)
        policy =
            service == .dynamodb
            ? .standard(maximumAttempts: maximumAttempts ?? 4, base: .milliseconds(25))
            : .standard(maximumAttempts: maximumAttempts ?? 3)
    }

    /// Whether a user named the endpoint: emulators, private links.
    package var usesCustomEndpoint: Bool { endpoint.isCustom }

    // MARK: Calls of the JSON protocol

    /// The body of a 2xx answer.
    ///
    /// - Parameters:
    ///   - target: `DynamoDB_20120810.Scan`.
    ///   - body: JSON.
    ///   - policy: in place of the client's.
    package func call(
        _ target: String, _ body: [UInt8], policy: RetryPolicy? = nil
    ) async throws(ServiceError) -> [UInt8] {
        try await send(jsonRequest(target, body), policy: policy).body
    }

    /// `call` for threads outside Swift's pool.
    package func callBlocking(
        _ target: String, _ body: [UInt8], policy: RetryPolicy? = nil
    ) throws(ServiceError) -> [UInt8] {
        try sendBlocking(jsonRequest(target, body), policy: policy).body
    }

    private func jsonRequest(_ target: String, _ body: [UInt8]) -> HTTPRequest {
        HTTPRequest(
            method: "POST", authority: endpoint.authority,
            headers: [("X-Amz-Target", target), ("Content-Type", service.contentType)], body: body)
    }

    // MARK: Requests

    /// A 2xx answer. Scheme and authority are filled in, and the endpoint's path is put before the request's; each attempt is
    /// signed anew.
    package func send(_ request: HTTPRequest, policy: RetryPolicy? = nil) async throws(ServiceError) -> HTTPResponse {
        var attempts = Attempts(policy: policy ?? self.policy, budget: budget, start: ContinuousClock.now)
        while true {
            let delay: Duration
            do throws(ServiceError) {
                let answer = try await attempt(request)
                attempts.succeeded()
                return answer
            } catch {
                delay = try attempts.next(after: error)
                tellRetry(request, error, attempts.failed, delay)
            }
            if delay > .zero {
                do {
                    try await Task.sleep(for: delay)
                } catch {
                    throw ServiceError(TransportError(.cancelled, "\(endpoint.authority): cancelled"))
                }
            }
        }
    }

    /// `send` for threads outside Swift's pool.
    package func sendBlocking(_ request: HTTPRequest, policy: RetryPolicy? = nil) throws(ServiceError) -> HTTPResponse {
        var attempts = Attempts(policy: policy ?? self.policy, budget: budget, start: ContinuousClock.now)
        while true {
            let delay: Duration
            do throws(ServiceError) {
                let answer = try attemptBlocking(request)
                attempts.succeeded()
                return answer
            } catch {
                delay = try attempts.next(after: error)
                tellRetry(request, error, attempts.failed, delay)
            }
            if delay > .zero { Self.pause(delay) }
        }
    }

    /// One attempt, for callers with retries of their own; a second one where the clock or the credentials were at fault.
    package func sendOnce(_ request: HTTPRequest) async throws(ServiceError) -> HTTPResponse {
        try await send(request, policy: RetryPolicy.none)
    }

    /// `sendOnce` for threads outside Swift's pool.
    package func sendOnceBlocking(_ request: HTTPRequest) throws(ServiceError) -> HTTPResponse {
        try sendBlocking(request, policy: RetryPolicy.none)
    }

    // MARK: Parts of an attempt

    private func attempt(_ request: HTTPRequest) async throws(ServiceError) -> HTTPResponse {
        let signed = sign(request, with: try await currentCredentials())
        let response: HTTPResponse
        let start = ContinuousClock.now
        do throws(TransportError) {
            response = try await http.send(signed.request)
        } catch {
            throw ServiceError(error)
        }
        tellAnswer(request, response, start)
        return try check(response, signed)
    }

    private func attemptBlocking(_ request: HTTPRequest) throws(ServiceError) -> HTTPResponse {
        let signed = sign(request, with: try currentCredentialsBlocking())
        let response: HTTPResponse
        let start = ContinuousClock.now
        do throws(TransportError) {
            response = try http.sendBlocking(signed.request)
        } catch {
            throw ServiceError(error)
        }
        tellAnswer(request, response, start)
        return try check(response, signed)
    }

    private func tellAnswer(_ request: HTTPRequest, _ response: HTTPResponse, _ start: ContinuousClock.Instant) {
        guard let observer else { return }
        observer(.answered(operation: request.operation, status: response.status, time: start.duration(to: .now)))
    }

    private func tellRetry(_ request: HTTPRequest, _ error: ServiceError, _ attempt: Int, _ pause: Duration) {
        guard let observer else { return }
        let reason = error.code.isEmpty ? error.message : error.code
        observer(
            .retrying(
                operation: request.operation, reason: reason, isThrottling: error.isThrottling,
                attempt: max(1, attempt), pause: pause))
    }

    private static func pause(_ delay: Duration) {
        _ = DispatchSemaphore(value: 0).wait(timeout: .now() + .milliseconds(delay.milliseconds))
    }

    private func currentCredentialsBlocking() throws(ServiceError) -> Credentials {
        if let ready = credentials.ready() { return ready }
        do throws(RekeyError) {
            return try credentials.credentials()
        } catch {
            throw ServiceError(credentials: error)
        }
    }

    /// Fetching may block, so it is done on a thread outside Swift's pool.
    private func currentCredentials() async throws(ServiceError) -> Credentials {
        if let ready = credentials.ready() { return ready }
        let credentials = self.credentials
        let result: Result<Credentials, RekeyError> = await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                do throws(RekeyError) {
                    continuation.resume(returning: .success(try credentials.credentials()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        switch result {
        case .success(let value): return value
        case .failure(let error): throw ServiceError(credentials: error)
        }
    }

    private struct SignedRequest {
        var request: HTTPRequest
        var credentials: Credentials
        var date: Int
    }

    private func sign(_ request: HTTPRequest, with credentials: Credentials) -> SignedRequest {
        var request = request
        request.scheme = endpoint.scheme
        request.authority = endpoint.authority
        if !endpoint.basePath.isEmpty { request.path = endpoint.basePath + request.path }
        let date = now() + clockOffset.load(ordering: .relaxed)
        signer.sign(&request, with: credentials, at: date)
        return SignedRequest(request: request, credentials: credentials, date: date)
    }

    /// - Returns: the answer where its status is 2xx and its checksum right. Otherwise clock and credentials have been
    ///   mended for the next attempt.
    private func check(_ response: HTTPResponse, _ signed: SignedRequest) throws(ServiceError) -> HTTPResponse {
        if let text = response.header("x-amz-crc32"), let expected = UInt32(text),
            response.header("content-encoding") == nil, CRC32.of(response.body) != expected
        {
            throw ServiceError(
                code: "", message: "\(endpoint.authority): the answer's checksum is wrong", status: response.status,
                kind: .transient)
        }
        if (200..<300).contains(response.status) { return response }
        var error = ServiceError(response)
        if let served = servedTime(error, response, signedAt: signed.date) {
            clockOffset.store(served - now(), ordering: .relaxed)
            error.kind = .clockSkew
        }
        // Others may have renewed them since this request was signed.
        if error.kind == .expiredCredentials, credentials.ready() == signed.credentials { credentials.invalidate() }
        throw error
    }

    /// The service's time, where the date that was signed is why it refused.
    private func servedTime(_ error: ServiceError, _ response: HTTPResponse, signedAt date: Int) -> Int? {
        let isSure = error.kind == .clockSkew
        guard isSure || Self.codesOfSkew.contains(error.code), let text = response.header("date"),
            let served = HTTPDate.seconds(text)
        else { return nil }
        // Services allow 15 minutes and more; below 4 the signature is wrong for another reason.
        return isSure || abs(served - date) > 240 ? served : nil
    }

    /// Codes that stand for a wrong date among other things.
    private static let codesOfSkew: Set<String> = [
        "InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure", "AccessDeniedException", "AccessDenied",
    ]
}

/// The attempts of one request.
private struct Attempts {
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
