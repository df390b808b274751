import ByteStreams

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Roles: STS gives temporary keys for other credentials or for the token of an identity provider.
///
/// Source: "Using an IAM role in the AWS CLI" (User Guide); AssumeRole and AssumeRoleWithWebIdentity (STS API Reference).
extension CredentialsSearch {
    /// Credentials of the profile's role; nil where it has none, or gets it by web identity.
    func roleOfProfile(_ name: String) throws(RekeyError) -> Credentials? {
        var visited = [name]
        return try assumedRole(name, &visited)
    }

    private func assumedRole(_ name: String, _ visited: inout [String]) throws(RekeyError) -> Credentials? {
        guard let profile = configuration.profiles[name], let role = profile["role_arn"], !hasWebIdentity(profile)
        else { return nil }
        if profile["mfa_serial"] != nil { return try exportedCredentials(of: name, because: .secondFactor) }
        let source = try sourceCredentials(profile, name, &visited)
        var form = [
            ("Action", "AssumeRole"), ("Version", "2011-06-15"), ("RoleArn", role),
            ("RoleSessionName", profile["role_session_name"] ?? "rekey-\(now())"),
        ]
        if let external = profile["external_id"] { form.append(("ExternalId", external)) }
        if let text = profile["duration_seconds"] {
            guard let seconds = Int(text), seconds > 0 else {
                throw bad("profile \(name) has a duration_seconds that is no number of seconds; correct it")
            }
            form.append(("DurationSeconds", String(seconds)))
        }
        let region = try securityTokenRegion()
        let client = ServiceClient(
            service: .sts, region: region,
            endpoint: try securityTokenEndpoint(region),
            credentials: StaticCredentials(source), http: http,
            maximumAttempts: try resolveMaximumAttempts(settings, configuration), now: now)
        let answer: HTTPResponse
        do throws(ServiceError) {
            answer = try client.sendBlocking(Self.request(form, authority: client.endpoint.authority))
        } catch {
            throw refusal(error, role: role, profile: name)
        }
        return try credentials(in: answer, "AssumeRole", origin: "profile \(name) (role \(role) by \(source.origin))")
    }

    /// What signs the request for the role.
    private func sourceCredentials(
        _ profile: ConfigurationSection, _ name: String, _ visited: inout [String]
    ) throws(RekeyError) -> Credentials {
        switch (profile["source_profile"], profile["credential_source"]) {
        case (nil, nil):
            throw bad(
                "profile \(name) has a role_arn, and neither source_profile nor credential_source; write one of them")
        case (_?, _?):
            throw bad("profile \(name) has both source_profile and credential_source; remove one of them")
        case (nil, let source?): return try namedSource(source, name)
        case (let source?, nil): return try sourceProfile(source, of: name, &visited)
        }
    }

    private func namedSource(_ source: String, _ name: String) throws(RekeyError) -> Credentials {
        var found: Credentials?
        switch source.lowercased() {
        case "environment": found = try environmentCredentials()
        case "ecscontainer": found = try containerCredentials()
        case "ec2instancemetadata": (found, _) = try instanceCredentials()
        default:
            throw bad(
                "profile \(name) has a credential_source that is none of Environment, EcsContainer and Ec2InstanceMetadata; "
                    + "correct it")
        }
        guard let found else {
            throw RekeyError(
                .permission, "profile \(name) takes credentials from \(source), and there are none; provide them there",
                source: configuration.configurationPath)
        }
        return found
    }

    private func sourceProfile(
        _ source: String, of name: String, _ visited: inout [String]
    ) throws(RekeyError) -> Credentials {
        guard let profile = configuration.profiles[source] else {
            throw bad("profile \(name) names the source_profile \(source), which does not exist; write it")
        }
        let hasKeys = profile["aws_access_key_id"] != nil || profile["aws_secret_access_key"] != nil
        // A profile may be its own source where it has keys.
        if visited.contains(source), !(source == name && hasKeys) {
            let circle = (visited + [source]).joined(separator: " -> ")
            throw bad("the source_profile settings go in a circle: \(circle); let one of them name a profile with keys")
        }
        visited.append(source)
        if !hasKeys, let found = try assumedRole(source, &visited) { return found }
        guard let found = try profileCredentials(source, usesEnvironment: false) else {
            throw RekeyError(
                .permission, "profile \(source), the source_profile of \(name), has no credentials; give it some",
                source: configuration.configurationPath)
        }
        return found
    }

    // MARK: Web identity

    private func hasWebIdentity(_ profile: ConfigurationSection) -> Bool { profile["web_identity_token_file"] != nil }

