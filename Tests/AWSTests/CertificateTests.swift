import AWS
import TestServers
import TestSupport
import Testing

@Suite("Certificates", .timeLimit(.minutes(10))) struct CertificateTests {
    private func outcome(_ client: HTTPClient, _ authority: String) async -> Result<Int, TransportError> {
        do throws(TransportError) {
            return .success(try await client.send(HTTPRequest(authority: authority)).status)
        } catch {
            return .failure(error)
        }
    }

    /// Only a certificate that a trusted one signed, for the host that was asked for, is accepted.
    @Test func areVerified() async throws {
        try await withTemporaryDirectory { directory in
            let server = try Conversation(PythonScript.words("tls_server.py", [directory]), in: directory)
            defer { server.end() }
            let port = try #require(Int(try await server.firstLine()))

            let strange = await outcome(HTTPClient(), "localhost:\(port)")
            #expect(throws: TransportError.self) { try strange.get() }
            if case .failure(let error) = strange { #expect(error.kind == .untrusted, "\(error)") }

            let trusting = HTTPClient(certificateBundle: "\(directory)/certificate.pem")
            #expect(try await outcome(trusting, "localhost:\(port)").get() == 200)
            let otherName = await outcome(trusting, "127.0.0.1:\(port)")
            if case .failure(let error) = otherName {
                #expect(error.kind == .untrusted, "\(error)")
            } else {
                Issue.record("a certificate of another host was accepted")
            }

            let missing = await outcome(HTTPClient(certificateBundle: "\(directory)/none.pem"), "localhost:\(port)")
            if case .failure(let error) = missing {
                #expect(error.kind == .untrusted, "\(error)")
            } else {
                Issue.record("a connection was made without any trusted certificate")
            }
        }
    }
}
