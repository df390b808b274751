/// The services that are spoken to.
package enum AWSService: String, Sendable, CaseIterable {
    case dynamodb
    case s3
    case sts
    case cloudwatch
    case logs

    /// In the scope of signatures, and the first label of the host: `monitoring`.
    package var signingName: String { self == .cloudwatch ? "monitoring" : rawValue }

    /// In `AWS_ENDPOINT_URL_…`: `CLOUDWATCH_LOGS`.
    package var variableName: String { self == .logs ? "CLOUDWATCH_LOGS" : rawValue.uppercased() }

    /// For users: `CloudWatch`.
    package var displayName: String {
        switch self {
        case .dynamodb: "DynamoDB"
        case .s3: "S3"
        case .sts: "STS"
        case .cloudwatch: "CloudWatch"
        case .logs: "CloudWatch Logs"
        }
    }

    /// Of the JSON protocol's calls.
    var contentType: String { self == .logs ? "application/x-amz-json-1.1" : "application/x-amz-json-1.0" }
}
