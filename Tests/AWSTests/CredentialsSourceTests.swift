import ByteStreams
import Foundation
import TestSupport
import Testing

@testable import AWS

/// Where credentials are found, in which order, and what is said where they are not.
@Suite struct CredentialsSourceTests {
    private typealias Case = ConfigurationTests.Case

    private static let keys = "aws_access_key_id = %\naws_secret_access_key = SECRET-%\n"

    private static func section(_ header: String, _ key: String, token: String? = nil) -> String {
        "[\(header)]\n" + keys.replacing("%", with: key) + (token.map { "aws_session_token = \($0)\n" } ?? "")
    }

    private static func process(_ key: String) -> String {
        #"credential_process = echo '{"Version":1,"AccessKeyId":"\#(key)","SecretAccessKey":"SECRET-\#(key)"}'"# + "\n"
    }

    private static let environment = ["AWS_ACCESS_KEY_ID": "env", "AWS_SECRET_ACCESS_KEY": "SECRET-env"]

    /// Every pair of sources that may meet.
    private static let order: [ConfigurationTests.Case] = {
        let file = section("default", "file", token: "SECRET-token")
        let both = section("default", "config") + process("process")
        var cases = [
            Case(), Case(environment: environment), Case(credentials: file, environment: environment),
            Case(credentials: file), Case(config: both, credentials: file), Case(config: both),
            Case(config: section("default", "config")), Case(config: section("profile a", "config"), profile: "a"),
            Case(credentials: section("a", "file"), environment: environment, profile: "a"),
            Case(credentials: section("a", "file"), environment: environment.merging(["AWS_PROFILE": "a"]) { $1 }),
            Case(
                config: section("profile a", "config"), credentials: section("default", "file"),
                environment: ["AWS_PROFILE": "a"]),
            Case(config: "[profile a]\nregion=x\n", credentials: file, environment: environment, profile: "a"),
            Case(config: "[default]\naws_session_token=SECRET-1\n", credentials: section("default", "file")),
            Case(credentials: file + "aws_security_token = SECRET-old\n"),
            Case(environment: environment.merging(["AWS_SESSION_TOKEN": "SECRET-t"]) { $1 }),
            Case(
                environment: environment.merging(["AWS_SESSION_TOKEN": "SECRET-t", "AWS_SECURITY_TOKEN": "SECRET-s"]) {
                    $1
                }),
            Case(environment: ["AWS_SECRET_ACCESS_KEY": "SECRET-env"]),
            Case(credentials: file, environment: ["AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "SECRET-env"]),
            // Errors.
            Case(credentials: file, environment: ["AWS_ACCESS_KEY_ID": "env"]),
            Case(config: both, credentials: "[default]\naws_access_key_id=x\n"),
            Case(config: "[default]\naws_access_key_id=x\n"),
            Case(config: "[default]\ncredential_process = false\n" + keys.replacing("%", with: "config")),
            Case(config: "[default]\nrole_arn = arn:aws:iam::000000000000:role/a\n", credentials: file),
            Case(config: "[default]\nweb_identity_token_file = /nowhere\n", credentials: file),
            Case(config: "[default]\nsso_account_id = 1\n", credentials: file),
        ]
        for index in cases.indices { cases[index].comparesCredentials = true }
        return cases
    }()

    @Test func orderAsBotocore() throws {
        try ConfigurationTests().compare(Self.order) { item, fixture, answer in
            switch answer.credentials {
            case .keys(let keys):
                let found = try fixture.credentials(profile: item.profile)
                #expect([found.accessKeyID, found.secretAccessKey, found.sessionToken ?? ""] == keys, "\(item)")
            case .error:
                #expect(fixture.failure(profile: item.profile) != nil, "\(item)")
            case nil:
                let error = fixture.failure(profile: item.profile)
                #expect(error?.message.hasPrefix("there are no AWS credentials") == true, "\(item): \(error as Any)")
            }
        }
    }

    @Test func nothingFoundSaysWhereAndWhatToDo() throws {
        try withTemporaryDirectory { folder in
            var fixture = CredentialsFixture(folder)
            let error = fixture.failure()
            #expect(error?.code == .permission)
            for part in [
                "AWS_ACCESS_KEY_ID", "\(folder)/.aws/config", "\(folder)/.aws/credentials", "AWS_EC2_METADATA_DISABLED",
                "aws configure", "aws sso login", "--profile",
            ] {
                #expect(error?.message.contains(part) == true, "\(part): \(error?.message ?? "")")
            }
            // Nobody listens there.
            fixture.environment["AWS_EC2_METADATA_DISABLED"] = nil
            fixture.environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "http://127.0.0.1:1"
            #expect(fixture.failure()?.message.contains("no answer from 127.0.0.1:1") == true)
            // A session can be made all the same; help and local tables need none.
            #expect(throws: Never.self) { try AWSSession(fixture.settings()) }
        }
    }

    @Test func environmentThatExpires() throws {
        try withTemporaryDirectory { folder in
            var fixture = CredentialsFixture(folder)
            fixture.environment.merge(Self.environment) { $1 }
            fixture.environment["AWS_CREDENTIAL_EXPIRATION"] = "2027-01-15T09:00:00+00:00"
            let clock = TestClock()
            let chain = try fixture.chain(now: clock.read)
            #expect(try chain.credentials().expiration == 1_800_003_600)
            #expect(try chain.credentials().origin == "environment")
        }
    }

    @Test(
        arguments: [
            ("2027-01-15T08:00:00Z", 1_800_000_000), ("2027-01-15 08:00:00", 1_800_000_000),
            ("2027-01-15T08:00:00.123456Z", 1_800_000_000), ("2027-01-15T09:30:00+01:30", 1_800_000_000),
            ("2027-01-15T07:00:00-0100", 1_800_000_000), ("1970-01-01T00:00:00Z", 0),
            ("2024-02-29T23:59:59Z", 1_709_251_199),
            ("", nil), ("2027-13-15T08:00:00Z", nil), ("2027-01-15T08:00:00Zx", nil), ("2027-01-15T08:00:00.Z", nil),
            ("2027-01-15", nil), ("1800000000", nil), ("2027-01-15T24:00:00Z", nil), ("2027-01-15T08:00:00+1", nil),
        ] as [(String, Int?)])
    func times(text: String, seconds: Int?) {
        #expect(InternetDate.seconds(text) == seconds)
    }

    // MARK: Processes

    @Test func processesAreRunWithoutAShell() throws {
        try withTemporaryDirectory { folder in
            var fixture = CredentialsFixture(folder)
            fixture.environment["GIVEN"] = "from the environment"
            try fixture.write(
                "a program.sh",
                #"""
                echo "SECRET-warning" >&2
                read line && exit 3
                printf '{"Version": 1, "AccessKeyId": "%s", "SecretAccessKey": "SECRET-%s"}' "$#:$1:$2" "$GIVEN"
                """#)
            try fixture.write(
                ".aws/config",
                "[default]\ncredential_process = sh \"\(folder)/a program.sh\" 'two words' $HOME;\\|x\n")
            let found = try fixture.credentials()
            #expect(found.accessKeyID == "2:two words:$HOME;|x")
            #expect(found.secretAccessKey == "SECRET-from the environment" && found.expiration == nil)
        }
    }

    @Test(arguments: [
        ("echo SECRET-output", "not JSON"), ("sh -c 'echo SECRET-output; exit 7'", "exit status 7"),
        ("sh -c 'kill -9 $$'", "signal 9"), ("no-such-program-here SECRET-argument", "not found"),
        ("/etc/passwd", "not found"), ("sh 'SECRET-open", "quote"),
        (#"echo '{"AccessKeyId":"SECRET-1","SecretAccessKey":"SECRET-2"}'"#, "Version"),
        (#"echo '{"Version":2,"AccessKeyId":"SECRET-1","SecretAccessKey":"SECRET-2"}'"#, "Version"),
        (#"echo '{"Version":1,"AccessKeyId":"SECRET-1"}'"#, "SecretAccessKey"),
        (#"echo '{"Version":1,"SecretAccessKey":"SECRET-1"}'"#, "AccessKeyId"),
        (#"echo '{"Version":1,"AccessKeyId":"a","SecretAccessKey":"SECRET-1","Expiration":"SECRET-2"}'"#, "Expiration"),
        (#"echo '{"Version":1,"SECRET-1":1,"SECRET-1":2}'"#, "not JSON"),
        ("yes SECRET-output", "more than credentials"),
    ])
    func processesThatFail(command: String, part: String) throws {
        try withTemporaryDirectory { folder in
            let fixture = CredentialsFixture(folder)
            try fixture.write(".aws/config", "[profile a b]\n[profile 'a b']\ncredential_process = \(command)\n")
            let error = fixture.failure(profile: "a b")
            #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
            #expect(error?.source == "credential_process of profile a b")
        }
    }

    @Test func processesThatHangAreStopped() throws {
        try withTemporaryDirectory { folder in
            let words = ["sh", "-c", "trap '' TERM; echo $$ >\(folder)/id; while :; do sleep 0.05; done"]
            #expect(throws: ChildCommand.Failure.timedOut) {
                try ChildCommand.run(words, environment: [:], limit: 100, timeLimit: .seconds(2))
            }
            let id = try #require(
                pid_t(try String(contentsOfFile: "\(folder)/id", encoding: .utf8).trimmingCharacters(in: .newlines)))
            #expect(kill(id, 0) != 0, "it still runs")
        }
    }

    /// Such as one that starts an agent.
    @Test func processesThatLeaveOthersBehindAreDoneWhenTheyEnd() throws {
        try withTemporaryDirectory { folder in
            let words = ["sh", "-c", "while [ -d \(folder) ]; do sleep 0.05; done & echo printed"]
            let bytes = try ChildCommand.run(words, environment: [:], limit: 100, timeLimit: .seconds(60))
            #expect(bytes == Array("printed\n".utf8))
        }
    }

    @Test(
        arguments: [
            ("a  b\tc", ["a", "b", "c"]), ("'a b' \"c d\"e", ["a b", "c de"]),
            (#"a\ b "\x\"\\" '\'"#, ["a b", #"\x"\"#, #"\"#]),
            ("'' \"\"", ["", ""]), ("", []), ("'a", nil), ("a\\", nil), ("a#b #c", ["a#b", "#c"]),
        ] as [(String, [String]?)])
    func words(line: String, words: [String]?) { #expect(ShellWords.split(line) == words) }

    // MARK: The AWS CLI

    private static let programs = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Programs").path

    @Test(arguments: [
        ("sso_account_id = 1\nsso_role_name = r\nsso_session = corp\n", "aws sso login --profile 'a b'"),
        (
            "sso_start_url = https://x\nsso_region = x\nsso_account_id = 1\nsso_role_name = r\n",
            "aws sso login --profile 'a b'"
        ),
        ("login_session = arn:aws:iam::1:user/x\n", "aws login --profile 'a b'"),
        (
            "role_arn = arn:aws:iam::1:role/r\nsource_profile = c\nmfa_serial = arn:aws:iam::1:mfa/x\n",
            "get-caller-identity --profile 'a b'"
        ),
    ])
    func whatOnlyTheAWSCommandCanDo(settings: String, remedy: String) throws {
        try withTemporaryDirectory { folder in
            var fixture = CredentialsFixture(folder)
            try fixture.write(
                ".aws/config", "[profile 'a b']\n\(settings)[sso-session corp]\nsso_region=x\n[profile c]\n")
            let plain = fixture.environment["PATH"] ?? ""
            fixture.environment["PATH"] = "/nowhere:\(folder)"
            let missing = fixture.failure(profile: "a b")
            #expect(missing?.code == .permission && missing?.source == "profile a b")
            #expect(missing?.message.contains("no `aws` in PATH") == true && missing?.message.contains(remedy) == true)

            fixture.environment["PATH"] = "\(Self.programs):\(plain)"
            fixture.environment["FAKE_AWS_ARGUMENTS"] = "\(folder)/arguments"
            fixture.environment["FAKE_AWS_OUTPUT"] = try fixture.write(
                "output",
                #"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"SECRET-s","SessionToken":"SECRET-t","Expiration":"2100-01-01T00:00:00+00:00"}"#
            )
            let found = try fixture.credentials(profile: "a b")
            #expect(found.accessKeyID == "A" && found.sessionToken == "SECRET-t" && found.expiration == 4_102_444_800)
            #expect(found.origin == "profile a b (AWS CLI)")
            let arguments = try String(contentsOfFile: "\(folder)/arguments", encoding: .utf8).split(separator: "\n")
            #expect(arguments == ["configure", "export-credentials", "--profile", "a b", "--format", "process"])

            fixture.environment["FAKE_AWS_STATUS"] = "255"
            let error = fixture.failure(profile: "a b")
            #expect(error?.code == .permission)
            #expect(error?.message.contains("exit status 255") == true && error?.message.contains(remedy) == true)
        }
    }
}
