import ByteStreams
import GRDB
import Items
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The file of an embedded table: how it is made, recognised and opened.
///
/// The format is version 1: `application_id` "RKEY", `user_version` 1, and
///
///     meta(name, value)                                  region, id, key attributes, counts, settings
///     items(hash, partition, sort, size, json)           a row an item, ordered by the first three
///
/// `partition` and `sort` are `ItemKey.sortableBytes(of:)`, `hash` is `RowPosition.hash` of `partition`, `size` is
/// DynamoDB's, `json` the typed item with its numbers in stored form.
enum LocalFile {
    static let applicationIdentifier = 0x524B_4559
    static let version = 1

    /// Makes a new file that holds an empty table. It appears under its name only when it is whole.
    static func create(path: String, meta: [(name: String, value: MetaValue)]) throws(RekeyError) {
        if exists(path) { throw alreadyExists(path) }
        let companions = ["-wal", "-shm", "-journal"]
        let temporary = try nameOfUnfinished(path, suffixes: companions)
        let temporaries = ([""] + companions).map { temporary + $0 }
        for name in temporaries { TemporaryPaths.register(name) }
        defer {
            for name in temporaries {
                unlink(name)
                TemporaryPaths.forget(name)
            }
        }
        let descriptor = systemOpen(temporary, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            let reason = String(cString: strerror(errno))
            throw RekeyError(.cannotCreate, "the table's file cannot be created: \(reason)", source: path)
        }
        close(descriptor)
        let lock = WorkLock(temporary)
        do {
            let queue = try DatabaseQueue(path: temporary)
            try queue.writeWithoutTransaction { database in
                try database.execute(
                    sql: """
                        PRAGMA page_size = 8192;
                        PRAGMA application_id = \(applicationIdentifier);
                        PRAGMA user_version = \(version);
                        PRAGMA journal_mode = WAL;
                        CREATE TABLE meta(name TEXT PRIMARY KEY NOT NULL, value) WITHOUT ROWID;
                        CREATE TABLE items(
                          hash INTEGER NOT NULL, partition BLOB NOT NULL, sort BLOB NOT NULL,
                          size INTEGER NOT NULL, json BLOB NOT NULL,
                          PRIMARY KEY(hash, partition, sort)) WITHOUT ROWID;
                        """)
                for (name, value) in meta {
                    try database.execute(
                        sql: "INSERT INTO meta VALUES (?, ?)", arguments: [name, value.databaseValue])
                }
            }
            try queue.close()
        } catch {
            throw tableError(error, path: path)
        }
        // Not earlier: to close a descriptor of a file that SQLite has open takes its locks.
        withExtendedLifetime(lock) {}
        // A link, unlike a rename, never replaces a table that another process made meanwhile.
        guard link(temporary, path) == 0 else {
            if errno == EEXIST { throw alreadyExists(path) }
            let reason = String(cString: strerror(errno))
            throw RekeyError(.cannotCreate, "the table's file cannot be created: \(reason)", source: path)
        }
    }

    /// A file, whatever it is called.
    struct Identity: Hashable, Sendable {
        var device: UInt64
        var number: UInt64
    }

    /// How often this process has each file open.
    ///
    /// POSIX takes a process's locks from a file when it closes any descriptor of it. A look at the header of a table that is open
    /// would take SQLite's: then another process believes itself alone, and removes the log that this one still writes to.
    private static let inUse = Mutex<[Identity: Int]>([:])

    /// One opening of a file, until it is ended or dropped.
    final class Use: Sendable {
        private let identity: Identity
        private let isOver = Mutex(false)

        fileprivate init(_ identity: Identity) { self.identity = identity }

        deinit { end() }

        func end() {
            let wasOver = isOver.withLock { isOver in
                defer { isOver = true }
                return isOver
            }
            if wasOver { return }
            inUse.withLock { files in
                let count = files[identity, default: 0]
                files[identity] = count > 1 ? count - 1 : nil
            }
        }
    }

    /// Opens a table's file for this process, after a look at what it is.
    static func open(path: String, busyTimeout: Double) throws(RekeyError) -> (pool: DatabasePool, use: Use) {
        try inUse.withLock { files throws(RekeyError) in
            let identity = try identity(path)
            if files[identity] == nil { try checkHeader(path) }
            let pool = try openPool(path: path, busyTimeout: busyTimeout)
            files[identity, default: 0] += 1
            return (pool, Use(identity))
        }
    }

