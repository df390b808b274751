import CZlib
import NIOHTTP1

/// A whole answer.
struct FaultAnswer: Sendable {
    var status: HTTPResponseStatus
    var headers: HTTPHeaders
    var body: [UInt8]

    init(status: HTTPResponseStatus, headers: HTTPHeaders, body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// An answer in the form of DynamoDB.
    init(status: Int, json: String) {
        self.init(
            status: HTTPResponseStatus(statusCode: status),
            headers: ["Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": "FAULT"], body: Array(json.utf8)
        )
        setChecksum()
    }

    /// A refusal in the form that the request's service uses.
    ///
    /// - Parameters:
    ///   - codes: the code in DynamoDB, in query services, in S3.
    ///   - statuses: the status of each.
    ///   - more: further members of the JSON form.
    init(
        to request: FaultRequest, codes: (String, String, String), statuses: (Int, Int, Int), message: String,
        more: String = ""
    ) {
        switch request.form {
        case .json:
            self.init(
                status: statuses.0,
                json:
                    #"{"__type":"com.amazonaws.dynamodb.v20120810#\#(codes.0)","message":"\#(message)"\#(more)}"#)
        case .query:
            let type = statuses.1 < 500 ? "Sender" : "Receiver"
            let text =
                "<ErrorResponse><Error><Type>\(type)</Type><Code>\(codes.1)</Code><Message>\(message)</Message></Error><RequestId>FAULT</RequestId></ErrorResponse>"
            self.init(
                status: HTTPResponseStatus(statusCode: statuses.1), headers: ["Content-Type": "text/xml"],
                body: Array(text.utf8))
        case .rest:
            let text =
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>\(codes.2)</Code><Message>\(message)</Message><RequestId>FAULT</RequestId></Error>"
            self.init(
                status: HTTPResponseStatus(statusCode: statuses.2), headers: ["Content-Type": "application/xml"],
                body: request.head.method == .HEAD ? [] : Array(text.utf8))
        }
    }

    /// Sets x-amz-crc32 to that of the body.
    mutating func setChecksum() { headers.replaceOrAdd(name: "x-amz-crc32", value: "\(checksum)") }

    /// CRC-32 of the body, as zlib counts it.
    var checksum: UInt {
        UInt(body.withUnsafeBufferPointer { crc32(0, $0.baseAddress, UInt32($0.count)) })
    }

    /// The refusal of a kind that forwards nothing; nil for the other kinds.
    static func refusal(of request: FaultRequest, by kind: FaultKind, decider: inout FaultDecider, clock: AWSTime)
        -> FaultAnswer?
    {
        switch kind {
        case .throttle:
            let isDataPlane = !["Table", "Backup", "Export", "Import", "Limits", "Stream"].contains {
                request.operation.contains($0)
            }
            let isThroughput = isDataPlane && decider.index(below: 2) == 0
            let code = isThroughput ? "ProvisionedThroughputExceededException" : "ThrottlingException"
            let reasons =
                #","ThrottlingReasons":[{"reason":"TableWriteKeyRangeThroughputExceeded","resource":"arn:aws:dynamodb:us-east-1:000000000000:table/fault"}]"#
            return FaultAnswer(
                to: request, codes: (code, "Throttling", "SlowDown"), statuses: (400, 400, 503),
                message: "Please reduce your request rate.", more: isThroughput ? reasons : "")
        case .serverError:
            return FaultAnswer(
                to: request, codes: ("InternalServerError", "InternalFailure", "InternalError"),
                statuses: (500, 500, 500), message: "Internal server error")
        case .unavailable:
            return FaultAnswer(
                to: request, codes: ("ServiceUnavailable", "ServiceUnavailable", "ServiceUnavailable"),
                statuses: (503, 503, 503), message: "The service is unavailable at the moment.")
        case .expiredToken:
            return FaultAnswer(
                to: request, codes: ("ExpiredTokenException", "ExpiredToken", "ExpiredToken"),
                statuses: (400, 403, 400), message: "The security token included in the request is expired")
        case .clockSkew:
            let (sent, now) = (AWSTime(request.date ?? 0).basic, clock.basic)
            let message =
                request.form == .rest
                ? "The difference between the request time and the current time is too large."
                : sent < now
                    ? "Signature expired: \(sent) is now earlier than \(now)"
                    : "Signature not yet current: \(sent) is still later than \(now)"
            var answer = FaultAnswer(
                to: request, codes: ("InvalidSignatureException", "SignatureDoesNotMatch", "RequestTimeTooSkewed"),
                statuses: (400, 403, 403), message: message)
            answer.headers.add(name: "date", value: clock.header)
            return answer
        case .replicatedWriteConflict:
            return FaultAnswer(
                to: request,
                codes: ("ReplicatedWriteConflictException", "Conflict", "OperationAborted"),
                statuses: (409, 409, 409),
                message: "One or more items in this request are being modified by a request in another Region.")
        case .transactionConflict:
            return cancellation(
                of: request, "TransactionConflict", "Transaction is ongoing for the item", &decider)
        case .transactionThrottled:
            return cancellation(of: request, "ThrottlingError", "Throughput exceeds the current capacity", &decider)
        case .transactionInvalid:
            return cancellation(
                of: request, "ValidationError", "Item size to update has exceeded the maximum allowed size", &decider)
        case .partial, .cutBefore, .cutAfter, .cutMiddle, .slow, .held, .stall, .truncate, .wrongChecksum, .creating,
            .none:
            return nil
        }
    }

    /// A transaction cancelled for one of its actions.
    private static func cancellation(
        of request: FaultRequest, _ code: String, _ message: String, _ decider: inout FaultDecider
    ) -> FaultAnswer {
        let spans = JSONSpans(bytes: request.body)
        let count = max(1, spans.member("TransactItems", of: spans.all).map { spans.elements(of: $0.value).count } ?? 0)
        let chosen = decider.index(below: count)
        let reasons = (0..<count).map {
            $0 == chosen ? #"{"Code":"\#(code)","Message":"\#(message)"}"# : #"{"Code":"None"}"#
        }
        let names = (0..<count).map { $0 == chosen ? code : "None" }
        return FaultAnswer(
            status: 400,
            json:
                #"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"Transaction cancelled, please refer cancellation reasons for specific reasons [\#(names.joined(separator: ", "))]","CancellationReasons":[\#(reasons.joined(separator: ","))]}"#
        )
    }

    /// What a DynamoDB without contents answers at once; the tables have the string keys PK and SK.
    static func instant(_ request: FaultRequest) -> FaultAnswer {
        switch request.operation {
        case "BatchWriteItem": return FaultAnswer(status: 200, json: #"{"UnprocessedItems":{}}"#)
        case "BatchGetItem": return FaultAnswer(status: 200, json: #"{"Responses":{},"UnprocessedKeys":{}}"#)
        case "PutItem", "DeleteItem", "UpdateItem", "GetItem", "TransactWriteItems":
            return FaultAnswer(status: 200, json: "{}")
        case "Scan", "Query": return FaultAnswer(status: 200, json: #"{"Items":[],"Count":0,"ScannedCount":0}"#)
        case "DescribeTable":
            let name = request.tableName
            return FaultAnswer(
                status: 200,
                json:
                    #"{"Table":{"TableName":"\#(name)","TableStatus":"ACTIVE","TableArn":"arn:aws:dynamodb:us-east-1:000000000000:table/\#(name)","TableId":"00000000-0000-0000-0000-000000000000","CreationDateTime":1767225600,"ItemCount":0,"TableSizeBytes":0,"AttributeDefinitions":[{"AttributeName":"PK","AttributeType":"S"},{"AttributeName":"SK","AttributeType":"S"}],"KeySchema":[{"AttributeName":"PK","KeyType":"HASH"},{"AttributeName":"SK","KeyType":"RANGE"}],"BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST"},"ProvisionedThroughput":{"ReadCapacityUnits":0,"WriteCapacityUnits":0,"NumberOfDecreasesToday":0}}}"#
            )
        default:
            return FaultAnswer(
                to: request,
                codes: ("UnknownOperationException", "InvalidAction", "NotImplemented"), statuses: (400, 400, 501),
                message: "This server answers a few operations of DynamoDB only; give it --upstream for others.")
        }
    }

    /// The same answer to DescribeTable with the table in CREATING.
    mutating func setCreating() {
        let spans = JSONSpans(bytes: body)
        guard let table = spans.member("Table", of: spans.all)?.value,
            let status = spans.member("TableStatus", of: table)?.value
        else { return }
        body.replaceSubrange(status, with: Array(#""CREATING""#.utf8))
        setChecksum()
    }
}

extension FaultRequest {
    /// `TableName` of a JSON request; "" for none.
    var tableName: String {
        let spans = JSONSpans(bytes: body)
        guard let value = spans.member("TableName", of: spans.all)?.value else { return "" }
        return String(spans.text(value).dropFirst().dropLast())
    }
}
