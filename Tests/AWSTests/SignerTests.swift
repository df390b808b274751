import AWS
import Foundation
import TestSupport
import Testing

/// One request of the published suite, with the `Authorization` it must get.
struct SignatureVector: Sendable, CustomTestStringConvertible {
    var name: String
    var request: HTTPRequest
    var token: String?
    var authorization: String

    var testDescription: String { name }

    static let all: [SignatureVector] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Vectors/sigv4.txt")
        let text = try! String(contentsOf: file, encoding: .utf8)
        return text.components(separatedBy: "### ").dropFirst().map(SignatureVector.init(block:))
    }()

    private init(block: String) {
        let parts = block.components(separatedBy: "\n\n")
        var lines = parts[0].components(separatedBy: "\n")
        name = lines.removeFirst()
        let line = lines.removeFirst()
        let method = line.prefix { $0 != " " }
        let target = line.dropFirst(method.count + 1).dropLast(" HTTP/1.1".count)
        let halves = target.split(separator: "?", maxSplits: 1)
        request = HTTPRequest(method: String(method), authority: "", path: String(halves[0]))
        authorization = ""
        for line in lines {
            let colon = line.firstIndex(of: ":")!
            let (name, value) = (String(line[..<colon]), String(line[line.index(after: colon)...]))
            switch name {
            case "Host": request.authority = value
            case "Authorization": authorization = value
            case "X-Amz-Security-Token": token = value
            default: request.headers.append((name, value))
            }
        }
        if halves.count == 2 {
            request.query = halves[1].split(separator: "&").map { pair in
                let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return (sides[0].removingPercentEncoding!, sides[1].removingPercentEncoding!)
            }
        }
        request.body = Array(parts[1].trimmingCharacters(in: .newlines).utf8)
    }
}

@Suite("Signature version 4") struct SignerTests {
    /// 2015-08-30T12:36:00Z, when the suite was signed.
    private let date = 1_440_938_160
    private let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

    @Test("The published vectors", arguments: SignatureVector.all)
    func published(vector: SignatureVector) {
        var request = vector.request
        Signer(service: "service", region: "us-east-1").sign(
            &request,
            with: Credentials(
                accessKeyID: "AKIDEXAMPLE", secretAccessKey: secret, sessionToken: vector.token, origin: "test"),
            at: date)
        #expect(request.headers.last?.name == "Authorization")
        #expect(request.headers.last?.value == vector.authorization)
    }

    @Test func theVectorsAreThere() { #expect(SignatureVector.all.count == 26) }

    /// "Signature Calculations for the Authorization Header", Amazon S3 API Reference.
    @Test(
        "The examples of the S3 reference",
        arguments: [
            ("range", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
            ("put", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
            ("lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
            ("list", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
        ])
    func storage(name: String, signature: String) {
        var request = HTTPRequest(authority: "examplebucket.s3.amazonaws.com")
        switch name {
        case "range":
            request.path = "/test.txt"
            request.headers = [("Range", "bytes=0-9")]
        case "put":
            request.method = "PUT"
            request.path = PercentEncoding.encodePath("/test$file.text")
            request.headers = [
                ("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ]
            request.body = Array("Welcome to Amazon S3.".utf8)
        case "lifecycle": request.query = [("lifecycle", "")]
        default: request.query = [("prefix", "J"), ("max-keys", "2")]
        }
        Signer(service: "s3", region: "us-east-1").sign(
            &request,
            with: Credentials(
                accessKeyID: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                origin: "test"),
            at: 1_369_353_600)
        #expect(request.headers.last?.value.hasSuffix("Signature=\(signature)") == true, "\(request.headers)")
    }

    /// A retry must not carry two dates, and a request signed on another day or with another secret needs another key.
    @Test func signingAgainReplacesTheSignature() {
        let signer = Signer(service: "s3", region: "eu-west-1")
        let first = Credentials(accessKeyID: "A", secretAccessKey: "one", sessionToken: "token", origin: "test")
        let second = Credentials(accessKeyID: "B", secretAccessKey: "two", origin: "test")
        var again = HTTPRequest(authority: "h", path: "/k", headers: [("Range", "bytes=0-1")])
        signer.sign(&again, with: first, at: date)
        signer.sign(&again, with: first, at: date + 86_400)
        signer.sign(&again, with: second, at: date + 86_400)
        var once = HTTPRequest(authority: "h", path: "/k", headers: [("Range", "bytes=0-1")])
        Signer(service: "s3", region: "eu-west-1").sign(&once, with: second, at: date + 86_400)
        #expect(again.headers.map { "\($0)" } == once.headers.map { "\($0)" })
        #expect(once.headers.map(\.name) == ["Range", "X-Amz-Date", "x-amz-content-sha256", "Authorization"])
    }

    /// Random requests for each service, signed by botocore as well.
    @Test func agreesWithBotocore() throws {
        var generator = SeededGenerator(seed: testSeed("agreesWithBotocore"))
        let credentials = Credentials(
            accessKeyID: "AKIDEXAMPLE", secretAccessKey: secret, sessionToken: "a/token+with=signs", origin: "test")
        var lines: [[String: Any]] = []
        var expected: [String] = []
        for index in 0..<240 {
            let service = ["dynamodb", "sts", "monitoring", "s3"][index % 4]
            var request = HTTPRequest(authority: "host.example.com:8000")
            if service == "s3" {
                request.method = ["GET", "PUT", "HEAD", "DELETE", "POST"].randomElement(using: &generator)!
                request.path = PercentEncoding.encodePath("/bucket/" + Self.oddText(&generator))
                for name in ["prefix", "continuation-token", "delimiter", "list-type", "uploads", "partNumber"]
                where Bool.random(using: &generator) {
                    request.query.append((name, Bool.random(using: &generator) ? "" : Self.oddText(&generator)))
                }
            } else {
                request.method = "POST"
                request.headers = [
                    ("X-Amz-Target", "DynamoDB_20120810.Scan"), ("Content-Type", "application/x-amz-json-1.0"),
                ]
            }
            if request.method == "PUT" || request.method == "POST" {
                request.body = Array(Self.oddText(&generator).utf8)
            }
            let sent = request
            Signer(service: service, region: "ap-northeast-2").sign(
                &request, with: credentials, at: date + index * 40_000)
            expected.append(request.headers.last!.value)
            lines.append([
                "service": service, "region": "ap-northeast-2", "method": sent.method, "path": sent.path,
                "authority": sent.authority, "time": date + index * 40_000,
                "query": sent.query.map { [$0.name, $0.value] },
                "headers": sent.headers.map { [$0.name, $0.value] }, "body": String(decoding: sent.body, as: UTF8.self),
                "key": credentials.accessKeyID, "secret": secret, "token": credentials.sessionToken!,
            ])
        }
        let input = try JSONSerialization.data(withJSONObject: lines)
        let output = try PythonScript.run("botocore_signatures.py", input: input)
        let signatures = output.split(separator: "\n").map(String.init)
        #expect(signatures.count == expected.count)
        for (index, pair) in zip(expected, signatures).enumerated() {
            #expect(pair.0 == pair.1, "request \(index): \(lines[index])")
        }
    }

    private static func oddText(_ generator: inout SeededGenerator) -> String {
        let alphabet = Array("abz019-._~ #=+%&?/:@!$'()*,;[]{}|\\^`\"<>äß€ሴ😀")
        return String(
            (0..<Int.random(in: 1...20, using: &generator)).map { _ in alphabet.randomElement(using: &generator)! })
    }
}
