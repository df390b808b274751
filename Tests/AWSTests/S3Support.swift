import AWS
import ByteStreams
import FaultServer
import TestServers
import TestSupport

/// A bucket of a fresh account, as a test meets it.
struct TestBucket {
    let account: TestAccount
    let client: S3Client

    /// - Parameters:
    ///   - endpoint: of a server in front of the account's own.
    ///   - region: where the client looks for the bucket.
    init(
        _ server: TestServer, name: String = "exports-\(Int.random(in: 0..<1_000_000_000))", endpoint: String? = nil,
        region: String? = nil
    ) throws {
        account = try server.account()
        _ = try account.python("import boto3, sys\nboto3.client('s3').create_bucket(Bucket=sys.argv[1])", [name])
        client = try Self.client(account, name, endpoint: endpoint, region: region)
    }

    static func client(
        _ account: TestAccount, _ bucket: String, endpoint: String? = nil, region: String? = nil
    ) throws -> S3Client {
        try S3Client(
            bucket: bucket,
            session: AWSSession(AWSSettings(region: region, environment: account.environment(endpoint: endpoint))))
    }

    /// What boto3 prints, with `s3` and `bucket` at hand.
    func python(_ code: String, _ arguments: [String] = []) throws -> String {
        try account.python(
            "import boto3, sys, json, hashlib\ns3, bucket = boto3.client('s3'), sys.argv[1]\n" + code,
            [client.bucket] + arguments)
    }

    /// The object, read as a stage reads it.
    func read(_ key: String, rangeSize: Int = S3Source.standardRange) throws -> [UInt8] {
        try readWhole(S3Source(client, key: key, rangeSize: rangeSize), limit: 1 << 30)
    }

    func write(_ key: String, _ bytes: [UInt8], partSize: Int = S3Client.smallestPart) throws {
        let sink = S3Sink(client, key: key, partSize: partSize)
        var rest = bytes[...]
        while !rest.isEmpty {
            try sink.write(Array(rest.prefix(1_000_003)))
            rest = rest.dropFirst(1_000_003)
        }
        try sink.finish()
    }

    /// The parts of uploads that were begun and neither completed nor aborted.
    func openUploads() throws -> String {
        try python("print(len(s3.list_multipart_uploads(Bucket=bucket).get('Uploads', [])), end='')")
    }
}

/// Bytes of which no two blocks of 64 KiB are the same.
func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var generator = SeededGenerator(seed: seed)
    let block = (0..<8192).flatMap { _ in withUnsafeBytes(of: generator.next(), Array.init) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + block.count)
    var number: UInt64 = 0
    while bytes.count < count {
        withUnsafeBytes(of: number) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: block[8...])
        number += 1
    }
    bytes.removeLast(bytes.count - count)
    return bytes
}

/// The error that a piece of work throws.
func s3Failure(_ body: () throws -> Void) -> RekeyError? {
    do {
        try body()
        return nil
    } catch {
        return error as? RekeyError
    }
}
