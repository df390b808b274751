import AWS
import ByteStreams
import FaultServer
import Synchronization
import TestServers
import TestSupport
import Testing

/// What goes wrong on the way to S3 and back.
@Suite struct S3FaultTests {
    /// A bucket on ministack behind a server of faults.
    private func faulty(_ plan: FaultPlan) throws -> (bucket: TestBucket, server: FaultServer) {
        let server = try FaultServer(upstream: TestServer.ministack().endpoint)
        let bucket = try TestBucket(.ministack(), endpoint: server.endpoint)
        server.plan = plan
        return (bucket, server)
    }

    /// Cut, truncated and refused ranges are asked for again; the bytes are those that were put.
    @Test func readsThroughFaults() throws {
        let faults: [FaultKind] = [.cutMiddle, .truncate, .throttle, .cutBefore, .serverError, .cutAfter, .unavailable]
        let (bucket, server) = try faulty(FaultPlan(sequence: faults, operations: ["GET"]))
        let bytes = noise(3_000_001)
        try bucket.write("o", bytes)
        #expect(try bucket.read("o", rangeSize: 256 << 10) == bytes)
        for kind in faults { #expect(server.counts.count(kind) == 1, "\(kind)") }
        #expect(server.counts.operations["GET"] == 12 + faults.count)
    }

    @Test func writesThroughFaults() throws {
        let seed = testSeed("S3 writes through faults")
        // An upload whose beginning is not answered stays open: see `begunWithoutAnswer`.
        var plan = FaultPlan([.cutBefore: 0.1, .cutAfter: 0.1, .throttle: 0.1, .serverError: 0.1], seed: seed)
        plan.operations = ["PUT"]
        plan.limit = 40
        let (bucket, server) = try faulty(plan)
        let bytes = noise(22 << 20)
        try bucket.write("o", bytes)
        server.plan = FaultPlan()
        #expect(try bucket.read("o") == bytes, "seed \(seed)")
        #expect(try bucket.openUploads() == "0", "seed \(seed)")
    }

    /// CreateMultipartUpload carried out and not answered: nobody learns that upload's id, and another one is begun. It has no
    /// parts, so it costs nothing; a rule of the bucket's lifecycle removes it.
    @Test func begunWithoutAnswer() throws {
        let (bucket, server) = try faulty(
            FaultPlan(sequence: [.cutBefore, .throttle, .cutAfter], operations: ["POST"]))
        let bytes = noise(12 << 20)
        try bucket.write("o", bytes)
        #expect(server.counts.count(.cutAfter) == 1)
        #expect(try bucket.read("o") == bytes)
        #expect(try bucket.openUploads() == "1")
        let parts = """
            for u in s3.list_multipart_uploads(Bucket=bucket)['Uploads']:
                print(len(s3.list_parts(Bucket=bucket, Key=u['Key'], UploadId=u['UploadId']).get('Parts', [])), end='')
            """
        #expect(try bucket.python(parts) == "0")
    }

    /// The answer to CompleteMultipartUpload is lost: the second attempt finds no upload, and the object is there.
    @Test func completedWithoutAnswer() throws {
        let (bucket, server) = try faulty(FaultPlan())
        let upload = try bucket.client.beginUpload("o")
        let part = try bucket.client.upload(noise(100), number: 1, of: upload)
        server.plan = FaultPlan(sequence: [.cutAfter], operations: ["POST"])
        try bucket.client.complete(upload, [part])
        #expect(server.counts.count(.cutAfter) == 1)
        #expect(try bucket.read("o") == noise(100))
    }

    /// A part that is refused for good ends the upload: no object, no parts.
    @Test func failedForGood() throws {
        let (bucket, server) = try faulty(FaultPlan())
        var plan = FaultPlan([.expiredToken: 1])
        plan.operations = ["PUT"]
        server.plan = plan
        let failure = s3Failure { try bucket.write("o", noise(12 << 20)) }
        #expect(failure?.code == .permission)
        server.plan = FaultPlan()
        #expect(try bucket.client.head("o") == nil)
        #expect(try bucket.openUploads() == "0")
    }

    /// An object that is replaced between two ranges is not read as a mixture of both.
    @Test func replacedWhileRead() throws {
        let bucket = try TestBucket(.ministack())
        try bucket.write("o", noise(4 << 20))
        let source = S3Source(bucket.client, key: "o", rangeSize: 1 << 20)
        try source.open()
        try bucket.write("o", noise(4 << 20, seed: 2))
        let failure = s3Failure { _ = try readWhole(source, limit: 8 << 20) }
        // What the thread had fetched before is of the old one; then it stops.
        #expect(failure?.code == .inputOutput)
        #expect(failure?.message.contains("was replaced") == true)
        #expect(s3Failure { _ = try readWhole(source, limit: 8 << 20) } == failure)
    }

    private func client(_ server: RawServer) throws -> S3Client {
        let session = try AWSSession(
            AWSSettings(
                region: "us-east-1", endpointURL: "http://\(server.authority)",
                environment: [
                    "AWS_ACCESS_KEY_ID": "KEY", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_CONFIG_FILE": "/dev/null",
                    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
                ]))
        return try S3Client(bucket: "b.with.dots", session: session)
    }

    /// Bytes that are not those of the ETag are told, whatever the length says.
    @Test func changedOnTheWay() throws {
        let server = RawServer.answering { request in
            #expect(request.line == "GET /b.with.dots/o%20%231 HTTP/1.1")
            #expect(request.header("range") == "bytes=0-99")
            return RawServer.answer(
                "206 Partial Content",
                ["Content-Range: bytes 0-4/5", "ETag: \"5d41402abc4b2a76b9719d911017c592\""], body: "hallo")
        }
        defer { server.stop() }
        let client = try client(server)
        let failure = s3Failure {
            _ = try readWhole(S3Source(client, key: "o #1", rangeSize: 100), limit: 10)
        }
        #expect(failure?.code == .badInput && failure?.source == "s3://b.with.dots/o #1")
    }

    /// S3 tells of other bytes than were sent, or of an error within status 200.
    @Test func wrongAnswersToWrites() throws {
        let failures = Mutex(0)
        let server = RawServer.answering { request in
            if request.line.hasPrefix("PUT") {
                #expect(request.header("content-md5") == "XUFAKrxLKna5cZ2REBfFkg==")
                #expect(
                    request.header("x-amz-content-sha256")
                        == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")
                return RawServer.answer("200 OK", ["ETag: \"00000000000000000000000000000000\""], body: "")
            }
            let isFirst = failures.withLock { count in
                count += 1
                return count == 1
            }
            if request.line.hasPrefix("HEAD") {
                return "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"be0f8c6b28bfb8df44ba0ad1f9b5a1ab-1\"\r\n\r\n"
            }
            return RawServer.answer(
                body: isFirst
                    ? "\n \n<?xml version=\"1.0\"?><Error><Code>InternalError</Code><Message>again</Message></Error>"
                    : "<CompleteMultipartUploadResult/>")
        }
        defer { server.stop() }
        let client = try client(server)
        let refused = s3Failure { try client.put("o", Array("hello".utf8)) }
        #expect(refused?.code == .serviceGaveUp && refused?.message.contains("other bytes") == true)
        let md5: [UInt8] = [
            0x5d, 0x41, 0x40, 0x2a, 0xbc, 0x4b, 0x2a, 0x76, 0xb9, 0x71, 0x9d, 0x91, 0x10, 0x17, 0xc5, 0x92,
        ]
        let part = S3Part(number: 1, tag: "5d41402abc4b2a76b9719d911017c592", md5: md5, size: 5)
        let wrong = s3Failure { try client.complete(S3Upload(key: "o", id: "u"), [part]) }
        #expect(wrong?.message.contains("the object's ETag is be0f8c6b28bfb8df44ba0ad1f9b5a1ab-1") == true)
        #expect(failures.withLock { $0 } == 3)
    }

    /// A list that goes on and does not say where is not taken for a whole one.
    @Test(arguments: ["", "<NextContinuationToken>t</NextContinuationToken>"])
    func aListWithoutItsEnd(token: String) throws {
        let server = RawServer.answering { _ in
            RawServer.answer(
                body:
                    "<ListBucketResult><IsTruncated>true</IsTruncated>\(token)<Contents><Key>a</Key><Size>1</Size></Contents></ListBucketResult>"
            )
        }
        defer { server.stop() }
        let client = try client(server)
        #expect(s3Failure { _ = try client.list(prefix: "") }?.code == .serviceGaveUp)
        // Who wants one entry has it.
        #expect(try client.list(prefix: "", limit: 1).objects.count == 1)
    }

    /// The message names the region to ask, whichever way S3 tells it.
    @Test func anotherRegion() throws {
        let server = RawServer.answering { request in
            let isHead = request.line.hasPrefix("HEAD")
            let body =
                "<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region 'us-east-1' is wrong</Message><Region>eu-west-1</Region></Error>"
            return isHead
                ? "HTTP/1.1 301 Moved Permanently\r\nx-amz-bucket-region: eu-west-1\r\nContent-Length: 0\r\n\r\n"
                : RawServer.answer("400 Bad Request", ["x-amz-bucket-region: eu-west-1"], body: body)
        }
        defer { server.stop() }
        let client = try client(server)
        for failure in [
            s3Failure { _ = try client.head("o") }, s3Failure { _ = try client.list(prefix: "") },
            s3Failure { try client.put("o", []) },
        ] {
            #expect(failure?.code == .usage)
            #expect(
                failure?.message
                    == "the bucket b.with.dots is in eu-west-1, and us-east-1 was asked; give --region eu-west-1")
        }
    }
}
