import ByteStreams
import Foundation
import TestSupport
import Testing

@testable import AWS

/// When credentials are fetched, kept and thrown away, by a clock that the tests move and a real process that counts its calls.
@Suite struct CredentialsChainTests {
    /// A profile whose process prints what stands in a file, and counts.
    private struct Source {
        var fixture: CredentialsFixture
        let clock = TestClock()

        init(_ folder: String, waiting: Bool = false) throws {
            fixture = CredentialsFixture(folder)
            let wait = waiting ? "touch \(folder)/started; while [ ! -e \(folder)/go ]; do sleep 0.01; done" : ""
            try fixture.write("process.sh", "echo x >>\(folder)/calls; \(wait)\ncat \(folder)/answer\n")
            try fixture.write(".aws/config", "[default]\ncredential_process = sh '\(folder)/process.sh'\n")
            try fixture.write("calls", "")
        }

        func answer(_ key: String, expiresIn seconds: Int) throws {
            try fixture.write(
                "answer",
                """
                {"Version": 1, "AccessKeyId": "\(key)", "SecretAccessKey": "SECRET-\(key)", "SessionToken": "SECRET-token",
                 "Expiration": "\(clock.text(in: seconds))"}
                """)
        }

        func fail() throws { try fixture.write("answer", "SECRET-answer") }

        func chain() throws -> CredentialsChain { try fixture.chain(now: clock.read) }

        var calls: Int {
            get throws { try String(contentsOfFile: "\(fixture.folder)/calls", encoding: .utf8).count / 2 }
        }

        func waitFor(_ name: String) {
            while !fileExists("\(fixture.folder)/\(name)") { usleep(2000) }
        }
    }

