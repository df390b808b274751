import ByteStreams
import GRDB
import GRDBSQLite

/// A cached prepared statement, bound and stepped without a copy or a boxed value per column.
///
/// It is valid as long as the `Database` argument it came from. Parameters and columns count from 1 and from 0, as
/// SQLite counts them.
struct RawStatement {
    private let handle: OpaquePointer
    private let connection: OpaquePointer?

    init(_ database: Database, _ sql: String) throws {
        handle = try database.cachedStatement(sql: sql).sqliteStatement
        connection = database.sqliteConnection
        sqlite3_reset(handle)
    }

    func bind(_ parameter: Int32, _ value: Int64) {
        sqlite3_bind_int64(handle, parameter, value)
    }

    func bind(_ parameter: Int32, _ value: [UInt8]) {
        // The address of an empty array may be nil, which would bind NULL.
        guard !value.isEmpty else {
            sqlite3_bind_zeroblob(handle, parameter, 0)
            return
        }
        let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        sqlite3_bind_blob64(handle, parameter, value, UInt64(value.count), copied)
    }

    /// Binds a position to the first three parameters.
    func bind(_ position: RowPosition) {
        bind(1, position.hash)
        bind(2, position.partition)
        bind(3, position.sort)
    }

    /// Whether there is another row. After the last one, and after an error, the statement is ready to be used again.
    func step() throws -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE:
            sqlite3_reset(handle)
            return false
        default:
            let code = sqlite3_extended_errcode(connection)
            let message = String(cString: sqlite3_errmsg(connection))
            sqlite3_reset(handle)
            throw DatabaseError(resultCode: ResultCode(rawValue: code), message: message)
        }
    }

    /// Runs a statement that gives no rows, and returns how many rows it changed.
    @discardableResult
    func run() throws -> Int {
        while try step() {}
        return Int(sqlite3_changes(connection))
    }

    /// Ends a walk over the rows before its end.
    func reset() { sqlite3_reset(handle) }

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    func bytes(_ column: Int32) -> [UInt8] { withBytes(column) { Array($0) } }

    /// The bytes of a column, until the next step.
    func withBytes<R>(_ column: Int32, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        let start = sqlite3_column_blob(handle, column)
        let count = Int(sqlite3_column_bytes(handle, column))
        return body(UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : count))
    }
}

/// A failure of SQLite as one that a user can act on.
func tableError(_ error: any Error, path: String) -> RekeyError {
    if let error = error as? RekeyError { return error.at(source: path) }
    if error is CancellationError { return RekeyError(.interrupted, "interrupted", source: path) }
    guard let error = error as? DatabaseError else {
        return RekeyError(.unexpected, "\(error)", source: path)
    }
    let text = error.message ?? "\(error.resultCode)"
    switch error.resultCode.primaryResultCode {
    case .SQLITE_BUSY, .SQLITE_LOCKED:
        return RekeyError(
            .serviceGaveUp, "the table is locked by another process; wait for it to end and try again", source: path)
    case .SQLITE_INTERRUPT, .SQLITE_ABORT:
        return RekeyError(.interrupted, "interrupted", source: path)
    case .SQLITE_NOTADB, .SQLITE_CORRUPT:
        return RekeyError(.badInput, "the file is damaged or no table of rekey (\(text))", source: path)
    case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
        return RekeyError(.permission, "the file may not be written (\(text))", source: path)
    case .SQLITE_FULL, .SQLITE_IOERR:
        return RekeyError(.inputOutput, "the file could not be read or written (\(text))", source: path)
    case .SQLITE_CANTOPEN:
        return RekeyError(.inputOutput, "the file could not be opened (\(text))", source: path)
    default:
        return RekeyError(.unexpected, "SQLite failed: \(text)", source: path)
    }
}
