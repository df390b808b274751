package import ByteStreams

/// What requests are signed with. Its descriptions never show the secret or the token.
package struct Credentials: Sendable, Equatable {
    package var accessKeyID: String
    package var secretAccessKey: String
    package var sessionToken: String?
    /// Seconds since 1970; nil where they do not expire.
    package var expiration: Int?
    /// Where they came from, in words for a user: `environment`, `profile staging (credential_process)`.
    package var origin: String

    package init(
        accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil, expiration: Int? = nil,
        origin: String
    ) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
        self.expiration = expiration
        self.origin = origin
    }
}

extension Credentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "credentials of \(origin)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: ["origin": origin]) }
}

/// Gives credentials, and new ones before they expire. Calls may block on a file, a process or a request, so they are
/// made from threads that may, never from Swift's pool.
package protocol CredentialsProvider: Sendable {
    /// Credentials that are good for some minutes.
    ///
    /// - Throws: `.permission` where there are none, saying what was looked for and what to do.
    func credentials() throws(RekeyError) -> Credentials

    /// Credentials at hand that are good for some minutes; nil where `credentials()` would have to fetch some. Never blocks.
    func ready() -> Credentials?

    /// Forgets what is held, after a service said that it has expired; fetched credentials come anew.
    func invalidate()
}

/// Always the same credentials.
package struct StaticCredentials: CredentialsProvider {
    private let value: Credentials

    package init(_ value: Credentials) { self.value = value }

    package func credentials() throws(RekeyError) -> Credentials { value }

    package func ready() -> Credentials? { value }

    package func invalidate() {}
}
