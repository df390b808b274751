import ByteStreams
import Foundation
import TestSupport
import Testing

@testable import AWS

/// Settings and their order, each table read by botocore too.
@Suite struct ConfigurationTests {
    /// One user's files and variables.
    struct Case: Sendable {
        var config = ""
        var credentials = ""
        var environment: [String: String] = [:]
        var profile: String?
        var comparesEndpoints = false
        var comparesCredentials = false
    }

    struct Section: Codable, Equatable {
        var values: [String: String]
        var groups: [String: [String: String]]
    }

    /// As botocore_configuration.py prints it.
    struct Answer: Decodable {
        var error: String?
        var profiles: [String: Section]?
        var sessions: [String: Section]?
        var services: [String: Section]?
        var region: String?
        var attempts: Int?
        var endpoints: [String: String]?
        var credentials: Credentials?

        enum Credentials: Decodable, Equatable {
            case keys([String])
            case error(String)

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                if let keys = try? container.decode([String].self) {
                    self = .keys(keys)
                } else {
                    self = .error(try container.decode(String.self))
                }
            }
        }
    }

    /// Writes the files of each case, and asks botocore.
    func compare(
        _ cases: [Case], _ body: (Case, CredentialsFixture, Answer) throws -> Void
    ) throws {
        try withTemporaryDirectory { folder in
            var fixtures: [CredentialsFixture] = []
            var input: [[String: Any]] = []
            for (number, item) in cases.enumerated() {
                var fixture = CredentialsFixture("\(folder)/\(number)")
                try fixture.write(".aws/config", item.config)
                try fixture.write(".aws/credentials", item.credentials)
                fixture.environment.merge(item.environment) { _, new in new }
                fixtures.append(fixture)
                var object: [String: Any] = [
                    "environment": fixture.environment, "endpoints": item.comparesEndpoints,
                    "credentials": item.comparesCredentials,
                ]
                object["profile"] = item.profile
                input.append(object)
            }
            let output = try PythonScript.run(
                "botocore_configuration.py", input: try JSONSerialization.data(withJSONObject: input))
            let answers = try JSONDecoder().decode([Answer].self, from: Data(output.utf8))
            try #require(answers.count == cases.count)
            for (index, item) in cases.enumerated() { try body(item, fixtures[index], answers[index]) }
        }
    }

    private func sections(_ sections: [String: ConfigurationSection]) -> [String: Section] {
        sections.mapValues { Section(values: $0.values, groups: $0.groups) }
    }

    private func load(_ item: Case, _ fixture: CredentialsFixture) throws(RekeyError) -> SharedConfiguration {
        try SharedConfiguration.load(AWSSettings(profile: item.profile, environment: fixture.environment))
    }

    // MARK: Files

    private static let files: [Case] = [
        Case(),
        Case(config: "[default]\nregion = us-east-1\n[profile a]\nREGION=eu-west-1\n", profile: "a"),
        Case(config: "[profile default]\nregion = a\n[default]\noutput=json\n"),
        Case(config: "[default]\noutput=json\n[profile default]\nregion = a\n"),
        Case(config: "[profile \"name with spaces\"]\nregion = x\n[profile 'single']\na=1\n[profile a\\ b]\nb=2\n"),
        Case(config: "[profile  wide ]\na=1\n[ profile x]\nb=1\n[preview]\nc=1\n[profile]\nd=1\n[profile a b]\ne=1\n"),
        Case(config: "[profile \"open]\na=1\n"),
        Case(
            config:
                "[sso-session corp]\nsso_region = a\nsso_start_url = https://x/#/ # y\n[services local]\ndynamodb =\n  endpoint_url = http://localhost:8000\n\n  # a comment\n  Other=1=2\ns3=\n\tendpoint_url=http://s\n"
        ),
        Case(config: "[default]\r\nregion = us-east-1 \r\ns3 =\r\n  addressing_style = path\r\n\r\noutput=json\r\n"),
        Case(config: "[default]\rregion = us-east-1\routput = x\r"),
        Case(config: "# a\n; b\n\n  # c\n[default] # d\nregion = us-east-1 # not a comment\n  ; one\noutput : text\n"),
        Case(config: "[default]\na = 1\n  2\n\n  3\n # no\n  4 = 5\nb = 1\n"),
        Case(config: "  [default]\n  a = 1\n  b = 2\n    c = 3\n"),
        Case(config: "[default]\na =\nb =   \n\nc=\n   \n"),
        Case(config: "[default]\na=b=c:d\ne:f=g\nß = ü\nK\u{130} = 1\n"),
        Case(config: "[DEFAULT]\nregion = all\noutput=json\n[profile a]\noutput=text\n[default]\n", profile: "a"),
        Case(config: "[DEFAULT]\na=1\n[DEFAULT]\nb=2\n[profile x]\n"),
        // Nobody takes over what is malformed there; then somebody does.
        Case(config: "[DEFAULT]\na =\n  b\n"), Case(config: "[DEFAULT]\na =\n  b\n[default]\na = 1\n"),
        Case(config: "[DEFAULT]\na =\n  b = 1\n[default]\na = 1\n[profile x]\n"),
        Case(config: "[DEFAULT]\na =\n  b\n[default]\nb = 1\n"),
        Case(config: "[a]b]\nx=1\n[profile y] z]\nx=2\n"),
        Case(
            config: "[profile a]\nregion=config\noutput=config\ns3=\n  x=1\n",
            credentials: "[a]\nregion=credentials\ns3=flat\n[b]\nregion=b\n[profile c]\nx=1\n", profile: "b"),
        // Malformed.
        Case(config: "region = us-east-1\n"), Case(config: "[default]\nregion\n"), Case(config: "[default]\n= x\n"),
        Case(config: "[default]\n[default]\n"), Case(config: "[default]\na=1\nA=2\n"), Case(config: "[default\na=1\n"),
        Case(config: "[]\na=1\n"), Case(config: "[default]\ns3 =\n  no equals\n"), Case(credentials: "nothing\n"),
        // Profiles that are not there.
        Case(profile: "missing"), Case(config: "[missing]\na=1\n", environment: ["AWS_PROFILE": "missing"]),
        Case(environment: ["AWS_DEFAULT_PROFILE": "missing"]),
        Case(environment: ["AWS_CONFIG_FILE": "/nowhere/config", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"]),
        Case(
            credentials: "[x]\n", environment: ["AWS_SHARED_CREDENTIALS_FILE": "$HOME/.aws/credentials"], profile: "x"),
        Case(credentials: "[x]\n", environment: ["AWS_SHARED_CREDENTIALS_FILE": "~/.aws/${NONE}credentials"]),
        Case(
            credentials: "[x]\n",
            environment: ["FILE": "credentials", "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/${FILE}"], profile: "x"),
    ]

    @Test func filesAreReadAsBotocoreReadsThem() throws {
        try compare(Self.files) { item, fixture, answer in
            try expectSame(item, fixture, answer)
        }
    }

    private func expectSame(_ item: Case, _ fixture: CredentialsFixture, _ answer: Answer) throws {
        do throws(RekeyError) {
            let ours = try load(item, fixture)
            #expect(answer.error == nil, "\(item)")
            #expect(sections(ours.profiles) == answer.profiles, "\(item)")
            #expect(sections(ours.sessions) == answer.sessions, "\(item)")
            #expect(sections(ours.services) == answer.services, "\(item)")
        } catch {
            #expect(answer.error != nil, "\(item): \(error)")
            if answer.error == "ProfileNotFound" {
                #expect(error.code == .usage, "\(error)")
            } else {
                #expect(error.code == .badInput && error.line != nil, "\(error)")
                #expect(error.source?.hasPrefix(fixture.folder) == true, "\(error)")
            }
        }
    }

    /// Files put together of what files are made of.
    @Test func randomFilesAreReadAsBotocoreReadsThem() throws {
        let seed = testSeed("configuration files")
        var generator = SeededGenerator(seed: seed)
        let pieces = [
            "[default]", "[profile a]", "[profile \"b c\"]", "[profile d] ", "[DEFAULT]", "[services s]",
            "[sso-session t]",
            "a = 1", "b=", "c : 3", "d = x = y", "s3 =", "  e = 5", "  f", "\tg=7", "    h = 8", "", "  ", "# x",
            "  ; y",
            "i = # 9", " j=10", "[profile k\\]", "l==", "m = [n]", "[o]p",
        ]
        let cases = (0..<600).map { _ in
            let lines = (0..<Int.random(in: 0..<9, using: &generator)).map { _ in
                pieces.randomElement(using: &generator)!
            }
            let first = Bool.random(using: &generator) ? ["[default]"] : []
            let end = Bool.random(using: &generator) ? "\n" : "\r\n"
            return Case(config: (first + lines).joined(separator: end))
        }
        var whole = 0
        try compare(cases) { item, fixture, answer in
            if answer.error == nil { whole += 1 }
            try expectSame(item, fixture, answer)
        }
        // Enough of both kinds.
        #expect((100..<550).contains(whole), "\(whole)")
    }

    @Test func malformedLinesAreNamedAndNotShown() throws {
        try withTemporaryDirectory { folder in
            let fixture = CredentialsFixture(folder)
            let secret = CredentialsFixture.mark + "value"
            let texts = [
                ("[default]\naws_access_key_id = AKID\naws_secret_access_key \(secret)\n", 3),
                ("[default]\n\(secret) = 1\n\(secret)=2\n", 3), ("\(secret)\n", 1), ("[default]\n = \(secret)\n", 2),
                ("[default]\ns3 =\n  a = 1\n  \(secret)\n", 4),
            ]
            for (text, line) in texts {
                let path = try fixture.write(".aws/credentials", text)
                let error = rekeyFailure { _ = try SharedConfiguration.load(fixture.settings()) }
                #expect(error?.code == .badInput && error?.line == line && error?.source == path)
            }
            try Data([0x5B, 0xFF, 0x5D]).write(to: URL(filePath: "\(folder)/.aws/credentials"))
            #expect(rekeyFailure { _ = try SharedConfiguration.load(fixture.settings()) }?.line == 1)
            try fixture.write(".aws/credentials", "\u{FEFF}[default]\nregion = us-east-1\n")
            #expect(try SharedConfiguration.load(fixture.settings()).profile["region"] == "us-east-1")
        }
    }

    @Test func aMissingProfileNamesThoseThatThereAre() throws {
        try withTemporaryDirectory { folder in
            let fixture = CredentialsFixture(folder)
            try fixture.write(".aws/config", "[profile staging]\n[default]\n")
            try fixture.write(".aws/credentials", "[other]\n")
            let error = rekeyFailure { _ = try SharedConfiguration.load(fixture.settings(profile: "stagin")) }
            #expect(error?.code == .usage)
            #expect(error?.message.contains("default, other, staging") == true, "\(error?.message ?? "")")
        }
    }

    /// `AWS_PROFILE` goes before its old name, unlike in botocore.
    @Test func profileOrder() throws {
        try withTemporaryDirectory { folder in
            var fixture = CredentialsFixture(folder)
            try fixture.write(".aws/config", "[profile a]\n[profile b]\n[profile c]\n")
            fixture.environment["AWS_DEFAULT_PROFILE"] = ""
            #expect(try SharedConfiguration.load(fixture.settings()).profileName == "default")
            fixture.environment["AWS_DEFAULT_PROFILE"] = "a"
            #expect(try SharedConfiguration.load(fixture.settings()).profileName == "a")
            fixture.environment["AWS_PROFILE"] = "b"
            #expect(try SharedConfiguration.load(fixture.settings()).profileName == "b")
            #expect(try SharedConfiguration.load(fixture.settings()).isProfileExplicit == false)
            #expect(try SharedConfiguration.load(fixture.settings(profile: "c")).profileName == "c")
            #expect(try SharedConfiguration.load(fixture.settings(profile: "c")).isProfileExplicit)
        }
    }

    /// Services that are started without it.
    @Test func homeWithoutItsVariable() {
        #expect(UserPath.expanded("~/x", ["HOME": "/h/"]) == "/h/x")
        #expect(UserPath.expanded("~/x", [:]).hasSuffix("/x") && !UserPath.expanded("~/x", [:]).hasPrefix("~"))
        #expect(UserPath.expanded("a$b/$HOME${HOME", ["HOME": "h"]) == "a$b/h${HOME")
    }

    // MARK: Order

    private static let order: [Case] = [
        Case(), Case(config: "[default]\nregion = us-east-1\nmax_attempts = 7\n"),
        Case(
            config: "[default]\nregion = us-east-1\nmax_attempts=2\n",
            environment: ["AWS_DEFAULT_REGION": "eu-west-1", "AWS_MAX_ATTEMPTS": "5"]),
        Case(
            config: "[default]\nregion = us-east-1\n[profile b]\nregion=eu-north-1\n", environment: ["AWS_PROFILE": "b"]
        ),
        Case(config: "[profile b]\nregion=eu-north-1\n", credentials: "[b]\nregion=ap-south-1\n", profile: "b"),
    ]

    @Test func regionAndAttemptsAsBotocore() throws {
        try compare(Self.order) { item, fixture, answer in
            let ours = try load(item, fixture)
            let settings = fixture.settings(profile: item.profile)
            #expect(try resolveRegion(settings, ours) == answer.region, "\(item)")
            #expect(try resolveMaximumAttempts(settings, ours) == answer.attempts, "\(item)")
        }
    }

    @Test func regionOrder() throws {
        try withTemporaryDirectory { folder in
            var fixture = CredentialsFixture(folder)
            try fixture.write(
                ".aws/config", "[default]\nregion = us-west-1\n[profile bad]\nregion = us-west-1 # mine\n")
            let configuration = try SharedConfiguration.load(fixture.settings())
            #expect(try resolveRegion(fixture.settings(), configuration) == "us-west-1")
            fixture.environment["AWS_DEFAULT_REGION"] = "us-west-2"
            #expect(try resolveRegion(fixture.settings(), configuration) == "us-west-2")
            fixture.environment["AWS_REGION"] = "us-west-3"
            #expect(try resolveRegion(fixture.settings(), configuration) == "us-west-3")
            #expect(try resolveRegion(fixture.settings(region: "us-west-4"), configuration) == "us-west-4")
            for bad in ["", "evil.example/", "US-EAST-1", "-a", "a b", String(repeating: "a", count: 64)] {
                let error = rekeyFailure { _ = try resolveRegion(fixture.settings(region: bad), configuration) }
                #expect(error?.code == .usage && error?.message.contains("--region") == true)
            }
            fixture.environment["AWS_MAX_ATTEMPTS"] = "0"
            rekeyFailure { _ = try resolveMaximumAttempts(fixture.settings(), configuration) }
        }
    }
}
