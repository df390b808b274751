package import ByteStreams
import Items

/// Why a service did not do what was asked, after what the retry policy allowed.
package struct ServiceError: Error, Sendable {
    /// What a caller decides by; `ErrorCodes` tells which code is which.
    package enum Kind: Sendable, Equatable {
        /// Too many requests for the table, the account or the key: slow down.
        case throttling
        /// May succeed at once; the request may have been carried out.
        case transient
        /// New credentials may help.
        case expiredCredentials
        /// The signature's date is not the service's.
        case clockSkew
        /// Not allowed, or not known.
        case denied
        case conditionFailed
        case transactionConflict
        /// The reasons stand in `body`.
        case transactionCanceled
        case notFound
        /// The request is wrong; the same one fails for ever.
        case invalid
        /// A limit of the account or of the control plane.
        case limit
        case other
        /// No whole answer came.
        case transport(TransportError.Kind)
    }

    /// Without the name space: `ProvisionedThroughputExceededException`; "" for none.
    package var code: String
    package var message: String
    /// 0 where no answer came.
    package var status: Int
    package var requestID: String?
    package var kind: Kind
    package var body: [UInt8]
    /// The shortest pause that the service asks for (`x-amz-retry-after`).
    package var retryAfter: Duration?
    /// Where an S3 bucket lies, where S3 tells it: its requests have to go there.
    package var bucketRegion: String?
    /// Why nothing could be signed and sent.
    private var refusal: RekeyError?

    package init(
        code: String, message: String, status: Int = 0, requestID: String? = nil, kind: Kind? = nil, body: [UInt8] = []
    ) {
        self.code = code
        self.message = message
        self.status = status
        self.requestID = requestID
        self.kind = kind ?? ErrorCodes.kind(code: code, status: status)
        self.body = body
    }

    package init(_ error: TransportError) {
        self.init(code: "", message: error.message, kind: .transport(error.kind))
    }

    /// No credentials: nothing was sent.
    package init(credentials error: RekeyError) {
        self.init(code: "", message: error.message, kind: .denied)
        refusal = error
    }

    /// Of an answer whose status is not 2xx: JSON of DynamoDB and its like, XML of S3, STS and CloudWatch.
    package init(_ response: HTTPResponse) {
        var code = ""
        var message = ""
        var requestID = response.header("x-amzn-requestid") ?? response.header("x-amz-request-id")
        if let tree = try? JSONReader.parse(response.body, source: "the answer") {
            code = tree["__type"]?.string ?? tree["code"]?.string ?? ""
            message = tree["message"]?.string ?? tree["Message"]?.string ?? ""
        } else if let root = try? XMLElement.parse(response.body, source: "the answer") {
            // S3: Error; STS and CloudWatch: ErrorResponse, with Error and RequestId inside.
            let error = root["Error"] ?? root
            code = error["Code"]?.text ?? ""
            message = error["Message"]?.text ?? ""
            requestID = requestID ?? root["RequestId"]?.text ?? root["RequestID"]?.text
        }
        if code.isEmpty { code = response.header("x-amzn-errortype") ?? "" }
        // `com.amazonaws.dynamodb.v20120810#ValidationException:http://…`
        if let mark = code.lastIndex(of: "#") { code = String(code[code.index(after: mark)...]) }
        self.init(
            code: Self.word(code), message: Self.firstLine(message), status: response.status,
            requestID: requestID.map(Self.word), body: response.body)
        bucketRegion = response.header("x-amz-bucket-region")
        retryAfter = response.header("x-amz-retry-after").flatMap { Int($0) }.map { .milliseconds(max(0, $0)) }
    }

    /// A code or a request's id, up to what can be no part of one: an answer is not to be trusted with a line of its own.
    private static func word(_ text: String) -> String {
        String(text.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "+/=._-".contains($0)) }.prefix(200))
    }

    /// What a service says of a wrong signature goes on with the canonical request, session token included.
    private static func firstLine(_ message: String) -> String {
        let line = message.prefix { !$0.isNewline }.prefix(1000)
        return String(line[..<(line.firstRange(of: "The Canonical String")?.lowerBound ?? line.endIndex)])
    }

    /// Whether the same request may succeed later.
    package var isRetryable: Bool {
        switch kind {
        case .throttling, .transient, .transactionConflict, .limit: true
        case .transport(let kind): TransportError(kind, "").isTransient
        default: false
        }
    }

    /// Whether less should be asked for a while.
    package var isThrottling: Bool { kind == .throttling || kind == .limit }
}

extension ServiceError: CustomStringConvertible {
    package var description: String {
        var text = code.isEmpty ? (status == 0 ? message : "status \(status)") : code
        if !message.isEmpty, text != message { text += ": \(message)" }
        if let requestID { text += " (request \(requestID))" }
        return text
    }

    /// The failure as a user is told it.
    ///
    /// - Parameters:
    ///   - service: what is spoken to, in words: `DynamoDB`.
    ///   - source: the location concerned.
    package func rekeyError(service: String, source: String? = nil) -> RekeyError {
        if let refusal { return refusal.at(source: source) }
        let (exit, advice): (RekeyError.Code, String) =
            switch kind {
            case .throttling: (.serviceGaveUp, "too many requests; try again with fewer at once or more capacity")
            case .transient, .transactionConflict: (.serviceGaveUp, "try again later")
            case .expiredCredentials: (.permission, "the credentials have expired or are not known; get new ones")
            case .clockSkew: (.permission, "set this machine's clock")
            case .denied: (.permission, "check the credentials and what they allow")
            case .notFound: (.inputMissing, "check the name, the region and the endpoint")
            case .invalid: (.badInput, "the request was refused as it stands")
            case .limit: (.serviceGaveUp, "a limit of the account is reached")
            case .conditionFailed, .transactionCanceled, .other: (.serviceGaveUp, "the request was refused")
            case .transport(.untrusted): (.permission, "set AWS_CA_BUNDLE to the file of the authority that signed it")
            case .transport(.cancelled): (.interrupted, "nothing more was sent")
            case .transport(.invalid): (.usage, "check the endpoint")
            case .transport: (.serviceGaveUp, "check the network, the region and the endpoint, and try again")
            }
        return RekeyError(exit, "\(service): \(self); \(advice)", source: source)
    }
}
