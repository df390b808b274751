import Crypto
import Synchronization

/// Signature version 4 with the hash of the whole body in it.
///
/// Signed are method, path, query, every header of the request and the host. Headers of an earlier signature are replaced, so
/// that each attempt carries its own date.
/// Source: AWS IAM User Guide, "Create a signed AWS API request".
package struct Signer: Sendable {
    package let service: String
    package let region: String
    private let keys = SigningKeyCache()

    /// - Parameter service: the signing name: `dynamodb`, `s3`, `sts`, `monitoring`, `logs`.
    package init(service: String, region: String) {
        self.service = service
        self.region = region
    }

    /// Adds `X-Amz-Date`, `X-Amz-Security-Token` where there is a token, for S3 `x-amz-content-sha256`, and `Authorization`.
    package func sign(_ request: inout HTTPRequest, with credentials: Credentials, at secondsSince1970: Int) {
        let time = SigningTime(secondsSince1970)
        let bodyHash = Hexadecimal.of(SHA256.hash(data: request.body))
        request.headers.removeAll { isOwn($0.name) }
        request.headers.append(("X-Amz-Date", String(decoding: time.text, as: UTF8.self)))
        if let token = credentials.sessionToken { request.headers.append(("X-Amz-Security-Token", token)) }
        if service == "s3" {
            request.headers.append(("x-amz-content-sha256", String(decoding: bodyHash, as: UTF8.self)))
        }

        let (canonicalHeaders, signedHeaders) = canonicalHeaders(of: request)
        var canonical: [UInt8] = []
        canonical.reserveCapacity(1024)
        canonical += request.method.utf8
        canonical.append(newline)
        canonical += canonicalPath(request.path)
        canonical.append(newline)
        canonical += canonicalQuery(request.query)
        canonical.append(newline)
        canonical += canonicalHeaders
        canonical.append(newline)
        canonical += signedHeaders
        canonical.append(newline)
        canonical += bodyHash

        let scope = Array(time.day) + Array("/\(region)/\(service)/aws4_request".utf8)
        var toSign = Array("AWS4-HMAC-SHA256\n".utf8)
        toSign += time.text
        toSign.append(newline)
        toSign += scope
        toSign.append(newline)
        toSign += Hexadecimal.of(SHA256.hash(data: canonical))
        let key = keys.key(secret: credentials.secretAccessKey, day: Array(time.day), region: region, service: service)
        let signature = Hexadecimal.of(HMAC<SHA256>.authenticationCode(for: toSign, using: key))

        var authorization = Array("AWS4-HMAC-SHA256 Credential=\(credentials.accessKeyID)/".utf8)
        authorization += scope
        authorization += ", SignedHeaders=".utf8
        authorization += signedHeaders
        authorization += ", Signature=".utf8
        authorization += signature
        request.headers.append(("Authorization", String(decoding: authorization, as: UTF8.self)))
    }

    /// Whether a header is of an earlier signature.
    private func isOwn(_ name: String) -> Bool {
        name.isEqualIgnoringCase("Authorization") || name.isEqualIgnoringCase("X-Amz-Date")
            || name.isEqualIgnoringCase("X-Amz-Security-Token")
            || (service == "s3" && name.isEqualIgnoringCase("x-amz-content-sha256"))
    }

    /// S3 signs the path as it is sent. The others take the dot segments and empty segments out and encode once more.
    private func canonicalPath(_ path: String) -> [UInt8] {
        if service == "s3" || path == "/" { return Array(path.utf8) }
        var segments: [Substring] = []
        for segment in path.split(separator: "/") {
            switch segment {
            case ".": continue
            case "..": _ = segments.popLast()
            default: segments.append(segment)
            }
        }
        if segments.isEmpty { return [UInt8(ascii: "/")] }
        let isFolder = path.hasSuffix("/") || path.hasSuffix("/.") || path.hasSuffix("/..")
        return PercentEncoding.encoded(
            ("/" + segments.joined(separator: "/") + (isFolder ? "/" : "")).utf8, keepingSlashes: true)
    }

    /// Sorted by the bytes of the encoded names, then values.
    private func canonicalQuery(_ query: [(name: String, value: String)]) -> [UInt8] {
        if query.isEmpty { return [] }
        let pairs = query.map { item in
            (
                PercentEncoding.encoded(item.name.utf8, keepingSlashes: false),
                PercentEncoding.encoded(item.value.utf8, keepingSlashes: false)
            )
        }
        let sorted = pairs.sorted { left, right in
            left.0 == right.0 ? left.1.lexicographicallyPrecedes(right.1) : left.0.lexicographicallyPrecedes(right.0)
        }
        var out: [UInt8] = []
        for (name, value) in sorted {
            if !out.isEmpty { out.append(UInt8(ascii: "&")) }
            out += name
            out.append(UInt8(ascii: "="))
            out += value
        }
        return out
    }

    /// Names in lower case and sorted, values trimmed, headers of the same name joined by commas.
    private func canonicalHeaders(of request: HTTPRequest) -> (lines: [UInt8], names: [UInt8]) {
        // Names and values one after the other, and where each stands.
        var text: [UInt8] = []
        text.reserveCapacity(1024)
        var headers: [(name: Range<Int>, value: Range<Int>)] = []
        headers.reserveCapacity(request.headers.count + 1)
        func add(_ name: String, _ value: String) {
            let start = text.count
            for byte in name.utf8 { text.append(byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte) }
            let end = text.count
            Self.appendTrimmed(value, to: &text)
            // Behind all that sort before it or have the same name: those keep their order.
            var place = headers.count
            while place > 0, text[start..<end].lexicographicallyPrecedes(text[headers[place - 1].name]) { place -= 1 }
            headers.insert((start..<end, end..<text.count), at: place)
        }
        add("host", request.authority)
        for (name, value) in request.headers { add(name, value) }
        var lines: [UInt8] = []
        lines.reserveCapacity(1024)
        var names: [UInt8] = []
        names.reserveCapacity(128)
        var last = 0..<0
        for (name, value) in headers {
            if text[name] == text[last] {
                lines[lines.count - 1] = UInt8(ascii: ",")
            } else {
                if !last.isEmpty { names.append(UInt8(ascii: ";")) }
                names += text[name]
                lines += text[name]
                lines.append(UInt8(ascii: ":"))
                last = name
            }
            lines += text[value]
            lines.append(newline)
        }
        return (lines, names)
    }

    /// Without white space at the ends, and with single spaces inside.
    private static func appendTrimmed(_ value: String, to out: inout [UInt8]) {
        let start = out.count
        for byte in value.utf8 {
            let isSpace = byte == 0x20 || byte == 0x09
            if isSpace, out.count == start || out[out.count - 1] == 0x20 { continue }
            out.append(isSpace ? 0x20 : byte)
        }
        if out.count > start, out[out.count - 1] == 0x20 { out.removeLast() }
    }
}

