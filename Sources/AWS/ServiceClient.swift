import ByteStreams
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
    let credentials: any CredentialsProvider
    let http: HTTPClient
    private let signer: Signer
    let budget = RetryBudget()
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

    /// A call that is still to be begun.
    ///
    /// - Parameter noting: called with each attempt's failure.
    func prepared(
        _ target: String, _ body: [UInt8], policy: RetryPolicy, noting: @escaping @Sendable (ServiceError) -> Void
    ) -> ServiceCall {
        ServiceCall(self, jsonRequest(target, body), policy: policy, noting: noting)
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
        try await ServiceCall(self, request, policy: policy ?? self.policy).answer()
    }

    /// `send` for threads outside Swift's pool.
    package func sendBlocking(_ request: HTTPRequest, policy: RetryPolicy? = nil) throws(ServiceError) -> HTTPResponse {
        let answer = AwaitedResult<HTTPResponse, ServiceError>()
        ServiceCall(self, request, policy: policy ?? self.policy).begin { answer.set($0) }
        return try answer.wait().get()
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

    /// Tells the observer of an answer, whatever its status.
    func tellAnswer(_ request: HTTPRequest, _ response: HTTPResponse, since start: ContinuousClock.Instant) {
        guard let observer else { return }
        observer(.answered(operation: request.operation, status: response.status, time: start.duration(to: .now)))
    }

    /// Tells the observer that an attempt failed and another one follows.
    func tellRetry(_ request: HTTPRequest, _ error: ServiceError, attempt: Int, pause: Duration) {
        guard let observer else { return }
        let reason = error.code.isEmpty ? error.message : error.code
        observer(
            .retrying(
                operation: request.operation, reason: reason, isThrottling: error.isThrottling,
                attempt: max(1, attempt), pause: pause))
    }

    /// The request as it goes out, and the date that is signed.
    func signed(_ request: HTTPRequest, with credentials: Credentials) -> (request: HTTPRequest, date: Int) {
        var request = request
        request.scheme = endpoint.scheme
        request.authority = endpoint.authority
        if !endpoint.basePath.isEmpty { request.path = endpoint.basePath + request.path }
        let date = now() + clockOffset.load(ordering: .relaxed)
        signer.sign(&request, with: credentials, at: date)
        return (request, date)
    }

    /// - Returns: the answer where its status is 2xx and its checksum right. Otherwise clock and credentials have been
    ///   mended for the next attempt.
    func check(
        _ response: HTTPResponse, signedWith signer: Credentials, at date: Int
    ) throws(ServiceError) -> HTTPResponse {
        if let text = response.header("x-amz-crc32"), let expected = UInt32(text),
            response.header("content-encoding") == nil, CRC32.of(response.body) != expected
        {
            throw ServiceError(
                code: "", message: "\(endpoint.authority): the answer's checksum is wrong", status: response.status,
                kind: .transient)
        }
        if (200..<300).contains(response.status) { return response }
        var error = ServiceError(response)
        if let served = servedTime(error, response, signedAt: date) {
            clockOffset.store(served - now(), ordering: .relaxed)
            error.kind = .clockSkew
        }
        // Others may have renewed them since this request was signed.
        if error.kind == .expiredCredentials, credentials.ready() == signer { credentials.invalidate() }
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
