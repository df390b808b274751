/// What a user set: arguments, and the environment as the command read it. Files are read later.
package struct AWSSettings: Sendable {
    /// `--region`.
    package var region: String?
    /// `--profile`.
    package var profile: String?
    /// `--endpoint-url`, for every service.
    package var endpointURL: String?
    /// The process's environment: `AWS_*`, `HOME`, proxies. Nothing here may be printed.
    package var environment: [String: String]

    package init(
        region: String? = nil, profile: String? = nil, endpointURL: String? = nil, environment: [String: String]
    ) {
        self.region = region
        self.profile = profile
        self.endpointURL = endpointURL
        self.environment = environment
    }
}
