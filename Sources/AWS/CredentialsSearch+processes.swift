import ByteStreams
import Items

/// Credentials that a program prints: the profile's `credential_process`, or the AWS CLI for what only it can do.
///
/// Source: "Sourcing credentials with an external process" (AWS CLI User Guide); `aws configure export-credentials`.
extension CredentialsSearch {
    /// Why the AWS CLI is asked.
    enum ExportReason {
        case singleSignOn
        case login
        case secondFactor
    }

    private static let largestOutput = 1 << 20
    private static let timeLimit = Duration.seconds(60)

    /// What the command prints. It is split into words as by a shell, but no shell runs it; its input is empty, and what it
    /// writes to its error output is dropped.
    func processCredentials(_ command: String, profile: String) throws(RekeyError) -> Credentials {
        let source = "credential_process of profile \(profile)"
        guard let words = ShellWords.split(command), !words.isEmpty else {
            throw RekeyError(.usage, "the command has a quote that is not closed; correct it", source: source)
        }
        let output: [UInt8]
        do throws(ChildCommand.Failure) {
            output = try run(words)
        } catch {
            throw RekeyError(.permission, "the command \(error); run it by hand to see why", source: source)
        }
        return try printed(output, source: source, origin: "profile \(profile) (credential_process)")
    }

    /// What the AWS CLI finds for a profile.
    func exportedCredentials(of profile: String, because reason: ExportReason) throws(RekeyError) -> Credentials {
        let source = "profile \(profile)"
        let name = shellQuoted(profile)
        let (what, remedy) =
            switch reason {
            case .singleSignOn: ("signs in by single sign-on", "`aws sso login --profile \(name)`")
            case .login: ("signs in by `aws login`", "`aws login --profile \(name)`")
            case .secondFactor:
                (
                    "has an mfa_serial, and its role needs a code",
                    "`aws sts get-caller-identity --profile \(name)`, which asks for the code and keeps the session"
                )
            }
        let words = ["aws", "configure", "export-credentials", "--profile", profile, "--format", "process"]
        let output: [UInt8]
        do throws(ChildCommand.Failure) {
            output = try run(words)
        } catch .notFound {
            throw RekeyError(
                .permission,
                "the profile \(what), for which version 2 of the AWS CLI is needed, and there is no `aws` in PATH; install it and run "
                    + remedy + ", or put temporary keys in the environment", source: source)
        } catch {
            throw RekeyError(
                .permission,
                "the profile \(what), and `aws configure export-credentials`, of version 2 of the AWS CLI, \(error); run \(remedy), then try again",
                source: source)
        }
        return try printed(
            output, source: "aws configure export-credentials --profile \(name)", origin: "profile \(profile) (AWS CLI)"
        )
    }

    private func run(_ words: [String]) throws(ChildCommand.Failure) -> [UInt8] {
        try ChildCommand.run(
            words, environment: settings.environment, limit: Self.largestOutput, timeLimit: Self.timeLimit)
    }

    private func printed(_ output: [UInt8], source: String, origin: String) throws(RekeyError) -> Credentials {
        guard let tree = try? JSONReader.parse(output, source: source) else {
            throw RekeyError(.permission, "the output is not JSON; run the command by hand to see it", source: source)
        }
        guard tree["Version"]?.count == 1 else {
            throw RekeyError(.permission, "the output is not of \"Version\": 1, the only one known", source: source)
        }
        return try Self.credentials(tree, token: "SessionToken", needsExpiration: false, source: source, origin: origin)
    }

    /// The keys in an object of JSON.
    ///
    /// - Parameter token: the member with the session token.
    static func credentials(
        _ tree: JSONTree, token: String, needsExpiration: Bool, source: String, origin: String
    ) throws(RekeyError) -> Credentials {
        func missing(_ name: String) -> RekeyError {
            RekeyError(.permission, "the credentials have no \(name); check what gives them", source: source)
        }
        guard let key = tree["AccessKeyId"]?.string, !key.isEmpty else { throw missing("AccessKeyId") }
        guard let secret = tree["SecretAccessKey"]?.string, !secret.isEmpty else { throw missing("SecretAccessKey") }
        var credentials = Credentials(
            accessKeyID: key, secretAccessKey: secret, sessionToken: tree[token]?.string, origin: origin)
        if let text = tree["Expiration"]?.string {
            credentials.expiration = InternetDate.seconds(text)
            guard credentials.expiration != nil else {
                throw RekeyError(
                    .permission, "the Expiration of the credentials is not a time such as 2026-01-31T12:00:00Z",
                    source: source)
            }
        } else if needsExpiration {
            throw missing("Expiration")
        }
        return credentials
    }
}
