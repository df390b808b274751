package import ByteStreams

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// `~/.aws/config` and `~/.aws/credentials` (or `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE`), and which profile counts.
///
/// Source: "Configuration and credential file settings", AWS CLI User Guide; details as botocore reads them.
package struct SharedConfiguration: Sendable {
    package let configurationPath: String
    package let credentialsPath: String
    /// All profiles by name. Settings of the credentials file win over those of the config file.
    package private(set) var profiles: [String: ConfigurationSection] = [:]
    /// `[sso-session name]`.
    package private(set) var sessions: [String: ConfigurationSection] = [:]
    /// `[services name]`.
    package private(set) var services: [String: ConfigurationSection] = [:]
    /// The profile that counts: `--profile`, `AWS_PROFILE`, `AWS_DEFAULT_PROFILE`, else `default`.
    package let profileName: String
    /// Whether `--profile` named it; then keys in the environment do not count.
    package let isProfileExplicit: Bool
    /// Of the config file alone.
    private(set) var configurationProfiles: [String: ConfigurationSection] = [:]
    /// Of the credentials file alone.
    private(set) var credentialsProfiles: [String: ConfigurationSection] = [:]

    /// The profile that counts; empty where there is none.
    package var profile: ConfigurationSection { profiles[profileName] ?? ConfigurationSection() }

    /// Reads both files. A missing one is empty.
    ///
    /// - Throws: `.badInput` with file and line where one is malformed, `.permission` or `.inputOutput` where one cannot be read,
    ///   `.usage` where the profile asked for does not exist.
    package static func load(_ settings: AWSSettings) throws(RekeyError) -> SharedConfiguration {
        let environment = settings.environment
        return try SharedConfiguration(
            settings: settings,
            configurationPath: UserPath.expanded(environment["AWS_CONFIG_FILE"] ?? "~/.aws/config", environment),
            credentialsPath: UserPath.expanded(
                environment["AWS_SHARED_CREDENTIALS_FILE"] ?? "~/.aws/credentials", environment))
    }

    private init(settings: AWSSettings, configurationPath: String, credentialsPath: String) throws(RekeyError) {
        self.configurationPath = configurationPath
        self.credentialsPath = credentialsPath
        let environment = settings.environment
        let named = settings.profile ?? environment.value("AWS_PROFILE") ?? environment.value("AWS_DEFAULT_PROFILE")
        profileName = named ?? "default"
        isProfileExplicit = settings.profile != nil
        for (name, section) in try ConfigurationFile.read(configurationPath).sections {
            if name == "default" {
                configurationProfiles[name] = section
            } else if let words = ShellWords.split(name), words.count == 2, name.hasPrefix(words[0]) {
                switch words[0] {
                case "profile": configurationProfiles[words[1]] = section
                case "sso-session": sessions[words[1]] = section
                case "services": services[words[1]] = section
                default: break
                }
            }
        }
        profiles = configurationProfiles
        for (name, section) in try ConfigurationFile.read(credentialsPath).sections {
            credentialsProfiles[name] = section
            profiles[name, default: ConfigurationSection()].merge(section)
        }
        if let named, profiles[named] == nil {
            throw RekeyError(
                .usage,
                "there is no profile '\(named)' in \(configurationPath) or \(credentialsPath); \(Self.known(profiles.keys))"
            )
        }
    }

    /// What a message says of the profiles that there are.
    private static func known(_ names: some Collection<String>) -> String {
        if names.isEmpty { return "there are no profiles at all: run `aws configure`" }
        let sorted = names.sorted()
        let more = sorted.count > 20 ? " and \(sorted.count - 20) more" : ""
        return "there are: \(sorted.prefix(20).joined(separator: ", "))\(more)"
    }
}

/// Paths as users write them in settings.
enum UserPath {
    /// With `$NAME` and `${NAME}` replaced where they are set, then `~` at the start by the home directory.
    static func expanded(_ path: String, _ environment: [String: String]) -> String {
        var text = ""
        var rest = Substring(path)
        while let dollar = rest.firstIndex(of: "$") {
            text += rest[..<dollar]
            rest = rest[dollar...]
            let after = rest.dropFirst()
            let isBraced = after.first == "{"
            let name = (isBraced ? after.dropFirst() : after).prefix {
                isBraced ? $0 != "}" : $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_")
            }
            let isClosed = isBraced && name.endIndex < rest.endIndex
            let end = isClosed ? rest.index(after: name.endIndex) : name.endIndex
            let value = isBraced == isClosed ? environment[String(name)] : nil
            text += value ?? String(rest[..<end])
            rest = rest[end...]
        }
        text += rest
        guard text == "~" || text.hasPrefix("~/"), let home = environment["HOME"] ?? homeOfUser() else { return text }
        return withoutTrailingSlash(home) + text.dropFirst()
    }

    private static func withoutTrailingSlash(_ path: String) -> String {
        var path = path
        while path.hasSuffix("/") { path.removeLast() }
        return path
    }

    /// Of the user database, for services that are started without `HOME`.
    private static func homeOfUser() -> String? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16 << 10) { buffer in
            guard getpwuid_r(getuid(), &entry, buffer.baseAddress!, buffer.count, &found) == 0, found != nil,
                let directory = entry.pw_dir
            else { return nil }
            return String(cString: directory)
        }
    }
}
