import AWS
import Testing

@Suite("Retry policy") struct RetryPolicyTests {
    private let throttled = ServiceError(code: "ThrottlingException", message: "", status: 400)
    private let failed = ServiceError(code: "InternalServerError", message: "", status: 500)

    @Test func pausesDoubleUpToTheCap() {
        let policy = RetryPolicy.standard(maximumAttempts: 100, base: .milliseconds(25))
        func pause(_ error: ServiceError, _ attempt: Int, _ jitter: Double = 1) -> Duration? {
            policy.delay(after: error, attempt: attempt, elapsed: .zero, jitter: jitter)
        }
        #expect((1...4).map { pause(failed, $0) } == [25, 50, 100, 200].map { .milliseconds($0) })
        #expect((1...6).map { pause(throttled, $0) } == [1, 2, 4, 8, 16, 20].map { .seconds($0) })
        #expect(pause(throttled, 99) == .seconds(20))
        #expect(pause(throttled, 3, 0.25) == .seconds(1) && pause(throttled, 3, 0) == .zero)
    }

    @Test func attemptsArePatience() {
        let four = RetryPolicy.standard(maximumAttempts: 4)
        #expect(four.delay(after: failed, attempt: 3, elapsed: .seconds(1000), jitter: 0) != nil)
        #expect(four.delay(after: failed, attempt: 4, elapsed: .zero, jitter: 0) == nil)
        let patient = RetryPolicy.patient
        #expect(patient.delay(after: throttled, attempt: 1000, elapsed: .seconds(89), jitter: 1) == .seconds(20))
        #expect(patient.delay(after: throttled, attempt: 2, elapsed: .seconds(90), jitter: 1) == nil)
        #expect(RetryPolicy.none.delay(after: throttled, attempt: 1, elapsed: .zero, jitter: 1) == nil)
    }

    /// `x-amz-retry-after` raises the pause by at most five seconds.
    @Test func theServiceMayAskForMore() {
        let policy = RetryPolicy.standard(maximumAttempts: 10)
        func pause(_ milliseconds: Int) -> Duration? {
            policy.delay(
                after: throttled, attempt: 1, elapsed: .zero, jitter: 0.5, retryAfter: .milliseconds(milliseconds))
        }
        #expect(pause(100) == .milliseconds(500) && pause(1500) == .milliseconds(1500))
        #expect(pause(60_000) == .milliseconds(5500))
        let answer = HTTPResponse(status: 503, headers: [("X-Amz-Retry-After", "1500")], body: [])
        #expect(ServiceError(answer).retryAfter == .milliseconds(1500))
    }

    @Test func theBudget() {
        let budget = RetryBudget(capacity: 30)
        #expect(budget.take(for: failed) == 14 && budget.take(for: throttled) == 5)
        #expect(budget.remaining == 11 && budget.take(for: failed) == nil && budget.remaining == 11)
        budget.succeeded(price: 5)
        #expect(budget.remaining == 16)
        budget.succeeded(price: nil)
        #expect(budget.remaining == 17)
        budget.succeeded(price: 14)
        #expect(budget.remaining == 30)
    }

    @Test(
        "Codes and statuses",
        arguments: [
            ("TransactionCanceledException", 400, ServiceError.Kind.transactionCanceled),
            ("TransactionConflict", 0, .transactionConflict), ("ConditionalCheckFailed", 0, .conditionFailed),
            ("ProvisionedThroughputExceeded", 0, .throttling), ("ValidationError", 0, .invalid),
            ("SlowDown", 503, .throttling), ("UnrecognizedClientException", 400, .expiredCredentials),
            ("", 403, .denied), ("", 404, .notFound), ("", 418, .other), ("Unheard", 502, .transient),
        ])
    func kinds(code: String, status: Int, kind: ServiceError.Kind) {
        #expect(ErrorCodes.kind(code: code, status: status) == kind)
    }

    @Test(
        "Endpoints",
        arguments: [
            ("http://localhost:8000", "http", "localhost:8000", ""),
            ("HTTPS://a.b:443/x/y//", "https", "a.b", "/x/y"),
            ("http://[::1]:80/", "http", "[::1]", ""),
        ])
    func endpoints(url: String, scheme: String, authority: String, path: String) throws {
        let endpoint = try ServiceEndpoint(url: url)
        #expect(
            endpoint == ServiceEndpoint(scheme: scheme, authority: authority, basePath: path, isCustom: true))
    }

    @Test(
        "Endpoints that are none",
        arguments: ["localhost:8000", "ftp://a", "http://", "http://u:p@a", "http://a/?q", "http://a b", "http:///x"])
    func noEndpoint(url: String) {
        let error = #expect(throws: (any Error).self) { try ServiceEndpoint(url: url) }
        #expect(!"\(String(describing: error))".contains("u:p"))
    }
}
