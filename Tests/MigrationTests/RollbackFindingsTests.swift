import ByteStreams
import Items
import Migration
import Rekeying
import Tables
import TestSupport
import Testing

/// What a rollback has to find before it writes anything: items of others, items that the inverse rules do not take, later runs.
@Suite struct RollbackFindingsTests {
    /// The rules of a run that builds on what `planRulesText` makes.
    private static let onwardText = """
        name: onward
        noun: plan
        key: {partition: PK, sort: SK}
        rules:
          - from: {PK: "PLAN", SK: "META#{id}"}
            to:   {PK: "P2",   SK: "M#{id}"}
        """

    private func onward(_ id: String, name: String) -> Item {
        item(
            "{\"PK\":{\"S\":\"P2\"},\"SK\":{\"S\":\"M#\(id)\"},\"tp\":{\"S\":\"plan\"},\"dat\":{\"M\":{\"nm\":{\"S\":\"\(name)\"}}}}"
        )
    }

    private func rollback(
        _ world: World, _ run: RunDirectory, onConflict: Rollback.ConflictRule = .stop
    ) throws -> Rollback {
        var rollback = Rollback(
            table: world.table, rules: try world.rules, snapshotPath: run.snapshotPath(try run.plan()), run: run,
            temporaryDirectory: world.directory, events: { world.said.add($0) })
        rollback.onConflict = onConflict
        return rollback
    }

    /// Migrates by other rules, a while later, and returns the new run.
    private func migrate(_ world: World, by rulesText: String, at seconds: Int) async throws -> RunDirectory {
        let before = Set(try world.runNames)
        _ = try await ruled(world, by: rulesText).migrate().execute(now: Timestamp(seconds: seconds))
        let name = try #require(try world.runNames.first { !before.contains($0) })
        return RunDirectory(path: world.runs + "/" + name)
    }

    private func ruled(_ world: World, by rulesText: String) -> World {
        var world = world
        world.rulesText = rulesText
        return world
    }

    /// A run that was cut before its first put; then others make an item under a key that it would have put one under.
    @Test(arguments: Rollback.ConflictRule.allCases)
    func anItemOfOthersUnderAPlannedKey(rule: Rollback.ConflictRule) async throws {
        try await withWorld { world in
            let items = someItems(5)
            try await world.put(items)
            let table = WatchedTable(
                world.table, before: { (_, call) throws(RekeyError) in if call.isWrite { throw cut } })
            #expect(await failure { _ = try await world.migrate(table).execute() } != nil)
            let theirs = newPlan("2", name: "a new plan")
            try await world.put([theirs])
            #expect(await failure { _ = try await world.resume() }?.code == .differences)
            for _ in 1...2 {
                let error = await failure {
                    _ = try await world.rollback(onConflict: rule).execute(runs: world.runs)
                }
                #expect((error == nil) == (rule == .takeSnapshot) && (error?.code ?? .differences) == .differences)
                #expect(digest(try await world.items().values) == digest(items + [theirs]))
            }
            #expect(world.said.contains("PLAN / META#2 was made since, or changed while PLAN#2 / META stood"))
            #expect(world.said.contains("items left under new keys: 1") == (rule == .takeSnapshot))
            #expect(!world.said.contains("others wrote to it"))
        }
    }

    /// A changed new item goes in the same moment as the snapshot's comes: cut anywhere, the rollback goes on to the same end.
    @Test func aChangeThatIsLostCutAnywhere() async throws {
        let items = someItems(5)
        var number = 1
        var isCut = true
        while isCut {
            for isAfter in [false, true] {
                try await withWorld { world in
                    try await world.put(items)
                    _ = try await world.migrate().execute()
                    try await world.put(["2", "4", "5"].map { newPlan($0, name: "changed since") })
                    let target = number
                    let table = WatchedTable(
                        world.table, limits: TableLimits(transactMove: 2),
                        before: { (call, _) throws(RekeyError) in if !isAfter, call >= target { throw cut } },
                        after: { (call, _) throws(RekeyError) in if isAfter, call >= target { throw cut } })
                    let rollback = try world.rollback(table, onConflict: .takeSnapshot)
                    isCut = await failure { _ = try await rollback.execute(runs: world.runs) } != nil
                    _ = try await world.rollback(onConflict: .takeSnapshot).execute(runs: world.runs)
                    #expect(digest(try await world.items().values) == digest(items), "cut at call \(number)")
                }
            }
            number += 1
        }
        #expect(number > 8)
    }