    /// Credentials for the token in a file; nil where none is named.
    func webIdentity(_ name: String, usesEnvironment: Bool) throws(RekeyError) -> Credentials? {
        let environment = usesEnvironment ? settings.environment : [:]
        let profile = configuration.profiles[name] ?? ConfigurationSection()
        guard let path = environment.value("AWS_WEB_IDENTITY_TOKEN_FILE") ?? profile["web_identity_token_file"] else {
            return nil
        }
        guard let role = environment.value("AWS_ROLE_ARN") ?? profile["role_arn"] else {
            throw RekeyError(
                .permission,
                "a web identity token is set and no role to take with it; set AWS_ROLE_ARN or the role_arn of profile \(name)"
            )
        }
        let token = try secretFile(UserPath.expanded(path, settings.environment), "web identity token")
        let form = [
            ("Action", "AssumeRoleWithWebIdentity"), ("Version", "2011-06-15"), ("RoleArn", role),
            (
                "RoleSessionName",
                environment.value("AWS_ROLE_SESSION_NAME") ?? profile["role_session_name"] ?? "rekey-\(now())"
            ),
            ("WebIdentityToken", token),
        ]
        let region = try securityTokenRegion()
        let endpoint = try securityTokenEndpoint(region)
        var request = Self.request(form, authority: endpoint.authority)
        request.scheme = endpoint.scheme
        request.path = endpoint.basePath + request.path
        let policy = RetryPolicy.standard(maximumAttempts: try resolveMaximumAttempts(settings, configuration) ?? 3)
        do throws(ServiceError) {
            let answer = try sendUnsigned(request, policy)
            return try document(answer, role: role)
        } catch {
            throw refusal(error, role: role, profile: name, secrets: [token])
        }
    }

    private func document(_ answer: HTTPResponse, role: String) throws(ServiceError) -> Credentials {
        do throws(RekeyError) {
            return try credentials(in: answer, "AssumeRoleWithWebIdentity", origin: "web identity (role \(role))")
        } catch {
            throw ServiceError(code: "", message: error.message, kind: .other)
        }
    }

    /// A 2xx answer to a request that carries its own proof.
    private func sendUnsigned(_ request: HTTPRequest, _ policy: RetryPolicy) throws(ServiceError) -> HTTPResponse {
        let start = ContinuousClock.now
        var failed = 0
        while true {
            let failure: ServiceError
            do throws(TransportError) {
                let answer = try http.sendBlocking(request)
                if (200..<300).contains(answer.status) { return answer }
                failure = ServiceError(answer)
            } catch {
                failure = ServiceError(error)
            }
            failed += 1
            let elapsed = ContinuousClock.now - start
            guard
                let delay = policy.delay(
                    after: failure, attempt: failed, elapsed: elapsed, jitter: Double.random(in: 0..<1),
                    retryAfter: failure.retryAfter)
            else { throw failure }
            usleep(UInt32(clamping: Int(delay / .microseconds(1))))
        }
    }

    // MARK: Requests and answers of STS

    /// The region that roles are asked for in.
    private func securityTokenRegion() throws(RekeyError) -> String {
        try resolveRegion(settings, configuration) ?? "us-east-1"
    }

    /// Without `--endpoint-url`, which is for the command's own services: a token is never sent there.
    private func securityTokenEndpoint(_ region: String) throws(RekeyError) -> ServiceEndpoint {
        var own = settings
        own.endpointURL = nil
        return try resolveEndpoint(.sts, own, configuration, region: region)
    }

    private static func request(_ form: [(name: String, value: String)], authority: String) -> HTTPRequest {
        let body = form.map { "\($0.name)=\(PercentEncoding.encode($0.value))" }.joined(separator: "&")
        return HTTPRequest(
            method: "POST", authority: authority,
            headers: [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")], body: Array(body.utf8),
            responseLimit: 1 << 20, totalTimeout: .seconds(60))
    }

    private func credentials(in answer: HTTPResponse, _ action: String, origin: String) throws(RekeyError)
        -> Credentials
    {
        let root = try XMLElement.parse(answer.body, source: "STS \(action)")
        let element = root["\(action)Result"]?["Credentials"]
        guard let key = element?["AccessKeyId"]?.text, let secret = element?["SecretAccessKey"]?.text,
            let token = element?["SessionToken"]?.text, let expires = element?["Expiration"]?.text,
            !key.isEmpty, !secret.isEmpty, let expiration = InternetDate.seconds(expires)
        else {
            throw RekeyError(
                .serviceGaveUp, "STS answered \(action) without whole credentials; check the endpoint of STS")
        }
        return Credentials(
            accessKeyID: key, secretAccessKey: secret, sessionToken: token, expiration: expiration, origin: origin)
    }

    private func refusal(_ error: ServiceError, role: String, profile: String, secrets: [String] = []) -> RekeyError {
        var error = error
        for secret in secrets where !secret.isEmpty && error.message.contains(secret) { error.message = "" }
        var failure = error.rekeyError(service: "STS", source: "role \(role) of profile \(profile)")
        // What STS refuses is the identity, not the user's data.
        if failure.code == .badInput || failure.code == .inputMissing { failure.code = .permission }
        return failure
    }

    /// The one token that a file holds.
    func secretFile(_ path: String, _ what: String) throws(RekeyError) -> String {
        guard isRegularFile(path) else {
            throw RekeyError(.permission, "the file of the \(what) does not exist; check its path", source: path)
        }
        let bytes = try readWhole(path, limit: 64 << 10)
        guard let text = String(validating: bytes, as: UTF8.self), !text.isEmpty else {
            throw RekeyError(.permission, "the file of the \(what) is empty or no text; write it anew", source: path)
        }
        return text
    }

    private func bad(_ message: String) -> RekeyError {
        RekeyError(.usage, message, source: configuration.configurationPath)
    }
}
