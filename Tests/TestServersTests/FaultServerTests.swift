import FaultServer
import TestServers
import TestSupport
import Testing

@Suite("Fault server")
struct FaultServerTests {
    @Test(
        "A refusal comes once, in DynamoDB's form, and nothing is written",
        arguments: [
            (FaultKind.throttle, 400, ["ProvisionedThroughputExceededException", "ThrottlingException"]),
            (.serverError, 500, ["InternalServerError"]), (.unavailable, 503, ["ServiceUnavailable"]),
            (.expiredToken, 400, ["ExpiredTokenException"]),
            (.replicatedWriteConflict, 409, ["ReplicatedWriteConflictException"]),
        ] as [(FaultKind, Int, [String])])
    func refusals(kind: FaultKind, status: Int, codes: [String]) throws {
        let faulty = try Faulty(FaultPlan(sequence: [kind]))
        let refused = try #require(try faulty.put("first"))
        #expect(refused.status == status)
        #expect(codes.contains(refused.code), "\(refused.text)")
        #expect(refused.isWhole && refused.isChecksumRight)
        #expect(try faulty.put("second")?.status == 200)
        #expect(try faulty.keys() == ["second"])
        #expect(faulty.server.counts.faults == [kind: 1])
        #expect(faulty.server.counts.forwarded == 1 && faulty.server.counts.requests == 2)
    }

    @Test("boto3 sees S3's and STS's own refusals")
    func otherServices() throws {
        let faulty = try Faulty()
        let code = """
            import boto3, sys
            from botocore.config import Config
            config = Config(retries={"total_max_attempts": 1})
            for service, call in ("s3", "list_buckets"), ("sts", "get_caller_identity"):
                try: getattr(boto3.client(service, config=config), call)()
                except Exception as error: print(error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"])
            """
        for (kind, expected) in [
            (FaultKind.throttle, "SlowDown 503\nThrottling 400\n"),
            (.serverError, "InternalError 500\nInternalFailure 500\n"),
            (.expiredToken, "ExpiredToken 400\nExpiredToken 403\n"),
        ] {
            faulty.server.plan = FaultPlan([kind: 1])
            #expect(try faulty.account.python(code, endpoint: faulty.server.endpoint) == expected)
            #expect(faulty.server.counts.operations == ["GET": 1, "GetCallerIdentity": 1])
        }
    }

    @Test("A cut connection: before the write, after it, and within the answer")
    func cuts() throws {
        let faulty = try Faulty(FaultPlan(sequence: [.cutBefore, .cutAfter, .cutMiddle]))
        #expect(try faulty.put("before") == nil)
        #expect(try faulty.put("after") == nil)
        let middle = try #require(try faulty.put("middle"))
        #expect(middle.status == 200 && !middle.isWhole)
        #expect(try faulty.keys() == ["after", "middle"])
        #expect(faulty.server.counts.faults == [.cutBefore: 1, .cutAfter: 1, .cutMiddle: 1])
        #expect(faulty.server.counts.forwarded == 2)
    }

    @Test("Truncated and wrongly summed answers are whole HTTP; all other answers have the right x-amz-crc32")
    func damaged() throws {
        let faulty = try Faulty(FaultPlan(sequence: [.none, .truncate, .wrongChecksum, .none]))
        let describe = #"{"TableName":"orders"}"#
        let answers = try (0..<4).map { _ in try #require(try faulty.call("DescribeTable", describe)) }
        #expect(answers.map(\.isWhole) == [true, true, true, true])
        #expect(answers.map(\.isChecksumRight) == [true, false, false, true])
        #expect(answers[1].body == Array(answers[0].body.prefix(answers[0].body.count / 2)))
        #expect(answers[1].headers["x-amz-crc32"] == answers[0].headers["x-amz-crc32"])
        #expect(answers[2].body == answers[0].body)
    }

    @Test("Late answers are whole, and late", arguments: [FaultKind.slow, .stall])
    func late(kind: FaultKind) throws {
        var plan = FaultPlan(sequence: [kind])
        plan.slowMilliseconds = 300
        let faulty = try Faulty(plan)
        var answer: RawAnswer?
        let time = try ContinuousClock().measure { answer = try faulty.put("late") }
        #expect(answer?.status == 200 && answer?.isWhole == true)
        #expect(time >= .milliseconds(300))
    }

    @Test("A clock that is ahead refuses dates and tells its own")
    func clockSkew() throws {
        var plan = FaultPlan()
        plan.clockSkewSeconds = 3600
        let faulty = try Faulty(plan)
        let refused = try #require(try faulty.call("ListTables", "{}", date: "20200101T000000Z"))
        #expect(refused.status == 400 && refused.code == "InvalidSignatureException")
        let told = try #require(
            refused.text.firstMatch(
                of: /Signature expired: 20200101T000000Z is now earlier than (\d{8}T(\d\d)(\d\d)(\d\d)Z)/))
        #expect(refused.headers["date"]?.hasSuffix(" \(told.2):\(told.3):\(told.4) GMT") == true)
        let accepted = try faulty.call("ListTables", "{}", date: String(told.1))
        #expect(accepted?.status == 200)
        #expect(accepted?.headers["date"]?.contains(" \(told.2):") == true || told.3 == "59")
        #expect(faulty.server.counts.faults == [.clockSkew: 1])
        // boto3 takes the refusal for what it is.
        let list = """
            import boto3
            try: boto3.client("dynamodb").list_tables()
            except Exception as error: print(error.response["Error"]["Code"], end="")
            """
        #expect(try faulty.account.python(list, endpoint: faulty.server.endpoint) == "InvalidSignatureException")
    }

