package import AWS
package import ByteStreams
package import Stages

/// Looks at what a live table and its indexes do, by CloudWatch, and at a log group beside it.
package struct Monitor: Sendable {
    /// The table's name or ARN.
    package var table: String
    /// Global secondary indexes.
    package var indexes: [String]
    private let watch: CloudWatch
    private let logs: CloudWatchLogs

    /// - Throws: as `LiveServices.session` and `AWSSession.client`.
    package init(table: String, indexes: [String], services: LiveServices) throws(RekeyError) {
        self.table = table
        self.indexes = indexes
        let session = try services.session()
        watch = CloudWatch(try session.client(.cloudwatch))
        logs = CloudWatchLogs(try session.client(.logs))
    }

    /// The shortest period, in seconds, of which at most so many fit in a time, and that CloudWatch still has.
    package static func period(since seconds: Int, most: Int = 60) -> Int {
        for period in [60, 300, 900, 3600, 21_600] where (seconds + period - 1) / period <= most { return period }
        return (seconds / most / 86_400 + 1) * 86_400
    }

    /// Seconds of `90m`, `1h`, `7d`; nil for what is no such time, or longer than CloudWatch remembers (455 days).
    package static func seconds(of text: String) -> Int? {
        let units: [Character: Int] = ["m": 60, "h": 3600, "d": 86_400]
        guard let last = text.last, let unit = units[last], text.dropLast().allSatisfy(\.isWholeNumber),
            let count = Int(text.dropLast()), count > 0, count <= 455 * 86_400 / unit
        else { return nil }
        return count * unit
    }

    /// The last `since` seconds, the period that runs included.
    ///
    /// - Throws: `.permission`, `.serviceGaveUp`.
    package func activity(since: Int, period: Int, now: Timestamp) async throws(RekeyError) -> TableActivity {
        let end = (now.seconds + period - 1) / period * period
        let count = (since + period - 1) / period
        do throws(ServiceError) {
            return try await watch.activity(
                table: table, indexes: indexes, from: end - count * period, to: end, period: period)
        } catch {
            throw error.rekeyError(service: "CloudWatch", source: table)
        }
    }

    /// Events of a log group, the oldest first.
    ///
    /// - Parameter start: milliseconds since 1970.
    /// - Throws: `.inputMissing` where there is no such group, `.permission`, `.serviceGaveUp`.
    package func events(group: String, from start: Int) async throws(RekeyError) -> [LogEvent] {
        do throws(ServiceError) {
            return try await logs.events(group: group, from: start)
        } catch {
            throw error.rekeyError(service: "CloudWatch Logs", source: group)
        }
    }
}
