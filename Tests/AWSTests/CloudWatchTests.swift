import AWS
import ByteStreams
import Foundation
import Synchronization
import TestServers
import TestSupport
import Testing

@Suite struct CloudWatchTests {
    /// A whole hour of today: ministack forgets values that are older than two weeks.
    private static let start = Int(Date.now.timeIntervalSince1970) / 3600 * 3600 - 7200

    /// ministack, and moto as a second one.
    private func accounts() throws -> [TestAccount] {
        [try TestServer.ministack().account(), try TestServer.moto().account()]
    }

    @Test func whoCalls() async throws {
        for account in try accounts() + [try TestServer.ministack(auth: true).account()] {
            let session = try AWSSession(AWSSettings(environment: account.environment()))
            let identity = try await SecurityTokenService(session.client(.sts)).callerIdentity()
            let said = try account.python(
                """
                import boto3
                identity = boto3.client("sts").get_caller_identity()
                print(identity["Account"], identity["Arn"], end="")
                """)
            #expect("\(identity.account) \(identity.arn)" == said)
            if account.server.kind == .ministack { #expect(identity.account == account.id) }
        }
    }

    /// What boto3 puts comes back by period, table, index and operation, whatever the names hold.
    @Test func activityOfTableAndIndexes() async throws {
        for account in try accounts() {
            let table = "plans-\(Int.random(in: 0..<1_000_000))"
            _ = try account.python(
                """
                import boto3, datetime, sys
                table, start = sys.argv[1], int(sys.argv[2])
                client = boto3.client("cloudwatch")
                def put(metric, minute, value, **dimensions):
                    client.put_metric_data(Namespace="AWS/DynamoDB", MetricData=[{
                        "MetricName": metric, "Value": value,
                        "Timestamp": datetime.datetime.fromtimestamp(start + 60 * minute, datetime.timezone.utc),
                        "Dimensions": [{"Name": n, "Value": v} for n, v in ({"TableName": table} | dimensions).items()]}])
                put("ConsumedWriteCapacityUnits", 0, 10)
                put("ConsumedWriteCapacityUnits", 0, 2.5)
                put("ConsumedWriteCapacityUnits", 2, 30)
                put("ConsumedWriteCapacityUnits", 9, 99)
                put("ConsumedReadCapacityUnits", 1, 0.5)
                put("WriteThrottleEvents", 1, 4)
                put("ThrottledRequests", 1, 2, Operation="PutItem")
                put("ThrottledRequests", 1, 3, Operation="BatchWriteItem")
                put("ConsumedWriteCapacityUnits", 1, 7, GlobalSecondaryIndexName="by & day")
                """, [table, "\(Self.start)"])
            let session = try AWSSession(AWSSettings(environment: account.environment()))
            let watch = CloudWatch(try session.client(.cloudwatch))
            let activity = try await watch.activity(
                table: table, indexes: ["by & day", "another"], from: Self.start + 1, to: Self.start + 179, period: 60)
            #expect(activity.start == Self.start && activity.period == 60)
            func sums(_ metric: TableMetric, _ index: String? = nil) -> [Double]? {
                activity.series.first { $0.metric == metric && $0.index == index }?.sums
            }
            #expect(sums(.consumedWrite) == [12.5, 0, 30], "\(account.server.kind)")
            #expect(sums(.consumedRead) == [0, 0.5, 0])
            #expect(sums(.writeThrottle) == [0, 4, 0])
            #expect(sums(.readThrottle) == [0, 0, 0])
            #expect(sums(.throttledRequests) == [0, 5, 0])
            #expect(sums(.consumedWrite, "by & day") == [0, 7, 0])
            #expect(sums(.consumedWrite, "another") == [0, 0, 0])
            #expect(sums(.throttledRequests, "by & day") == nil)
            #expect(activity.sums(of: [.consumedWrite]) == [12.5, 7, 30])
            let hourly = try await watch.activity(
                table: table, indexes: [], from: Self.start, to: Self.start + 7200, period: 3600)
            #expect(hourly.sums(of: [.consumedWrite]) == [141.5, 0])
        }
    }

    private func client(_ server: RawServer, _ service: AWSService) throws -> ServiceClient {
        ServiceClient(
            service: service, region: "us-east-1", endpoint: try ServiceEndpoint(url: "http://\(server.authority)"),
            credentials: StaticCredentials(Credentials(accessKeyID: "KEY", secretAccessKey: "secret", origin: "test")),
            http: HTTPClient())
    }

    /// A metric's values may come on several pages, and a page may hold none.
    @Test func pagesOfValues() async throws {
        @Sendable func page(_ results: String, next: String = "") -> String {
            RawServer.answer(
                body:
                    "<GetMetricDataResponse><GetMetricDataResult><MetricDataResults>\(results)</MetricDataResults>\(next)"
                    + "</GetMetricDataResult></GetMetricDataResponse>")
        }
        func result(_ id: String, _ minute: Int, _ value: String, _ status: String = "Complete") -> String {
            "<member><Id>\(id)</Id><StatusCode>\(status)</StatusCode><Timestamps><member>2026-11-24T10:0\(minute):00Z</member>"
                + "</Timestamps><Values><member>\(value)</member></Values></member>"
        }
        let start = try #require(InternetDate.seconds("2026-11-24T10:00:00Z"))
        let queries = ["A", "B"].map { MetricQuery($0, [MetricQuery.Dimension("TableName", "a b+&=é")]) }
        let bodies = Mutex<[String]>([])
        let pages = [
            page(result("q1", 2, "1.5E2", "PartialData"), next: "<NextToken>a+b==</NextToken>"),
            page("", next: "<NextToken>c</NextToken>"), page(result("q1", 1, "3") + result("q0", 0, "2.0")),
        ]
        let server = RawServer.answering { request in
            bodies.withLock { $0.append(String(decoding: request.body, as: UTF8.self)) }
            return pages[request.number]
        }
        defer { server.stop() }
        let sums = try await CloudWatch(client(server, .cloudwatch)).sums(
            queries, from: start, to: start + 180, period: 60)
        #expect(
            sums == [
                [MetricPoint(time: start, sum: 2)],
                [MetricPoint(time: start + 60, sum: 3), MetricPoint(time: start + 120, sum: 150)],
            ])
        let sent = bodies.withLock { $0 }
        #expect(sent.count == 3 && !sent[0].contains("NextToken"))
        #expect(sent[1].hasSuffix("&NextToken=a%2Bb%3D%3D") && sent[2].hasSuffix("&NextToken=c"))
        #expect(sent.allSatisfy { $0.contains(".Dimensions.member.1.Value=a%20b%2B%26%3D%C3%A9&") })

        for bad in [
            result("q9", 0, "1"), result("", 0, "1"), result("q0", 0, "many"), result("q0", 0, "nan"),
            result("q0", 0, "1", "Forbidden"), result("q0", 0, "1</member><member>2"),
        ] {
            let server = RawServer.answering { _ in page(bad) }
            defer { server.stop() }
            await #expect(throws: ServiceError.self, "\(bad)") {
                try await CloudWatch(client(server, .cloudwatch)).sums(queries, from: start, to: start + 60, period: 60)
            }
        }
    }

    /// What is no answer of the service is an error that says so, not an empty one.
    @Test(arguments: ["", "{}", "<html/>", "<GetCallerIdentityResponse/>"])
    func noAnswerOfTheService(_ body: String) async throws {
        let server = RawServer.answering { _ in RawServer.answer(body: body) }
        defer { server.stop() }
        let client = try client(server, .sts)
        let error = await #expect(throws: ServiceError.self) { try await SecurityTokenService(client).callerIdentity() }
        #expect(error?.message.contains("did not answer GetCallerIdentity as STS does") == true)
    }

    @Test func eventsOfALogGroup() async throws {
        for account in try accounts() {
            let group = "/app/plans-\(Int.random(in: 0..<1_000_000))"
            let said = try account.python(
                #"""
                import boto3, sys, time
                group = sys.argv[1]
                client = boto3.client("logs")
                client.create_log_group(logGroupName=group)
                now = int(time.time() * 1000)
                for stream, shift in (("b", 5), ("a", 0)):
                    client.create_log_stream(logGroupName=group, logStreamName=stream)
                    client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[
                        {"timestamp": now - 60000 + shift + 10 * n, "message": f'{stream}{n} "é"\tx'} for n in range(3)])
                print(now - 60000, end="")
                """#, [group])
            let start = try #require(Int(said))
            let session = try AWSSession(AWSSettings(environment: account.environment()))
            let logs = CloudWatchLogs(try session.client(.logs))
            let events = try await logs.events(group: group, from: start)
            #expect(events.map(\.message) == ["a0", "b0", "a1", "b1", "a2", "b2"].map { "\($0) \"é\"\tx" })
            #expect(events.map(\.time) == [0, 5, 10, 15, 20, 25].map { start + $0 })
            #expect(events.map(\.stream) == ["a", "b", "a", "b", "a", "b"])
            #expect(Set(events.map(\.id)).count == 6)
            #expect(
                try await logs.events(group: group, from: start + 11, to: start + 20).map(\.time)
                    == [15, 20].map { start + $0 })
            #expect(
                try await logs.events(group: group, from: start, limit: 2).map(\.time) == [20, 25].map { start + $0 })
            await #expect(throws: ServiceError.self) { try await logs.events(group: "/missing", from: start) }
        }
    }
}