    @Test("A table is in CREATING as often as told, then as it is")
    func creating() throws {
        var plan = FaultPlan()
        plan.creatingDescriptions = 2
        let faulty = try Faulty(plan)
        let states = try (0..<4).map { _ in
            let answer = try #require(try faulty.call("DescribeTable", #"{"TableName":"orders"}"#))
            #expect(answer.isChecksumRight && answer.isWhole)
            return String(try #require(answer.text.firstMatch(of: /"TableStatus": ?"(\w+)"/)).1)
        }
        #expect(states == ["CREATING", "CREATING", "ACTIVE", "ACTIVE"])
        #expect(faulty.server.counts.faults == [.creating: 2])
    }

    @Test("boto3 sees a cancelled transaction with one conflict")
    func transaction() throws {
        let faulty = try Faulty(FaultPlan([.transactionConflict: 1]))
        let code = """
            import boto3
            from botocore.config import Config
            client = boto3.client("dynamodb", config=Config(retries={"total_max_attempts": 1}))
            puts = [{"Put": {"TableName": "orders", "Item": {"PK": {"S": str(i)}}}} for i in range(3)]
            try: client.transact_write_items(TransactItems=puts)
            except client.exceptions.TransactionCanceledException as error:
                print(*sorted(reason["Code"] for reason in error.response["CancellationReasons"]), end="")
            """
        #expect(
            try faulty.account.python(code, endpoint: faulty.server.endpoint) == "None None TransactionConflict")
        #expect(try faulty.keys() == [])
    }

    @Test("What a client saw is what the server counted, and nothing that was acknowledged is lost")
    func counts() throws {
        let seed = testSeed("fault counts")
        let kinds: [FaultKind] = [
            .throttle, .serverError, .cutBefore, .cutAfter, .cutMiddle, .truncate, .wrongChecksum,
        ]
        let plan = FaultPlan(Dictionary(uniqueKeysWithValues: kinds.map { ($0, 0.1) }), seed: seed)
        let faulty = try Faulty(plan)
        var seen: [String: Int] = [:]
        var acknowledged: Set<String> = []
        for number in 0..<300 {
            let answer = try faulty.put("\(number)")
            let what =
                switch answer {
                case nil: "cut"
                case let answer? where !answer.isWhole: "middle"
                case let answer? where answer.status >= 500: "error"
                case let answer? where answer.status == 400: "throttle"
                case let answer? where answer.body.isEmpty || answer.text == "{": "truncate"
                case let answer? where !answer.isChecksumRight: "checksum"
                default: "fine"
                }
            seen[what, default: 0] += 1
            if answer?.status == 200 { acknowledged.insert("\(number)") }
        }
        let counts = faulty.server.counts
        #expect(seen["cut"] == counts.count(.cutBefore) + counts.count(.cutAfter))
        #expect(seen["middle"] == counts.count(.cutMiddle))
        #expect(seen["error"] == counts.count(.serverError))
        #expect(seen["throttle"] == counts.count(.throttle))
        #expect(seen["truncate"] == counts.count(.truncate))
        #expect(seen["checksum"] == counts.count(.wrongChecksum))
        #expect(seen["fine"] == 300 - counts.faults.values.reduce(0, +))
        #expect(counts.requests == 300 && counts.upstreamFailures == 0)
        let keys = try faulty.keys()
        #expect(keys.isSuperset(of: acknowledged))
        #expect(keys.count == counts.forwarded)

        // The same seed and order of requests give the same faults.
        faulty.server.plan = plan
        for number in 0..<300 { _ = try faulty.put("\(number)") }
        #expect(faulty.server.counts == counts)
    }

    @Test("Skip, limit and operations hold faults off")
    func bounds() throws {
        var plan = FaultPlan([.serverError: 1])
        (plan.skip, plan.limit, plan.operations) = (1, 2, ["PutItem"])
        let faulty = try Faulty(plan)
        var states: [Int?] = []
        for number in 0..<4 {
            states.append(try faulty.call("ListTables", "{}")?.status)
            states.append(try faulty.put("\(number)")?.status)
        }
        #expect(states == [200, 500, 200, 500, 200, 200, 200, 200])
    }
}
