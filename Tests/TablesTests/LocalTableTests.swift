import Items
import TableContract
import Tables
import TestSupport
import Testing

@Suite struct LocalTableTests {
    @Test(arguments: TableContract.Check.allCases)
    func keepsTheContract(_ check: TableContract.Check) async throws {
        try await withTables { make in try await TableContract(make).run(check) }
    }
}
