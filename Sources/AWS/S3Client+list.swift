package import ByteStreams

/// What lies below a prefix.
package struct S3Listing: Sendable, Equatable {
    /// In the order of their keys' UTF-8 bytes.
    package var objects: [S3Object] = []
    /// What the keys of further objects begin with, up to the next delimiter and with it.
    package var prefixes: [String] = []
}

extension S3Client {
    /// All objects whose key begins with `prefix` (ListObjectsV2, page by page).
    ///
    /// - Parameters:
    ///   - delimiter: `/` to step over what lies in deeper folders; their prefixes are told.
    ///   - limit: no more entries than these are looked for.
    /// - Throws: `.inputMissing` where there is no such bucket, `.permission` (`s3:ListBucket`), `.serviceGaveUp` where the list goes on
    ///   and does not say where.
    package func list(
        prefix: String, delimiter: String? = nil, limit: Int = .max
    ) throws(RekeyError) -> S3Listing {
        var listing = S3Listing()
        var token: String?
        repeat {
            var query = [("list-type", "2"), ("encoding-type", "url"), ("prefix", prefix)]
            if let delimiter { query.append(("delimiter", delimiter)) }
            if limit < 1000 { query.append(("max-keys", "\(limit)")) }
            if let token { query.append(("continuation-token", token)) }
            var asked = request("GET", "", query: query.map { (name: $0.0, value: $0.1) })
            asked.responseLimit = 16 << 20
            let page: XMLElement
            do throws(ServiceError) {
                page = try Self.parse(try client.sendBlocking(asked, policy: .patient), "ListBucketResult")
            } catch {
                throw told(error, prefix)
            }
            try take(page, into: &listing)
            let next = page["IsTruncated"]?.text == "true" ? page["NextContinuationToken"]?.text ?? "" : nil
            // Taken for its end, the list would lack objects, and nobody would know.
            if listing.objects.count + listing.prefixes.count >= limit { break }
            guard next != "", next == nil || next != token else {
                throw RekeyError(
                    .serviceGaveUp,
                    "S3 says that its list goes on, but not where; ask again, or ask whose server this is",
                    source: path(prefix))
            }
            token = next
        } while token != nil
        return listing
    }

    private func take(_ page: XMLElement, into listing: inout S3Listing) throws(RekeyError) {
        let isEncoded = page["EncodingType"]?.text == "url"
        func plain(_ element: XMLElement?) throws(RekeyError) -> String {
            guard let text = element?.text,
                let plain = isEncoded ? PercentEncoding.decode(Substring(text)) : text
            else {
                throw RekeyError(
                    .serviceGaveUp, "S3 lists a key that cannot be read: it is not UTF-8", source: path(""))
            }
            return plain
        }
        for entry in page.all("Contents") {
            let tag = (entry["ETag"]?.text ?? "").filter { $0 != "\"" }
            listing.objects.append(
                S3Object(
                    key: try plain(entry["Key"]), size: entry["Size"].flatMap { Int($0.text) } ?? 0, tag: tag,
                    modified: entry["LastModified"].flatMap { InternetDate.seconds($0.text) } ?? 0))
        }
        for entry in page.all("CommonPrefixes") { listing.prefixes.append(try plain(entry["Prefix"])) }
    }

    /// The root element of an answer, which has to have this name. S3 may send an error with status 200 when it has begun to answer
    /// before it was done.
    static func parse(_ answer: HTTPResponse, _ name: String) throws(ServiceError) -> XMLElement {
        let text = Array(answer.body.drop { $0 <= 0x20 })
        guard let root = try? XMLElement.parse(text, source: "S3") else {
            throw ServiceError(code: "", message: "the answer of S3 is no XML", status: answer.status, kind: .transient)
        }
        // moto calls a result a response.
        if root.name == name || root.name.hasPrefix(String(name.dropLast("Result".count))) { return root }
        guard root.name == "Error" else {
            throw ServiceError(
                code: "", message: "S3 answered with \(root.name) in place of \(name)", status: answer.status)
        }
        throw ServiceError(
            code: root["Code"]?.text ?? "", message: root["Message"]?.text ?? "", status: 500,
            requestID: root["RequestId"]?.text)
    }
}
