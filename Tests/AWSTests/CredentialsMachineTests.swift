import ByteStreams
import Foundation
import TestServers
import TestSupport
import Testing

@testable import AWS

/// Credentials of the machine: containers and instances.
@Suite struct CredentialsMachineTests {
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
