package import ByteStreams

/// The region: `--region`, `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's `region`; nil where none is set.
///
/// - Throws: `.usage` for what cannot be the name of a region.
package func resolveRegion(
    _ settings: AWSSettings, _ configuration: SharedConfiguration
) throws(RekeyError) -> String? {
    let environment = settings.environment
    let choices: [(setting: String, value: String?)] = [
        ("--region", settings.region), ("AWS_REGION", environment.value("AWS_REGION")),
        ("AWS_DEFAULT_REGION", environment.value("AWS_DEFAULT_REGION")),
        ("region of profile \(configuration.profileName)", configuration.profile["region"]),
    ]
    for case (let setting, let region?) in choices {
        guard HostName.isLabel(region) else {
            throw RekeyError(.usage, "\(setting) is no name of a region such as us-east-1; correct it")
        }
        return region
    }
    return nil
}

/// How often one request is sent at most: `AWS_MAX_ATTEMPTS`, the profile's `max_attempts`; nil for the service's own.
///
/// - Throws: `.usage` for what is not 1 or more.
package func resolveMaximumAttempts(
    _ settings: AWSSettings, _ configuration: SharedConfiguration
) throws(RekeyError) -> Int? {
    let variable = settings.environment.value("AWS_MAX_ATTEMPTS")
    guard let text = variable ?? configuration.profile["max_attempts"] else { return nil }
    guard let count = Int(text), count > 0 else {
        let setting = variable == nil ? "max_attempts of profile \(configuration.profileName)" : "AWS_MAX_ATTEMPTS"
        throw RekeyError(.usage, "\(setting) is not a number of attempts; set it to 1 or more")
    }
    return count
}

/// A file of trusted certificates in place of the system's: `AWS_CA_BUNDLE`, the profile's `ca_bundle`, `REQUESTS_CA_BUNDLE`, in
/// the order of the AWS CLI.
package func resolveCertificateBundle(_ settings: AWSSettings, _ configuration: SharedConfiguration) -> String? {
    let environment = settings.environment
    return
        (environment.value("AWS_CA_BUNDLE") ?? configuration.profile["ca_bundle"]
        ?? environment.value("REQUESTS_CA_BUNDLE"))
        .map { UserPath.expanded($0, environment) }
}

