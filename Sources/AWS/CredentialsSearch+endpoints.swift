import ByteStreams
import Items

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Credentials of the machine: of a container (ECS, EKS) or of an EC2 instance.
///
/// Sources: "Container credential provider" and "IMDS credential provider", AWS SDKs and Tools Reference Guide; time-outs and
/// attempts as in botocore.
extension CredentialsSearch {
    // MARK: Containers

    /// Credentials of the container's endpoint; nil where no variable names one.
    func containerCredentials() throws(RekeyError) -> Credentials? {
        guard let request = try Self.containerRequest(settings.environment) else { return nil }
        var authorized = request
        if let token = try containerToken() { authorized.headers.append(("Authorization", token)) }
        let source = "container credentials of \(request.authority)"
        var failed = 0
        while true {
            let answer: HTTPResponse?
            var problem = ""
            do throws(TransportError) {
                answer = try http.sendBlocking(authorized)
            } catch {
                answer = nil
                problem = error.message
            }
            if let answer {
                if answer.status == 200, let tree = try? JSONReader.parse(answer.body, source: source) {
                    return try Self.fromEndpoint(tree, source: source, origin: "container")
                }
                problem = answer.status == 200 ? "the answer is not JSON" : "the answer has status \(answer.status)"
            }
            failed += 1
            guard failed < 3 else {
                throw RekeyError(
                    .permission, "\(problem), three times; check AWS_CONTAINER_CREDENTIALS_* and the container's role",
                    source: source)
            }
            sleep(1)
        }
    }

    /// The request without its token; nil where no endpoint is set. Plain HTTP is for this machine and its own networks alone, so
    /// that nobody else is given the token.
    static func containerRequest(_ environment: [String: String]) throws(RekeyError) -> HTTPRequest? {
        var url: String
        if let path = environment.value("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            url = "http://169.254.170.2\(path.hasPrefix("/") ? "" : "/")\(path)"
        } else if let full = environment.value("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
            url = full
        } else {
            return nil
        }
        var query: [(name: String, value: String)] = []
        if let mark = url.firstIndex(of: "?") {
            for part in url[url.index(after: mark)...].split(separator: "&") {
                let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                query.append((decoded(pair[0]), pair.count == 2 ? decoded(pair[1]) : ""))
            }
            url = String(url[..<mark])
        }
        let endpoint = try ServiceEndpoint(url: url, setting: "AWS_CONTAINER_CREDENTIALS_FULL_URI")
        guard endpoint.scheme == "https" || isOfThisMachine(endpoint.authority) else {
            throw RekeyError(
                .usage,
                "AWS_CONTAINER_CREDENTIALS_FULL_URI is plain http to another machine; use https, a loopback address, "
                    + "169.254.170.2, 169.254.170.23 or fd00:ec2::23")
        }
        return HTTPRequest(
            scheme: endpoint.scheme, authority: endpoint.authority,
            path: endpoint.basePath.isEmpty ? "/" : endpoint.basePath, query: query,
            headers: [("Accept", "application/json")], responseLimit: 1 << 20, connectTimeout: .seconds(2),
            stallTimeout: .seconds(2), totalTimeout: .seconds(5))
    }

    private static func decoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isOfThisMachine(_ authority: String) -> Bool {
        let host: Substring
        if authority.hasPrefix("[") {
            host = authority.dropFirst().prefix { $0 != "]" }
        } else {
            host = authority.prefix { $0 != ":" }
        }
        if ["localhost", "169.254.170.2", "169.254.170.23", "fd00:ec2::23", "::1"].contains(host.lowercased()) {
            return true
        }
        var address = in_addr()
        return inet_pton(AF_INET, String(host), &address) == 1 && UInt32(bigEndian: address.s_addr) >> 24 == 127
    }

    private func containerToken() throws(RekeyError) -> String? {
        let environment = settings.environment
        let token: String
        if let path = environment.value("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            token = try secretFile(path, "container authorization token")
        } else if let value = environment.value("AWS_CONTAINER_AUTHORIZATION_TOKEN") {
            token = value
        } else {
            return nil
        }
        guard HTTPRequest.isHeaderValue(token) else {
            throw RekeyError(
                .permission,
                "the container authorization token holds a line end or another control character; write it anew")
        }
        return token
    }

    // MARK: EC2 instances

