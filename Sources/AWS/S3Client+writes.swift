package import ByteStreams
import Crypto
import Items

/// A part of an upload that S3 has.
package struct S3Part: Sendable, Equatable {
    /// From 1.
    package var number: Int
    package var tag: String
    package var md5: [UInt8]
    package var size: Int

    package init(number: Int, tag: String, md5: [UInt8], size: Int) {
        self.number = number
        self.tag = tag
        self.md5 = md5
        self.size = size
    }
}

/// An upload in parts that has begun. Until it is completed or aborted its parts are stored, and billed, out of sight.
package struct S3Upload: Sendable, Equatable {
    package var key: String
    package var id: String

    package init(key: String, id: String) {
        self.key = key
        self.id = id
    }
}

extension S3Client {
    /// Parts but the last must have so many bytes at least.
    package static let smallestPart = 5 << 20
    package static let mostParts = 10_000

    /// Writes an object whole (PutObject); what stood under the key is replaced. It is there, with all its bytes, or the call
    /// throws: S3 checks the signed SHA-256 and the MD5, and its ETag is compared here.
    package func put(_ key: String, _ body: [UInt8]) throws(RekeyError) {
        let md5 = Array(Insecure.MD5.hash(data: body))
        do throws(ServiceError) {
            let answer = try client.sendBlocking(checked(request("PUT", key, body: body), md5), policy: .patient)
            try Self.compare(answer, md5)
        } catch {
            throw told(error, key)
        }
    }

    /// Begins an upload in parts (CreateMultipartUpload).
    package func beginUpload(_ key: String) throws(RekeyError) -> S3Upload {
        do throws(ServiceError) {
            let answer = try client.sendBlocking(request("POST", key, query: [("uploads", "")]), policy: .patient)
            let root = try Self.parse(answer, "InitiateMultipartUploadResult")
            guard let id = root["UploadId"]?.text, !id.isEmpty else {
                throw ServiceError(code: "", message: "S3 began an upload without an id", kind: .other)
            }
            return S3Upload(key: key, id: id)
        } catch {
            throw told(error, key)
        }
    }

    /// Sends one part (UploadPart), checked as `put` is.
    package func upload(_ body: [UInt8], number: Int, of upload: S3Upload) throws(RekeyError) -> S3Part {
        let md5 = Array(Insecure.MD5.hash(data: body))
        let query = [(name: "partNumber", value: "\(number)"), (name: "uploadId", value: upload.id)]
        do throws(ServiceError) {
            let asked = checked(request("PUT", upload.key, query: query, body: body), md5)
            let answer = try client.sendBlocking(asked, policy: .patient)
            try Self.compare(answer, md5)
            guard let tag = Self.tag(answer) else {
                throw ServiceError(code: "", message: "S3 took a part and told no ETag", kind: .other)
            }
            return S3Part(number: number, tag: tag, md5: md5, size: body.count)
        } catch {
            throw told(error, upload.key)
        }
    }

    /// Makes the object of its parts (CompleteMultipartUpload) and compares size and ETag of what is there then.
    ///
    /// - Parameter parts: all of them, by number.
    package func complete(_ upload: S3Upload, _ parts: [S3Part]) throws(RekeyError) {
        var body = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        for part in parts {
            body += "<Part><PartNumber>\(part.number)</PartNumber><ETag>&quot;\(part.tag)&quot;</ETag></Part>"
        }
        body += "</CompleteMultipartUpload>"
        var asked = request("POST", upload.key, query: [("uploadId", upload.id)], body: Array(body.utf8))
        asked.headers.append(("Content-Type", "application/xml"))
        asked.stallTimeout = .seconds(600)
        let whole = Hexadecimal.of(Insecure.MD5.hash(data: parts.flatMap(\.md5)))
        let tag = "\(String(decoding: whole, as: UTF8.self))-\(parts.count)"
        let size = parts.reduce(0) { $0 + $1.size }
        do throws(ServiceError) {
            try complete(asked)
        } catch {
            // The answer to an attempt that went through may have been lost: what counts is what is there.
            guard error.code == "NoSuchUpload", let object = try head(upload.key), object.size == size,
                object.tag == tag
            else { throw told(error, upload.key) }
            return
        }
        guard let object = try head(upload.key), object.size == size else {
            throw RekeyError(
                .serviceGaveUp, "S3 says that the upload is complete, but the object has not its \(size) bytes",
                source: path(upload.key))
        }
        // Keys of KMS give another tag; then each part was checked when it was sent.
        let isOfParts = parts.allSatisfy { $0.tag == String(decoding: Hexadecimal.of($0.md5), as: UTF8.self) }
        guard !isOfParts || object.tag == tag else {
            throw RekeyError(
                .serviceGaveUp, "the object's ETag is \(object.tag), its parts have \(tag); write it again",
                source: path(upload.key))
        }
    }

    /// S3 may begin an answer with status 200 and end it with an error; such an attempt is made again a few times.
    private func complete(_ asked: HTTPRequest) throws(ServiceError) {
        var attempt = 1
        while true {
            do throws(ServiceError) {
                _ = try Self.parse(try client.sendBlocking(asked, policy: .patient), "CompleteMultipartUploadResult")
                return
            } catch {
                guard error.isRetryable, attempt < 5 else { throw error }
                attempt += 1
            }
        }
    }

    /// Removes an upload and the parts it has (AbortMultipartUpload); one that is gone is no failure.
    package func abort(_ upload: S3Upload) throws(RekeyError) {
        do throws(ServiceError) {
            _ = try client.sendBlocking(
                request("DELETE", upload.key, query: [("uploadId", upload.id)]), policy: .patient)
        } catch {
            if error.kind != .notFound { throw told(error, upload.key) }
        }
    }

    private func checked(_ request: HTTPRequest, _ md5: [UInt8]) -> HTTPRequest {
        var request = request
        request.headers.append(("Content-MD5", String(decoding: base64(md5), as: UTF8.self)))
        request.headers.append(("Content-Type", "application/octet-stream"))
        return request
    }

    private static func compare(_ answer: HTTPResponse, _ md5: [UInt8]) throws(ServiceError) {
        guard let tag = tag(answer), isMD5(tag, answer) else { return }
        guard tag == String(decoding: Hexadecimal.of(md5), as: UTF8.self) else {
            throw ServiceError(
                code: "", message: "S3 holds other bytes than were sent: their ETag is \(tag)", status: answer.status,
                kind: .other)
        }
    }
}
