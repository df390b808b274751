package import ByteStreams
package import Items

/// What DynamoDB says of an import.
package struct TableImport: Sendable, Equatable {
    package enum Status: String, Sendable {
        case inProgress = "IN_PROGRESS"
        case completed = "COMPLETED"
        case cancelling = "CANCELLING"
        case cancelled = "CANCELLED"
        case failed = "FAILED"
    }

    package var arn: String
    package var status: Status
    package var importedItems: Int
    package var processedItems: Int
    /// Items that were left out.
    package var errors: Int
    /// Why it failed: code and message.
    package var failure: String?
}

/// Imports of gzipped lines from S3 into new tables, which DynamoDB does by itself and without write capacity.
/// Source: ImportTable, DescribeImport, Amazon DynamoDB API Reference.
package struct TableImports: Sendable {
    private let client: ServiceClient

    /// - Throws: as `AWSSession.client`.
    package init(_ session: AWSSession) throws(RekeyError) { client = try session.client(.dynamodb) }

    /// Asks for a new table, paid on demand, of all objects below a prefix.
    ///
    /// - Parameter token: one for each import that is meant.
    /// - Throws: `.cannotCreate` where there is a table of that name, `.permission`, `.serviceGaveUp`.
    package func begin(
        table: String, schema: KeySchema, from place: S3Path, token: String
    ) async throws(RekeyError) -> TableImport {
        var attributes: [JSONTree] = []
        var keys: [JSONTree] = []
        for (attribute, role) in [(schema.partition, "HASH"), (schema.sort, "RANGE")] as [(KeyAttribute?, String)] {
            guard let attribute else { continue }
            attributes.append(
                .members(["AttributeName": .text(attribute.name), "AttributeType": .text(attribute.type.rawValue)]))
            keys.append(.members(["AttributeName": .text(attribute.name), "KeyType": .text(role)]))
        }
        let body = JSONTree.members([
            "S3BucketSource": .members(["S3Bucket": .text(place.bucket), "S3KeyPrefix": .text(place.key)]),
            "InputFormat": .text("DYNAMODB_JSON"), "InputCompressionType": .text("GZIP"),
            "ClientToken": .text(token),
            "TableCreationParameters": .members([
                "TableName": .text(table), "BillingMode": .text("PAY_PER_REQUEST"),
                "AttributeDefinitions": .array(attributes), "KeySchema": .array(keys),
            ]),
        ])
        do throws(ServiceError) {
            return try Self.read(
                try await client.call("DynamoDB_20120810.ImportTable", body.compact, policy: .patient))
        } catch {
            if error.code == "ResourceInUseException" || error.code == "TableAlreadyExistsException" {
                throw RekeyError(
                    .cannotCreate, "there is such a table already; an import makes a new one, so name another",
                    source: table)
            }
            throw error.rekeyError(service: "DynamoDB", source: table)
        }
    }

    /// What has become of an import.
    package func describe(_ arn: String) async throws(RekeyError) -> TableImport {
        let body = JSONTree.members(["ImportArn": .text(arn)]).compact
        do throws(ServiceError) {
            return try Self.read(try await client.call("DynamoDB_20120810.DescribeImport", body, policy: .patient))
        } catch {
            throw error.rekeyError(service: "DynamoDB", source: arn)
        }
    }

    private static func read(_ answer: [UInt8]) throws(ServiceError) -> TableImport {
        let tree = (try? JSONReader.parse(answer, source: "the answer"))?["ImportTableDescription"]
        guard let tree, let arn = tree["ImportArn"]?.string,
            let status = tree["ImportStatus"]?.string.flatMap(TableImport.Status.init)
        else {
            throw ServiceError(
                code: "", message: "the answer about the import is not what DynamoDB answers", kind: .other)
        }
        let reasons = [tree["FailureCode"]?.string, tree["FailureMessage"]?.string].compactMap { $0 }
        return TableImport(
            arn: arn, status: status, importedItems: tree["ImportedItemCount"]?.count ?? 0,
            processedItems: tree["ProcessedItemCount"]?.count ?? 0, errors: tree["ErrorCount"]?.count ?? 0,
            failure: reasons.isEmpty ? nil : reasons.joined(separator: ": "))
    }
}