    @Test func renewedBeforeTheyExpire() throws {
        try withTemporaryDirectory { folder in
            let source = try Source(folder)
            let chain = try source.chain()
            #expect(chain.ready() == nil)
            try source.answer("A", expiresIn: 3600)
            let first = try chain.credentials()
            #expect(
                first.accessKeyID == "A" && first.secretAccessKey == "SECRET-A" && first.sessionToken == "SECRET-token")
            #expect(first.expiration == source.clock.now + 3600)
            #expect(first.origin == "profile default (credential_process)")
            source.clock.advance(2699)
            #expect(chain.ready() == first)
            #expect(try chain.credentials() == first)
            #expect(try source.calls == 1)
            source.clock.advance(2)
            try source.answer("B", expiresIn: 3600)
            #expect(chain.ready() == nil)
            #expect(try chain.credentials().accessKeyID == "B")
            #expect(chain.ready()?.accessKeyID == "B")
            #expect(try source.calls == 2)
        }
    }

    @Test func oldOnesGoOnWhileNewOnesCannotBeHad() throws {
        try withTemporaryDirectory { folder in
            let source = try Source(folder)
            let chain = try source.chain()
            try source.answer("A", expiresIn: 3600)
            let first = try chain.credentials()
            try source.fail()
            source.clock.advance(2750)
            #expect(try chain.credentials() == first)
            #expect(try source.calls == 2)
            // Not at every request.
            #expect(chain.ready() == first)
            #expect(try chain.credentials() == first)
            #expect(try source.calls == 2)
            source.clock.advance(61)
            #expect(chain.ready() == nil)
            #expect(try chain.credentials() == first)
            #expect(try source.calls == 3)
            source.clock.advance(200)
            #expect(chain.ready() == nil)
            #expect(rekeyFailure { _ = try chain.credentials() }?.code == .permission)
            try source.answer("B", expiresIn: 3600)
            #expect(try chain.credentials().accessKeyID == "B")
        }
    }

    /// Such as a role of 15 minutes, or an answer from another program's cache.
    @Test func shortLivesAreNotRenewedAtEveryRequest() throws {
        try withTemporaryDirectory { folder in
            let source = try Source(folder)
            let chain = try source.chain()
            try source.answer("A", expiresIn: 300)
            let first = try chain.credentials()
            source.clock.advance(149)
            #expect(try chain.credentials() == first)
            #expect(try source.calls == 1)
            source.clock.advance(2)
            try source.answer("B", expiresIn: 300)
            #expect(try chain.credentials().accessKeyID == "B")
            source.clock.advance(201)
            try source.fail()
            rekeyFailure { _ = try chain.credentials() }
        }
    }

    @Test func expiredOnesAreRefused() throws {
        try withTemporaryDirectory { folder in
            let source = try Source(folder)
            try source.answer("A", expiresIn: 0)
            let chain = try source.chain()
            let error = rekeyFailure { _ = try chain.credentials() }
            #expect(error?.code == .permission && error?.message.contains("expired") == true)
            #expect(chain.ready() == nil)
        }
    }

    @Test func invalidatedOnesComeAnew() throws {
        try withTemporaryDirectory { folder in
            let source = try Source(folder)
            let chain = try source.chain()
            try source.answer("A", expiresIn: 3600)
            let first = try chain.credentials()
            // What other requests still say of the old ones.
            chain.invalidate()
            #expect(chain.ready() == first)
            source.clock.advance(5)
            chain.invalidate()
            #expect(chain.ready() == nil)
            try source.answer("B", expiresIn: 3600)
            #expect(try chain.credentials().accessKeyID == "B")
        }
    }

    /// Keys that somebody else renews in the file.
    @Test func filesAreReadAgain() throws {
        try withTemporaryDirectory { folder in
            let fixture = CredentialsFixture(folder)
            let clock = TestClock()
            try fixture.write(".aws/credentials", "[default]\naws_access_key_id=A\naws_secret_access_key=SECRET-A\n")
            let chain = try fixture.chain(now: clock.read)
            #expect(try chain.credentials().accessKeyID == "A")
            try fixture.write(".aws/credentials", "[default]\naws_access_key_id=B\naws_secret_access_key=SECRET-B\n")
            clock.advance(1_000_000)
            #expect(try chain.credentials().accessKeyID == "A")
            #expect(chain.ready()?.accessKeyID == "A")
            chain.invalidate()
            #expect(try chain.credentials().secretAccessKey == "SECRET-B")
        }
    }

    @Test func oneSearchForManyThreads() throws {
        try withTemporaryDirectory { folder in
            let source = try Source(folder, waiting: true)
            try source.answer("A", expiresIn: 3600)
            let chain = try source.chain()
            let results = Results()
            for _ in 0..<8 { results.start { try chain.credentials().accessKeyID } }
            source.waitFor("started")
            // Never waits.
            #expect(chain.ready() == nil)
            try source.fixture.write("go", "")
            #expect(results.all() == Array(repeating: "A", count: 8))
            #expect(try source.calls == 1)
        }
    }

    /// Threads that waited for a search that failed do not search themselves; those that come later do.
    @Test func oneFailureForManyThreads() throws {
        try withTemporaryDirectory { folder in
            let source = try Source(folder, waiting: true)
            try source.fail()
            let chain = try source.chain()
            let results = Results()
            results.start { try chain.credentials().accessKeyID }
            source.waitFor("started")
            for _ in 0..<7 { results.start { try chain.credentials().accessKeyID } }
            // Long enough for one of them to wait.
            usleep(100_000)
            try source.fixture.write("go", "")
            #expect(results.all() == Array(repeating: "failed", count: 8))
            #expect(try source.calls < 8)
            try source.answer("A", expiresIn: 3600)
            #expect(try chain.credentials().accessKeyID == "A")
        }
    }

    /// While one thread looks for better ones, the others go on with what they have.
    @Test func othersGoOnDuringARenewal() throws {
        try withTemporaryDirectory { folder in
            let source = try Source(folder, waiting: true)
            try source.answer("A", expiresIn: 3600)
            try source.fixture.write("go", "")
            let chain = try source.chain()
            let first = try chain.credentials()
            try removeTree("\(folder)/go")
            try removeTree("\(folder)/started")
            try source.answer("B", expiresIn: 7200)
            source.clock.advance(2750)
            let results = Results()
            results.start { try chain.credentials().accessKeyID }
            source.waitFor("started")
            #expect(chain.ready() == first)
            #expect(try chain.credentials() == first)
            try source.fixture.write("go", "")
            #expect(results.all() == ["B"])
            #expect(chain.ready()?.accessKeyID == "B")
            #expect(try source.calls == 2)
        }
    }

    /// What threads of their own came to.
    private final class Results: Sendable {
        private let values = LockedValue<[String]>([])
        private let lock = NSLock()
        private let group = DispatchGroup()

        func start(_ body: @escaping @Sendable () throws -> String) {
            group.enter()
            Thread { [self] in
                let value = (try? body()) ?? "failed"
                lock.withLock { values.value += [value] }
                group.leave()
            }.start()
        }

        func all() -> [String] {
            group.wait()
            return values.value
        }
    }
}
