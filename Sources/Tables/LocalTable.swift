package import ByteStreams
import GRDB
package import Items

/// A table in one SQLite file, with DynamoDB's own semantics: for trying, rehearsing and testing.
///
/// Every write is synced to the disk before it is answered. Several processes may use one file: readers never wait,
/// a writer waits for another for a bounded time and then fails with `serviceGaveUp`. Calls run on threads of their
/// own, not on Swift's cooperative ones. Nothing is ever unprocessed, except keys of a `batchGet` past 16 MB.
package final class LocalTable: Table {
    /// The table's file.
    package let path: String
    package let name: String
    package let schema: KeySchema
    package let limits = TableLimits(bulkWrite: 65_536, bulkWriteBytes: 64 << 20)
    let checks: RequestChecks
    private let pool: DatabasePool
    private let use: LocalFile.Use

    private init(path: String, name: String, schema: KeySchema, pool: DatabasePool, use: LocalFile.Use) {
        self.path = path
        self.name = name
        self.schema = schema
        self.pool = pool
        self.use = use
        checks = RequestChecks(schema: schema, limits: limits)
    }

    /// Opens a table's file. `inputMissing` if there is none, `badInput` if it is something else, `serviceGaveUp` if
    /// it is locked for longer than `busyTimeout` seconds.
    package static func open(path: String, busyTimeout: Double = 5) throws(RekeyError) -> LocalTable {
        let (pool, use) = try LocalFile.open(path: path, busyTimeout: busyTimeout)
        let meta: [String: MetaValue]
        do {
            meta = try pool.read { try LocalFile.meta($0) }
        } catch {
            throw tableError(error, path: path)
        }
        func attribute(_ kind: String) -> KeyAttribute? {
            guard let name = meta["\(kind)Name"]?.text,
                let type = meta["\(kind)Type"]?.text.flatMap({ KeyType(rawValue: $0) })
            else { return nil }
            return KeyAttribute(name: name, type: type)
        }
        guard let name = meta["name"]?.text, let partition = attribute("partition") else {
            throw RekeyError(.badInput, "the table's file lacks its own description; it is damaged", source: path)
        }
        let schema = KeySchema(partition: partition, sort: attribute("sort"))
        return LocalTable(path: path, name: name, schema: schema, pool: pool, use: use)
    }

    /// Makes an empty table in a new file of mode 0600. `cannotCreate` if there is one already.
    package static func create(
        path: String, name: String, schema: KeySchema, region: String = "local", busyTimeout: Double = 5
    ) throws(RekeyError) -> LocalTable {
        var meta: [(name: String, value: MetaValue)] = [
            ("name", .text(name)), ("region", .text(region)), ("id", .text(LocalFile.randomIdentifier())),
            ("createdAt", .integer(LocalFile.now())), ("partitionName", .text(schema.partition.name)),
            ("partitionType", .text(schema.partition.type.rawValue)), ("itemCount", .integer(0)),
            ("sizeBytes", .integer(0)), ("pointInTimeRecovery", .integer(1)),
        ]
        if let sort = schema.sort {
            meta += [("sortName", .text(sort.name)), ("sortType", .text(sort.type.rawValue))]
        }
        try LocalFile.create(path: path, meta: meta)
        return try open(path: path, busyTimeout: busyTimeout)
    }

    /// Opens the table's file or makes it. `badInput` if there is one with other key attributes.
    package static func openOrCreate(
        path: String, name: String, schema: KeySchema, region: String = "local", busyTimeout: Double = 5
    ) throws(RekeyError) -> LocalTable {
        if !LocalFile.exists(path) {
            do {
                return try create(path: path, name: name, schema: schema, region: region, busyTimeout: busyTimeout)
            } catch {
                // Another process may have made it in the meantime.
                guard error.code == .cannotCreate, LocalFile.exists(path) else { throw error }
            }
        }
        let table = try open(path: path, busyTimeout: busyTimeout)
        guard table.schema == schema else {
            throw RekeyError(.badInput, "the table has other key attributes than those asked for", source: path)
        }
        return table
    }

    deinit { try? close() }

    /// Closes the file, as giving up the last reference does too; every later call fails. Afterwards, unless another
    /// process uses it, the table is in the one file alone and may be copied.
    package func close() throws(RekeyError) {
        do {
            // The readers first: only a connection that may write can fold the write-ahead log into the file.
            pool.releaseMemory()
            try pool.close()
        } catch {
            throw tableError(error, path: path)
        }
        use.end()
    }

    package func describe() async throws(RekeyError) -> TableDescription {
        let meta = try await read { try LocalFile.meta($0) }
        let region = meta["region"]?.text ?? "local"
        let account = "000000000000"
        let isRecoverable = meta["pointInTimeRecovery"]?.integer == 1
        return TableDescription(
            name: name, arn: "arn:rekey:local:\(region):\(account):table/\(name)", id: meta["id"]?.text ?? "",
            region: region, account: account, schema: schema, itemCount: meta["itemCount"]?.integer ?? 0,
            sizeBytes: meta["sizeBytes"]?.integer ?? 0,
            recovery: PointInTimeRecovery(
                isEnabled: isRecoverable, earliestRestorable: isRecoverable ? meta["createdAt"]?.integer : nil,
                latestRestorable: isRecoverable ? LocalFile.now() : nil, note: isRecoverable ? "the file itself" : nil),
            isStreamEnabled: meta["stream"]?.integer == 1, timeToLiveAttribute: meta["timeToLive"]?.text)
    }

    /// What `describe` says of a feature that a file does not have: to rehearse a run on a table that has it, or lacks
    /// it. nil leaves a setting as it is. Nothing expires and nothing is streamed.
    package func pretend(
        pointInTimeRecovery: Bool? = nil, stream: Bool? = nil, timeToLiveAttribute: String?? = nil
    ) async throws(RekeyError) {
        try await write { database in
            if let pointInTimeRecovery {
                try LocalFile.setMeta(database, "pointInTimeRecovery", .integer(pointInTimeRecovery ? 1 : 0))
            }
            if let stream { try LocalFile.setMeta(database, "stream", .integer(stream ? 1 : 0)) }
            if let attribute = timeToLiveAttribute {
                try LocalFile.setMeta(database, "timeToLive", attribute.map { .text($0) } ?? .missing)
            }
        }
    }

    func read<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws(RekeyError) -> T {
        do {
            return try await pool.read(body)
        } catch {
            throw tableError(error, path: path)
        }
    }

    /// Runs `body` in a transaction, which is undone if it throws.
    func write<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws(RekeyError) -> T {
        do {
            return try await pool.write(body)
        } catch {
            throw tableError(error, path: path)
        }
    }
}
