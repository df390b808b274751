import FaultServer
import TestServers
import TestSupport
import Testing

@Suite("Fault server: batches, control, other traffic")
struct FaultServerBatchTests {
    /// Items whose bytes any reader and writer of JSON would change.
    private static func put(_ key: String) -> String {
        #"{ "PutRequest" : {"Item":{"PK":{"S":"\#(key)"},"text":{"S":"a\u0062\/\\\"]}, [{é😀"},"list":{"L":[{"N":"1.50"},{"M":{"":{"NULL":true}}}]}, "bytes" :{"B":"AA=="}}}}"#
    }

    @Test("A part of a BatchWriteItem is written, and the rest comes back byte for byte")
    func partialWrites() throws {
        let faulty = try Faulty(FaultPlan([.partial: 1], seed: testSeed("partial writes")))
        var left: [String] = []
        var unprocessed = 0
        for round in 0..<20 {
            let puts = (0..<(round + 2)).map { Self.put("\(round) \($0)") }
            let answer = try #require(
                try faulty.call("BatchWriteItem", #"{"RequestItems":{"orders":[\#(puts.joined(separator: " , "))]}}"#))
            #expect(answer.status == 200 && answer.isWhole && answer.isChecksumRight)
            let returned = puts.filter { answer.text.contains($0) }
            unprocessed += returned.count
            #expect((1..<puts.count).contains(returned.count), "some and not all of \(puts.count)")
            #expect(
                answer.text.contains(
                    #""UnprocessedItems":{"orders":[\#(returned.joined(separator: ","))]}"#),
                "nothing but what was sent: \(answer.text)")
            left += (0..<puts.count).filter { answer.text.contains(puts[$0]) }.map { "\(round) \($0)" }
        }
        #expect(faulty.server.counts.unprocessed == unprocessed)
        #expect(faulty.server.counts.faults == [.partial: 20])
        let all = Set((0..<20).flatMap { round in (0..<(round + 2)).map { "\(round) \($0)" } })
        #expect(try faulty.keys() == all.subtracting(left))
    }

    @Test("boto3 reads unprocessed keys with their projection, over two tables, until it has all")
    func partialReads() throws {
        let faulty = try Faulty(FaultPlan([.partial: 1], seed: testSeed("partial reads")))
        let code = """
            import boto3
            client = boto3.client("dynamodb")
            client.create_table(
                TableName="others", BillingMode="PAY_PER_REQUEST",
                KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}])
            wanted = {}
            for table in "orders", "others":
                for i in range(20):
                    client.put_item(TableName=table, Item={"PK": {"S": str(i)}, "n": {"N": str(i)}, "x": {"S": "x"}})
                wanted[table] = {
                    "Keys": [{"PK": {"S": str(i)}} for i in range(20)], "ConsistentRead": True,
                    "ProjectionExpression": "#n", "ExpressionAttributeNames": {"#n": "n"}}
            found, returned, calls = {"orders": [], "others": []}, 0, 0
            while wanted:
                answer = client.batch_get_item(RequestItems=wanted)
                for table, items in answer["Responses"].items(): found[table] += items
                wanted = answer["UnprocessedKeys"]
                returned += sum(len(keys["Keys"]) for keys in wanted.values())
                calls += 1
            for items in found.values():
                assert sorted(int(item["n"]["N"]) for item in items) == list(range(20)), items
                assert all(list(item) == ["n"] for item in items), items
            print(returned, calls, end="")
            """
        let words = try faulty.account.python(code, endpoint: faulty.server.endpoint).split(separator: " ")
        let counts = faulty.server.counts
        #expect(words == ["\(counts.unprocessed)", "\(counts.operations["BatchGetItem", default: 0])"])
        #expect(counts.unprocessed > 0)
    }

    @Test("A batch of one is never divided")
    func single() throws {
        let faulty = try Faulty(FaultPlan([.partial: 1]))
        let answer = try faulty.call("BatchWriteItem", #"{"RequestItems":{"orders":[\#(Self.put("one"))]}}"#)
        #expect(answer?.status == 200)
        #expect(faulty.server.counts.faults.isEmpty)
        #expect(try faulty.keys() == ["one"])
    }

    @Test("Objects pass unchanged, whatever their size, with HEAD, ranges and deletes")
    func objects() throws {
        let faulty = try Faulty()
        let code = """
            import boto3, os
            client = boto3.client("s3")
            # Names of buckets are of all accounts together.
            bucket = "faulty-" + os.environ["AWS_ACCESS_KEY_ID"].lower()
            client.create_bucket(Bucket=bucket)
            for size in 0, 1, 3_000_000:
                data = os.urandom(size)
                client.put_object(Bucket=bucket, Key="a b/#é=", Body=data)
                assert client.head_object(Bucket=bucket, Key="a b/#é=")["ContentLength"] == size
                assert client.get_object(Bucket=bucket, Key="a b/#é=")["Body"].read() == data
            part = client.get_object(Bucket=bucket, Key="a b/#é=", Range="bytes=1000000-2000000")
            assert part["Body"].read() == data[1_000_000:2_000_001]
            client.delete_object(Bucket=bucket, Key="a b/#é=")
            assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
            """
        _ = try faulty.account.python(code, endpoint: faulty.server.endpoint)
        #expect(faulty.server.counts.upstreamFailures == 0)
        #expect(faulty.server.counts.operations["HEAD"] == 3)
    }

    @Test("A plan is set and the counts are read over HTTP")
    func control() throws {
        let faulty = try Faulty()
        let code = """
            import json, sys, urllib.request, urllib.error
            def call(path, data=None):
                try: return json.load(urllib.request.urlopen(sys.argv[1] + "/_fault/" + path, data and json.dumps(data).encode()))
                except urllib.error.HTTPError as error: return error.code
            call("plan", {"sequence": ["throttle"], "probabilities": {"server-error": 0.5}, "seed": 9})
            assert call("plan")["probabilities"] == {"server-error": 0.5}
            assert call("plan", {"probability": {}}) == 400
            assert call("plan", {"probabilities": {"bad-luck": 0.5}}) == 400
            assert call("plan", {"probabilities": {"throttle": 0.7, "slow": 0.7}}) == 400
            assert call("nothing") == 404
            print(call("counts")["requests"], call("plan")["seed"], end="")
            """
        #expect(try Python.run(code, [faulty.server.endpoint]) == "0 9")
        #expect(try faulty.put("one")?.status == 400)
        #expect(faulty.server.counts.faults == [.throttle: 1])
    }

    @Test("Without a server behind, it answers at once and in order")
    func instant() throws {
        let server = try FaultServer(upstream: nil)
        let account = try TestServer.ministack().account()
        let code = """
            import boto3
            client = boto3.client("dynamodb")
            assert client.describe_table(TableName="orders")["Table"]["TableStatus"] == "ACTIVE"
            for _ in range(20):
                puts = [{"PutRequest": {"Item": {"PK": {"S": str(i)}, "SK": {"S": "x"}}}} for i in range(25)]
                assert client.batch_write_item(RequestItems={"orders": puts})["UnprocessedItems"] == {}
            assert client.scan(TableName="orders")["Items"] == []
            """
        _ = try account.python(code, endpoint: server.endpoint)
        #expect(server.counts.operations == ["DescribeTable": 1, "BatchWriteItem": 20, "Scan": 1])
    }
}
