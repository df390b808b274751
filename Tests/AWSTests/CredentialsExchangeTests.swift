import ByteStreams
import Foundation
import Items
import TestServers
import TestSupport
import Testing

@testable import AWS

/// Credentials that a service gives: roles, web identity, containers and instances, on ministack and on servers that answer what
/// a test says.
@Suite struct CredentialsExchangeTests {
    /// Who a service takes the credentials for.
    private func identity(_ session: AWSSession) throws -> String? {
        let body = Array("Action=GetCallerIdentity&Version=2011-06-15".utf8)
        let answer = try session.client(.sts).sendBlocking(
            HTTPRequest(
                method: "POST", authority: "", headers: [("Content-Type", "application/x-www-form-urlencoded")],
                body: body))
        return try XMLElement.parse(answer.body, source: "STS")["GetCallerIdentityResult"]?["Arn"]?.text
    }

    private func session(_ fixture: CredentialsFixture, profile: String? = nil) throws -> AWSSession {
        try AWSSession(fixture.settings(profile: profile, region: "us-east-1"))
    }

    /// A user with keys, and two roles: `first` for the user, with an external id; `second` for `first`.
    private func withRoles(_ body: (CredentialsFixture, TestAccount) throws -> Void) throws {
        let account = try TestServer.ministack(auth: true).account()
        _ = try account.python(
            """
            import boto3, json, sys
            iam = boto3.client("iam")
            def role(name, principal, condition):
                statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
                if condition: statement["Condition"] = condition
                document = {"Version": "2012-10-17", "Statement": [statement]}
                iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))
                everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
                iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(everything))
            user = "arn:aws:iam::" + sys.argv[1] + ":user/tester"
            role("first", user, {"StringEquals": {"sts:ExternalId": "SECRET-shared + id"}})
            role("second", "arn:aws:iam::" + sys.argv[1] + ":role/first", None)
            """, [account.id])
        try withTemporaryDirectory { folder in
            var fixture = CredentialsFixture(folder)
            fixture.environment["AWS_ENDPOINT_URL_STS"] = account.server.endpoint
            try fixture.write(
                ".aws/credentials",
                """
                [user]
                aws_access_key_id = \(account.accessKeyID)
                aws_secret_access_key = \(account.secretAccessKey)
                """)
            try fixture.write(
                ".aws/config",
                """
                [profile first]
                role_arn = arn:aws:iam::\(account.id):role/first
                source_profile = user
                external_id = SECRET-shared + id
                role_session_name = nightly@run
                duration_seconds = 1800
                [profile second]
                role_arn = arn:aws:iam::\(account.id):role/second
                source_profile = first
                [profile refused]
                role_arn = arn:aws:iam::\(account.id):role/first
                source_profile = user
                external_id = SECRET-wrong
                [profile environment]
                role_arn = arn:aws:iam::\(account.id):role/first
                credential_source = Environment
                external_id = SECRET-shared + id
                """)
            try body(fixture, account)
        }
    }

