package import ByteStreams
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Credentials as the AWS CLI finds them, kept until shortly before they expire.
///
/// From 15 minutes before the end on new ones are looked for, and the old ones go on where none are to be had; from 10 minutes
/// before the end there must be new ones (sooner where they live less than half an hour from the start). One thread at a
/// time looks; source: botocore's RefreshableCredentials.
package final class CredentialsChain: CredentialsProvider {
    private struct Held {
        var credentials: Credentials
        var fetchedAt: Int
        /// From when new ones are to be looked for; seconds since 1970.
        var advisoryAt = Int.max
        /// From when these do not do any more.
        var mandatoryAt = Int.max

        init(_ credentials: Credentials, at now: Int) {
            self.credentials = credentials
            fetchedAt = now
            guard let expiration = credentials.expiration else { return }
            advisoryAt = expiration - min(15 * 60, (expiration - now) / 2)
            mandatoryAt = expiration - min(10 * 60, (expiration - now) / 3)
        }
    }

    private struct State {
        var held: Held?
        var isFetching = false
        var failures = 0
        var lastFailure: RekeyError?
        var hasLooked = false
    }

    private enum Verdict {
        case fresh(Credentials)
        case good(Credentials)
        case missing(failures: Int)
    }

    /// Failures of the old credentials that come in as late as this do not concern the new ones.
    private static let graceAfterFetch = 5
    /// Between attempts to replace credentials that still do.
    private static let pauseAfterFailure = 60

    private let settings: AWSSettings
    private let configuration: SharedConfiguration
    private let http: HTTPClient
    private let now: @Sendable () -> Int
    private let state = Mutex(State())
    /// Held by the one thread that looks for credentials.
    private let fetching = Mutex(())

    /// - Parameters:
    ///   - configuration: what the first look goes by; later ones read the files again.
    ///   - now: seconds since 1970.
    package init(
        settings: AWSSettings, configuration: SharedConfiguration, http: HTTPClient,
        now: @escaping @Sendable () -> Int = { time(nil) }
    ) {
        self.settings = settings
        self.configuration = configuration
        self.http = http
        self.now = now
    }

    package func credentials() throws(RekeyError) -> Credentials {
        switch verdict() {
        case .fresh(let credentials): return credentials
        case .good(let credentials):
            // Whoever comes while another thread looks goes on with what there is.
            return fetching.withLockIfAvailable { _ in renewed(credentials) } ?? credentials
        case .missing(let failures):
            return try fetching.withLock { (_) throws(RekeyError) -> Credentials in
                switch verdict() {
                case .fresh(let credentials), .good(let credentials): return credentials
                case .missing:
                    // Those who waited for a search that failed do not each repeat it.
                    if let failure = failure(after: failures) { throw failure }
                    return try fetch()
                }
            }
        }
    }

    package func ready() -> Credentials? {
        let now = now()
        return state.withLock { state in
            guard let held = state.held, now < held.mandatoryAt else { return nil }
            return now < held.advisoryAt || state.isFetching ? held.credentials : nil
        }
    }

    package func invalidate() {
        let now = now()
        state.withLock { state in
            guard let held = state.held, now - held.fetchedAt >= Self.graceAfterFetch else { return }
            state.held = nil
        }
    }

    private func verdict() -> Verdict {
        let now = now()
        return state.withLock { state in
            guard let held = state.held, now < held.mandatoryAt else { return .missing(failures: state.failures) }
            return now < held.advisoryAt ? .fresh(held.credentials) : .good(held.credentials)
        }
    }

    private func failure(after failures: Int) -> RekeyError? {
        state.withLock { $0.failures > failures ? $0.lastFailure : nil }
    }

    /// New credentials, or `old` where none are to be had.
    private func renewed(_ old: Credentials) -> Credentials {
        if case .fresh(let credentials) = verdict() { return credentials }
        if let credentials = try? fetch() { return credentials }
        let next = now() + Self.pauseAfterFailure
        state.withLock { state in
            if let held = state.held { state.held?.advisoryAt = max(held.advisoryAt, next) }
        }
        return old
    }

    /// For the holder of `fetching` alone.
    private func fetch() throws(RekeyError) -> Credentials {
        let isFirst = state.withLock { state in
            state.isFetching = true
            defer { state.hasLooked = true }
            return !state.hasLooked
        }
        do throws(RekeyError) {
            let configuration = isFirst ? self.configuration : try SharedConfiguration.load(settings)
            let search = CredentialsSearch(settings: settings, configuration: configuration, http: http, now: now)
            let credentials = try search.find()
            let now = now()
            if let expiration = credentials.expiration, expiration <= now {
                throw RekeyError(
                    .permission,
                    "\(credentials) have expired already; get new ones, or set this machine's clock if it is wrong")
            }
            state.withLock { state in
                state.held = Held(credentials, at: now)
                state.isFetching = false
            }
            return credentials
        } catch {
            state.withLock { state in
                state.isFetching = false
                state.failures += 1
                state.lastFailure = error
            }
            throw error
        }
    }
}
