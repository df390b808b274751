package import ByteStreams

/// Region, credentials and connections that all clients of a run share.
package final class AWSSession: Sendable {
    package let settings: AWSSettings
    package let credentials: any CredentialsProvider
    package let http: HTTPClient
    /// `AWS_MAX_ATTEMPTS`; nil where the service's own default counts.
    package let maximumAttempts: Int?
    private let regionName: String?

    package init(_ settings: AWSSettings) throws(RekeyError) {
        self.settings = settings
        let environment = settings.environment
        http = HTTPClient(certificateBundle: environment.value("AWS_CA_BUNDLE"))
        maximumAttempts = try Self.maximumAttempts(environment.value("AWS_MAX_ATTEMPTS"))
        regionName =
            settings.region ?? environment.value("AWS_REGION") ?? environment.value("AWS_DEFAULT_REGION")
        guard let key = environment.value("AWS_ACCESS_KEY_ID"), let secret = environment.value("AWS_SECRET_ACCESS_KEY")
        else {
            throw RekeyError(.permission, "no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        }
        credentials = StaticCredentials(
            Credentials(
                accessKeyID: key, secretAccessKey: secret, sessionToken: environment.value("AWS_SESSION_TOKEN"),
                origin: "environment"))
    }

    /// - Throws: `.usage` where none is set.
    package var region: String {
        get throws(RekeyError) {
            guard let regionName else {
                throw RekeyError(.usage, "no region; give --region, or set AWS_REGION or the profile's region")
            }
            return regionName
        }
    }

    /// A client of its own retry budget; connections are shared.
    package func client(_ service: AWSService) throws(RekeyError) -> ServiceClient {
        let region = try region
        let environment = settings.environment
        let custom =
            settings.endpointURL ?? environment.value("AWS_ENDPOINT_URL_\(service.variableName)")
            ?? environment.value("AWS_ENDPOINT_URL")
        let endpoint =
            try custom.map { (text) throws(RekeyError) in try ServiceEndpoint(url: text) }
            ?? ServiceEndpoint(scheme: "https", authority: "\(service.signingName).\(region).amazonaws.com")
        return ServiceClient(
            service: service, region: region, endpoint: endpoint, credentials: credentials, http: http,
            maximumAttempts: maximumAttempts)
    }

    private static func maximumAttempts(_ text: String?) throws(RekeyError) -> Int? {
        guard let text else { return nil }
        guard let count = Int(text), count > 0 else {
            throw RekeyError(.usage, "AWS_MAX_ATTEMPTS is not a number of attempts; set it to 1 or more")
        }
        return count
    }
}

extension [String: String] {
    /// The variable's value; nil where it is empty too.
    func value(_ name: String) -> String? {
        guard let value = self[name], !value.isEmpty else { return nil }
        return value
    }
}
