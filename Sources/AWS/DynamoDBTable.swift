package import ByteStreams
package import Items
import Synchronization
package import Tables

/// A live table in DynamoDB.
///
/// Requests are checked here as the embedded table checks them, so that what is refused is refused before it is sent. Reads and
/// unconditional writes are tried again for as long as the policy allows; they may be repeated without harm.
/// Source: Amazon DynamoDB API Reference.
package final class DynamoDBTable: Table {
    package let name: String
    package let schema: KeySchema
    package let limits: TableLimits
    let client: ServiceClient
    let checks: RequestChecks
    let inFlightLimit = InFlightLimit()
    /// Names of attributes of the items that were compared, so many as `Comparison` takes.
    let knownNames = Mutex<Set<[UInt8]>>([])

    private init(name: String, schema: KeySchema, client: ServiceClient, segments: Int) {
        self.name = name
        self.schema = schema
        self.client = client
        limits = TableLimits(
            bulkWrite: 6400, bulkWriteBytes: 4 << 20, scanSegments: segments,
            comparedAttributes: Comparison.maximumAttributes)
        checks = RequestChecks(schema: schema, limits: limits)
    }

    /// Bytes of a table for which another segment of a scan pays: about this many pages of 1 MB each.
    private static let segmentBytes = 8 << 20
    private static let mostSegments = 8

    /// Asks for the table's key schema.
    ///
    /// - Parameter segments: in how many segments the table is scanned at once; nil for one each 8 MiB of what DynamoDB says of
    ///   its size (hours old), 8 at most.
    /// - Throws: `.inputMissing` where there is no such table in the region, `.permission`, `.serviceGaveUp`.
    package static func open(
        name: String, session: AWSSession, segments: Int? = nil
    ) async throws(RekeyError) -> DynamoDBTable {
        let client = try session.client(.dynamodb)
        let reader = DescriptionReader(try await describe(name, client), source: name)
        return DynamoDBTable(
            name: name, schema: try reader.schema(), client: client,
            segments: segments ?? min(1 + reader.sizeBytes / segmentBytes, mostSegments))
    }

    package func describe() async throws(RekeyError) -> TableDescription {
        var description = try DescriptionReader(try await Self.describe(name, client), source: name).description(
            name: name, region: client.region)
        switch try await control("DescribeContinuousBackups") {
        case .told(let tree):
            description.recovery = DescriptionReader.recovery(tree["ContinuousBackupsDescription"])
        case .refused(let reason): description.recovery.refusal = reason
        }
        switch try await control("DescribeTimeToLive") {
        case .told(let tree):
            let expiry = tree["TimeToLiveDescription"]
            // Items are deleted while it is being turned on, and for up to an hour while it is being turned off.
            if ["ENABLING", "ENABLED", "DISABLING"].contains(expiry?["TimeToLiveStatus"]?.string) {
                description.timeToLiveAttribute = expiry?["AttributeName"]?.string
            }
        case .refused(let reason): description.timeToLiveRefusal = reason
        }
        return description
    }

    private static func describe(_ name: String, _ client: ServiceClient) async throws(RekeyError) -> JSONTree {
        let body = JSONTree.members(["TableName": .text(name)]).compact
        do throws(ServiceError) {
            let answer = try await client.call("DynamoDB_20120810.DescribeTable", body, policy: .patient)
            guard let tree = try parse(answer, name)["Table"] else { throw malformed(name) }
            return tree
        } catch {
            guard error.kind == .notFound else { throw error.rekeyError(service: "DynamoDB", source: name) }
            throw RekeyError(
                .inputMissing,
                "there is no such table in \(client.region) at \(client.endpoint.authority); check the name, the region and the account",
                source: name)
        }
    }

    private enum ControlAnswer {
        case told(JSONTree)
        /// The permission is missing, or the server has no such operation.
        case refused(String)
    }

    private func control(_ operation: String) async throws(RekeyError) -> ControlAnswer {
        let body = JSONTree.members(["TableName": .text(name)]).compact
        do throws(ServiceError) {
            return .told(try Self.parse(try await client.call("DynamoDB_20120810.\(operation)", body), name))
        } catch {
            if error.kind == .denied || error.code == "UnknownOperationException" {
                return .refused("\(operation) was refused: \(error)")
            }
            throw error.rekeyError(service: "DynamoDB", source: name)
        }
    }

    private static func parse(_ bytes: [UInt8], _ name: String) throws(ServiceError) -> JSONTree {
        do {
            return try JSONReader.parse(bytes, source: name)
        } catch {
            throw malformed(name)
        }
    }

    private static func malformed(_ name: String) -> ServiceError {
        ServiceError(code: "", message: "the answer about \(name) is not what DynamoDB answers", kind: .transient)
    }

    /// Sends one operation.
    func send(_ operation: String, _ body: [UInt8]) async throws(ServiceError) -> [UInt8] {
        try await client.call("DynamoDB_20120810.\(operation)", body, policy: .patient)
    }

    /// As a user is told it. A request that DynamoDB refuses keeps its words.
    func told(_ error: ServiceError) -> RekeyError {
        error.kind == .invalid
            ? RekeyError(.badInput, error.message, source: name)
            : error.rekeyError(service: "DynamoDB", source: name)
    }

    func told(_ error: ItemError) -> RekeyError {
        RekeyError(.serviceGaveUp, "DynamoDB's answer cannot be read: \(error.reason)", source: name)
    }
}
