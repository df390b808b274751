import NIOHTTP1

/// A whole request, and what of it decides about faults. Of one event loop.
final class FaultRequest {
    /// How a service is spoken to, which decides what its errors look like.
    enum Form: Sendable {
        /// DynamoDB, CloudWatch Logs: JSON, the operation in X-Amz-Target.
        case json
        /// STS, CloudWatch, IAM: a form, the operation in `Action`.
        case query
        /// S3.
        case rest
    }

    let head: HTTPRequestHead
    let body: [UInt8]
    let form: Form
    /// `BatchWriteItem`, `GetCallerIdentity`; the method for S3.
    let operation: String

    init(head: HTTPRequestHead, body: [UInt8]) {
        self.head = head
        self.body = body
        if let target = head.headers.first(name: "x-amz-target") {
            form = .json
            operation = String(target.drop { $0 != "." }.dropFirst())
        } else if head.headers.first(name: "content-type")?.hasPrefix("application/x-www-form-urlencoded") == true {
            form = .query
            let action = String(decoding: body, as: UTF8.self).split(separator: "&").first { $0.hasPrefix("Action=") }
            operation = action.map { String($0.dropFirst("Action=".count)) } ?? ""
        } else {
            form = .rest
            operation = head.method.rawValue
        }
    }

    /// What a partial fault can divide; nil for other operations and for batches of one.
    private(set) lazy var batch: BatchRequest? = {
        guard ["BatchWriteItem", "BatchGetItem"].contains(operation), let batch = BatchRequest(body), batch.count > 1
        else { return nil }
        return batch
    }()

    /// Seconds since 1970 of X-Amz-Date.
    var date: Int? { head.headers.first(name: "x-amz-date").flatMap { AWSTime(basic: $0)?.seconds } }

    func canMeet(_ kind: FaultKind) -> Bool {
        switch kind {
        case .partial: batch != nil
        case .transactionConflict, .transactionThrottled, .transactionInvalid: operation == "TransactWriteItems"
        case .replicatedWriteConflict:
            ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"].contains(operation)
        case .wrongChecksum: form == .json
        default: true
        }
    }
}
