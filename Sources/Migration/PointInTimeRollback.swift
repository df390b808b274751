package import AWS
package import ByteStreams
package import Stages
import Tables

/// The way back by AWS's own recovery: a new table that holds what the table held at a moment. The table itself stays as it is.
package struct PointInTimeRollback: Sendable {
    package var services: LiveServices
    /// The table's name or ARN.
    package var table: String
    package var target: String
    package var time: DynamoDBTable.RestoreTime
    package var events: EventHandler

    package init(
        services: LiveServices, table: String, target: String, time: DynamoDBTable.RestoreTime,
        events: @escaping EventHandler
    ) {
        self.services = services
        self.table = table
        self.target = target
        self.time = time
        self.events = events
    }

    /// A time as a user writes it: `latest`, or UTC by RFC 3339; nil for what is none.
    package static func time(of text: String) -> DynamoDBTable.RestoreTime? {
        text == "latest" ? .latest : Timestamp(text: text).map { .at($0.seconds) }
    }

    /// How long a table that was asked for may be unknown.
    private static let unseen = Duration.seconds(120)

    private var moment: String {
        switch time {
        case .at(let seconds): Timestamp(seconds: seconds).text
        case .latest: "the latest restorable time"
        }
    }

    /// Looks whether it can be done.
    ///
    /// - Throws: `.preflightRefused` where recovery is off or does not reach the time, `.cannotCreate` where the target is there.
    package func check() async throws(RekeyError) {
        events(
            .heading([
                "POINT-IN-TIME RESTORE", "Table: \(table)", "New table: \(target)", "Time: \(moment)",
            ]))
        let description = try await services.table(table).describe()
        let recovery = description.recovery
        guard recovery.isEnabled else {
            throw RekeyError(
                .preflightRefused,
                recovery.refusal
                    ?? "point-in-time recovery is off, so there is nothing to restore; use rekey rollback RUN",
                source: table)
        }
        if case .at(let seconds) = time {
            if let earliest = recovery.earliestRestorable, seconds < earliest {
                throw RekeyError(
                    .preflightRefused,
                    "\(moment) is before \(Timestamp(seconds: earliest).text), the earliest that can be restored",
                    source: table)
            }
            if let latest = recovery.latestRestorable, seconds > latest {
                throw RekeyError(
                    .preflightRefused,
                    "\(moment) is after \(Timestamp(seconds: latest).text), the latest that can be restored; wait, or take an earlier one",
                    source: table)
            }
        }
        if try await DynamoDBTable.status(of: target, session: try services.session()) != nil {
            throw RekeyError(.cannotCreate, "there is a table \(target) already; name another with --to", source: table)
        }
        if let earliest = recovery.earliestRestorable {
            let latest = recovery.latestRestorable.map { " to \(Timestamp(seconds: $0).text)" } ?? ""
            events(.information("Can be restored: \(Timestamp(seconds: earliest).text)\(latest)"))
        }
    }

    /// Restores, and waits until the new table is ACTIVE. Called only after the user has confirmed.
    ///
    /// - Parameter interval: between two looks.
    /// - Throws: as `DynamoDBTable.restore`; `.serviceGaveUp` where the new table goes away again.
    package func execute(interval: Duration = .seconds(10)) async throws(RekeyError) {
        let session = try services.session()
        try await DynamoDBTable.open(name: table, session: session).restore(to: target, time)
        events(.information("Asked for; it goes on in AWS if this command is stopped"))
        let start = ContinuousClock.now
        var told = ""
        var wasSeen = false
        while true {
            var status = try await DynamoDBTable.status(of: target, session: session)
            if status != nil { wasSeen = true }
            // What was just asked for need not be seen at once: DescribeTable is eventually consistent.
            if !wasSeen, .now - start < Self.unseen { status = "not there yet" }
            guard let status else {
                throw RekeyError(
                    .serviceGaveUp, "the restore did not end in a table; look at it in the console, and try again",
                    source: target)
            }
            if status == "ACTIVE" { break }
            let minutes = (ContinuousClock.now - start).components.seconds / 60
            let line = "\(target) is \(status)\(minutes > 0 ? ", \(minutes) min" : "")"
            if line != told { events(.information(Message(verbatim: line))) }
            told = line
            do {
                try await Task.sleep(for: interval)
            } catch {
                throw RekeyError(.interrupted, "stopped waiting; the restore goes on in AWS", source: target)
            }
        }
        events(.success("✓ \(target) holds what \(table) held at \(moment); \(table) was not changed"))
        events(.information("To go on, one of"))
        events(.detail("compare: rekey digest dynamodb:\(target), and rekey status for the digest before the run"))
        events(.detail("point the application at \(target)"))
        events(
            .detail(
                "bring items back into \(table): rekey extract dynamodb:\(target) --rules FILE | rekey load dynamodb:\(table) --execute"
            ))
        events(
            .warning(
                "a restored table lacks auto scaling, alarms, tags, streams, time to live and recovery settings; set them again"
            ))
    }
}
