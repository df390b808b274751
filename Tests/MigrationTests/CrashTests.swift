import ByteStreams
import Items
import Migration
import Synchronization
import Tables
import TestSupport
import Testing

/// Runs that are cut at every call of the table, before and after the call has had its effect.
@Suite struct CrashTests {
    enum Moment: CaseIterable, Sendable { case before, after }

    private static let small = TableLimits(batchWrite: 3, batchGet: 100, transactMove: 3, bulkWrite: 3)

    private func cutting(_ table: any Table, at number: Int, _ moment: Moment) -> WatchedTable {
        WatchedTable(
            table, limits: Self.small,
            before: { (call, _) throws(RekeyError) in if moment == .before, call >= number { throw cut } },
            after: { (call, _) throws(RekeyError) in if moment == .after, call >= number { throw cut } })
    }

    @Test(arguments: Migrate.Strategy.allCases, Moment.allCases)
    func cutAnywhereAMigrationGoesOn(strategy: Migrate.Strategy, moment: Moment) async throws {
        let items = someItems(7)
        let expected = digest(try afterMove(items).values)
        var number = 1
        var isCut = true
        while isCut {
            try await withWorld { world in
                try await world.put(items)
                let table = cutting(world.table, at: number, moment)
                let error = await failure { _ = try await world.migrate(table, strategy: strategy).execute() }
                isCut = error != nil
                try await requireNothingLost(items, world.table, "call \(number) \(moment)")
                // A second cut, somewhere in the way on, then to the end.
                let hasRun = try !world.runNames.isEmpty
                if hasRun {
                    let second = cutting(world.table, at: 1 + number % 5 * 3, moment)
                    _ = await failure { _ = try await world.resume(second) }
                    try await requireNothingLost(items, world.table, "call \(number) \(moment), resumed")
                    _ = try await world.resume()
                } else {
                    #expect(digest(try await world.items().values) == digest(items))
                    _ = try await world.migrate(strategy: strategy).execute()
                }
                #expect(digest(try await world.items().values) == expected, "call \(number) \(moment)")
                #expect(try RunStatus(world.run).state == .finished)
            }
            number += 1
        }
        #expect(number > 8)
    }

    @Test(arguments: Rollback.ConflictRule.allCases, Moment.allCases)
    func cutAnywhereARollbackGoesOn(onConflict: Rollback.ConflictRule, moment: Moment) async throws {
        let items = someItems(7)
        var number = 1
        var isCut = true
        while isCut {
            try await withWorld { world in
                try await world.put(items)
                _ = try await world.migrate().execute()
                let table = cutting(world.table, at: number, moment)
                let rollback = try world.rollback(table, onConflict: onConflict)
                isCut = await failure { _ = try await rollback.execute(runs: world.runs) } != nil
                try await requireNothingLost(items, world.table, "rollback, call \(number) \(moment)")
                _ = try await world.rollback(onConflict: onConflict).execute(runs: world.runs)
                #expect(digest(try await world.items().values) == digest(items), "call \(number) \(moment)")
                #expect(try RunStatus(world.run).state == .rolledBack)
            }
            number += 1
        }
        #expect(number > 8)
    }

    /// A migration that was cut anywhere can be taken back as well.
    @Test(arguments: Migrate.Strategy.allCases)
    func cutAnywhereAMigrationGoesBack(strategy: Migrate.Strategy) async throws {
        let items = someItems(7)
        var number = 1
        var isCut = true
        while isCut {
            try await withWorld { world in
                try await world.put(items)
                let table = cutting(world.table, at: number, .after)
                isCut = await failure { _ = try await world.migrate(table, strategy: strategy).execute() } != nil
                if try !world.runNames.isEmpty {
                    _ = try await world.rollback().execute(runs: world.runs)
                }
                #expect(digest(try await world.items().values) == digest(items), "call \(number)")
            }
            number += 1
        }
    }

    /// A cut in the middle of copying a changed item again, at each call of it, leaves a run that goes on.
    @Test(arguments: Moment.allCases)
    func cutWhileAnItemIsCopiedAgain(moment: Moment) async throws {
        let items = someItems(7)
        for offset in 1...4 {
            try await withWorld { world in
                try await world.put(items)
                let deleting = Mutex<Int?>(nil)
                let base = world.table
                let table = WatchedTable(
                    base, limits: Self.small,
                    before: { (number, call) async throws(RekeyError) in
                        if case .deleteUnchanged = call, deleting.withLock({ $0 }) == nil {
                            deleting.withLock { $0 = number }
                            _ = try await base.put(oldPlan("3", name: "changed"), condition: .none)
                        }
                        if moment == .before, let start = deleting.withLock({ $0 }), number >= start + offset {
                            throw cut
                        }
                    },
                    after: { (number, _) throws(RekeyError) in
                        if moment == .after, let start = deleting.withLock({ $0 }), number >= start + offset - 1 {
                            throw cut
                        }
                    })
                #expect(await failure { _ = try await world.migrate(table).execute() } != nil)
                _ = try await world.resume()
                let now = try await world.items()
                #expect(now[key("PLAN", "META#3")]?.isEqual(to: newPlan("3", name: "changed")) == true)
                #expect(now[key("PLAN#3", "META")] == nil)
                #expect(now.count == items.count)
            }
        }
    }
}