    /// One that changes between the two steps of a rollback that drops changes is not dropped unseen.
    @Test func aChangeBetweenRestoreAndRemoval() async throws {
        try await withWorld { world in
            let items = someItems(5)
            try await world.put(items)
            _ = try await world.migrate().execute()
            let base = world.table
            let changed = newPlan("2", name: "changed meanwhile")
            let table = WatchedTable(
                base,
                after: { (_, call) async throws(RekeyError) in
                    if case .putEach = call { _ = try await base.put(changed, condition: .exists) }
                })
            let rollback = try world.rollback(table, onConflict: .takeSnapshot)
            let error = await failure { _ = try await rollback.execute(runs: world.runs) }
            #expect(error?.code == .stoppedResumable)
            #expect(try await world.items()[key("PLAN", "META#2")]?.isEqual(to: changed) == true)
        }
    }

    /// Under `stop` and under every other rule: the items stand under keys of the later run.
    @Test(arguments: Rollback.ConflictRule.allCases)
    func aRunThatALaterOneBuiltOn(rule: Rollback.ConflictRule) async throws {
        try await withWorld { world in
            let items = someItems(3)
            try await world.put(items)
            let first = try await migrate(world, by: planRulesText, at: 1_800_000_000)
            let second = try await migrate(world, by: Self.onwardText, at: 1_800_000_100)
            let later = ruled(world, by: Self.onwardText)
            try await world.put([onward("1", name: "changed")])
            let before = digest(try await world.items().values)
            let back = try rollback(world, first, onConflict: rule)
            let looked = await failure { _ = try await back.dryRun() }
            #expect(looked?.code == .preflightRefused)
            let error = await failure { _ = try await back.execute(runs: world.runs) }
            #expect(error?.code == .preflightRefused)
            #expect(error?.message.contains(second.path) == true)
            #expect(digest(try await world.items().values) == before)
            #expect(try RunStatus(first).state == .finished)
            // As the message asks.
            _ = try await rollback(later, second, onConflict: .takeSnapshot).execute(runs: world.runs)
            _ = try await back.execute(runs: world.runs)
            #expect(digest(try await world.items().values) == digest(items))
        }
    }

    /// The snapshot of such a run, copied out of it, knows no more of its time than that the later run stands.
    @Test func aSnapshotAloneThatALaterRunBuiltOn() async throws {
        try await withWorld { world in
            try await world.put(someItems(3))
            let first = try await migrate(world, by: planRulesText, at: 1_800_000_000)
            _ = try await migrate(world, by: Self.onwardText, at: 1_800_000_100)
            var alone = try rollback(world, first)
            alone.run = nil
            let back = alone
            #expect(await failure { _ = try await back.dryRun(runs: world.runs) }?.code == .preflightRefused)
        }
    }

    /// A later run of other items is no reason to stop, even where an item was deleted.
    @Test func aLaterRunOfOtherItems() async throws {
        try await withWorld { world in
            let items = someItems(3)
            try await world.put(items)
            let first = try await migrate(world, by: planRulesText, at: 1_800_000_000)
            let text = """
                name: users
                noun: user
                key: {partition: PK, sort: SK}
                rules:
                  - from: {PK: "USR#{id}", SK: "META"}
                    to:   {PK: "USERS",    SK: "META#{id}"}
                """
            let second = try await migrate(world, by: text, at: 1_800_000_100)
            let later = ruled(world, by: text)
            _ = try await world.table.delete(key("PLAN", "META#2"), condition: .exists)
            let findings = try await rollback(world, first).execute(runs: world.runs)
            #expect(findings.underNeither == 1)
            _ = try await rollback(later, second).execute(runs: world.runs)
            #expect(digest(try await world.items().values) == digest(items))
        }
    }

    /// What users delete after a rollback does not come back by one more, unless told to.
    @Test(arguments: Rollback.ConflictRule.allCases)
    func deletedSinceTheRunWasTakenBack(rule: Rollback.ConflictRule) async throws {
        try await withWorld { world in
            let items = someItems(3)
            try await world.put(items)
            _ = try await world.migrate().execute()
            _ = try await world.rollback().execute(runs: world.runs)
            _ = try await world.table.delete(key("PLAN#2", "META"), condition: .exists)
            let before = digest(try await world.items().values)
            let error = await failure { _ = try await world.rollback(onConflict: rule).execute(runs: world.runs) }
            #expect((error?.code == .differences) == (rule == .stop))
            #expect(world.said.contains("deleted since they were put back or lost"))
            #expect(world.said.contains(": PLAN#2 / META"))
            #expect(digest(try await world.items().values) == (rule == .takeSnapshot ? digest(items) : before))
        }
    }

