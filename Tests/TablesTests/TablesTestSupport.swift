import Items
import Synchronization
import Tables
import TestSupport

/// Calls `body` with a maker of empty local tables, whose files are removed at the end.
func withTables(
    _ body: (@escaping @Sendable (KeySchema) async throws -> any Table) async throws -> Void
) async throws {
    try await withTemporaryDirectory { directory in
        let tables = Mutex<[LocalTable]>([])
        try await body { schema in
            let number = tables.withLock { $0.count }
            let table = try LocalTable.create(path: "\(directory)/\(number).db", name: "test-\(number)", schema: schema)
            tables.withLock { $0.append(table) }
            return table
        }
        for table in tables.withLock({ $0 }) { try table.close() }
    }
}
