import ByteStreams
import Items
import Migration
import Tables
import TestSupport
import Testing

/// Old keys that more than one item would go back to, and old keys whose items were deleted since they were put back.
@Suite struct RollbackPlacesTests {
    private static func plan(_ partition: String, _ sort: String, _ kind: String, _ name: String) -> Item {
        item(
            "{\"PK\":{\"S\":\"\(partition)\"},\"SK\":{\"S\":\"\(sort)\"},\"tp\":{\"S\":\"\(kind)\"},\"nm\":{\"S\":\"\(name)\"}}"
        )
    }

    private let items = (1...3).map { plan("PLAN#\($0)", "META", "a", "plan \($0)") }

    /// Plans of two kinds, moved; then others make some. A rollback that keeps them stops before it writes, and says why.
    private func requireFound(_ made: [Item], _ sentence: String, isCopyThere: Bool = true) async throws {
        try await withWorld { world in
            var world = world
            world.rulesText = rulesByKindText
            try await world.put(items)
            _ = try await world.migrate().execute()
            if !isCopyThere { _ = try await world.table.delete(key("A", "META#1"), condition: .exists) }
            try await world.put(made)
            let before = digest(try await world.items().values)
            let table = WatchedTable(world.table)
            let rollback = try world.rollback(table, onConflict: .keepCurrent)
            for error in [
                await failure { _ = try await rollback.dryRun() },
                await failure { _ = try await rollback.execute(runs: world.runs) },
            ] {
                #expect(error?.code == .differences, "\(error?.description ?? "")")
                #expect(error?.message.hasPrefix("1 items cannot go back as they are now") == true)
            }
            #expect(world.said.contains(sentence))
            #expect(!table.calls.contains { $0.isWrite })
            #expect(digest(try await world.items().values) == before)
            #expect(try RunStatus(world.run).state == .finished)
        }
    }

    @Test func twoWereMadeOfOneOldKey() async throws {
        try await requireFound(
            [Self.plan("A", "META#9", "a", "made"), Self.plan("B", "META#9", "b", "made as well")],
            "A / META#9 and B / META#9 were both made since the migration, and their old key is the same, PLAN#9 / META"
        )
    }

    @Test(arguments: [true, false])
    func oneWasMadeOfAnOldKeyOfTheRun(isCopyThere: Bool) async throws {
        try await requireFound(
            [Self.plan("B", "META#1", "b", "made")],
            "B / META#1 was made since the migration, and under its old key PLAN#1 / META goes back",
            isCopyThere: isCopyThere)
    }

    /// The old item was changed, and what was made since is what the rules make of it: both are one.
    @Test func whatStandsUnderTheOldKeyIsTheSame() async throws {
        try await withWorld { world in
            var world = world
            world.rulesText = rulesByKindText
            try await world.put(items)
            _ = try await world.migrate().execute()
            let old = Self.plan("PLAN#1", "META", "b", "made")
            try await world.put([old, Self.plan("B", "META#1", "b", "made")])
            _ = try await world.rollback(onConflict: .keepCurrent).execute(runs: world.runs)
            #expect(digest(try await world.items().values) == digest([old] + items.dropFirst()))
        }
    }

    /// Cuts a rollback once all old items stand again, before the new ones go or after.
    private func cutRollback(_ world: World, removesNew: Bool) async throws {
        let hook: WatchedTable.Hook = { (_, call) throws(RekeyError) in if case .deleteUnchanged = call { throw cut } }
        let table =
            removesNew ? WatchedTable(world.table, after: hook) : WatchedTable(world.table, before: hook)
        #expect(await failure { _ = try await world.rollback(table).execute(runs: world.runs) } != nil)
    }

