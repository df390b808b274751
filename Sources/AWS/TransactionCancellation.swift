import Items

/// Why DynamoDB cancelled a transaction: one reason for each action, of which `None` is the most frequent.
/// Source: TransactWriteItems, Amazon DynamoDB API Reference.
struct TransactionCancellation {
    /// The reasons that name a cause.
    private let reasons: [ServiceError]
    private let whole: ServiceError

    /// - Parameter error: of the kind `.transactionCanceled`.
    init(_ error: ServiceError) {
        whole = error
        let tree = try? JSONReader.parse(error.body, source: "the answer")
        reasons = (tree?["CancellationReasons"]?.elements ?? []).compactMap { reason in
            guard let code = reason["Code"]?.string, code != "None" else { return nil }
            return ServiceError(
                code: code, message: reason["Message"]?.string ?? "", status: error.status, requestID: error.requestID,
                kind: ErrorCodes.kind(code: code, status: 0))
        }
    }

    /// A reason for which the same transaction fails for ever.
    var refusal: ServiceError? { reasons.first { $0.kind == .invalid || $0.kind == .denied } }

    /// Whether the table or a key of it took too much.
    var isThrottled: Bool { reasons.contains(where: \.isThrottling) }

    /// The reason to be told, throttling first.
    var error: ServiceError {
        guard var told = reasons.first(where: \.isThrottling) ?? reasons.first else { return retryable(whole) }
        if told.message.isEmpty { told.message = whole.message }
        return retryable(told)
    }

    /// What cancels a transaction and is not known may be over as well.
    private func retryable(_ error: ServiceError) -> ServiceError {
        var error = error
        if !error.isRetryable { error.kind = .transactionConflict }
        return error
    }

    /// Throttling and other transactions may go on for long; other reasons are tried a few times.
    func policy(patience: Duration) -> RetryPolicy {
        let isHeldBack = !reasons.isEmpty && reasons.allSatisfy(\.isRetryable)
        return RetryPolicy(
            maximumAttempts: isHeldBack ? .max : 8, base: .milliseconds(50), throttlingBase: .milliseconds(100),
            cap: .seconds(3), patience: patience, usesBudget: false)
    }
}
