import ByteStreams
import Foundation
import Items
import TestServers
import TestSupport
import Testing

@testable import AWS

/// Credentials that STS gives: roles and web identity, on ministack and on servers that answer what
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
}
