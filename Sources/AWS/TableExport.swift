package import ByteStreams
import Items

/// What DynamoDB says of an export.
package struct TableExport: Sendable, Equatable {
    package enum Status: String, Sendable {
        case inProgress = "IN_PROGRESS"
        case completed = "COMPLETED"
        case failed = "FAILED"
    }

    package var arn: String
    package var status: Status
    /// Where the export goes: `BUCKET` and what stands before `AWSDynamoDB/<id>/`.
    package var bucket: String
    package var prefix: String
    /// Nil until it is completed.
    package var itemCount: Int?
    /// Why it failed: code and message.
    package var failure: String?

    /// The folder of the manifests: `PREFIX/AWSDynamoDB/<id>`. The id is the last part of the ARN.
    package var place: S3Path {
        let id = arn.split(separator: "/").last.map(String.init) ?? arn
        return S3Path(bucket: bucket, key: (prefix.isEmpty ? "" : prefix + "/") + "AWSDynamoDB/" + id)
    }
}

/// Exports of tables to S3, which DynamoDB writes by itself and without read capacity.
/// Source: ExportTableToPointInTime, DescribeExport, Amazon DynamoDB API Reference.
package struct TableExports: Sendable {
    private let client: ServiceClient

    /// - Throws: as `AWSSession.client`.
    package init(_ session: AWSSession) throws(RekeyError) { client = try session.client(.dynamodb) }

    /// Asks for a full export of the table as it is now.
    ///
    /// - Parameter token: one for each export that is meant: repeated within 8 hours it names the same export.
    /// - Throws: `.preflightRefused` where point-in-time recovery is off, `.permission`, `.serviceGaveUp`.
    package func begin(
        tableARN: String, to place: S3Path, token: String
    ) async throws(RekeyError) -> TableExport {
        var prefix = place.key
        while prefix.hasSuffix("/") { prefix.removeLast() }
        var members: [JSONTree.Member] = []
        func add(_ name: String, _ value: String) {
            members.append(JSONTree.Member(name: Array(name.utf8), value: .text(value)))
        }
        add("TableArn", tableARN)
        add("S3Bucket", place.bucket)
        if !prefix.isEmpty { add("S3Prefix", prefix) }
        add("ExportFormat", "DYNAMODB_JSON")
        add("ClientToken", token)
        do throws(ServiceError) {
            let body = JSONTree.object(members).compact
            let answer = try await client.call("DynamoDB_20120810.ExportTableToPointInTime", body, policy: .patient)
            return try Self.read(answer, bucket: place.bucket, prefix: prefix)
        } catch {
            if error.code == "PointInTimeRecoveryUnavailableException" {
                throw RekeyError(
                    .preflightRefused,
                    "the table cannot be exported: point-in-time recovery is off; turn it on, or read the table itself",
                    source: tableARN)
            }
            throw error.rekeyError(service: "DynamoDB", source: tableARN)
        }
    }

    /// What has become of an export.
    ///
    /// - Throws: `.inputMissing` where it is not known (any more: DynamoDB forgets exports after 90 days).
    package func describe(_ arn: String) async throws(RekeyError) -> TableExport {
        let body = JSONTree.members(["ExportArn": .text(arn)]).compact
        do throws(ServiceError) {
            return try Self.read(try await client.call("DynamoDB_20120810.DescribeExport", body, policy: .patient))
        } catch {
            if error.kind == .notFound {
                throw RekeyError(
                    .inputMissing, "DynamoDB knows no such export in \(client.region); check the ARN and the region",
                    source: arn)
            }
            throw error.rekeyError(service: "DynamoDB", source: arn)
        }
    }

    private static func read(
        _ answer: [UInt8], bucket: String = "", prefix: String = ""
    ) throws(ServiceError) -> TableExport {
        let tree = (try? JSONReader.parse(answer, source: "the answer"))?["ExportDescription"]
        guard let tree, let arn = tree["ExportArn"]?.string,
            let status = tree["ExportStatus"]?.string.flatMap(TableExport.Status.init)
        else {
            throw ServiceError(
                code: "", message: "the answer about the export is not what DynamoDB answers", kind: .other)
        }
        let reasons = [tree["FailureCode"]?.string, tree["FailureMessage"]?.string].compactMap { $0 }
        return TableExport(
            arn: arn, status: status, bucket: tree["S3Bucket"]?.string ?? bucket,
            prefix: tree["S3Prefix"]?.string ?? prefix, itemCount: tree["ItemCount"]?.count,
            failure: reasons.isEmpty ? nil : reasons.joined(separator: ": "))
    }
}