    private static func openPool(path: String, busyTimeout: Double) throws(RekeyError) -> DatabasePool {
        var configuration = Configuration()
        configuration.busyMode = .timeout(busyTimeout)
        configuration.maximumReaderCount = 8
        configuration.label = "rekey.table"
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA cache_size = -65536")
        }
        do {
            let pool = try DatabasePool(path: path, configuration: configuration)
            // The pool sets NORMAL, with which a committed write can be lost with the machine's power.
            try pool.writeWithoutTransaction { database in
                try database.execute(sql: "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 8192")
            }
            return pool
        } catch {
            throw tableError(error, path: path)
        }
    }

    /// The table's own rows of `meta`.
    static func meta(_ database: Database) throws -> [String: MetaValue] {
        var meta: [String: MetaValue] = [:]
        for row in try Row.fetchAll(database, sql: "SELECT name, value FROM meta") {
            meta[row[0]] = MetaValue(row[1] as DatabaseValue)
        }
        return meta
    }

    static func setMeta(_ database: Database, _ name: String, _ value: MetaValue) throws {
        try database.execute(
            sql: "INSERT OR REPLACE INTO meta VALUES (?, ?)", arguments: [name, value.databaseValue])
    }

    /// Whether there is anything under a name.
    static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    /// A random version 4 UUID in lower case.
    static func randomIdentifier() -> String {
        var generator = SystemRandomNumberGenerator()
        var bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) }
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        let digits = Array("0123456789abcdef")
        var text = ""
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text.append("-") }
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return text
    }

    /// Seconds since 1970.
    static func now() -> Int { Int(time(nil)) }

    private static func alreadyExists(_ path: String) -> RekeyError {
        RekeyError(
            .cannotCreate, "there is a file of this name already; choose another name or remove it", source: path)
    }

    /// Reads the SQLite header: its first 16 bytes, and the two numbers that tell a table of rekey from other files.
    private static func identity(_ path: String) throws(RekeyError) -> Identity {
        var status = stat()
        guard stat(path, &status) == 0 else {
            if errno == ENOENT || errno == ENOTDIR {
                throw RekeyError(
                    .inputMissing,
                    "there is no such table; check the path, or make it: rekey load local:FILE.db EXPORT --execute",
                    source: path)
            }
            throw unreadable(path)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw RekeyError(.badInput, "this is no file and cannot hold a table", source: path)
        }
        return Identity(device: UInt64(status.st_dev), number: UInt64(status.st_ino))
    }

    private static func checkHeader(_ path: String) throws(RekeyError) {
        let descriptor = systemOpen(path, O_RDONLY | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw unreadable(path) }
        defer { close(descriptor) }
        var header = [UInt8](repeating: 0, count: 100)
        let count = pread(descriptor, &header, 100, 0)
        guard count >= 0 else { throw unreadable(path) }
        guard count == 100, header.starts(with: "SQLite format 3\0".utf8) else {
            throw RekeyError(.badInput, "this is no SQLite file and holds no table", source: path)
        }
        func number(_ offset: Int) -> Int { header[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) } }
        guard number(68) == applicationIdentifier else {
            throw RekeyError(.badInput, "this SQLite file was not made by rekey and holds no table", source: path)
        }
        guard number(60) <= version else {
            throw RekeyError(
                .badInput, "this table was made by a newer rekey (format \(number(60))); use that one", source: path)
        }
    }

    private static func unreadable(_ path: String) -> RekeyError {
        let code: RekeyError.Code = errno == EACCES || errno == EPERM ? .permission : .inputOutput
        return RekeyError(code, "the file cannot be read: \(String(cString: strerror(errno)))", source: path)
    }
}

/// A value of the `meta` table.
enum MetaValue: Sendable, Equatable {
    case text(String)
    case integer(Int)
    case missing

    init(_ value: DatabaseValue) {
        switch value.storage {
        case .int64(let integer): self = .integer(Int(integer))
        case .string(let text): self = .text(text)
        default: self = .missing
        }
    }

    var databaseValue: DatabaseValue {
        switch self {
        case .text(let text): text.databaseValue
        case .integer(let integer): integer.databaseValue
        case .missing: .null
        }
    }

    var text: String? { if case .text(let text) = self { text } else { nil } }
    var integer: Int? { if case .integer(let integer) = self { integer } else { nil } }
}

/// `open(2)`; beside a method of that name the global function cannot be named.
private func systemOpen(_ path: String, _ flags: Int32, _ mode: mode_t) -> Int32 {
    open(path, flags, mode)
}
