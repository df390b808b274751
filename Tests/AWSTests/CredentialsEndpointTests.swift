import Foundation
import TestSupport
import Testing

@testable import AWS

/// Where STS is asked for credentials.
@Suite struct CredentialsEndpointTests {
    private static func answer(_ action: String) -> String {
        """
        <\(action)Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><\(action)Result><Credentials>
        <AccessKeyId>A</AccessKeyId><SecretAccessKey>SECRET-s</SecretAccessKey><SessionToken>SECRET-t</SessionToken>
        <Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></\(action)Result></\(action)Response>
        """
    }

    /// `--endpoint-url` is where the command's own service is; it gets neither keys nor tokens that are meant for STS.
    @Test(arguments: ["AssumeRole", "AssumeRoleWithWebIdentity"])
    func anEndpointOfTheCommandIsNotAskedForCredentials(action: String) throws {
        let asked = LockedValue<[String]>([])
        let own = RawServer.answering { request in
            asked.value += ["own: " + String(decoding: request.body, as: UTF8.self)]
            return RawServer.answer("400 Bad Request")
        }
        defer { own.stop() }
        let tokens = RawServer.answering { _ in
            asked.value += ["tokens"]
            return RawServer.answer(body: Self.answer(action))
        }
        defer { tokens.stop() }
        try withTemporaryDirectory { folder in
            var fixture = CredentialsFixture(folder)
            fixture.environment["AWS_ENDPOINT_URL_STS"] = "http://\(tokens.authority)"
            if action == "AssumeRole" {
                try fixture.write(
                    ".aws/config",
                    "[default]\nrole_arn = r\nsource_profile = default\naws_access_key_id = A\naws_secret_access_key = SECRET-k\n"
                )
            } else {
                fixture.environment["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/web"
                fixture.environment["AWS_WEB_IDENTITY_TOKEN_FILE"] = try fixture.write("token", "SECRET-a.b")
            }
            let session = try AWSSession(fixture.settings(region: "us-east-1", endpoint: "http://\(own.authority)"))
            #expect(try session.credentials.credentials().sessionToken == "SECRET-t")
            #expect(asked.value == ["tokens"])
            // The command's own services are there.
            #expect(try session.client(.dynamodb).endpoint.authority == own.authority)
        }
    }

    /// In the order of the AWS CLI.
    @Test func certificatesOfTheUser() throws {
        try withTemporaryDirectory { folder in
            var fixture = CredentialsFixture(folder)
            func bundle() throws -> String? {
                let settings = fixture.settings()
                return resolveCertificateBundle(settings, try SharedConfiguration.load(settings))
            }
            #expect(try bundle() == nil)
            fixture.environment["REQUESTS_CA_BUNDLE"] = "/requests.pem"
            #expect(try bundle() == "/requests.pem")
            try fixture.write(".aws/config", "[default]\nca_bundle = /profile.pem\n")
            #expect(try bundle() == "/profile.pem")
            fixture.environment["AWS_CA_BUNDLE"] = "/aws.pem"
            #expect(try bundle() == "/aws.pem")
        }
    }
}
