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
    private let made = Mutex<AWSSession?>(nil)

    /// - Parameter segments: of scans, read at once; nil to go by a table's size.
    package init(_ settings: AWSSettings, rates: CapacityRates = CapacityRates(), segments: Int? = nil) {
        self.settings = settings
        self.rates = rates
        self.segments = segments
    }

    /// The session that all of a run shares.
    ///
    /// - Throws: as `AWSSession.init`.
    package func session() throws(RekeyError) -> AWSSession {
        let settings = self.settings
        let result = made.withLock { made -> Result<AWSSession, RekeyError> in
            if let made { return .success(made) }
            do throws(RekeyError) {
                let session = try AWSSession(settings)
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
        let table = RetryingTable(
            try await DynamoDBTable.open(name: name, session: try session(), segments: segments))
        guard rates != CapacityRates() else { return table }
        let rates = rates.percent == nil ? rates : try rates.resolved(for: try await table.describe())
        return RateLimitedTable(table, readUnits: rates.read, writeUnits: rates.write)
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
    case .local(let path): return RetryingTable(try LocalTable.open(path: path))
    case .table(let name): return try await services.require(for: location).table(name)
    case .standardStream, .file, .directory, .s3:
        throw RekeyError(.usage, "\(location.text) is no table; write dynamodb:TABLE or local:FILE.db")
    }
}
