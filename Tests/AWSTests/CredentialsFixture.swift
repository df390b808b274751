import AWS
import ByteStreams
import Foundation
import TestSupport
import Testing

/// Files and variables of one user who has nothing else: no account of the machine's own can be reached.
struct CredentialsFixture {
    /// Every secret and token in these tests begins with it, so that an error that shows one is seen.
    static let mark = "SECRET-"

    let folder: String
    var environment: [String: String]

    init(_ folder: String) {
        self.folder = folder
        environment = [
            "HOME": folder, "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin",
            "AWS_EC2_METADATA_DISABLED": "true",
        ]
    }

    /// The path of a file in the user's home with this text.
    @discardableResult
    func write(_ name: String, _ text: String) throws -> String {
        let path = "\(folder)/\(name)"
        try makeDirectories(parentDirectory(path))
        try Data(text.utf8).write(to: URL(filePath: path))
        return path
    }

    func settings(profile: String? = nil, region: String? = nil, endpoint: String? = nil) -> AWSSettings {
        AWSSettings(region: region, profile: profile, endpointURL: endpoint, environment: environment)
    }

    func chain(
        profile: String? = nil, http: HTTPClient = HTTPClient(), now: (@Sendable () -> Int)? = nil
    ) throws -> CredentialsChain {
        let settings = settings(profile: profile)
        let configuration = try SharedConfiguration.load(settings)
        guard let now else { return CredentialsChain(settings: settings, configuration: configuration, http: http) }
        return CredentialsChain(settings: settings, configuration: configuration, http: http, now: now)
    }

    /// What a chain of its own finds.
    func credentials(profile: String? = nil) throws -> Credentials { try chain(profile: profile).credentials() }

    /// Why it finds none.
    func failure(profile: String? = nil, location: SourceLocation = #_sourceLocation) -> RekeyError? {
        rekeyFailure(location) { _ = try credentials(profile: profile) }
    }
}

/// The error that `body` throws; none is a failure of the test, and so is a secret in its text.
@discardableResult
func rekeyFailure(_ location: SourceLocation = #_sourceLocation, _ body: () throws -> Void) -> RekeyError? {
    do {
        try body()
        Issue.record("nothing was thrown", sourceLocation: location)
        return nil
    } catch {
        for text in ["\(error)", String(reflecting: error), error.localizedDescription] {
            #expect(!text.contains(CredentialsFixture.mark), "\(text)", sourceLocation: location)
        }
        #expect(error is RekeyError, sourceLocation: location)
        return error as? RekeyError
    }
}

/// A clock that a test moves.
final class TestClock: Sendable {
    private let seconds: LockedValue<Int>

    init(_ start: Int = 1_800_000_000) { seconds = LockedValue(start) }

    var now: Int { seconds.value }
    var read: @Sendable () -> Int { { [self] in now } }

    func advance(_ count: Int) { seconds.value += count }

    /// As processes write times.
    func text(in count: Int) -> String {
        let formatter = ISO8601DateFormatter()
        return formatter.string(from: Date(timeIntervalSince1970: TimeInterval(now + count)))
    }
}

/// A value behind a lock.
final class LockedValue<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var current: Value

    init(_ value: Value) { current = value }

    var value: Value {
        get { lock.withLock { current } }
        set { lock.withLock { current = newValue } }
    }
}
