package import Items
package import Tables
import Testing

/// What every `Table` promises, as tests: run each check on a table of your own kind.
///
///     @Test(arguments: TableContract.Check.allCases)
///     func keepsTheContract(_ check: TableContract.Check) async throws {
///         try await TableContract { try await MyTable.create(schema: $0) }.run(check)
///     }
package struct TableContract: Sendable {
    /// One promise.
    package enum Check: String, CaseIterable, Sendable {
        case describesItself, readsBackWhatWasPut, storesNumbersInPlainForm, replacesAndDeletes
        case refusesLargeBatches, refusesEqualKeysInABatch, refusesBadKeys, limitsItemSize, limitsKeySize
        case batchGetLimits, accountsForEachRequest, bulkWriteLastWins, consumesWriteUnits, consumesReadUnits
        case scansInPages, scansInSegments, scansByPrefix, cutsPagesAtOneMegabyte, refusesBadPages
        case queriesInPages, ordersStringsByBytes, selectsByPrefix, ordersNumbersByValue, ordersBinariesByBytes
        case tableWithoutSortKey
        case putsOnCondition, putsManyOnCondition, deletesOnCondition, movesInTransactions, movesAllOrNone,
            refusesBadTransactions

        /// Whether the check only looks at an empty table and at what it refuses.
        package var isOfRefusals: Bool {
            switch self {
            case .describesItself, .refusesLargeBatches, .refusesEqualKeysInABatch, .refusesBadKeys, .refusesBadPages,
                .refusesBadTransactions:
                true
            default: false
            }
        }
    }

    let make: @Sendable (KeySchema) async throws -> any Table

    /// - Parameter make: gives a new, empty table that no other check uses.
    package init(_ make: @escaping @Sendable (KeySchema) async throws -> any Table) {
        self.make = make
    }

    /// Runs one check on tables of its own.
    package func run(_ check: Check) async throws {
        switch check {
        case .describesItself: try await describesItself()
        case .readsBackWhatWasPut: try await readsBackWhatWasPut()
        case .storesNumbersInPlainForm: try await storesNumbersInPlainForm()
        case .replacesAndDeletes: try await replacesAndDeletes()
        case .refusesLargeBatches: try await refusesLargeBatches()
        case .refusesEqualKeysInABatch: try await refusesEqualKeysInABatch()
        case .refusesBadKeys: try await refusesBadKeys()
        case .limitsItemSize: try await limitsItemSize()
        case .limitsKeySize: try await limitsKeySize()
        case .batchGetLimits: try await batchGetLimits()
        case .accountsForEachRequest: try await accountsForEachRequest()
        case .bulkWriteLastWins: try await bulkWriteLastWins()
        case .consumesWriteUnits: try await consumesWriteUnits()
        case .consumesReadUnits: try await consumesReadUnits()
        case .scansInPages: try await scansInPages()
        case .scansInSegments: try await scansInSegments()
        case .scansByPrefix: try await scansByPrefix()
        case .cutsPagesAtOneMegabyte: try await cutsPagesAtOneMegabyte()
        case .refusesBadPages: try await refusesBadPages()
        case .queriesInPages: try await queriesInPages()
        case .ordersStringsByBytes: try await ordersStringsByBytes()
        case .selectsByPrefix: try await selectsByPrefix()
        case .ordersNumbersByValue: try await ordersNumbersByValue()
        case .ordersBinariesByBytes: try await ordersBinariesByBytes()
        case .tableWithoutSortKey: try await tableWithoutSortKey()
        case .putsOnCondition: try await putsOnCondition()
        case .putsManyOnCondition: try await putsManyOnCondition()
        case .deletesOnCondition: try await deletesOnCondition()
        case .movesInTransactions: try await movesInTransactions()
        case .movesAllOrNone: try await movesAllOrNone()
        case .refusesBadTransactions: try await refusesBadTransactions()
        }
    }

    private func describesItself() async throws {
        let table = try await make(.standard)
        let description = try await table.describe()
        #expect(description.name == table.name)
        #expect(description.schema == .standard)
        #expect(table.schema == .standard)
        #expect(description.status == "ACTIVE")
        #expect(description.arn.hasSuffix(":table/\(table.name)"))
        #expect(!description.region.isEmpty)
        #expect(!description.id.isEmpty)
        #expect(table.limits.batchWrite == 25)
        #expect(table.limits.batchGet == 100)
        #expect(table.limits.transactMove == 50)
        #expect(table.limits.bulkWrite >= 1)
    }

    private func readsBackWhatWasPut() async throws {
        let table = try await make(.standard)
        let items = [
            #"{"PK":{"S":"PLAN#1"},"SK":{"S":"META"},"dat":{"M":{"nm":{"S":"Free"},"on":{"BOOL":true}}}}"#,
            #"{"PK":{"S":"a"},"SK":{"S":"empty"},"s":{"S":""},"b":{"B":""},"l":{"L":[]},"m":{"M":{}}}"#,
            #"{"PK":{"S":"a"},"SK":{"S":"sets"},"ss":{"SS":["b","a",""]},"ns":{"NS":["2","1"]},"bs":{"BS":["AA==",""]}}"#,
            #"{"SK":{"S":"null"},"x":{"NULL":true},"PK":{"S":"a"},"f":{"BOOL":false}}"#,
            "{\"PK\":{\"S\":\"e\u{301} \u{1F600}\"},\"SK\":{\"S\":\"\u{E9}\\u0000\\n\"}}",
        ].map { item($0) }
        try await load(items, into: table)
        for expected in items {
            let found = try #require(try await table.get(key(of: expected)))
            #expect(found.isEqual(to: expected), "\(text(found)) is not \(text(expected))")
            #expect(found.size == expected.size)
        }
        let scanned = try await scanAll(table)
        #expect(Set(scanned.map { $0.canonical() }) == Set(items.map { $0.canonical() }))
        #expect(scanned.count == items.count)
    }

    private func storesNumbersInPlainForm() async throws {
        let table = try await make(
            KeySchema(
                partition: KeyAttribute(name: "id", type: .number), sort: KeyAttribute(name: "at", type: .number)))
        let written = item(
            #"{"id":{"N":"1.50"},"at":{"N":"-0"},"n":{"N":"0042.1200"},"l":{"L":[{"N":"1.5E2"},{"N":"1E+2"}]},"#
                + #""m":{"M":{"big":{"N":"12345678901234567890123456789012345678"}}},"ns":{"NS":["1.0","2.50"]}}"#)
        try await load([written], into: table)
        let id = ItemKey(partition: .number(Array("15E-1".utf8)), sort: .number(Array("0".utf8)))
        let found = try #require(try await table.get(id))
        #expect(found.isEqual(to: written))
        func number(_ path: [String]) -> String? {
            found.value(at: path).map { String(decoding: $0.text, as: UTF8.self) }
        }
        #expect(number(["id"]) == "1.5")
        #expect(number(["at"]) == "0")
        #expect(number(["n"]) == "42.12")
        #expect(number(["m", "big"]) == "12345678901234567890123456789012345678")
        // Services put white space between the tokens or not.
        let list = try JSONReader.parse(try #require(found.attribute("l")).json, source: "the list")
        #expect(list.compact == Array(#"{"L":[{"N":"150"},{"N":"100"}]}"#.utf8))
    }

    private func replacesAndDeletes() async throws {
        let table = try await make(.standard)
        try await load([item("p", "1", "old"), item("p", "2", "kept")], into: table)
        try await load([item("p", "1", "new")], into: table)
        #expect(try await table.get(key("p", "1")).map { value($0) } == "new")
        let answer = try await table.batchWrite([.delete(key("p", "1")), .delete(key("p", "missing"))])
        #expect(answer.unprocessed.isEmpty)
        #expect(try await table.get(key("p", "1")) == nil)
        #expect(try await scanAll(table).map { value($0) } == ["kept"])
        #expect(try await table.batchWrite([]).unprocessed.isEmpty)
    }
}
