import AWS
import ByteStreams
import TestServers
import Testing

@Suite struct S3ClientTests {
    /// As AWS allows them and people write them.
    private static let oddKeys = [
        "a b/c#d?e=f&g+h%20i", "한국어/日本.json.gz", "e\u{301}/é", "quo\"te's<tag>&amp;", "dots/../up/./here",
        "//two//slashes/",
        "day=2026-11-27/hour=07/part-0000.json.gz", "plus+and space", "tab\tand\u{7F}del", "(*)!~$,;:@|",
    ]

    /// Servers that check signatures see that each key is signed as it is sent.
    @Test(arguments: [TestServer.Kind.ministack, .ministackChecking])
    func oddKeys(kind: TestServer.Kind) throws {
        let bucket = try TestBucket(.ministack(auth: kind == .ministackChecking))
        for (number, key) in Self.oddKeys.enumerated() {
            let body = Array("object \(number)".utf8)
            try bucket.write(key, body)
            #expect(try bucket.read(key) == body, "\(key)")
            let object = try #require(try bucket.client.head(key), "\(key)")
            #expect(object.size == body.count && object.tag.utf8.count == 32)
        }
        let said = try bucket.python(
            """
            keys = []
            for page in s3.get_paginator('list_objects_v2').paginate(Bucket=bucket):
                for entry in page.get('Contents', []):
                    keys.append((entry['Key'], s3.get_object(Bucket=bucket, Key=entry['Key'])['Body'].read().decode()))
            expected = json.loads(sys.argv[2])
            print(sorted(keys) == sorted((key, f'object {n}') for n, key in enumerate(expected)), end='')
            """, [Self.json(Self.oddKeys)])
        #expect(said == "True")
        let listed = try bucket.client.list(prefix: "").objects.map(\.key)
        #expect(
            listed.map { Array($0.utf8) }
                == Self.oddKeys.map { Array($0.utf8) }.sorted { $0.lexicographicallyPrecedes($1) })
        for key in Self.oddKeys { try bucket.client.delete(key) }
        #expect(try bucket.client.list(prefix: "").objects.isEmpty)
        try bucket.client.delete("was never there")
    }

    private static func json(_ texts: [String]) -> String {
        let quoted = texts.map { text in
            "\""
                + text.unicodeScalars.map {
                    $0.value < 0x20 || $0 == "\""
                        ? "\\u00" + ($0.value < 16 ? "0" : "") + String($0.value, radix: 16) : String($0)
                }.joined() + "\""
        }
        return "[\(quoted.joined(separator: ","))]"
    }

    @Test(arguments: [TestServer.Kind.ministack, .moto])
    func listsPageByPage(kind: TestServer.Kind) throws {
        let bucket = try TestBucket(kind == .moto ? .moto() : .ministack())
        _ = try bucket.python(
            """
            from concurrent.futures import ThreadPoolExecutor
            def put(n): s3.put_object(Bucket=bucket, Key=f'many/{n:05d} +.gz', Body=b'x' * (n % 7))
            with ThreadPoolExecutor(8) as pool: list(pool.map(put, range(2345)))
            s3.put_object(Bucket=bucket, Key='many/deeper/one', Body=b'1')
            s3.put_object(Bucket=bucket, Key='beside', Body=b'2')
            """)
        let all = try bucket.client.list(prefix: "many/")
        #expect(all.objects.count == 2346 && all.prefixes.isEmpty)
        #expect(all.objects[1234].key == "many/01234 +.gz" && all.objects[1234].size == 1234 % 7)
        #expect(all.objects[1234].modified > 1_700_000_000)
        let folder = try bucket.client.list(prefix: "many/", delimiter: "/")
        #expect(folder.objects.count == 2345 && folder.prefixes == ["many/deeper/"])
        let root = try bucket.client.list(prefix: "", delimiter: "/")
        #expect(root.objects.map(\.key) == ["beside"] && root.prefixes == ["many/"])
        #expect(try bucket.client.list(prefix: "many/", limit: 1).objects.count == 1)
        #expect(try bucket.client.list(prefix: "nothing").objects.isEmpty)
    }

    /// Sizes around a range's and a part's end; boto3 reads the same bytes, and its ETag is as S3 makes it.
    @Test(arguments: [0, 1, 5 << 20, (5 << 20) + 1, 17_000_001])
    func roundTrip(size: Int) throws {
        for server in [try TestServer.ministack(), try .moto()] {
            let bucket = try TestBucket(server)
            let bytes = noise(size)
            try bucket.write("o", bytes)
            #expect(try bucket.read("o", rangeSize: 1 << 20) == bytes)
            let said = try bucket.python(
                """
                answer = s3.get_object(Bucket=bucket, Key='o')
                body = answer['Body'].read()
                parts = [hashlib.md5(body[n:n + (5 << 20)]).digest() for n in range(0, len(body), 5 << 20)]
                tag = hashlib.md5(body).hexdigest() if len(body) <= 5 << 20 else hashlib.md5(b''.join(parts)).hexdigest() + f'-{len(parts)}'
                print(len(body), answer['ETag'].strip('"') == tag, end='')
                """)
            #expect(said == "\(size) True", "\(server.kind)")
            #expect(try bucket.openUploads() == "0")
        }
    }

    /// Given up, nothing is there: no object and no parts that cost.
    @Test func abandoned() throws {
        let bucket = try TestBucket(.ministack())
        for bytes in [noise(100), noise(12 << 20)] {
            let sink = S3Sink(bucket.client, key: "o", partSize: S3Client.smallestPart)
            try sink.write(bytes)
            sink.abandon()
        }
        do {
            let dropped = S3Sink(bucket.client, key: "o", partSize: S3Client.smallestPart)
            try dropped.write(noise(12 << 20))
        }
        #expect(try bucket.client.head("o") == nil)
        #expect(try bucket.openUploads() == "0")
    }

    @Test func missing() throws {
        let bucket = try TestBucket(.ministack())
        let noKey = s3Failure { _ = try bucket.read("none") }
        #expect(noKey?.code == .inputMissing && noKey?.source == "s3://\(bucket.client.bucket)/none")
        #expect(try bucket.client.head("none") == nil)
        let other = try TestBucket.client(bucket.account, "no-such-bucket-at-all")
        for attempt in [
            s3Failure { _ = try other.list(prefix: "") }, s3Failure { try other.put("k", [1]) },
            s3Failure { _ = try readWhole(S3Source(other, key: "k"), limit: 10) },
            s3Failure { _ = try other.beginUpload("k") },
        ] {
            #expect(attempt?.code == .inputMissing)
            #expect(attempt?.message.contains("there is no bucket no-such-bucket-at-all") == true)
        }
    }

    @Test func denied() throws {
        var account = try TestServer.ministack(auth: true).account()
        account.secretAccessKey += "x"
        let client = try TestBucket.client(account, "whatever")
        for attempt in [s3Failure { _ = try client.list(prefix: "") }, s3Failure { _ = try client.head("k") }] {
            #expect(attempt?.code == .permission)
            #expect(attempt.map { "\($0)".contains(account.secretAccessKey) } == false)
        }
    }
}
