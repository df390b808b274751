package import AWS
package import ByteStreams
import Synchronization
package import Tables

/// The capacity units a second that a run may consume of a live table, indexes included; nil for no limit.
package struct CapacityRates: Sendable, Equatable {
    package var read: Double?
    package var write: Double?
    /// Of what the table is provisioned with, in per cent; where `read` or `write` stands too, the lower rate holds.
    package var percent: Double?

    package init(read: Double? = nil, write: Double? = nil, percent: Double? = nil) {
        self.read = read
        self.write = write
        self.percent = percent
    }

    /// The rates for a table.
    ///
    /// - Throws: `.usage` for a share of a table that is paid on demand.
    package func resolved(for table: TableDescription) throws(RekeyError) -> CapacityRates {
        guard let percent else { return self }
        guard case .provisioned(let readUnits, let writeUnits) = table.billing else {
            throw RekeyError(
                .usage,
                "--max-percent is a share of provisioned capacity, and the table is on demand; use --max-rcu and --max-wcu",
                source: table.name)
        }
        func least(_ given: Double?, _ units: Int) -> Double {
            let share = max(1, Double(units) * percent / 100)
            return min(given ?? share, share)
        }
        return CapacityRates(read: least(read, readUnits), write: least(write, writeUnits))
    }
}

/// What lies in AWS, opened with one user's settings. The session is made when it is first needed, so that a command on local
/// files reads no AWS configuration.
package final class LiveServices: Sendable {
    private let settings: AWSSettings
    private let rates: CapacityRates
    private let segments: Int?
    private let observer: RequestObserver?
    /// Told what tables do; nil where nobody asks.
    package let progress: ProgressCounters?
    /// Holds the calls of all tables that are opened here.
    package let governor: CapacityGovernor
    private let made = Mutex<AWSSession?>(nil)

    /// - Parameters:
    ///   - segments: of scans, read at once; nil to go by a table's size.
    ///   - progress: told of requests, units and retries.
    ///   - observer: told of each request too.
    package init(
        _ settings: AWSSettings, rates: CapacityRates = CapacityRates(), segments: Int? = nil,
        progress: ProgressCounters? = nil, observer: RequestObserver? = nil
    ) {
        self.progress = progress
        self.observer = observer
        governor = CapacityGovernor(readUnits: rates.read, writeUnits: rates.write)
        self.settings = settings
        self.rates = rates
        self.segments = segments
    }

    /// The session that all of a run shares.
    ///
    /// - Throws: as `AWSSession.init`.
    package func session() throws(RekeyError) -> AWSSession {
        let settings = self.settings
        let observer = tellingProgress()
        let result = made.withLock { made -> Result<AWSSession, RekeyError> in
            if let made { return .success(made) }
            do throws(RekeyError) {
                let session = try AWSSession(settings, observer: observer)
                made = session
                return .success(session)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// A live table by its name or ARN; what is not done at once is sent again.
    ///
    /// - Throws: as `DynamoDBTable.open` and `CapacityRates.resolved`.
    package func table(_ name: String) async throws(RekeyError) -> any Table {
        let table = try await DynamoDBTable.open(name: name, session: try session(), segments: segments)
        if rates.percent != nil {
            let resolved = try rates.resolved(for: try await table.describe())
            governor.setRates(readUnits: resolved.read, writeUnits: resolved.write)
        }
        return watched(table, timesCalls: false)
    }

    /// A table whose unprocessed requests are sent again, that is counted, and that waits for its governor.
    ///
    /// - Parameter timesCalls: whether a call is counted as a request; a live table's requests are counted one by one.
    func watched(_ table: any Table, timesCalls: Bool) -> any Table {
        var table = table
        if let progress { table = MeteredTable(table, progress: progress, timesCalls: timesCalls) }
        return RateLimitedTable(RetryingTable(table), governor: governor)
    }

    private func tellingProgress() -> RequestObserver? {
        let (progress, observer) = (progress, observer)
        guard progress != nil || observer != nil else { return nil }
        return { event in
            switch event {
            case .answered(_, _, let time): progress?.answered(after: time)
            case .retrying(_, _, let isThrottling, _, _): progress?.retried(isThrottled: isThrottling)
            }
            observer?(event)
        }
    }
}

extension LiveServices? {
    /// The services, where a stage was given any.
    func require(for location: Location) throws(RekeyError) -> LiveServices {
        guard let self else {
            throw RekeyError(
                .usage,
                "lies in AWS, and no AWS settings were given; use the commands that take --region and --profile",
                source: location.text)
        }
        return self
    }
}

/// Opens the table at a location.
///
/// - Throws: `.usage` where the location is no table; as `LocalTable.open` and `DynamoDBTable.open`.
package func openTable(_ location: Location, services: LiveServices?) async throws(RekeyError) -> any Table {
    switch location {
    case .local(let path):
        let table = try LocalTable.open(path: path)
        return services?.watched(table, timesCalls: true) ?? RetryingTable(table)
    case .table(let name): return try await services.require(for: location).table(name)
    case .standardStream, .file, .directory, .s3:
        throw RekeyError(.usage, "\(location.text) is no table; write dynamodb:TABLE or local:FILE.db")
    }
}
