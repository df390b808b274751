import ByteStreams
import Items
import Migration
import Tables
import TestSupport
import Testing

/// Applications that write under new keys while a run stands, or stood, between its put and its delete: no way on or back loses that.
@Suite struct ChangedCopyTests {
    private let items = someItems(5)
    private let changed = newPlan("2", name: "changed since")

    /// A run that is cut at its first deletion, when everything is under both keys; others change plan 2 under its new key.
    private func withStoppedRun(_ body: (World) async throws -> Void) async throws {
        try await withWorld { world in
            try await world.put(items)
            let table = WatchedTable(
                world.table,
                before: { (_, call) throws(RekeyError) in if case .deleteUnchanged = call { throw cut } })
            #expect(await failure { _ = try await world.migrate(table).execute() } != nil)
            #expect(try await world.items().count == items.count + 5)
            try await world.put([changed])
            try await body(world)
        }
    }

    private func back(_ id: String, _ name: String) -> Digest {
        digest(items.map { (try? $0.key(.standard)) == key("PLAN#\(id)", "META") ? oldPlan(id, name: name) : $0 })
    }

    @Test func theRunGoesOnWithTheChange() async throws {
        try await withStoppedRun { world in
            _ = try await world.resume()
            #expect(
                world.said.contains("1 items under new keys were changed by other writers since they were read back"))
            #expect(!world.said.contains("their old ones are gone"))
            var moved = try afterMove(items)
            moved[key("PLAN", "META#2")] = changed
            #expect(digest(try await world.items().values) == digest(moved.values))
            _ = try await world.rollback(onConflict: .keepCurrent).execute(runs: world.runs)
            #expect(digest(try await world.items().values) == back("2", "changed since"))
        }
    }

    @Test(arguments: Rollback.ConflictRule.allCases)
    func theRunGoesBackWithTheChange(rule: Rollback.ConflictRule) async throws {
        try await withStoppedRun { world in
            let before = digest(try await world.items().values)
            let error = await failure { _ = try await world.rollback(onConflict: rule).execute(runs: world.runs) }
            let now = digest(try await world.items().values)
            switch rule {
            case .stop:
                #expect(error?.code == .differences && now == before)
                #expect(world.said.contains("PLAN / META#2 was changed since the migration"))
            case .keepCurrent:
                #expect(error == nil && now == back("2", "changed since"))
                #expect(world.said.contains("items kept as they are now: 1"))
            case .takeSnapshot:
                // Named, and left beside the old one: nothing holds it but the table.
                #expect(error == nil && now == digest(items + [changed]))
                #expect(world.said.contains("items left under new keys: 1"))
            }
        }
    }

    @Test func theWayBackIsCutAnywhere() async throws {
        var number = 1
        var isCut = true
        while isCut {
            for isAfter in [false, true] {
                try await withStoppedRun { world in
                    let target = number
                    let table = WatchedTable(
                        world.table, limits: TableLimits(batchGet: 4, bulkWrite: 2),
                        before: { (call, _) throws(RekeyError) in if !isAfter, call >= target { throw cut } },
                        after: { (call, _) throws(RekeyError) in if isAfter, call >= target { throw cut } })
                    let rollback = try world.rollback(table, onConflict: .keepCurrent)
                    isCut = await failure { _ = try await rollback.execute(runs: world.runs) } != nil
                    _ = try await world.rollback(onConflict: .keepCurrent).execute(runs: world.runs)
                    #expect(
                        digest(try await world.items().values) == back("2", "changed since"), "cut at call \(number)")
                }
            }
            number += 1
        }
        #expect(number > 8)
    }

    /// Nobody can tell which one holds, and the message says what to do; whichever is deleted, the other one is what goes on.
    @Test(arguments: [true, false])
    func bothChanged(isOldDeleted: Bool) async throws {
        try await withStoppedRun { world in
            try await world.put([oldPlan("2", name: "changed too")])
            let before = digest(try await world.items().values)
            let on = await failure { _ = try await world.resume() }
            #expect(on?.code == .differences)
            #expect(on?.message.hasPrefix("items PLAN#2 / META and PLAN / META#2 were both changed") == true)
            let back = await failure {
                _ = try await world.rollback(onConflict: .keepCurrent).execute(runs: world.runs)
            }
            #expect(back?.code == .differences)
            #expect(digest(try await world.items().values) == before)
            _ = try await world.table.delete(
                isOldDeleted ? key("PLAN#2", "META") : key("PLAN", "META#2"), condition: .exists)
            _ = try await world.resume()
            var moved = try afterMove(items)
            moved[key("PLAN", "META#2")] = isOldDeleted ? changed : newPlan("2", name: "changed too")
            #expect(digest(try await world.items().values) == digest(moved.values))
        }
    }

    /// Before the copies were read back, an item under a new key may be another's own: the message says what to do.
    @Test(arguments: [true, false])
    func changedBeforeItWasReadBack(isOldDeleted: Bool) async throws {
        try await withWorld { world in
            try await world.put(items)
            let (base, theirs) = (world.table, changed)
            let table = WatchedTable(
                base,
                after: { (_, call) async throws(RekeyError) in
                    if case .write = call { _ = try await base.put(theirs, condition: .exists) }
                })
            #expect(await failure { _ = try await world.migrate(table).execute() }?.code == .differences)
            let error = await failure { _ = try await world.resume() }
            #expect(error?.code == .differences)
            #expect(
                error?.message.contains("delete it or the old item PLAN#2 / META, the one that does not hold") == true)
            let back = await failure {
                _ = try await world.rollback(onConflict: .keepCurrent).execute(runs: world.runs)
            }
            #expect(back?.code == .differences)
            _ = try await base.delete(
                isOldDeleted ? key("PLAN#2", "META") : key("PLAN", "META#2"), condition: .exists)
            _ = try await world.resume()
            var moved = try afterMove(items)
            if isOldDeleted { moved[key("PLAN", "META#2")] = changed }
            #expect(digest(try await world.items().values) == digest(moved.values))
        }
    }

    /// What stood under a new key before the run, and was changed since.
    @Test(arguments: Rollback.ConflictRule.allCases, [false, true])
    func whatStoodThereBeforeIsChanged(rule: Rollback.ConflictRule, isOldThere: Bool) async throws {
        try await withWorld { world in
            let copies = (1...5).map { newPlan("\($0)", name: "plan \($0)") }
            try await world.put(items + copies)
            let table = WatchedTable(
                world.table,
                before: { (_, call) throws(RekeyError) in
                    if isOldThere, case .deleteUnchanged = call { throw cut }
                })
            #expect((await failure { _ = try await world.migrate(table).execute() } != nil) == isOldThere)
            try await world.put([changed])
            let before = digest(try await world.items().values)
            let error = await failure { _ = try await world.rollback(onConflict: rule).execute(runs: world.runs) }
            #expect(world.said.contains("5 new items that stood there before the run stay"))
            #expect(world.said.contains("PLAN / META#2 was changed since the migration; it stood there before"))
            var kept = digest(copies.filter { (try? $0.key(.standard)) != key("PLAN", "META#2") } + [changed])
            let now = digest(try await world.items().values)
            switch rule {
            case .stop: #expect(error?.code == .differences && now == before)
            case .keepCurrent:
                kept.combine(back("2", "changed since"))
                #expect(error == nil && now == kept)
                #expect(world.said.contains("items kept as they are now: 1"))
                // Once more changes nothing.
                _ = try await world.rollback(onConflict: rule).execute(runs: world.runs)
                #expect(digest(try await world.items().values) == kept)
            case .takeSnapshot:
                kept.combine(digest(items))
                #expect(error == nil && now == kept)
            }
        }
    }

    /// It changes when its old one was put back as it was: the rollback does not call that done.
    @Test func whatStoodThereBeforeIsChangedMeanwhile() async throws {
        try await withWorld { world in
            try await world.put(items + [newPlan("2", name: "plan 2")])
            _ = try await world.migrate().execute()
            let (base, theirs) = (world.table, changed)
            let table = WatchedTable(
                base,
                after: { (_, call) async throws(RekeyError) in
                    if case .putEach = call { _ = try await base.put(theirs, condition: .exists) }
                })
            let error = await failure { _ = try await world.rollback(table).execute(runs: world.runs) }
            #expect(error?.code == .stoppedResumable)
            #expect(
                await failure { _ = try await world.rollback().execute(runs: world.runs) }?.code == .differences)
            _ = try await world.rollback(onConflict: .keepCurrent).execute(runs: world.runs)
            var expected = back("2", "changed since")
            expected.combine(digest([changed]))
            #expect(digest(try await world.items().values) == expected)
        }
    }
}
