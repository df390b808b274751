package import ByteStreams

/// Region, credentials and connections that all clients of a run share.
package final class AWSSession: Sendable {
    package let settings: AWSSettings
    package let configuration: SharedConfiguration
    package let credentials: any CredentialsProvider
    package let http: HTTPClient
    /// `AWS_MAX_ATTEMPTS` or the profile's `max_attempts`; nil where the service's own default counts.
    package let maximumAttempts: Int?
    private let regionName: String?
    private let observer: RequestObserver?

    /// Reads the files of the AWS tools. Credentials are looked for when they are first needed.
    ///
    /// - Throws: as `SharedConfiguration.load`, and `.usage` for settings that mean nothing.
    ///
    /// - Parameter observer: told of every request.
    package init(_ settings: AWSSettings, observer: RequestObserver? = nil) throws(RekeyError) {
        self.observer = observer
        self.settings = settings
        configuration = try SharedConfiguration.load(settings)
        http = HTTPClient(certificateBundle: resolveCertificateBundle(settings, configuration))
        maximumAttempts = try resolveMaximumAttempts(settings, configuration)
        regionName = try resolveRegion(settings, configuration)
        credentials = CredentialsChain(settings: settings, configuration: configuration, http: http)
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
        let endpoint = try resolveEndpoint(service, settings, configuration, region: region)
        return ServiceClient(
            service: service, region: region, endpoint: endpoint, credentials: credentials, http: http,
            maximumAttempts: maximumAttempts, observer: observer)
    }
}

extension [String: String] {
    /// The variable's value; nil where it is empty too.
    func value(_ name: String) -> String? {
        guard let value = self[name], !value.isEmpty else { return nil }
        return value
    }
}
