package import ByteStreams
import Items

extension DynamoDBTable {
    /// The moment a restore brings back.
    package enum RestoreTime: Sendable, Equatable {
        /// Seconds since 1970.
        case at(Int)
        /// The latest one that can be restored, about five minutes ago.
        case latest
    }

    /// Asks for a new table that holds what this one held, and returns at once: it takes minutes to hours until it is ACTIVE.
    /// Source: RestoreTableToPointInTime, Amazon DynamoDB API Reference.
    ///
    /// - Throws: `.cannotCreate` where there is a table of that name, `.preflightRefused` where the time cannot be restored,
    ///   `.permission`, `.serviceGaveUp`.
    package func restore(to target: String, _ time: RestoreTime) async throws(RekeyError) {
        var members: [JSONTree.Member] = []
        func add(_ member: String, _ value: JSONTree) {
            members.append(JSONTree.Member(name: Array(member.utf8), value: value))
        }
        add(name.hasPrefix("arn:") ? "SourceTableArn" : "SourceTableName", .text(name))
        add("TargetTableName", .text(target))
        switch time {
        case .at(let seconds): add("RestoreDateTime", .number(Array("\(seconds)".utf8)))
        case .latest: add("UseLatestRestorableTime", .boolean(true))
        }
        do throws(ServiceError) {
            _ = try await client.call("DynamoDB_20120810.RestoreTableToPointInTime", JSONTree.object(members).compact)
        } catch {
            switch error.code {
            case "TableAlreadyExistsException", "TableInUseException", "ResourceInUseException":
                throw RekeyError(
                    .cannotCreate, "there is a table \(target) already; name another with --to", source: name)
            case "InvalidRestoreTimeException", "PointInTimeRecoveryUnavailableException":
                throw RekeyError(.preflightRefused, "\(error)", source: name)
            default: throw told(error)
            }
        }
    }

    /// A table's status; nil where there is no such table.
    ///
    /// - Throws: `.permission`, `.serviceGaveUp`.
    package static func status(of name: String, session: AWSSession) async throws(RekeyError) -> String? {
        let client = try session.client(.dynamodb)
        let body = JSONTree.members(["TableName": .text(name)]).compact
        let answer: [UInt8]
        do throws(ServiceError) {
            answer = try await client.call("DynamoDB_20120810.DescribeTable", body, policy: .patient)
        } catch {
            if error.kind == .notFound { return nil }
            throw error.rekeyError(service: "DynamoDB", source: name)
        }
        return try JSONReader.parse(answer, source: name)["Table"]?["TableStatus"]?.string ?? "UNKNOWN"
    }
}
