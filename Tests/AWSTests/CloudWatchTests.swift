import AWS
import ByteStreams
import TestServers
import TestSupport
import Testing

@Suite struct CloudWatchTests {
    /// 2026-11-24T10:00:00Z; the servers keep values of any day.
    private static let start = 1_795_514_400

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
