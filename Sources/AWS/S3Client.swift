package import ByteStreams
import Crypto

/// One object as S3 lists it.
package struct S3Object: Sendable, Equatable {
    package var key: String
    /// Bytes.
    package var size: Int
    /// Its ETag without the quotes: the MD5 of its bytes where it was put whole and no key of KMS encrypts it.
    package var tag: String
    /// When it was last written, in seconds since 1970.
    package var modified: Int
}

/// A range of an object's bytes.
package struct S3Range: Sendable, Equatable {
    package var bytes: [UInt8]
    /// Of the whole object.
    package var size: Int
    /// As in `S3Object`; `nil` for an object without bytes.
    package var tag: String?
    /// Whether `tag` is the MD5 of the whole object.
    package var isTagOfBytes: Bool
}

/// One bucket in S3.
///
/// Every call blocks its thread until the answer is there, as a call on a file does. What may be repeated is tried again for a
/// minute and a half. Errors name `s3://BUCKET/KEY`: `.inputMissing` where bucket or key do not exist, `.permission`, `.usage`
/// where the bucket is in another region, `.serviceGaveUp`.
/// Source: Amazon S3 API Reference.
package final class S3Client: Sendable {
    package let bucket: String
    let client: ServiceClient

    /// - Throws: as `AWSSession.client`. Nothing is sent.
    package init(bucket: String, session: AWSSession) throws(RekeyError) {
        self.bucket = bucket
        client = try session.client(.s3) { endpoint, configuration in endpoint.bucket(bucket, configuration) }
    }

    /// - Parameter client: of the bucket's own endpoint.
    package init(bucket: String, client: ServiceClient) {
        self.bucket = bucket
        self.client = client
    }

    /// `s3://BUCKET/KEY`.
    package func path(_ key: String) -> String { S3Path(bucket: bucket, key: key).text }

    // MARK: Reading

    /// Size and tag of an object (HeadObject); nil where there is none.
    package func head(_ key: String) throws(RekeyError) -> S3Object? {
        let answer: HTTPResponse
        do throws(ServiceError) {
            answer = try client.sendBlocking(request("HEAD", key), policy: .patient)
        } catch {
            // Without a body nothing tells a missing bucket from a missing key.
            if error.status == 404 { return nil }
            throw told(error, key)
        }
        return S3Object(
            key: key, size: answer.header("content-length").flatMap { Int($0) } ?? 0, tag: Self.tag(answer) ?? "",
            modified: answer.header("last-modified").flatMap(HTTPDate.seconds) ?? 0)
    }

    /// Up to `count` bytes from `offset` on (GetObject with Range). With a tag, only of the object that has it: one that was
    /// replaced meanwhile throws `.inputOutput`.
    ///
    /// An answer that is shorter than it says is asked for again.
    package func get(_ key: String, from offset: Int, count: Int, tag: String? = nil) throws(RekeyError) -> S3Range {
        var asked = request("GET", key)
        asked.headers.append(("Range", "bytes=\(offset)-\(offset + count - 1)"))
        if let tag { asked.headers.append(("If-Match", "\"\(tag)\"")) }
        asked.responseLimit = max(count, 1 << 20)
        for _ in 1...Self.attemptsAtWholeRange {
            let answer: HTTPResponse
            do throws(ServiceError) {
                answer = try client.sendBlocking(asked, policy: .patient)
            } catch {
                if error.code == "InvalidRange", offset == 0 {
                    return S3Range(bytes: [], size: 0, tag: nil, isTagOfBytes: false)
                }
                if error.kind == .conditionFailed || error.status == 412 {
                    throw RekeyError(
                        .inputOutput, "was replaced or removed while it was read; run it again", source: path(key))
                }
                throw told(error, key)
            }
            guard let size = Self.wholeSize(answer, offset: offset, count: count) else { continue }
            let found = Self.tag(answer)
            return S3Range(bytes: answer.body, size: size, tag: found, isTagOfBytes: Self.isMD5(found, answer))
        }
        throw RekeyError(
            .serviceGaveUp, "S3 answered with fewer bytes than it said, again and again; try again later",
            source: path(key))
    }

    private static let attemptsAtWholeRange = 5

    /// The object's size; nil where the body is not the range that was asked for.
    private static func wholeSize(_ answer: HTTPResponse, offset: Int, count: Int) -> Int? {
        guard answer.status == 206 else {
            // The whole object, from a server that knows no ranges.
            guard offset == 0, let length = answer.header("content-length").flatMap({ Int($0) }) else { return nil }
            return length == answer.body.count ? length : nil
        }
        // `bytes 0-8388607/10485760`
        guard let range = answer.header("content-range"), range.hasPrefix("bytes ") else { return nil }
        let parts = range.dropFirst("bytes ".count).split { $0 == "-" || $0 == "/" }.map { Int($0) }
        guard parts.count == 3, let first = parts[0], let last = parts[1], let size = parts[2], first == offset,
            last == min(offset + count, size) - 1, answer.body.count == last - first + 1
        else { return nil }
        return size
    }

    // MARK: Removing

    /// Removes an object; one that is not there is no failure.
    package func delete(_ key: String) throws(RekeyError) {
        do throws(ServiceError) {
            _ = try client.sendBlocking(request("DELETE", key), policy: .patient)
        } catch {
            throw told(error, key)
        }
    }

    // MARK: Requests and errors

    /// Waits longer than others for a connection in which nothing moves: S3 puts large objects together before it answers.
    func request(
        _ method: String, _ key: String, query: [(name: String, value: String)] = [], body: [UInt8] = []
    ) -> HTTPRequest {
        HTTPRequest(
            method: method, authority: client.endpoint.authority, path: "/" + PercentEncoding.encodePath(key),
            query: query, body: body, stallTimeout: .seconds(60))
    }

    /// The ETag without its quotes.
    static func tag(_ answer: HTTPResponse) -> String? {
        answer.header("etag").map { String($0.drop { $0 == "\"" }.prefix { $0 != "\"" }) }
    }

    /// Whether a tag is an MD5 of the bytes: 32 digits, and no key of KMS or of the caller has encrypted them.
    static func isMD5(_ tag: String?, _ answer: HTTPResponse) -> Bool {
        guard let tag, tag.utf8.count == 32, tag.utf8.allSatisfy({ UInt8(ascii: "0") <= $0 && $0 <= UInt8(ascii: "f") })
        else { return false }
        return isTagFromBytes(answer)
    }

    /// False where the ETag is made of encrypted bytes.
    static func isTagFromBytes(_ answer: HTTPResponse) -> Bool {
        answer.header("x-amz-server-side-encryption")?.hasPrefix("aws:") != true
            && answer.header("x-amz-server-side-encryption-customer-algorithm") == nil
    }

    /// The failure as a user is told it.
    func told(_ error: ServiceError, _ key: String) -> RekeyError {
        let path = path(key)
        if let region = error.bucketRegion, region != client.region {
            return RekeyError(
                .usage,
                "the bucket \(bucket) is in \(region), and \(client.region) was asked; give --region \(region)",
                source: path)
        }
        switch error.code {
        case "NoSuchBucket":
            return RekeyError(
                .inputMissing,
                "there is no bucket \(bucket) at \(client.endpoint.authority); check its name, the region and the account",
                source: path)
        case "NoSuchKey":
            return RekeyError(.inputMissing, "there is no such object; check the key", source: path)
        default: break
        }
        var copy = error
        // HEAD has no body, so no code.
        if copy.code.isEmpty, copy.status == 400 { copy.kind = .denied }
        return copy.rekeyError(service: "S3", source: path)
    }
}

extension AWSSession {
    /// A client whose endpoint depends on what it asks for, such as a bucket.
    func client(
        _ service: AWSService, at place: (ServiceEndpoint, SharedConfiguration) -> ServiceEndpoint
    ) throws(RekeyError) -> ServiceClient {
        let region = try region
        let endpoint = try resolveEndpoint(service, settings, configuration, region: region)
        return ServiceClient(
            service: service, region: region, endpoint: place(endpoint, configuration), credentials: credentials,
            http: http, maximumAttempts: maximumAttempts)
    }
}
