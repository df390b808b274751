import ByteStreams
import Items
import Migration
import Rekeying
import Synchronization
import Tables
import TestSupport
import Testing

@Suite struct MigrateTests {
    /// A table that writes nothing and fails whoever tries.
    private func readOnly(_ table: any Table) -> WatchedTable {
        WatchedTable(
            table,
            before: { (_, call) throws(RekeyError) in
                if call.isWrite { throw RekeyError(.unexpected, "a write reached the table: \(call)") }
            })
    }

    @Test(arguments: Migrate.Strategy.allCases)
    func movesAndComesBack(strategy: Migrate.Strategy) async throws {
        try await withWorld { world in
            let items = someItems(30)
            try await world.put(items)
            let before = digest(items)
            guard case .migrated = try await world.migrate(strategy: strategy).execute() else {
                Issue.record("not migrated")
                return
            }
            let expected = try afterMove(items)
            #expect(digest(try await world.items().values) == digest(expected.values))
            #expect(Set(try await world.items().keys) == Set(expected.keys))
            #expect(world.said.contains("Digest of the whole table is what it must be"))
            #expect(try RunStatus(world.run).state == .finished)
            #expect(try await world.resume() == .alreadyMigrated)
            let findings = try await world.rollback().execute(runs: world.runs)
            #expect(findings.toRestore == 30 && findings.toDelete == 30 && findings.conflicts == 0)
            #expect(digest(try await world.items().values) == before)
            #expect(try RunStatus(world.run).state == .rolledBack)
            #expect(world.said.contains("equals the one before the migration"))
            // Once more changes nothing.
            let again = try await world.rollback().execute(runs: world.runs)
            #expect(again.toRestore == 0 && again.inPlace == 30 && again.toDelete == 0)
            #expect(digest(try await world.items().values) == before)
            #expect(await failure { _ = try await world.resume() }?.code == .preflightRefused)
        }
    }

    @Test func dryRunWritesNothing() async throws {
        try await withWorld { world in
            try await world.put(someItems(3))
            let table = readOnly(world.table)
            let outcome = try await world.migrate(table).dryRun()
            if case .dryRun = outcome {} else { Issue.record("\(outcome)") }
            #expect(!fileExists(world.runs))
            #expect(world.said.contains("Found 3 plans with old structure"))
            _ = try await world.migrate().execute()
            _ = try await world.rollback(readOnly(world.table)).dryRun()
            #expect(try await world.migrate(readOnly(world.table)).dryRun() == .alreadyMigrated)
            #expect(try await world.migrate(readOnly(world.table)).execute() == .alreadyMigrated)
            #expect(try world.runNames.count == 1)
        }
    }

    @Test func nothingToDo() async throws {
        try await withWorld { world in
            try await world.put([user("1", plan: "1")])
            #expect(try await world.migrate(readOnly(world.table)).dryRun() == .nothingToDo)
            #expect(world.said.contains("none stands under a key that they make"))
            #expect(try await world.migrate(readOnly(world.table)).execute() == .nothingToDo)
            #expect(try world.runNames.isEmpty)
        }
    }

    /// Puts, then a read of every new key, then conditional deletes, then a read of the whole table: in that order.
    @Test func stepsComeInOrder() async throws {
        try await withWorld { world in
            try await world.put(someItems(90))
            let table = WatchedTable(world.table, limits: TableLimits(batchWrite: 1, batchGet: 7, bulkWrite: 1))
            _ = try await world.migrate(table).execute()
            var put: Set<ItemKey> = []
            var readBack: Set<ItemKey> = []
            var deleted: Set<ItemKey> = []
            var scansAfterDelete = 0
            for call in table.calls {
                switch call {
                case .write(let requests):
                    #expect(deleted.isEmpty, "a put after a delete")
                    for request in requests {
                        guard case .put = request else {
                            Issue.record("an unconditional delete")
                            continue
                        }
                        put.insert(try request.key(.standard))
                        readBack.remove(try request.key(.standard))
                    }
                case .get(let keys): readBack.formUnion(keys.filter { put.contains($0) })
                case .deleteUnchanged(let items):
                    #expect(put.count == 90 && readBack == put, "a delete before all was read back")
                    deleted.formUnion(try items.map { try $0.key(.standard) })
                case .scan: if deleted.count == 90 { scansAfterDelete += 1 }
                case .put, .putEach, .delete, .move: Issue.record("an unexpected \(call)")
                case .describe, .query: break
                }
            }
            #expect(deleted == Set((1...90).map { key("PLAN#\($0)", "META") }))
            #expect(scansAfterDelete > 0)
        }
    }