    private struct Metadata {
        var endpoint: ServiceEndpoint
        var timeout: Duration
        var attempts: Int
    }

    /// Credentials of the instance's role by IMDSv2; nil, and why, where there is no such service or it has no role.
    func instanceCredentials() throws(RekeyError) -> (found: Credentials?, answer: String) {
        if settings.environment.value("AWS_EC2_METADATA_DISABLED")?.lowercased() == "true" {
            return (nil, "off by AWS_EC2_METADATA_DISABLED")
        }
        let isIPv6 =
            setting("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ec2_metadata_service_endpoint_mode")?.lowercased()
            == "ipv6"
        let url =
            setting("AWS_EC2_METADATA_SERVICE_ENDPOINT", "ec2_metadata_service_endpoint")
            ?? (isIPv6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254")
        func number(_ variable: String, _ name: String) -> Int {
            setting(variable, name).flatMap { Int($0) }.flatMap { $0 > 0 ? min($0, 3600) : nil } ?? 1
        }
        let metadata = Metadata(
            endpoint: try ServiceEndpoint(url: url, setting: "AWS_EC2_METADATA_SERVICE_ENDPOINT"),
            timeout: .seconds(number("AWS_METADATA_SERVICE_TIMEOUT", "metadata_service_timeout")),
            attempts: number("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "metadata_service_num_attempts"))
        do throws(NoMetadata) {
            return (try fromInstance(metadata), "")
        } catch {
            return (nil, error.reason)
        }
    }

    /// Why the chain goes on.
    private struct NoMetadata: Error {
        var reason: String
    }

    private func fromInstance(_ metadata: Metadata) throws(NoMetadata) -> Credentials {
        let host = metadata.endpoint.authority
        let token = try ask(
            metadata, "PUT", "/latest/api/token", [("X-aws-ec2-metadata-token-ttl-seconds", "21600")])
        guard let token = String(validating: token, as: UTF8.self), HTTPRequest.isHeaderValue(token) else {
            throw NoMetadata(reason: "\(host) gave no token")
        }
        let headers = [(name: "X-aws-ec2-metadata-token", value: token)]
        let folder = "/latest/meta-data/iam/security-credentials/"
        let list = String(decoding: try ask(metadata, "GET", folder, headers), as: UTF8.self)
        guard let role = list.split(whereSeparator: \.isNewline).first.map({ String($0).trimmed }),
            (1...64).contains(role.utf8.count),
            role.utf8.allSatisfy({ PercentEncoding.isUnreserved($0) || "+=,@".utf8.contains($0) })
        else { throw NoMetadata(reason: "\(host) has no role") }
        let body = try ask(metadata, "GET", folder + PercentEncoding.encode(role), headers)
        let source = "instance metadata of \(host)"
        do throws(RekeyError) {
            var found = try Self.fromEndpoint(
                try JSONReader.parse(body, source: source), source: source, origin: "instance metadata (role \(role))")
            // Where the service cannot renew them it gives old ones, which AWS goes on to accept: asked for again in a while.
            if let expiration = found.expiration { found.expiration = max(expiration, now() + 20 * 60) }
            return found
        } catch {
            throw NoMetadata(reason: "\(host) gave no whole credentials")
        }
    }

    /// The body of an answer with status 200.
    private func ask(
        _ metadata: Metadata, _ method: String, _ path: String, _ headers: [(name: String, value: String)]
    ) throws(NoMetadata) -> [UInt8] {
        let request = HTTPRequest(
            method: method, scheme: metadata.endpoint.scheme, authority: metadata.endpoint.authority,
            path: metadata.endpoint.basePath + path, headers: headers, responseLimit: 64 << 10,
            connectTimeout: metadata.timeout, stallTimeout: metadata.timeout, totalTimeout: metadata.timeout)
        var reason = ""
        for _ in 0..<metadata.attempts {
            do throws(TransportError) {
                let answer = try http.sendBlocking(request)
                if answer.status == 200, !answer.body.isEmpty { return answer.body }
                reason = "\(request.authority) answered with status \(answer.status)"
            } catch {
                reason = "no answer from \(request.authority)"
            }
        }
        throw NoMetadata(reason: reason)
    }

    private static func fromEndpoint(
        _ tree: JSONTree, source: String, origin: String
    ) throws(RekeyError) -> Credentials {
        try credentials(tree, token: "Token", needsExpiration: true, source: source, origin: origin)
    }
}
