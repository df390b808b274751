package import ByteStreams
import Items

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension DynamoDBTable {
    /// The moment a restore brings back.
    package enum RestoreTime: Sendable, Equatable {
        /// Seconds since 1970.
        case at(Int)
        /// The latest one that can be restored, about five minutes ago.
        case latest
    }

    /// Asks for a new table that holds what this one held, and returns at once: it takes minutes to hours until it is ACTIVE.
    ///
    /// The operation takes no token. Where the answer of an attempt was lost, the next one finds the table that the first has made:
    /// one that was restored from this table since the call began is its own.
    ///
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
        let start = Self.clock()
        do throws(ServiceError) {
            _ = try await client.call("DynamoDB_20120810.RestoreTableToPointInTime", JSONTree.object(members).compact)
        } catch {
            switch error.code {
            case "TableAlreadyExistsException", "TableInUseException", "ResourceInUseException":
                if try await isRestored(target, since: start) { return }
                throw RekeyError(
                    .cannotCreate, "there is a table \(target) already; name another with --to", source: name)
            case "InvalidRestoreTimeException", "PointInTimeRecoveryUnavailableException":
                throw RekeyError(.preflightRefused, "\(error)", source: name)
            default: throw told(error)
            }
        }
    }

    private static func clock() -> Int { time(nil) }

    /// Whether a table was made from this one, at `start` or later. Clocks may differ by a minute.
    private func isRestored(_ target: String, since start: Int) async throws(RekeyError) -> Bool {
        let body = JSONTree.members(["TableName": .text(target)]).compact
        let tree = try JSONReader.parse(try await sent("DescribeTable", body), source: target)["Table"]
        guard let origin = tree?["RestoreSummary"]?["SourceTableArn"]?.string, let created = tree?["CreationDateTime"],
            case .number(let text) = created, let seconds = Double(String(decoding: text, as: UTF8.self))
        else { return false }
        let plain = name.split(separator: "/").last.map(String.init) ?? name
        return origin.hasSuffix(":table/\(plain)") && Int(seconds) >= start - 60
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
