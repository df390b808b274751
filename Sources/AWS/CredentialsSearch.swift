import ByteStreams

/// One walk through all places where the AWS CLI looks for credentials, in its order.
///
/// Source: `create_credential_resolver` of botocore 1.43; "Configure settings for the AWS CLI", AWS CLI User Guide.
/// No error holds a key, a token, the output of a process or the text of an answer.
struct CredentialsSearch {
    let settings: AWSSettings
    let configuration: SharedConfiguration
    let http: HTTPClient
    let now: @Sendable () -> Int

    /// - Throws: `.permission` where there are none; `.usage` for settings that contradict each other.
    func find() throws(RekeyError) -> Credentials {
        let isExplicit = configuration.isProfileExplicit
        let name = configuration.profileName
        if !isExplicit, let found = try environmentCredentials() { return found }
        if let found = try roleOfProfile(name) { return found }
        if let found = try profileCredentials(name, usesEnvironment: !isExplicit) { return found }
        if let found = try containerCredentials() { return found }
        let (found, answer) = try instanceCredentials()
        guard let found else { throw nothing(metadata: answer) }
        return found
    }

    /// The sources that a profile stands for, but for the assuming of its role; nil where it has none of them.
    func profileCredentials(_ name: String, usesEnvironment: Bool) throws(RekeyError) -> Credentials? {
        if let found = try webIdentity(name, usesEnvironment: usesEnvironment) { return found }
        let profile = configuration.profiles[name] ?? ConfigurationSection()
        if profile["sso_account_id"] != nil || profile["sso_role_name"] != nil {
            return try exportedCredentials(of: name, because: .singleSignOn)
        }
        if let found = try keys(of: configuration.credentialsProfiles[name], name, configuration.credentialsPath) {
            return found
        }
        if profile["login_session"] != nil { return try exportedCredentials(of: name, because: .login) }
        if let command = profile["credential_process"] { return try processCredentials(command, profile: name) }
        return try keys(of: configuration.configurationProfiles[name], name, configuration.configurationPath)
    }

    // MARK: Keys as they stand

    /// `AWS_ACCESS_KEY_ID` and its like; nil where they are not set.
    func environmentCredentials() throws(RekeyError) -> Credentials? {
        let environment = settings.environment
        guard let key = environment.value("AWS_ACCESS_KEY_ID") else { return nil }
        guard let secret = environment.value("AWS_SECRET_ACCESS_KEY") else {
            throw RekeyError(
                .permission, "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not; set both or none of them")
        }
        var expiration: Int?
        if let text = environment.value("AWS_CREDENTIAL_EXPIRATION") {
            expiration = InternetDate.seconds(text)
            guard expiration != nil else {
                throw RekeyError(
                    .usage, "AWS_CREDENTIAL_EXPIRATION is not a time such as 2026-01-31T12:00:00Z; correct or unset it")
            }
        }
        return Credentials(
            accessKeyID: key, secretAccessKey: secret,
            sessionToken: environment.value("AWS_SECURITY_TOKEN") ?? environment.value("AWS_SESSION_TOKEN"),
            expiration: expiration, origin: "environment")
    }

    /// The keys of one file's section; nil where it has none.
    private func keys(
        of section: ConfigurationSection?, _ name: String, _ path: String
    ) throws(RekeyError) -> Credentials? {
        guard let section, let key = section["aws_access_key_id"] else { return nil }
        guard let secret = section["aws_secret_access_key"] else {
            throw RekeyError(
                .permission, "profile \(name) has aws_access_key_id and no aws_secret_access_key; write both",
                source: path)
        }
        return Credentials(
            accessKeyID: key, secretAccessKey: secret,
            sessionToken: section["aws_security_token"] ?? section["aws_session_token"],
            origin: "profile \(name) (\(path))")
    }

    /// A variable's value, else the one of the profile that counts.
    func setting(_ variable: String, _ name: String) -> String? {
        settings.environment.value(variable) ?? configuration.profile[name]
    }

    /// Where was looked, and what to do.
    private func nothing(metadata: String) -> RekeyError {
        let name = configuration.profileName
        let environment =
            configuration.isProfileExplicit
            ? "not the environment (--profile is given)" : "environment (no AWS_ACCESS_KEY_ID)"
        let kept = configuration.profiles[name] == nil ? "which does not exist" : "which has none"
        return RekeyError(
            .permission,
            "there are no AWS credentials; looked for in: \(environment), profile \(name) of "
                + "\(configuration.configurationPath) and \(configuration.credentialsPath) (\(kept)), "
                + "container (no AWS_CONTAINER_CREDENTIALS_*_URI), instance metadata (\(metadata)); "
                + "run `aws configure` or `aws sso login`, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
                + "or name a profile with --profile")
    }
}

/// A profile's name as a shell takes it as one word.
func shellQuoted(_ text: String) -> String {
    let isPlain =
        !text.isEmpty && text.utf8.allSatisfy { PercentEncoding.isUnreserved($0) || "/:@+,=".utf8.contains($0) }
    if isPlain { return text }
    return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
}

/// Times of the internet (RFC 3339), in the variants that tools write.
package enum InternetDate {
    /// Seconds since 1970 of `2026-01-31T12:00:00Z`; a space for the T, fractions and offsets such as `+01:00` and `+0100` are
    /// understood, and no zone means UTC. nil for every other form.
    package static func seconds(_ text: String) -> Int? {
        var rest = Array(text.utf8)[...]
        func number(_ digits: Int) -> Int? {
            guard rest.count >= digits, rest.prefix(digits).allSatisfy({ (0x30...0x39).contains($0) }) else {
                return nil
            }
            defer { rest = rest.dropFirst(digits) }
            return rest.prefix(digits).reduce(0) { $0 * 10 + Int($1 - 0x30) }
        }
        func skip(_ marks: String) -> Bool {
            guard let next = rest.first, marks.utf8.contains(next) else { return false }
            rest = rest.dropFirst()
            return true
        }
        guard let year = number(4), skip("-"), let month = number(2), skip("-"), let day = number(2), skip("Tt "),
            let hour = number(2), skip(":"), let minute = number(2), skip(":"), let second = number(2),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60
        else { return nil }
        if skip(".") {
            guard number(1) != nil else { return nil }
            while number(1) != nil {}
        }
        var offset = 0
        if let sign = rest.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") {
            rest = rest.dropFirst()
            guard let hours = number(2) else { return nil }
            _ = skip(":")
            guard let minutes = number(2), hours < 24, minutes < 60 else { return nil }
            offset = (hours * 3600 + minutes * 60) * (sign == UInt8(ascii: "+") ? 1 : -1)
        } else {
            _ = skip("Zz")
        }
        guard rest.isEmpty else { return nil }
        return CivilDate.days(year: year, month: month, day: day) * 86_400 + hour * 3600 + minute * 60 + second - offset
    }
}