/// Where a service is reached: `--endpoint-url`, `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL`, the profile's section of
/// `services`, its `endpoint_url`, else AWS's own host in the region. `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` leaves the first and
/// the last.
///
/// Sources: "Service-specific endpoints" and "Dual-stack and FIPS endpoints", AWS SDKs and Tools Reference Guide.
///
/// - Throws: `.usage` for an endpoint that is no address, and for a section of services that does not exist.
package func resolveEndpoint(
    _ service: AWSService, _ settings: AWSSettings, _ configuration: SharedConfiguration, region: String
) throws(RekeyError) -> ServiceEndpoint {
    if let (url, setting) = try configuredEndpoint(service, settings, configuration) {
        return try ServiceEndpoint(url: url, setting: setting)
    }
    func isOn(_ variable: String, _ name: String) -> Bool {
        isTrue(settings.environment.value(variable) ?? configuration.profile[name])
    }
    return ServiceEndpoint(
        authority: HostName.of(
            service, region: region, usesFIPS: isOn("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
            usesDualStack: isOn("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint")))
}

private func configuredEndpoint(
    _ service: AWSService, _ settings: AWSSettings, _ configuration: SharedConfiguration
) throws(RekeyError) -> (url: String, setting: String)? {
    if let url = settings.endpointURL { return (url, "--endpoint-url") }
    let environment = settings.environment
    let profile = configuration.profile
    if isTrue(environment.value("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") ?? profile["ignore_configured_endpoint_urls"]) {
        return nil
    }
    for variable in ["AWS_ENDPOINT_URL_\(service.variableName)", "AWS_ENDPOINT_URL"] {
        if let url = environment.value(variable) { return (url, variable) }
    }
    if let name = profile["services"] {
        guard let section = configuration.services[name] else {
            throw RekeyError(
                .usage,
                "profile \(configuration.profileName) names the section [services \(name)], which does not exist; write it",
                source: configuration.configurationPath)
        }
        if let url = section.groups[service.variableName.lowercased()]?["endpoint_url"], !url.isEmpty {
            return (url, "endpoint_url of [services \(name)]")
        }
    }
    return profile["endpoint_url"].map { ($0, "endpoint_url of profile \(configuration.profileName)") }
}

/// Only `true` is, in any case.
private func isTrue(_ value: String?) -> Bool { value?.lowercased() == "true" }

extension ServiceEndpoint {
    /// Where requests on a bucket go, as an endpoint of its own: virtual-host style (`bucket.s3.us-east-1.amazonaws.com`) on AWS,
    /// path style (`host/bucket`) on a user's endpoint and for names that no certificate fits, such as those with a dot.
    /// `addressing_style` of the profile's `s3` settings, `path` or `virtual`, decides where both would do.
    package func bucket(_ name: String, _ configuration: SharedConfiguration) -> ServiceEndpoint {
        let style = configuration.profile.groups["s3"]?["addressing_style"]
        var copy = self
        if HostName.isLabel(name), style == "virtual" || (style != "path" && !isCustom) {
            copy.authority = "\(name).\(authority)"
        } else {
            copy.basePath += "/" + PercentEncoding.encode(name)
        }
        return copy
    }
}

/// Hosts of AWS itself. Source: the endpoint rule sets of the services' models, as in botocore.
private enum HostName {
    /// Letters in lower case, digits and hyphens, at most 63: one label of a host.
    static func isLabel(_ text: String) -> Bool {
        (1...63).contains(text.utf8.count) && text.utf8.first != UInt8(ascii: "-")
            && text.utf8.last != UInt8(ascii: "-")
            && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
    }

    private struct Partition {
        var prefix: String
        var suffix: String
        /// Of hosts that have IPv6 too.
        var dualStackSuffix: String
    }

    private static let partitions = [
        Partition(prefix: "cn-", suffix: "amazonaws.com.cn", dualStackSuffix: "api.amazonwebservices.com.cn"),
        Partition(prefix: "us-gov-", suffix: "amazonaws.com", dualStackSuffix: "api.aws"),
        Partition(prefix: "us-iso-", suffix: "c2s.ic.gov", dualStackSuffix: "api.aws.ic.gov"),
        Partition(prefix: "us-isob-", suffix: "sc2s.sgov.gov", dualStackSuffix: "api.aws.scloud"),
        Partition(prefix: "us-isof-", suffix: "csp.hci.ic.gov", dualStackSuffix: "api.aws.hci.ic.gov"),
        Partition(prefix: "eu-isoe-", suffix: "cloud.adc-e.uk", dualStackSuffix: "api.cloud-aws.adc-e.uk"),
        Partition(prefix: "eusc-", suffix: "amazonaws.eu", dualStackSuffix: "api.amazonwebservices.eu"),
        Partition(prefix: "", suffix: "amazonaws.com", dualStackSuffix: "api.aws"),
    ]

    static func of(_ service: AWSService, region: String, usesFIPS: Bool, usesDualStack: Bool) -> String {
        let partition = partitions.first { region.hasPrefix($0.prefix) } ?? partitions[partitions.count - 1]
        var name = service.signingName
        // In GovCloud plain hosts are the validated ones.
        let isPlain =
            partition.prefix == "us-gov-" && (service == .cloudwatch || (service != .s3 && !usesDualStack))
        if usesFIPS, !isPlain { name += "-fips" }
        if service == .s3 {
            return "\(name).\(usesDualStack ? "dualstack." : "")\(region).\(partition.suffix)"
        }
        return "\(name).\(region).\(usesDualStack ? partition.dualStackSuffix : partition.suffix)"
    }
}