    /// A rollback that was cut when all old items stood again; then users deleted one.
    @Test(arguments: Rollback.ConflictRule.allCases)
    func deletedSinceARollbackWasCut(rule: Rollback.ConflictRule) async throws {
        try await withWorld { world in
            let items = someItems(3)
            try await world.put(items)
            _ = try await world.migrate().execute()
            try await cutRollback(world, removesNew: true)
            _ = try await world.table.delete(key("PLAN#2", "META"), condition: .exists)
            let before = digest(try await world.items().values)
            #expect(try await world.rollback(onConflict: .takeSnapshot).dryRun().deletedSince == 1)
            let error = await failure { _ = try await world.rollback(onConflict: rule).execute(runs: world.runs) }
            #expect((error?.code == .differences) == (rule == .stop))
            #expect(world.said.contains("stand under neither key, deleted since they were put back or lost"))
            #expect(digest(try await world.items().values) == (rule == .takeSnapshot ? digest(items) : before))
            guard rule == .keepCurrent else { return }
            #expect(world.said.contains("items left deleted: 1") && !world.said.contains("others wrote to it"))
            #expect(world.said.contains("0 plans to put back, 2 in place, 0 new items to remove"))
        }
    }

    /// The same before the new items went: nothing is deleted on a guess, and nothing comes back in silence.
    @Test(arguments: Rollback.ConflictRule.allCases)
    func deletedWhileItsNewOneStands(rule: Rollback.ConflictRule) async throws {
        try await withWorld { world in
            let items = someItems(3)
            try await world.put(items)
            _ = try await world.migrate().execute()
            try await cutRollback(world, removesNew: false)
            _ = try await world.table.delete(key("PLAN#2", "META"), condition: .exists)
            let before = digest(try await world.items().values)
            #expect(try await world.rollback(onConflict: .takeSnapshot).dryRun().deletedSince == 1)
            let error = await failure { _ = try await world.rollback(onConflict: rule).execute(runs: world.runs) }
            #expect((error == nil) == (rule != .stop))
            let isSaid = error?.message.hasPrefix("1 items were deleted since they were put back;") ?? false
            #expect(isSaid == (rule == .stop), "\(error?.description ?? "")")
            #expect(world.said.contains("PLAN#2 / META was put back and is gone since, while PLAN / META#2 stands"))
            #expect(digest(try await world.items().values) == (rule == .stop ? before : digest(items)))
        }
    }

    /// The same once the rollback that goes on has looked: it stops, and the same command then says what it found.
    @Test func deletedAfterTheLookWhileItsNewOneStands() async throws {
        try await withWorld { world in
            try await world.put(someItems(3))
            _ = try await world.migrate().execute()
            let (base, said) = (world.table, world.said)
            try await cutRollback(world, removesNew: false)
            let second = WatchedTable(
                base,
                before: { (_, call) async throws(RekeyError) in
                    guard case .get = call, said.contains("0 plans to put back, 3 in place") else { return }
                    _ = try await base.delete(key("PLAN#2", "META"), condition: .none)
                })
            let stopped = await failure { _ = try await world.rollback(second).execute(runs: world.runs) }
            #expect(stopped?.code == .stoppedResumable, "\(stopped?.description ?? "")")
            #expect(stopped?.message.hasPrefix("PLAN#2 / META was changed while the run was taken back") == true)
            #expect(!second.calls.contains { $0.isWrite })
            let again = await failure { _ = try await world.rollback().execute(runs: world.runs) }
            #expect(again?.code == .differences)
        }
    }

    /// One whose time to live was over since is no deletion of anyone's.
    @Test func timeIsOverSinceTheRunWasTakenBack() async throws {
        try await withWorld { world in
            let time = Timestamp.now().seconds - 60
            let items = someItems(3) + [oldPlan("due", extra: ",\"ttl\":{\"N\":\"\(time)\"}")]
            try await world.table.pretend(timeToLiveAttribute: .some("ttl"))
            try await world.put(items)
            _ = try await world.migrate().execute()
            _ = try await world.rollback().execute(runs: world.runs)
            _ = try await world.table.delete(key("PLAN#due", "META"), condition: .exists)
            for rule in Rollback.ConflictRule.allCases {
                let findings = try await world.rollback(onConflict: rule).dryRun()
                #expect(findings.underNeither == 0)
            }
            _ = try await world.rollback(onConflict: .keepCurrent).execute(runs: world.runs)
            #expect(try await world.items()[key("PLAN#due", "META")] == nil)
            _ = try await world.rollback().execute(runs: world.runs)
        }
    }
}