    @Test(arguments: [true, false])
    func aLostOrAlteredPutIsFound(isLost: Bool) async throws {
        try await withWorld { world in
            let items = someItems(50)
            try await world.put(items)
            let victim = key("PLAN", "META#17")
            let table = WatchedTable(
                world.table,
                alter: { request in
                    guard case .put(let item) = request, (try? item.key(.standard)) == victim else { return request }
                    return isLost ? nil : .put(newPlan("17", name: "altered"))
                })
            let error = await failure { _ = try await world.migrate(table).execute() }
            #expect(error?.code == .differences)
            #expect(error?.message.contains("PLAN / META#17") == true)
            let now = try await world.items()
            for item in items { #expect(now[try item.key(.standard)] != nil, "an old item is gone") }
            #expect(try RunStatus(world.run).state == .stopped)
            let command = "rekey rollback \(try world.run.path) --execute"
            #expect(world.said.all.last == .information("To go back: \(command)"))
            if isLost {
                guard case .migrated = try await world.resume() else {
                    Issue.record("not migrated")
                    return
                }
                #expect(digest(try await world.items().values) == digest(try afterMove(items).values))
            } else {
                // A stranger under the new key is never written over, by going on or by going back.
                #expect(await failure { _ = try await world.resume() }?.code == .differences)
                let rollback = try world.rollback()
                #expect(await failure { _ = try await rollback.execute(runs: world.runs) }?.code == .differences)
                let taken = try world.rollback(onConflict: .takeSnapshot)
                _ = try await taken.execute(runs: world.runs)
                #expect(digest(try await world.items().values) == digest(items + [newPlan("17", name: "altered")]))
            }
        }
    }

    @Test func deletesThatDoNothingAreFound() async throws {
        try await withWorld { world in
            let items = someItems(5)
            try await world.put(items)
            let liar = Liar(base: world.table)
            let error = await failure { _ = try await world.migrate(liar).execute() }
            #expect(error?.code == .stoppedResumable)
            _ = try await world.resume()
            #expect(digest(try await world.items().values) == digest(try afterMove(items).values))
        }
    }

    /// Writes that stay unprocessed for ever end the run; nothing is lost and it can go on.
    @Test func unprocessedForEver() async throws {
        try await withWorld { world in
            let items = someItems(40)
            try await world.put(items)
            let busy = Liar(base: world.table, neverProcessed: key("PLAN", "META#3"))
            let retrying = RetryingTable(
                busy, backoff: Backoff(maximumAttempts: 4),
                time: TimeSource(now: { .zero }, sleep: { _ in }), jitter: { 0.5 })
            let error = await failure { _ = try await world.migrate(retrying).execute() }
            #expect(error?.code == .stoppedResumable)
            let now = try await world.items()
            for item in items { #expect(now[try item.key(.standard)] != nil) }
            _ = try await world.resume()
            #expect(digest(try await world.items().values) == digest(try afterMove(items).values))
        }
    }

    /// 20,000 items there and back.
    @Test func manyItems() async throws {
        let seed = testSeed("manyItems")
        var random = SeededGenerator(seed: seed)
        try await withWorld { world in
            var items: [Item] = []
            for number in 0..<20_000 {
                let extra = ",\"n\":{\"N\":\"\(Int.random(in: -9999...9999, using: &random)).50\"}"
                switch Int.random(in: 0..<3, using: &random) {
                case 0: items.append(oldPlan("\(number)-ü\(random.next())", extra: extra))
                case 1: items.append(user("\(number)", plan: "\(number)"))
                default:
                    items.append(
                        item(
                            "{\"SK\":{\"S\":\"META\"},\"PK\":{\"S\":\"PLAN#\(number)\"},\"tp\":{\"S\":\"no\"}\(extra)}")
                    )
                }
            }
            try await world.put(items)
            let before = digest(items)
            _ = try await world.migrate().execute()
            #expect(digest(try await world.items().values) == digest(try afterMove(items).values))
            _ = try await world.rollback().execute(runs: world.runs)
            #expect(digest(try await world.items().values) == before)
        }
    }
}

/// A table that says that what it did not do is done, or never does one item's write.
struct Liar: Table {
    let base: any Table
    var neverProcessed: ItemKey?

    var name: String { base.name }
    var schema: KeySchema { base.schema }
    var limits: TableLimits { base.limits }
    func describe() async throws(RekeyError) -> TableDescription { try await base.describe() }
    func scan(_ request: ScanRequest) async throws(RekeyError) -> Page { try await base.scan(request) }
    func query(_ request: QueryRequest) async throws(RekeyError) -> Page { try await base.query(request) }
    func batchGet(_ keys: [ItemKey], consistent: Bool) async throws(RekeyError) -> BatchGetResult {
        try await base.batchGet(keys, consistent: consistent)
    }
    func batchWrite(_ requests: [WriteRequest]) async throws(RekeyError) -> BatchWriteResult {
        try await bulkWrite(requests)
    }
    func bulkWrite(_ requests: [WriteRequest]) async throws(RekeyError) -> BatchWriteResult {
        let left = requests.filter { (try? $0.key(schema)) == neverProcessed }
        let done = requests.filter { (try? $0.key(schema)) != neverProcessed }
        var result = try await base.bulkWrite(done)
        result.unprocessed += left
        return result
    }
    func put(_ item: Item, condition: WriteCondition) async throws(RekeyError) -> WriteOutcome {
        try await base.put(item, condition: condition)
    }
    func delete(_ key: ItemKey, condition: WriteCondition) async throws(RekeyError) -> WriteOutcome {
        .done(consumedWriteUnits: 1)
    }
    func transactMove(_ moves: [Move]) async throws(RekeyError) -> TransactMoveResult {
        TransactMoveResult(outcomes: moves.map { _ in .moved }, consumedWriteUnits: 1)
    }
}
