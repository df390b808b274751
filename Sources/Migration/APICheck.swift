import AWS
package import ByteStreams

/// Asks the application whether it is well: one GET, before a run and after it.
package struct APICheck: Sendable {
    private let request: HTTPRequest
    private let http: HTTPClient
    /// Without its query, which may hold what is secret.
    package let address: String

    /// - Parameters:
    ///   - url: `http[s]://…`.
    ///   - token: sent as a bearer token (RFC 6750).
    ///   - certificateBundle: trusted certificates in place of the system's.
    /// - Throws: `.usage` for what is no address, and for a token with control characters.
    package init(url: String, token: String?, certificateBundle: String? = nil) throws(RekeyError) {
        guard var request = HTTPRequest(url: url) else {
            throw RekeyError(.usage, "--smoke takes an address such as https://api.example.com/plans")
        }
        if let token {
            guard token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                throw RekeyError(.usage, "the bearer token holds spaces or control characters; check its variable")
            }
            request.headers.append(("Authorization", "Bearer \(token)"))
        }
        request.totalTimeout = .seconds(30)
        self.request = request
        address = "\(request.scheme)://\(request.authority)\(request.path)"
        http = HTTPClient(certificateBundle: certificateBundle)
    }

    /// Asks up to three times, a second apart.
    ///
    /// - Returns: `200, 1024 bytes, in 12 ms`.
    /// - Throws: `.differences` where no answer of 200 to 299 comes.
    package func run(pause: Duration = .seconds(1)) async throws(RekeyError) -> String {
        var failure = ""
        for attempt in 1...3 {
            do throws(TransportError) {
                let start = ContinuousClock.now
                let answer = try await http.send(request)
                if (200...299).contains(answer.status) {
                    let milliseconds = Int((ContinuousClock.now - start) / .milliseconds(1))
                    return "\(answer.status), \(answer.body.count) bytes, in \(milliseconds) ms"
                }
                failure = "answered \(answer.status)"
            } catch {
                failure = "gave no answer: \(error.message)"
            }
            if attempt < 3 { try? await Task.sleep(for: pause) }
        }
        throw RekeyError(.differences, failure, source: address)
    }
}
