import Items

/// One event of a log group.
package struct LogEvent: Sendable, Equatable {
    /// Unique in the group.
    package var id: String
    /// Milliseconds since 1970.
    package var time: Int
    package var stream: String
    package var message: String

    package init(id: String, time: Int, stream: String, message: String) {
        self.id = id
        self.time = time
        self.stream = stream
        self.message = message
    }
}

/// CloudWatch Logs, as far as a group's events are read. Source: Amazon CloudWatch Logs API Reference, FilterLogEvents.
package struct CloudWatchLogs: Sendable {
    private let client: ServiceClient

    package init(_ client: ServiceClient) { self.client = client }

    /// Events in order of time, oldest first; with more than `limit`, only the newest. Needs the permission `logs:FilterLogEvents`.
    ///
    /// - Parameters:
    ///   - start: milliseconds since 1970, inclusive.
    ///   - end: milliseconds since 1970, inclusive; nil for all there is.
    ///   - limit: at least 1; bounds the memory.
    package func events(
        group: String, from start: Int, to end: Int? = nil, limit: Int = 10_000
    ) async throws(ServiceError) -> [LogEvent] {
        var events: [LogEvent] = []
        var token: String?
        repeat {
            var members = [
                JSONTree.Member(name: Array("logGroupName".utf8), value: .text(group)),
                JSONTree.Member(name: Array("startTime".utf8), value: .integer(start)),
            ]
            if let end { members.append(JSONTree.Member(name: Array("endTime".utf8), value: .integer(end))) }
            if let token { members.append(JSONTree.Member(name: Array("nextToken".utf8), value: .text(token))) }
            let answer = try await client.call("Logs_20140328.FilterLogEvents", JSONTree.object(members).compact)
            guard let page = try? JSONReader.parse(answer, source: "CloudWatch Logs") else {
                throw ServiceError(
                    code: "", message: "CloudWatch Logs' answer to FilterLogEvents cannot be read", kind: .other)
            }
            for (place, event) in (page["events"]?.elements ?? []).enumerated() {
                guard let time = event["timestamp"]?.count, let message = event["message"]?.string else { continue }
                let stream = event["logStreamName"]?.string ?? ""
                events.append(
                    LogEvent(
                        id: event["eventId"]?.string ?? "\(stream) \(time) \(place)", time: time, stream: stream,
                        message: message))
            }
            if events.count > 2 * limit { Self.keepNewest(limit, of: &events) }
            let next = page["nextToken"]?.string
            token = next == token ? nil : next
        } while token != nil
        Self.keepNewest(limit, of: &events)
        return events
    }

    /// By time, and by stream and identifier where that is equal.
    private static func keepNewest(_ limit: Int, of events: inout [LogEvent]) {
        events.sort { ($0.time, $0.stream, $0.id) < ($1.time, $1.stream, $1.id) }
        events.removeFirst(max(0, events.count - limit))
    }
}