    private static let indexText = """
        name: indexed
        noun: plan
        key: {partition: PK, sort: SK}
        rules:
          - from: {PK: "PLAN#{id}", SK: "META"}
            to:   {PK: "PLAN", SK: "META#{id}", GSI1PK: "PLANS"}
            where: {tp: plan}
        """

    /// Made since by an application that does not set all that the rules set.
    @Test(arguments: Rollback.ConflictRule.allCases)
    func madeSinceWithoutWhatTheInverseAsks(rule: Rollback.ConflictRule) async throws {
        try await withWorld { world in
            let world = ruled(world, by: Self.indexText)
            let items = someItems(3)
            try await world.put(items)
            _ = try await world.migrate().execute()
            let made = [newPlan("7"), item("{\"PK\":{\"S\":\"PLAN\"},\"SK\":{\"S\":\"META#8\"}}")]
            try await world.put(made)
            let before = digest(try await world.items().values)
            let table = WatchedTable(world.table)
            let rollback = try world.rollback(table, onConflict: rule)
            let error = await failure { _ = try await rollback.execute(runs: world.runs) }
            #expect(world.said.contains("PLAN / META#7, PLAN / META#8"))
            if rule == .takeSnapshot {
                #expect(error == nil && world.said.contains("items left under new keys: 2"))
                #expect(digest(try await world.items().values) == digest(items + made))
            } else {
                #expect(error?.code == .differences && !table.calls.contains { $0.isWrite })
                #expect(digest(try await world.items().values) == before)
                #expect(try RunStatus(world.run).state == .finished)
            }
        }
    }

    private static let removingText = """
        name: removing
        noun: plan
        key: {partition: PK, sort: SK}
        rules:
          - from: {PK: "PLAN#{id:[^#]}", SK: "META", X: "{x}"}
            to:   {PK: "PLAN", SK: "M#{id}#{x}", X: null}
        """

    /// An attribute that the inverse rules would overwrite, on an item of the run or on one made since.
    @Test(arguments: Rollback.ConflictRule.allCases, [true, false])
    func anAttributeThatTheInverseWouldOverwrite(rule: Rollback.ConflictRule, isTheRuns: Bool) async throws {
        try await withWorld { world in
            let world = ruled(world, by: Self.removingText)
            let items = (1...90).map { plan(number: $0) }
            try await world.put(items)
            _ = try await world.migrate().execute()
            let number = isTheRuns ? 89 : 99
            let theirs = item(
                "{\"PK\":{\"S\":\"PLAN\"},\"SK\":{\"S\":\"M#\(number)#x\(number)\"},\"X\":{\"S\":\"set since\"}}")
            try await world.put([theirs])
            let before = digest(try await world.items().values)
            let table = WatchedTable(world.table, limits: TableLimits(bulkWrite: 1))
            let rollback = try world.rollback(table, onConflict: rule)
            let error = await failure { _ = try await rollback.execute(runs: world.runs) }
            #expect(world.said.contains("PLAN / M#\(number)#x\(number)"))
            if rule == .takeSnapshot {
                #expect(error == nil)
                #expect(digest(try await world.items().values) == digest(isTheRuns ? items : items + [theirs]))
            } else {
                #expect(error?.code == .differences && !table.calls.contains { $0.isWrite })
                #expect(digest(try await world.items().values) == before)
                #expect(try RunStatus(world.run).state == .finished)
            }
            #expect(world.said.contains("rule would overwrite attribute X") == (isTheRuns && rule == .keepCurrent))
        }
    }

    private func plan(number: Int) -> Item {
        item("{\"PK\":{\"S\":\"PLAN#\(number)\"},\"SK\":{\"S\":\"META\"},\"X\":{\"S\":\"x\(number)\"}}")
    }

    /// What an item made since would be put over is found before anything is written.
    @Test func theTakenPlaceIsFoundFirst() async throws {
        try await withWorld { world in
            try await world.put(someItems(3))
            _ = try await world.migrate().execute()
            try await world.put([newPlan("90", name: "made since"), oldPlan("90", name: "made by an old program")])
            let table = WatchedTable(world.table)
            let rollback = try world.rollback(table, onConflict: .keepCurrent)
            let error = await failure { _ = try await rollback.execute(runs: world.runs) }
            #expect(error?.code == .differences && !table.calls.contains { $0.isWrite })
            #expect(world.said.contains("PLAN / META#90 was made since the migration, and another item stands"))
        }
    }
}
