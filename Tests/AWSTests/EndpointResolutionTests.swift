import ByteStreams
import TestSupport
import Testing

@testable import AWS

@Suite struct EndpointResolutionTests {
    private func endpoint(
        _ service: AWSService, _ fixture: CredentialsFixture, _ settings: AWSSettings? = nil,
        region: String = "us-east-1"
    ) throws(RekeyError) -> ServiceEndpoint {
        let settings = settings ?? fixture.settings()
        return try resolveEndpoint(service, settings, try SharedConfiguration.load(settings), region: region)
    }

    private func text(_ endpoint: ServiceEndpoint) -> String {
        "\(endpoint.scheme)://\(endpoint.authority)\(endpoint.basePath)"
    }

    @Test func orderOfEndpoints() throws {
        try withTemporaryDirectory { folder in
            var fixture = CredentialsFixture(folder)
            #expect(try text(endpoint(.dynamodb, fixture)) == "https://dynamodb.us-east-1.amazonaws.com")
            #expect(try endpoint(.dynamodb, fixture).isCustom == false)
            try fixture.write(
                ".aws/config",
                """
                [default]
                endpoint_url = http://profile
                services = local
                [services local]
                dynamodb =
                  endpoint_url = http://section-dynamodb
                cloudwatch_logs =
                  endpoint_url = http://section-logs/base/
                [profile other]
                services = missing
                """)
            #expect(try text(endpoint(.dynamodb, fixture)) == "http://section-dynamodb")
            #expect(try text(endpoint(.logs, fixture)) == "http://section-logs/base")
            #expect(try text(endpoint(.cloudwatch, fixture)) == "http://profile")
            #expect(try endpoint(.cloudwatch, fixture).isCustom)
            let missing = rekeyFailure { _ = try endpoint(.s3, fixture, fixture.settings(profile: "other")) }
            #expect(missing?.code == .usage && missing?.message.contains("[services missing]") == true)

            fixture.environment["AWS_ENDPOINT_URL"] = "http://all:8000"
            for service in AWSService.allCases { #expect(try text(endpoint(service, fixture)) == "http://all:8000") }
            for service in AWSService.allCases {
                fixture.environment["AWS_ENDPOINT_URL_\(service.variableName)"] = "http://only-\(service)"
            }
            for service in AWSService.allCases {
                #expect(try text(endpoint(service, fixture)) == "http://only-\(service)")
            }
            let flag = fixture.settings(endpoint: "https://flag:443/x")
            #expect(try text(endpoint(.s3, fixture, flag)) == "https://flag/x")
            fixture.environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "TRUE"
            #expect(try text(endpoint(.s3, fixture)) == "https://s3.us-east-1.amazonaws.com")
            #expect(try text(endpoint(.s3, fixture, fixture.settings(endpoint: "http://f"))) == "http://f")
        }
    }

    @Test func badEndpointsNameTheirSetting() throws {
        try withTemporaryDirectory { folder in
            var fixture = CredentialsFixture(folder)
            fixture.environment["AWS_ENDPOINT_URL_STS"] = "localhost:\(CredentialsFixture.mark)"
            let error = rekeyFailure { _ = try endpoint(.sts, fixture) }
            #expect(error?.code == .usage && error?.message.contains("AWS_ENDPOINT_URL_STS") == true)
        }
    }

    /// What botocore uses for the same settings.
    @Test func endpointsAsBotocore() throws {
        let config = """
            [default]
            services = local
            endpoint_url = http://profile:1
            [services local]
            s3 =
              endpoint_url = http://section:2
            [profile plain]
            use_dualstack_endpoint = true
            [profile ignoring]
            ignore_configured_endpoint_urls = true
            endpoint_url = http://profile:1
            use_fips_endpoint = TRUE
            """
        typealias Case = ConfigurationTests.Case
        let cases = [
            Case(comparesEndpoints: true), Case(config: config, comparesEndpoints: true),
            Case(config: config, environment: ["AWS_ENDPOINT_URL_STS": "http://sts:3"], comparesEndpoints: true),
            Case(
                config: config,
                environment: ["AWS_ENDPOINT_URL": "http://all:3", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": "http://l:4"],
                comparesEndpoints: true),
            Case(config: config, environment: ["AWS_ENDPOINT_URL_S3": ""], comparesEndpoints: true),
            Case(config: config, profile: "plain", comparesEndpoints: true),
            Case(
                config: config, environment: ["AWS_USE_FIPS_ENDPOINT": "true"], profile: "plain",
                comparesEndpoints: true),
            Case(config: config, profile: "ignoring", comparesEndpoints: true),
            Case(
                config: config,
                environment: ["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true", "AWS_ENDPOINT_URL": "http://x"],
                comparesEndpoints: true),
        ]
        try ConfigurationTests().compare(cases) { item, fixture, answer in
            let settings = fixture.settings(profile: item.profile)
            for service in AWSService.allCases {
                let ours = text(try endpoint(service, fixture, settings, region: "eu-central-1"))
                #expect(ours == answer.endpoints?[service.rawValue], "\(service): \(item)")
            }
        }
    }

    @Test(
        arguments: [
            (AWSService.dynamodb, "cn-north-1", false, false, "dynamodb.cn-north-1.amazonaws.com.cn"),
            (.dynamodb, "us-gov-west-1", true, false, "dynamodb.us-gov-west-1.amazonaws.com"),
            (.dynamodb, "us-gov-west-1", true, true, "dynamodb-fips.us-gov-west-1.api.aws"),
            (.dynamodb, "us-iso-east-1", false, false, "dynamodb.us-iso-east-1.c2s.ic.gov"),
            (.dynamodb, "us-isob-east-1", false, false, "dynamodb.us-isob-east-1.sc2s.sgov.gov"),
            (.dynamodb, "us-isof-south-1", false, false, "dynamodb.us-isof-south-1.csp.hci.ic.gov"),
            (.dynamodb, "eu-isoe-west-1", false, false, "dynamodb.eu-isoe-west-1.cloud.adc-e.uk"),
            (.dynamodb, "eu-isoe-west-1", false, true, "dynamodb.eu-isoe-west-1.api.cloud-aws.adc-e.uk"),
            (.dynamodb, "eusc-de-east-1", false, true, "dynamodb.eusc-de-east-1.api.amazonwebservices.eu"),
            (.s3, "eu-central-1", true, true, "s3-fips.dualstack.eu-central-1.amazonaws.com"),
            (.s3, "us-gov-west-1", true, false, "s3-fips.us-gov-west-1.amazonaws.com"),
            (.sts, "us-east-1", true, false, "sts-fips.us-east-1.amazonaws.com"),
            (.sts, "cn-north-1", false, true, "sts.cn-north-1.api.amazonwebservices.com.cn"),
            (.cloudwatch, "us-gov-west-1", true, true, "monitoring.us-gov-west-1.api.aws"),
            (.logs, "us-gov-west-1", true, false, "logs.us-gov-west-1.amazonaws.com"),
        ] as [(AWSService, String, Bool, Bool, String)])
    func hosts(service: AWSService, region: String, fips: Bool, dualStack: Bool, host: String) throws {
        try withTemporaryDirectory { folder in
            var fixture = CredentialsFixture(folder)
            fixture.environment["AWS_USE_FIPS_ENDPOINT"] = "\(fips)"
            fixture.environment["AWS_USE_DUALSTACK_ENDPOINT"] = "\(dualStack)"
            let found = try endpoint(service, fixture, region: region)
            #expect(text(found) == "https://\(host)")
        }
    }

    @Test func buckets() throws {
        try withTemporaryDirectory { folder in
            let fixture = CredentialsFixture(folder)
            try fixture.write(
                ".aws/config",
                "[profile path]\ns3 =\n  addressing_style = path\n[profile virtual]\ns3=\n addressing_style=virtual\n")
            func bucket(_ name: String, profile: String? = nil, _ url: String? = nil) throws -> String {
                let settings = fixture.settings(profile: profile, endpoint: url)
                let configuration = try SharedConfiguration.load(settings)
                return text(try endpoint(.s3, fixture, settings).bucket(name, configuration))
            }
            #expect(try bucket("my-exports") == "https://my-exports.s3.us-east-1.amazonaws.com")
            #expect(try bucket("my.exports") == "https://s3.us-east-1.amazonaws.com/my.exports")
            #expect(try bucket("My_Exports") == "https://s3.us-east-1.amazonaws.com/My_Exports")
            #expect(try bucket("my-exports", "http://localhost:9000/s3/") == "http://localhost:9000/s3/my-exports")
            #expect(try bucket("my-exports", profile: "path") == "https://s3.us-east-1.amazonaws.com/my-exports")
            #expect(try bucket("my-exports", profile: "virtual", "http://minio:9000") == "http://my-exports.minio:9000")
            #expect(try bucket("my.exports", profile: "virtual") == "https://s3.us-east-1.amazonaws.com/my.exports")
        }
    }
}