    @Test func roles() throws {
        try withRoles { fixture, account in
            let first = try session(fixture, profile: "first")
            let found = try first.credentials.credentials()
            #expect(
                found.origin.hasPrefix("profile first (role arn:aws:iam::\(account.id):role/first by profile user ("))
            #expect(abs((found.expiration ?? 0) - (Int(time(nil)) + 1800)) < 120)
            // Signed with them, and checked by the server.
            #expect(try identity(first) == "arn:aws:sts::\(account.id):assumed-role/first/nightly@run")
            let second = try identity(session(fixture, profile: "second"))
            #expect(
                second?.hasPrefix("arn:aws:sts::\(account.id):assumed-role/second/rekey-") == true, "\(second ?? "")")
            // New ones each time that they are thrown away.
            let clock = TestClock(Int(time(nil)))
            let chain = try fixture.chain(profile: "first", now: clock.read)
            let old = try chain.credentials()
            clock.advance(6)
            chain.invalidate()
            #expect(try chain.credentials().accessKeyID != old.accessKeyID)
        }
    }

    @Test func rolesOfTheEnvironment() throws {
        try withRoles { fixture, account in
            var fixture = fixture
            let none = fixture.failure(profile: "environment")
            #expect(none?.message.contains("takes credentials from Environment") == true, "\(none?.message ?? "")")
            fixture.environment["AWS_ACCESS_KEY_ID"] = account.accessKeyID
            fixture.environment["AWS_SECRET_ACCESS_KEY"] = account.secretAccessKey
            let found = try identity(session(fixture, profile: "environment"))
            #expect(found?.contains("assumed-role/first/rekey-") == true)
        }
    }

    @Test func refusedRoles() throws {
        try withRoles { fixture, account in
            let error = fixture.failure(profile: "refused")
            #expect(error?.code == .permission)
            #expect(
                error?.message.contains("not authorized to perform: sts:AssumeRole") == true, "\(error?.message ?? "")")
            #expect(error?.source == "role arn:aws:iam::\(account.id):role/first of profile refused")
            try fixture.write(
                ".aws/credentials",
                "[user]\naws_access_key_id = \(account.accessKeyID)\naws_secret_access_key = SECRET-wrong\n")
            let wrong = fixture.failure(profile: "first")
            #expect(wrong?.code == .permission, "\(wrong?.message ?? "")")
        }
    }

    @Test(arguments: [
        ("[profile a]\nrole_arn=r\nsource_profile=b\n[profile b]\nrole_arn=s\nsource_profile=a\n", ": a -> b -> a;"),
        ("[profile a]\nrole_arn=r\nsource_profile=a\n", ": a -> a;"),
        ("[profile a]\nrole_arn=r\nsource_profile=b\n", "source_profile b, which does not exist"),
        ("[profile a]\nrole_arn=r\nsource_profile=b\n[profile b]\nregion=x\n", "has no credentials"),
        ("[profile a]\nrole_arn=r\n", "neither source_profile nor credential_source"),
        ("[profile a]\nrole_arn=r\nsource_profile=b\ncredential_source=Environment\n[profile b]\n", "both"),
        ("[profile a]\nrole_arn=r\ncredential_source=SECRET-Moon\n", "none of Environment, EcsContainer"),
        ("[profile a]\nrole_arn=r\ncredential_source=EcsContainer\n", "takes credentials from"),
        (
            "[profile a]\nrole_arn=r\nsource_profile=b\nduration_seconds=SECRET-x\n[profile b]\naws_access_key_id=k\naws_secret_access_key=SECRET-k\n",
            "duration_seconds"
        ),
        ("[profile a]\nweb_identity_token_file=/nowhere/SECRET\n", "no role"),
    ])
    func rolesThatCannotBe(config: String, part: String) throws {
        try withTemporaryDirectory { folder in
            let fixture = CredentialsFixture(folder)
            try fixture.write(
                ".aws/config", config.replacing("credential_source=SECRET-Moon", with: "credential_source=Moon"))
            let error = fixture.failure(profile: "a")
            #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
            #expect(error?.code == .usage || error?.code == .permission)
        }
    }

    /// A profile may take its own keys to its own role.
    @Test func aProfileMayBeItsOwnSource() throws {
        try withRoles { fixture, account in
            try fixture.write(
                ".aws/credentials",
                """
                [both]
                aws_access_key_id = \(account.accessKeyID)
                aws_secret_access_key = \(account.secretAccessKey)
                role_arn = arn:aws:iam::\(account.id):role/first
                source_profile = both
                external_id = SECRET-shared + id
                """)
            let found = try identity(session(fixture, profile: "both"))
            #expect(found?.contains("assumed-role/first/") == true)
        }
    }

    // MARK: Answers that are said here

    private static func roleAnswer(_ action: String, expires: String = "2100-01-01T00:00:00Z") -> String {
        """
        <\(action)Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><\(action)Result><Credentials>
        <AccessKeyId>A</AccessKeyId><SecretAccessKey>SECRET-&amp;</SecretAccessKey><SessionToken>SECRET-t</SessionToken>
        <Expiration>\(expires)</Expiration></Credentials></\(action)Result></\(action)Response>
        """
    }

    private func withServer(
        _ answer: @escaping @Sendable (RawServer.Request) -> String,
        _ body: (RawServer, inout CredentialsFixture) throws -> Void
    ) throws {
        let server = RawServer.answering(answer)
        defer { server.stop() }
        try withTemporaryDirectory { folder in
            var fixture = CredentialsFixture(folder)
            fixture.environment["AWS_ENDPOINT_URL"] = "http://\(server.authority)/base"
            try fixture.write(
                ".aws/config",
                """
                [default]
                role_arn = arn:aws:iam::1:role/a b
                source_profile = default
                aws_access_key_id = AKID
                aws_secret_access_key = SECRET-key
                aws_session_token = SECRET-session
                external_id = a&b=c
                """)
            try body(server, &fixture)
        }
    }

    @Test func requestForARole() throws {
        let requests = LockedValue<[RawServer.Request]>([])
        try withServer { request in
            requests.value += [request]
            if requests.value.count == 1 { return RawServer.answer("503 Slow", body: "SECRET-body") }
            return RawServer.answer(body: Self.roleAnswer("AssumeRole"))
        } _: { _, fixture in
            let found = try fixture.credentials()
            #expect(found.secretAccessKey == "SECRET-&" && found.expiration == 4_102_444_800)
            // The second attempt.
            let request = try #require(requests.value.last)
            #expect(request.line == "POST /base/ HTTP/1.1" && requests.value.count == 2)
            let body = String(decoding: request.body, as: UTF8.self)
            #expect(
                body.hasPrefix(
                    "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa%20b&RoleSessionName=rekey-"
                ))
            #expect(body.hasSuffix("&ExternalId=a%26b%3Dc"))
            #expect(request.header("authorization")?.contains("Credential=AKID/") == true)
            #expect(request.header("authorization")?.contains("/us-east-1/sts/aws4_request") == true)
            #expect(request.header("x-amz-security-token") == "SECRET-session")
        }
    }

    /// AWS repeats the request, token and all, when it finds a signature wrong.
    @Test func answersAreNotShown() throws {
        let answers = [
            RawServer.answer(
                "403 Forbidden",
                body: """
                    <ErrorResponse><Error><Type>Sender</Type><Code>SignatureDoesNotMatch</Code><Message>The request signature we \
                    calculated does not match.

                    The Canonical String for this request should have been
                    'POST
                    x-amz-security-token:SECRET-session'</Message></Error></ErrorResponse>
                    """),
            RawServer.answer(body: "SECRET-body"), RawServer.answer(body: Self.roleAnswer("Other")),
            RawServer.answer(body: Self.roleAnswer("AssumeRole", expires: "SECRET-time")),
            RawServer.answer(body: Self.roleAnswer("AssumeRole", expires: "2001-01-01T00:00:00Z")),
        ]
        for answer in answers {
            try withServer { _ in
                answer
            } _: { _, fixture in
                let error = fixture.failure()
                #expect(error?.code == .permission || error?.code == .serviceGaveUp, "\(error?.message ?? "")")
            }
        }
    }

    @Test func requestForAWebIdentity() throws {
        let requests = LockedValue<[RawServer.Request]>([])
        try withServer { request in
            requests.value += [request]
            return request.number == 0
                ? RawServer.answer(
                    "400 Bad Request",
                    body: "<ErrorResponse><Error><Code>IDPCommunicationError</Code></Error></ErrorResponse>")
                : RawServer.answer(body: Self.roleAnswer("AssumeRoleWithWebIdentity"))
        } _: { _, fixture in
            let token = try fixture.write("token", "SECRET-a.b")
            try fixture.write(
                ".aws/config",
                "[default]\nregion = eu-west-1\nrole_session_name = mine\nrole_arn = r\nweb_identity_token_file = \(token)\n"
            )
            fixture.environment["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/web"
            let found = try fixture.credentials()
            #expect(found.sessionToken == "SECRET-t" && found.origin == "web identity (role arn:aws:iam::1:role/web)")
            let request = try #require(requests.value.last)
            #expect(requests.value.count == 2 && request.header("authorization") == nil)
            #expect(
                String(decoding: request.body, as: UTF8.self)
                    == "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fweb"
                    + "&RoleSessionName=mine&WebIdentityToken=SECRET-a.b")
            // A token that somebody renews is read anew.
            try fixture.write("token", "SECRET-c.d")
            _ = try fixture.credentials()
            let again = try #require(requests.value.last)
            #expect(String(decoding: again.body, as: UTF8.self).hasSuffix("SECRET-c.d"))
        }
    }

    @Test func refusedWebIdentity() throws {
        try withServer { request in
            let token = String(decoding: request.body, as: UTF8.self).split(separator: "=").last ?? ""
            return RawServer.answer(
                "400 Bad Request",
                body:
                    "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>No: \(token)</Message></Error></ErrorResponse>"
            )
        } _: { _, fixture in
            fixture.environment["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/web"
            fixture.environment["AWS_WEB_IDENTITY_TOKEN_FILE"] = try fixture.write("token", "SECRET-token")
            try fixture.write(".aws/config", "")
            let error = fixture.failure()
            #expect(error?.code == .permission && error?.message.contains("InvalidIdentityToken") == true)
            fixture.environment["AWS_WEB_IDENTITY_TOKEN_FILE"] = try fixture.write("token", "")
            #expect(fixture.failure()?.message.contains("empty") == true)
        }
    }

    @Test func webIdentityOnMinistack() throws {
        let account = try TestServer.ministack().account()
        try withTemporaryDirectory { folder in
            var fixture = CredentialsFixture(folder)
            fixture.environment["AWS_ENDPOINT_URL"] = account.server.endpoint
            fixture.environment["AWS_WEB_IDENTITY_TOKEN_FILE"] = try fixture.write("token", "SECRET-token")
            fixture.environment["AWS_ROLE_ARN"] = "arn:aws:iam::\(account.id):role/pod"
            fixture.environment["AWS_ROLE_SESSION_NAME"] = "pod-1"
            #expect(try identity(session(fixture)) == "arn:aws:sts::\(account.id):assumed-role/pod/pod-1")
        }
    }

    // MARK: Containers and instances

    @Test func containersAndInstancesOnMinistack() throws {
        let endpoint = try TestServer.ministack().endpoint
        try withTemporaryDirectory { folder in
            var fixture = CredentialsFixture(folder)
            fixture.environment["AWS_EC2_METADATA_DISABLED"] = nil
            fixture.environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = endpoint
            let instance = try fixture.credentials()
            #expect(instance.origin == "instance metadata (role ministack-instance-role)")
            #expect(abs((instance.expiration ?? 0) - Int(time(nil)) - 3600) < 120 && instance.sessionToken != nil)
            fixture.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "\(endpoint)/v2/credentials/1"
            let container = try fixture.credentials()
            #expect(container.origin == "container" && container.sessionToken != nil)
            #expect(container.accessKeyID != instance.accessKeyID)
            // And as the source of a role.
            fixture.environment["AWS_ENDPOINT_URL"] = endpoint
            for source in ["Ec2InstanceMetadata", "EcsContainer"] {
                try fixture.write(
                    ".aws/config",
                    "[default]\nrole_arn = arn:aws:iam::123456789012:role/x\ncredential_source = \(source)\n")
                #expect(try fixture.credentials().origin.contains("role/x by ") == true)
            }
        }
    }

    @Test func containersAskWithTheirToken() throws {
        let requests = LockedValue<[RawServer.Request]>([])
        let json =
            #"{"AccessKeyId":"A","SecretAccessKey":"SECRET-s","Token":"SECRET-t","Expiration":"2100-01-01T00:00:00Z"}"#
        let server = RawServer.answering { request in
            requests.value += [request]
            return request.number == 0
                ? RawServer.answer("500 Oops", body: "SECRET-body") : RawServer.answer(body: json)
        }
        defer { server.stop() }
        try withTemporaryDirectory { folder in
            var fixture = CredentialsFixture(folder)
            fixture.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://\(server.authority)/a/b?id=1%202&x"
            fixture.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "SECRET-token"
            #expect(try fixture.credentials().sessionToken == "SECRET-t")
            #expect(requests.value.map(\.line) == Array(repeating: "GET /a/b?id=1%202&x= HTTP/1.1", count: 2))
            #expect(requests.value.last?.header("authorization") == "SECRET-token")
            fixture.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = try fixture.write("token", "SECRET-file")
            #expect(try fixture.credentials().accessKeyID == "A")
            #expect(requests.value.last?.header("authorization") == "SECRET-file")
            try fixture.write("token", "SECRET-file\r\nX-Other: 1")
            #expect(fixture.failure()?.message.contains("control character") == true)
            fixture.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = "\(folder)/missing"
            #expect(fixture.failure()?.message.contains("does not exist") == true)
        }
    }

    @Test func containersThatDoNotAnswerWell() throws {
        for body in ["SECRET-body", #"{"AccessKeyId":"A","SecretAccessKey":"SECRET-s","Token":"SECRET-t"}"#] {
            let server = RawServer.answering { _ in RawServer.answer(body: body) }
            defer { server.stop() }
            try withTemporaryDirectory { folder in
                var fixture = CredentialsFixture(folder)
                fixture.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://\(server.authority)/"
                let error = fixture.failure()
                #expect(error?.code == .permission && error?.source == "container credentials of \(server.authority)")
            }
        }
    }

    @Test(
        arguments: [
            ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x?id=1", "169.254.170.2"),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "https://example.com/x", "example.com"),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.5:8080/x", "127.0.0.5:8080"),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://LOCALHOST/x", "LOCALHOST"),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://[::1]:80/x", "[::1]"),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://[fd00:ec2::23]/v1", "[fd00:ec2::23]"),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1", "169.254.170.23"),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.com/x", nil),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1.example.com/x", nil),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.169.254/x", nil),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1@example.com/x", nil),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "ftp://127.0.0.1/x", nil),
        ] as [(String, String, String?)])
    func whomContainersAsk(variable: String, url: String, authority: String?) throws {
        if let authority {
            #expect(try CredentialsSearch.containerRequest([variable: url])?.authority == authority)
        } else {
            let error = rekeyFailure { _ = try CredentialsSearch.containerRequest([variable: url]) }
            #expect(error?.code == .usage)
        }
    }

    @Test func instancesAreAskedByVersion2() throws {
        let requests = LockedValue<[RawServer.Request]>([])
        let server = RawServer.answering { request in
            requests.value += [request]
            switch request.line {
            case "PUT /md/latest/api/token HTTP/1.1": return RawServer.answer(body: "SECRET-metadata")
            case "GET /md/latest/meta-data/iam/security-credentials/ HTTP/1.1":
                return RawServer.answer(body: "my+role\n")
            case "GET /md/latest/meta-data/iam/security-credentials/my%2Brole HTTP/1.1":
                return RawServer.answer(
                    body:
                        #"{"Code":"Success","AccessKeyId":"A","SecretAccessKey":"SECRET-s","Token":"SECRET-t","Expiration":"2001-01-01T00:00:00Z"}"#
                )
            default: return RawServer.answer("404 Not Found")
            }
        }
        defer { server.stop() }
        try withTemporaryDirectory { folder in
            var fixture = CredentialsFixture(folder)
            fixture.environment["AWS_EC2_METADATA_DISABLED"] = "false"
            fixture.environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "http://\(server.authority)/md/"
            let clock = TestClock()
            let found = try fixture.chain(now: clock.read).credentials()
            // Old ones go on where the service cannot renew them.
            #expect(found.accessKeyID == "A" && found.expiration == clock.now + 1200)
            let all = requests.value
            #expect(all.count == 3)
            #expect(all[0].header("x-aws-ec2-metadata-token-ttl-seconds") == "21600")
            #expect(all[1...].allSatisfy { $0.header("x-aws-ec2-metadata-token") == "SECRET-metadata" })
        }
    }

    @Test(arguments: [
        ("404 Not Found", ""), ("200 OK", ""), ("200 OK", "SECRET-\u{1}"), ("200 OK", "SECRET-same-for-all"),
    ])
    func instancesThatDoNotAnswerWell(status: String, body: String) throws {
        let server = RawServer.answering { _ in RawServer.answer(status, body: body) }
        defer { server.stop() }
        try withTemporaryDirectory { folder in
            var fixture = CredentialsFixture(folder)
            fixture.environment["AWS_EC2_METADATA_DISABLED"] = nil
            try fixture.write(".aws/config", "[default]\nec2_metadata_service_endpoint = http://\(server.authority)\n")
            let error = fixture.failure()
            #expect(error?.message.hasPrefix("there are no AWS credentials") == true, "\(error?.message ?? "")")
            #expect(error?.message.contains(server.authority) == true)
        }
    }
}
