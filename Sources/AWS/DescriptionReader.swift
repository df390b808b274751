import ByteStreams
import Items
import Tables

/// Reads what DescribeTable and DescribeContinuousBackups answer.
struct DescriptionReader {
    private let tree: JSONTree
    private let source: String

    init(_ tree: JSONTree, source: String) {
        self.tree = tree
        self.source = source
    }

    func schema() throws(RekeyError) -> KeySchema { try schema(of: tree) }

    /// Hours old.
    var sizeBytes: Int { tree["TableSizeBytes"]?.count ?? 0 }

    func description(name: String, region: String) throws(RekeyError) -> TableDescription {
        let arn = tree["TableArn"]?.string ?? ""
        let parts = arn.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        var description = TableDescription(
            name: name, arn: arn, id: tree["TableId"]?.string ?? arn, region: parts.count > 3 ? parts[3] : region,
            account: parts.count > 4 ? parts[4] : "", schema: try schema())
        description.status = tree["TableStatus"]?.string ?? "UNKNOWN"
        let isOnDemand = tree["BillingModeSummary"]?["BillingMode"]?.string == "PAY_PER_REQUEST"
        let rate = tree["ProvisionedThroughput"]
        description.billing =
            isOnDemand
            ? .onDemand
            : .provisioned(
                readUnits: rate?["ReadCapacityUnits"]?.count ?? 0, writeUnits: rate?["WriteCapacityUnits"]?.count ?? 0)
        description.itemCount = tree["ItemCount"]?.count ?? 0
        description.sizeBytes = sizeBytes
        description.isStreamEnabled = tree["StreamSpecification"]?["StreamEnabled"] == .boolean(true)
        description.isDeletionProtected = tree["DeletionProtectionEnabled"] == .boolean(true)
        for (member, kind) in [
            ("GlobalSecondaryIndexes", IndexDescription.Kind.global), ("LocalSecondaryIndexes", .local),
        ] {
            for index in tree[member]?.elements ?? [] {
                description.indexes.append(
                    IndexDescription(
                        name: index["IndexName"]?.string ?? "", kind: kind, schema: try schema(of: index),
                        projection: index["Projection"]?["ProjectionType"]?.string ?? "ALL",
                        status: index["IndexStatus"]?.string ?? "ACTIVE"))
            }
        }
        description.replicas = (tree["Replicas"]?.elements ?? []).compactMap { $0["RegionName"]?.string }
        return description
    }

    /// Off where nothing is said.
    static func recovery(_ tree: JSONTree?) -> PointInTimeRecovery {
        let details = tree?["PointInTimeRecoveryDescription"]
        return PointInTimeRecovery(
            isEnabled: details?["PointInTimeRecoveryStatus"]?.string == "ENABLED",
            earliestRestorable: seconds(details?["EarliestRestorableDateTime"]),
            latestRestorable: seconds(details?["LatestRestorableDateTime"]))
    }

    private static func seconds(_ value: JSONTree?) -> Int? {
        guard case .number(let text) = value else { return nil }
        // Whole seconds; none where the number is no time.
        return Double(String(decoding: text, as: UTF8.self)).flatMap { Int(exactly: $0.rounded(.down)) }
    }

    private func schema(of described: JSONTree) throws(RekeyError) -> KeySchema {
        func attribute(_ role: String) -> KeyAttribute? {
            let name = described["KeySchema"]?.elements?.first { $0["KeyType"]?.string == role }?["AttributeName"]?
                .string
            let type = tree["AttributeDefinitions"]?.elements?.first { $0["AttributeName"]?.string == name }
            guard let name, let type = type?["AttributeType"]?.string.flatMap(KeyType.init) else { return nil }
            return KeyAttribute(name: name, type: type)
        }
        guard let partition = attribute("HASH") else {
            throw RekeyError(.serviceGaveUp, "DynamoDB's description of the table names no key", source: source)
        }
        return KeySchema(partition: partition, sort: attribute("RANGE"))
    }
}
