/// Whom the credentials belong to.
package struct CallerIdentity: Sendable, Equatable {
    /// 12 digits.
    package var account: String
    /// `arn:aws:sts::123456789012:assumed-role/Admin/me`.
    package var arn: String

    package init(account: String, arn: String) {
        self.account = account
        self.arn = arn
    }
}

/// STS, as far as it tells who is calling. Source: AWS Security Token Service API Reference.
package struct SecurityTokenService: Sendable {
    private let client: ServiceClient

    package init(_ client: ServiceClient) { self.client = client }

    /// Needs no permission.
    package func callerIdentity() async throws(ServiceError) -> CallerIdentity {
        let result = try await client.query("GetCallerIdentity", version: "2011-06-15")
        guard let account = result["Account"]?.text, let arn = result["Arn"]?.text, !account.isEmpty else {
            throw ServiceError(code: "", message: "STS answered without an account", kind: .other)
        }
        return CallerIdentity(account: account, arn: arn)
    }
}