private let newline = UInt8(ascii: "\n")

/// The key of a day, which four HMACs make of the secret.
private final class SigningKeyCache: Sendable {
    private struct Entry {
        var secret: String
        var day: [UInt8]
        var key: SymmetricKey
    }

    private let entry = Mutex<Entry?>(nil)

    func key(secret: String, day: [UInt8], region: String, service: String) -> SymmetricKey {
        entry.withLock { entry in
            if let entry, entry.day == day, entry.secret == secret { return entry.key }
            var key = SymmetricKey(data: Array("AWS4\(secret)".utf8))
            for part in [day, Array(region.utf8), Array(service.utf8), Array("aws4_request".utf8)] {
                key = SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: part, using: key))
            }
            entry = Entry(secret: secret, day: day, key: key)
            return key
        }
    }
}

/// `20150830T123600Z`.
struct SigningTime {
    let text: [UInt8]
    var day: ArraySlice<UInt8> { text[..<8] }

    init(_ secondsSince1970: Int) {
        let days = secondsSince1970 >= 0 ? secondsSince1970 / 86_400 : (secondsSince1970 - 86_399) / 86_400
        let second = secondsSince1970 - days * 86_400
        let (year, month, day) = CivilDate.date(days)
        var text: [UInt8] = []
        text.reserveCapacity(16)
        func append(_ value: Int, _ digits: Int) {
            var divisor = 1
            for _ in 1..<digits { divisor *= 10 }
            while divisor > 0 {
                text.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
                divisor /= 10
            }
        }
        append(year, 4)
        append(month, 2)
        append(day, 2)
        text.append(UInt8(ascii: "T"))
        append(second / 3600, 2)
        append(second / 60 % 60, 2)
        append(second % 60, 2)
        text.append(UInt8(ascii: "Z"))
        self.text = text
    }
}

/// Days since 1970-01-01 and dates of the Gregorian calendar (algorithms: H. Hinnant, "chrono-compatible low-level date algorithms").
enum CivilDate {
    static func date(_ days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        )
    }

    static func days(year: Int, month: Int, day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}

/// Lower-case digits.
enum Hexadecimal {
    static func of(_ hash: SHA256.Digest) -> [UInt8] { hash.withUnsafeBytes { of($0) } }

    static func of(_ code: HMAC<SHA256>.MAC) -> [UInt8] { code.withUnsafeBytes { of($0) } }

    static func of(_ hash: Insecure.MD5.Digest) -> [UInt8] { hash.withUnsafeBytes { of($0) } }

    static func of(_ bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes { of($0) } }

    private static func of(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: bytes.count * 2) { out, count in
            for (index, byte) in bytes.enumerated() {
                out[index * 2] = digit(byte >> 4)
                out[index * 2 + 1] = digit(byte & 15)
            }
            count = bytes.count * 2
        }
    }

    private static func digit(_ nibble: UInt8) -> UInt8 { nibble < 10 ? 0x30 + nibble : 0x61 + nibble - 10 }
}

extension String {
    /// Of ASCII letters.
    func isEqualIgnoringCase(_ other: String) -> Bool {
        utf8.count == other.utf8.count
            && zip(utf8, other.utf8).allSatisfy { left, right in
                left == right || (left ^ right == 0x20 && (0x61...0x7A).contains(left | 0x20))
            }
    }
}
