import ByteStreams
import Items
import Migration
import Synchronization
import Tables
import TestSupport
import Testing

/// Items that come or change under old keys while a run goes on.
@Suite struct DeltaTests {
    private static let small = TableLimits(batchWrite: 3, batchGet: 100, transactMove: 3, bulkWrite: 3)

    /// A table on which another writer does `work` once, when all old items are gone.
    private func disturbed(
        _ world: World, calls: Int = .max, _ work: @escaping @Sendable (LocalTable) async throws(RekeyError) -> Void
    ) -> WatchedTable {
        let base = world.table
        let isDone = Mutex(false)
        let count = Mutex(0)
        return WatchedTable(
            base, limits: Self.small,
            before: { (_, call) async throws(RekeyError) in
                let cutNow =
                    isDone.withLock { $0 }
                    && count.withLock { count in
                        count += 1
                        return count > calls
                    }
                if cutNow { throw cut }
                guard case .scan = call, !isDone.withLock({ $0 }), try await base.get(key("PLAN", "META#1")) != nil,
                    try await base.get(key("PLAN#7", "META")) == nil
                else { return }
                isDone.withLock { $0 = true }
                try await work(base)
            })
    }

    /// New ones and old ones written again are moved by further rounds, cut at every call of them.
    @Test(arguments: Migrate.Strategy.allCases)
    func whatComesLaterIsMovedAsWell(strategy: Migrate.Strategy) async throws {
        let items = someItems(7)
        var calls = 0
        var isCut = true
        while isCut {
            try await withWorld { world in
                try await world.put(items)
                let table = disturbed(world, calls: calls) { base async throws(RekeyError) in
                    _ = try await base.put(oldPlan("99", name: "added"), condition: .absent)
                    _ = try await base.put(oldPlan("3", name: "by an old program"), condition: .none)
                }
                isCut = await failure { _ = try await world.migrate(table, strategy: strategy).execute() } != nil
                for id in ["3", "99"] {
                    let now = try await world.items()
                    let name = id == "3" ? "by an old program" : "added"
                    let isThere =
                        now[key("PLAN#\(id)", "META")]?.isEqual(to: oldPlan(id, name: name)) == true
                        || now[key("PLAN", "META#\(id)")]?.isEqual(to: newPlan(id, name: name)) == true
                    #expect(isThere, "\(strategy), cut after \(calls): plan \(id)")
                }
                if isCut { _ = try await world.resume() }
                let now = try await world.items()
                #expect(now[key("PLAN", "META#3")]?.isEqual(to: newPlan("3", name: "by an old program")) == true)
                #expect(now[key("PLAN", "META#99")]?.isEqual(to: newPlan("99", name: "added")) == true)
                #expect(
                    now.count == items.count + 1
                        && !now.keys.contains { $0.sort == KeyValue("META") && "\($0)".hasPrefix("PLAN#") })
                // The way back knows both.
                _ = try await world.rollback().execute(runs: world.runs)
                let back = try await world.items()
                #expect(back[key("PLAN#3", "META")]?.isEqual(to: oldPlan("3", name: "by an old program")) == true)
                #expect(back[key("PLAN#99", "META")]?.isEqual(to: oldPlan("99", name: "added")) == true)
                #expect(back.count == items.count + 1 && back[key("PLAN", "META#3")] == nil)
            }
            calls += 1
        }
        #expect(calls > 4)
    }

    /// What becomes of an item while its change is copied is kept too: the way back knows each copy for the run's own.
    @Test(arguments: Migrate.Strategy.allCases)
    func anItemThatChangesAgainAndAgain(strategy: Migrate.Strategy) async throws {
        try await withWorld { world in
            let items = someItems(7)
            try await world.put(items)
            let base = world.table
            let changes = Mutex(["first", "second", "third"])
            let table = WatchedTable(
                base, limits: Self.small,
                before: { (_, call) async throws(RekeyError) in
                    guard Self.removes(call, key("PLAN#3", "META")),
                        let name = changes.withLock({ $0.isEmpty ? nil : $0.removeFirst() })
                    else { return }
                    _ = try await base.put(oldPlan("3", name: name), condition: .none)
                })
            _ = try await world.migrate(table, strategy: strategy).execute()
            #expect(changes.withLock { $0.isEmpty })
            let now = try await world.items()
            #expect(now[key("PLAN", "META#3")]?.isEqual(to: newPlan("3", name: "third")) == true)
            #expect(now.count == items.count && now[key("PLAN#3", "META")] == nil)
            _ = try await world.rollback().execute(runs: world.runs)
            let back = try await world.items()
            #expect(back[key("PLAN#3", "META")]?.isEqual(to: oldPlan("3", name: "third")) == true)
            #expect(back.count == items.count && back[key("PLAN", "META#3")] == nil)
        }
    }

    /// Whether a call is to take an item away from its old key.
    private static func removes(_ call: TableCall, _ old: ItemKey) -> Bool {
        switch call {
        case .delete(let key, _): key == old
        case .deleteUnchanged(let items): items.contains { (try? $0.key(.standard)) == old }
        case .move(let moves): moves.contains { (try? $0.old.key(.standard)) == old }
        default: false
        }
    }

    /// Written under the old key, and by its users under the new one: neither is written over.
    @Test(arguments: Migrate.Strategy.allCases)
    func changedUnderBothKeys(strategy: Migrate.Strategy) async throws {
        try await withWorld { world in
            try await world.put(someItems(7))
            let table = disturbed(world) { base async throws(RekeyError) in
                _ = try await base.put(oldPlan("3", name: "by an old program"), condition: .none)
                _ = try await base.put(newPlan("3", name: "by a new program"), condition: .none)
            }
            let error = await failure { _ = try await world.migrate(table, strategy: strategy).execute() }
            #expect(error?.code == .differences && error?.message.contains("PLAN / META#3") == true)
            let now = try await world.items()
            #expect(now[key("PLAN#3", "META")]?.isEqual(to: oldPlan("3", name: "by an old program")) == true)
            #expect(now[key("PLAN", "META#3")]?.isEqual(to: newPlan("3", name: "by a new program")) == true)
            _ = try await world.table.delete(key("PLAN#3", "META"), condition: .none)
            _ = try await world.resume()
            #expect(
                try await world.items()[key("PLAN", "META#3")]?.isEqual(to: newPlan("3", name: "by a new program"))
                    == true)
        }
    }

    /// A writer that never stops ends the run; nothing is lost, and it goes on when the writer is gone.
    @Test func aWriterThatNeverStops() async throws {
        try await withWorld { world in
            let items = someItems(7)
            try await world.put(items)
            let base = world.table
            let added = Mutex(0)
            let table = WatchedTable(
                base, limits: Self.small,
                before: { (_, call) async throws(RekeyError) in
                    guard case .scan = call else { return }
                    let number = added.withLock { count in
                        count += 1
                        return count
                    }
                    _ = try await base.put(oldPlan("added-\(number)"), condition: .absent)
                })
            let error = await failure { _ = try await world.migrate(table).execute() }
            #expect(error?.code == .stoppedResumable)
            _ = try await world.resume()
            #expect(try await world.items().count == items.count + added.withLock { $0 })
            #expect(try RunStatus(world.run).state == .finished)
        }
    }

    /// Without what a run moved beside its snapshot it goes neither on nor back.
    @Test func aDamagedDeltaIsRefused() async throws {
        try await withWorld { world in
            try await world.put(someItems(7))
            let table = disturbed(world, calls: 3) { base async throws(RekeyError) in
                _ = try await base.put(oldPlan("99", name: "added"), condition: .absent)
            }
            #expect(await failure { _ = try await world.migrate(table).execute() } != nil)
            let path = try world.run.path + "/delta.ndjson"
            let whole = try readWhole(path, limit: 1 << 20)
            let before = digest(try await world.items().values)
            for damaged in [
                Array(whole.dropLast()), [], whole.map { $0 == UInt8(ascii: "9") ? UInt8(ascii: "8") : $0 },
            ] {
                try removeTree(path)
                if !damaged.isEmpty {
                    let sink = try openSink(path, compression: .none)
                    try sink.write(damaged)
                    try sink.finish()
                }
                #expect(await failure { _ = try await world.resume() }?.code == .badInput)
                #expect(await failure { _ = try await world.rollback().execute(runs: world.runs) }?.code == .badInput)
            }
            #expect(digest(try await world.items().values) == before)
            // A torn line behind what the ledger knows of is cut off.
            let sink = try openSink(path, compression: .none)
            try sink.write(whole + Array("{\"Item\":{\"PK".utf8))
            try sink.finish()
            _ = try await world.resume()
            #expect(try await world.items()[key("PLAN", "META#99")] != nil)
        }
    }
}
