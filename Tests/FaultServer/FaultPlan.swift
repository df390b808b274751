/// What may go wrong with one request. The raw values are the names on the command line, in plans and in counts.
public enum FaultKind: String, Sendable, Codable, CaseIterable, CodingKeyRepresentable {
    /// 400 ProvisionedThroughputExceededException or ThrottlingException; S3: 503 SlowDown. Nothing is forwarded.
    case throttle
    /// 500 InternalServerError. Nothing is forwarded.
    case serverError = "server-error"
    /// 503 ServiceUnavailable. Nothing is forwarded.
    case unavailable
    /// Only a part of a BatchWriteItem or BatchGetItem is forwarded; the rest comes back as unprocessed, byte for byte.
    case partial
    /// The connection is closed and nothing forwarded.
    case cutBefore = "cut-before"
    /// The request is carried out, and the connection closed without an answer.
    case cutAfter = "cut-after"
    /// The request is carried out, and the connection closed after half of the answer.
    case cutMiddle = "cut-middle"
    /// The answer comes after `slowMilliseconds`.
    case slow
    /// The second half of the answer comes after `slowMilliseconds`.
    case stall
    /// The request is carried out only after `slowMilliseconds`, or once another plan is set.
    case held
    /// Half of the answer's body, with a Content-Length that says that this is all; x-amz-crc32 is that of the whole.
    case truncate
    /// The whole answer with a wrong x-amz-crc32.
    case wrongChecksum = "wrong-checksum"
    /// ExpiredTokenException. Nothing is forwarded.
    case expiredToken = "expired-token"
    /// A TransactWriteItems is cancelled with TransactionConflict for one of its actions. Nothing is forwarded.
    case transactionConflict = "transaction-conflict"
    /// The same with ThrottlingError.
    case transactionThrottled = "transaction-throttled"
    /// The same with ValidationError, for which it would fail for ever.
    case transactionInvalid = "transaction-invalid"
    /// A write to an item is refused with ReplicatedWriteConflictException. Nothing is forwarded.
    case replicatedWriteConflict = "replicated-write-conflict"
    /// A refused date; by `clockSkewSeconds` alone.
    case clockSkew = "clock-skew"
    /// A table told to be in CREATING; by `creatingDescriptions` alone.
    case creating
    /// In a sequence: one request without a fault.
    case none

    /// The kinds that are drawn by probability.
    public static let drawn = allCases.filter { ![.clockSkew, .creating, .none].contains($0) }
}

/// Which requests meet which faults.
///
/// A request meets at most one fault of `sequence` or `probabilities`. The same seed and the same order of requests give the same
/// faults; what arrives at the same time has no order.
public struct FaultPlan: Sendable, Codable, Equatable {
    public var seed: UInt64 = 1
    /// The share of the requests that a kind is for, 0 to 1 each; together at most 1.
    public var probabilities: [FaultKind: Double] = [:]
    /// The faults of the first requests, in order. Each waits for a request it can happen to; then `probabilities` take over.
    public var sequence: [FaultKind] = []
    /// The operations that meet faults: `BatchWriteItem`, `GetCallerIdentity`, and for S3 the method, `PUT`. Empty: all.
    public var operations: [String] = []
    /// So many requests pass before the first fault.
    public var skip = 0
    /// After so many faults of `sequence` and `probabilities` no more happen; nil: no end.
    public var limit: Int?
    public var slowMilliseconds = 500
    /// How far the server's clock is ahead. Dates more than 5 minutes (S3: 15) from it are refused, with `Date` telling its time.
    public var clockSkewSeconds = 0
    /// The first so many answers to DescribeTable say CREATING, for each table.
    public var creatingDescriptions = 0

    public init() {}

    public init(_ probabilities: [FaultKind: Double], seed: UInt64 = 1) {
        self.probabilities = probabilities
        self.seed = seed
    }

    public init(sequence: [FaultKind], operations: [String] = []) {
        self.sequence = sequence
        self.operations = operations
    }

    /// Fields that are left out keep their defaults; a field of another name is an error.
    public init(from decoder: any Decoder) throws {
        let known = Set(CodingKeys.allCases.map(\.rawValue))
        for key in try decoder.container(keyedBy: AnyKey.self).allKeys where !known.contains(key.stringValue) {
            throw DecodingError.dataCorrupted(
                .init(codingPath: [key], debugDescription: "no such field; there are \(known.sorted())"))
        }
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        func value<Value: Decodable>(_ key: CodingKeys, _ otherwise: Value) throws -> Value {
            try fields.decodeIfPresent(Value.self, forKey: key) ?? otherwise
        }
        seed = try value(.seed, seed)
        probabilities = try value(.probabilities, probabilities)
        sequence = try value(.sequence, sequence)
        operations = try value(.operations, operations)
        skip = try value(.skip, skip)
        limit = try fields.decodeIfPresent(Int.self, forKey: .limit)
        slowMilliseconds = try value(.slowMilliseconds, slowMilliseconds)
        clockSkewSeconds = try value(.clockSkewSeconds, clockSkewSeconds)
        creatingDescriptions = try value(.creatingDescriptions, creatingDescriptions)
        if let problem { throw DecodingError.dataCorrupted(.init(codingPath: [], debugDescription: problem)) }
    }

    /// What makes the plan impossible; nil where nothing does.
    public var problem: String? {
        if let kind = probabilities.keys.first(where: { !FaultKind.drawn.contains($0) }) {
            return "\(kind.rawValue) does not happen by probability"
        }
        if probabilities.values.contains(where: { !(0...1).contains($0) }) { return "a probability is from 0 to 1" }
        if probabilities.values.reduce(0, +) > 1.000_001 { return "the probabilities are more than 1 together" }
        return nil
    }

    enum CodingKeys: String, CodingKey, CaseIterable {
        case seed, probabilities, sequence, operations, skip, limit, slowMilliseconds, clockSkewSeconds
        case creatingDescriptions
    }

    private struct AnyKey: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

/// What the server has done since its plan was set.
public struct FaultCounts: Sendable, Codable, Equatable {
    /// Whole requests that arrived, without those of `/_fault/`.
    public var requests = 0
    /// Requests that were sent on, or answered in the server itself where there is nothing to send to.
    public var forwarded = 0
    public var operations: [String: Int] = [:]
    public var faults: [FaultKind: Int] = [:]
    /// Put and delete requests and keys that came back as unprocessed.
    public var unprocessed = 0
    /// Requests that could not be sent on, or got no whole answer from there: 0 in a sound test.
    public var upstreamFailures = 0

    public init() {}

    /// How often a fault happened.
    public func count(_ kind: FaultKind) -> Int { faults[kind, default: 0] }
}
