import ByteStreams
import Foundation
import Items
import Migration
import Rekeying
import Synchronization
import Tables
import TestSupport
import Testing

@Suite struct RollbackTests {
    private let changedNew = newPlan("2", name: "changed since")

    @Test(arguments: Rollback.ConflictRule.allCases)
    func aNewItemThatWasChanged(rule: Rollback.ConflictRule) async throws {
        try await withWorld { world in
            let items = someItems(5)
            try await world.put(items)
            _ = try await world.migrate().execute()
            try await world.put([changedNew])
            let before = digest(try await world.items().values)
            let rollback = try world.rollback(onConflict: rule)
            let error = await failure { _ = try await rollback.execute(runs: world.runs) }
            let now = try await world.items()
            switch rule {
            case .stop:
                #expect(error?.code == .differences)
                #expect(digest(now.values) == before)
                #expect(try RunStatus(world.run).state == .finished)
            case .takeSnapshot:
                #expect(error == nil && digest(now.values) == digest(items))
            case .keepCurrent:
                #expect(error == nil && now.count == items.count)
                #expect(now[key("PLAN#2", "META")]?.isEqual(to: oldPlan("2", name: "changed since")) == true)
            }
        }
    }

    /// Both changed: nothing is chosen for the user, unless told to.
    @Test func bothChanged() async throws {
        try await withWorld { world in
            let items = someItems(5)
            try await world.put(items)
            _ = try await world.migrate().execute()
            try await world.put([changedNew, oldPlan("2", name: "written by an old program")])
            let keep = try world.rollback(onConflict: .keepCurrent)
            #expect(await failure { _ = try await keep.execute(runs: world.runs) }?.code == .differences)
            let now = try await world.items()
            #expect(now[key("PLAN", "META#2")]?.isEqual(to: changedNew) == true)
            #expect(now[key("PLAN#2", "META")]?.isEqual(to: oldPlan("2", name: "written by an old program")) == true)
            _ = try await world.table.delete(key("PLAN", "META#2"), condition: .none)
            _ = try await keep.execute(runs: world.runs)
            let end = try await world.items()
            #expect(end[key("PLAN#2", "META")]?.isEqual(to: oldPlan("2", name: "written by an old program")) == true)
            #expect(end.count == items.count)
        }
    }

    /// What others put under an old key between look and write is not overwritten, whatever the rule.
    @Test(arguments: Rollback.ConflictRule.allCases, [true, false])
    func anOldItemThatComesBetween(rule: Rollback.ConflictRule, replaces: Bool) async throws {
        try await withWorld { world in
            let items = someItems(5)
            try await world.put(items)
            _ = try await world.migrate().execute()
            if replaces, rule == .takeSnapshot { try await world.put([oldPlan("2", name: "first")]) }
            let base = world.table
            let theirs = oldPlan("2", name: "written by the application that was rolled back")
            let table = WatchedTable(
                base,
                before: { (_, call) async throws(RekeyError) in
                    if case .putEach = call { _ = try await base.put(theirs, condition: .none) }
                })
            let error = await failure {
                _ = try await world.rollback(table, onConflict: rule).execute(runs: world.runs)
            }
            #expect(error?.code == .stoppedResumable)
            #expect(try await world.items()[key("PLAN#2", "META")]?.isEqual(to: theirs) == true)
        }
    }

    /// A user changes a new item before the n-th call of a rollback, for every n: the change is carried over, or the rollback stops.
    @Test(arguments: [Rollback.ConflictRule.stop, .keepCurrent])
    func aWriterAtEveryCall(rule: Rollback.ConflictRule) async throws {
        let items = someItems(7)
        var number = 1
        var calls = Int.max
        while number <= calls {
            let target = number
            try await withWorld { world in
                try await world.put(items)
                _ = try await world.migrate().execute()
                let base = world.table
                let isChanged = Mutex(false)
                let table = WatchedTable(
                    base, limits: TableLimits(batchGet: 4, bulkWrite: 2),
                    before: { (call, _) async throws(RekeyError) in
                        guard call == target else { return }
                        let outcome = try await base.put(newPlan("2", name: "changed since"), condition: .exists)
                        if case .done = outcome { isChanged.withLock { $0 = true } }
                    })
                let rollback = try world.rollback(table, onConflict: rule)
                let error = await failure { _ = try await rollback.execute(runs: world.runs) }
                if error == nil, !isChanged.withLock({ $0 }) { calls = min(calls, table.calls.count) }
                let now = try await world.items()
                let survives =
                    now[key("PLAN", "META#2")]?.isEqual(to: changedNew) == true
                    || now[key("PLAN#2", "META")]?.isEqual(to: oldPlan("2", name: "changed since")) == true
                #expect(survives == isChanged.withLock { $0 }, "call \(target): \(error?.description ?? "")")
                #expect(now.count >= items.count)
            }
            number += 1
        }
    }

    /// An equal item that stood under the new key before the run stays there, and it alone.
    @Test func whatWasThereBeforeStays() async throws {
        try await withWorld { world in
            // In these names a slash, and letters that Swift's strings hold for equal, must not be mixed up.
            let names = ["a", "b", "é", "e\u{301}", "x / y"]
            let items = names.map { oldPlan($0, name: "n") } + [newPlan("a", name: "n"), newPlan("é", name: "n")]
            try await world.put(items)
            let outcome = try await world.migrate().dryRun()
            if case .dryRun = outcome {} else { Issue.record("\(outcome)") }
            _ = try await world.migrate().execute()
            #expect(try await world.items().count == names.count)
            let findings = try await world.rollback().execute(runs: world.runs)
            #expect(findings.kept == 2 && findings.toDelete == 3)
            #expect(digest(try await world.items().values) == digest(items))
        }
    }

    /// Without the list of what was there before, a rollback would delete what the run never wrote.
    @Test func aLostListOfWhatWasThereIsRefused() async throws {
        try await withWorld { world in
            try await world.put([oldPlan("a"), newPlan("a")])
            _ = try await world.migrate().execute()
            try removeTree(try world.run.presentPath)
            let before = digest(try await world.items().values)
            let rollback = try world.rollback()
            #expect(await failure { _ = try await rollback.execute(runs: world.runs) }?.code == .badInput)
            #expect(digest(try await world.items().values) == before)
        }
    }

    /// A whole snapshot of other items in the place of the run's own.
    @Test func anotherSnapshotIsRefused() async throws {
        try await withWorld { world in
            let items = someItems(5)
            try await world.put(items)
            _ = try await world.migrate().execute()
            let run = try world.run
            _ = try await world.rollback().execute(runs: world.runs)
            _ = try await world.table.delete(key("PLAN#5", "META"), condition: .exists)
            _ = try await world.migrate().execute()
            let other = try #require(try world.runNames.map { world.runs + "/" + $0 }.first { $0 != run.path })
            let place = run.snapshotPath(try run.plan())
            try removeTree(place)
            let another = RunDirectory(path: other)
            try FileManager.default.copyItem(atPath: another.snapshotPath(try another.plan()), toPath: place)
            let before = digest(try await world.items().values)
            var rollback = Rollback(
                table: world.table, rules: try world.rules, snapshotPath: place, run: run,
                temporaryDirectory: world.directory, events: { _ in })
            rollback.onConflict = .takeSnapshot
            #expect(await failure { _ = try await rollback.dryRun() }?.code == .preflightRefused)
            #expect(await failure { _ = try await rollback.execute(runs: world.runs) }?.code == .preflightRefused)
            #expect(digest(try await world.items().values) == before)
        }
    }

    @Test func aSnapshotAloneIsEnough() async throws {
        try await withWorld { world in
            let items = someItems(5)
            try await world.put(items)
            _ = try await world.migrate().execute()
            let run = try world.run
            let rollback = Rollback(
                table: world.table, rules: try world.rules, snapshotPath: run.snapshotPath(try run.plan()),
                temporaryDirectory: world.directory, events: { _ in })
            _ = try await rollback.execute(runs: world.runs)
            #expect(digest(try await world.items().values) == digest(items))
        }
    }

    /// Of an item under neither key the rollback says so and brings it back.
    @Test func whatIsUnderNeitherKeyComesBack() async throws {
        try await withWorld { world in
            let items = someItems(5)
            try await world.put(items)
            _ = try await world.migrate().execute()
            _ = try await world.table.delete(key("PLAN", "META#4"), condition: .exists)
            let findings = try await world.rollback().execute(runs: world.runs)
            #expect(findings.underNeither == 1 && findings.toRestore == 5 && findings.toDelete == 4)
            #expect(digest(try await world.items().values) == digest(items))
        }
    }

    @Test(arguments: [true, false])
    func aLostOrAlteredPutOfARollbackIsFound(isLost: Bool) async throws {
        try await withWorld { world in
            let items = someItems(5)
            try await world.put(items)
            _ = try await world.migrate().execute()
            let table = WatchedTable(
                world.table,
                alter: {
                    guard (try? $0.key(.standard)) == key("PLAN#3", "META") else { return $0 }
                    return isLost ? nil : .put(oldPlan("3", name: "damaged"))
                })
            let rollback = try world.rollback(table)
            #expect(await failure { _ = try await rollback.execute(runs: world.runs) }?.code == .differences)
            for number in 1...5 { #expect(try await world.items()[key("PLAN", "META#\(number)")] != nil) }
            if !isLost {
                // What was put wrongly is a change that nobody here knows of.
                #expect(
                    await failure { _ = try await world.rollback().execute(runs: world.runs) }?.code == .differences)
            }
            _ = try await world.rollback(onConflict: isLost ? .stop : .takeSnapshot).execute(runs: world.runs)
            #expect(digest(try await world.items().values) == digest(items))
        }
    }

    /// Plans that came under new keys after the migration, beside one that stood there before it.
    @Test(arguments: Rollback.ConflictRule.allCases)
    func plansMadeSince(rule: Rollback.ConflictRule) async throws {
        try await withWorld { world in
            let items = someItems(5) + [newPlan("before", name: "stood there")]
            try await world.put(items)
            _ = try await world.migrate().execute()
            try await world.put([newPlan("90", name: "made since"), newPlan("91", name: "made since")])
            let before = digest(try await world.items().values)
            let looked = await failure { _ = try await world.rollback(onConflict: rule).dryRun() }
            #expect((looked == nil) == (rule != .stop))
            #expect(world.said.contains("2 plans made under new keys since the migration"))
            #expect(world.said.contains("PLAN / META#90, PLAN / META#91"))
            #expect(digest(try await world.items().values) == before)
            let rollback = try world.rollback(onConflict: rule)
            let error = await failure { _ = try await rollback.execute(runs: world.runs) }
            let now = try await world.items()
            switch rule {
            case .stop:
                #expect(error?.code == .differences && error?.message.contains("2 came under new keys") == true)
                #expect(digest(now.values) == before)
            case .keepCurrent:
                #expect(error == nil)
                let back = [oldPlan("90", name: "made since"), oldPlan("91", name: "made since")]
                #expect(digest(now.values) == digest(items + back))
            case .takeSnapshot:
                #expect(error == nil)
                let left = [newPlan("90", name: "made since"), newPlan("91", name: "made since")]
                #expect(digest(now.values) == digest(items + left))
            }
        }
    }

    /// Bringing back what came since, cut at every call, goes on.
    @Test func plansMadeSinceCutAnywhere() async throws {
        let items = someItems(3)
        let wanted = digest(items + [oldPlan("90", name: "made since")])
        var number = 1
        var isCut = true
        while isCut {
            try await withWorld { world in
                try await world.put(items)
                _ = try await world.migrate().execute()
                try await world.put([newPlan("90", name: "made since")])
                let target = number
                let table = WatchedTable(
                    world.table, after: { (call, _) throws(RekeyError) in if call >= target { throw cut } })
                let rollback = try world.rollback(table, onConflict: .keepCurrent)
                isCut = await failure { _ = try await rollback.execute(runs: world.runs) } != nil
                let now = try await world.items()
                #expect(now[key("PLAN", "META#90")] != nil || now[key("PLAN#90", "META")] != nil)
                _ = try await world.rollback(onConflict: .keepCurrent).execute(runs: world.runs)
                #expect(digest(try await world.items().values) == wanted, "cut after call \(number)")
            }
            number += 1
        }
        #expect(number > 8)
    }

    /// Another item stands where one that came since would go.
    @Test func thePlaceOfOneMadeSinceIsTaken() async throws {
        try await withWorld { world in
            try await world.put(someItems(3))
            _ = try await world.migrate().execute()
            try await world.put([newPlan("90", name: "made since"), oldPlan("90", name: "made by an old program")])
            let rollback = try world.rollback(onConflict: .keepCurrent)
            let error = await failure { _ = try await rollback.execute(runs: world.runs) }
            #expect(error?.code == .differences && error?.message.contains("PLAN / META#90") == true)
            let now = try await world.items()
            #expect(now[key("PLAN", "META#90")]?.isEqual(to: newPlan("90", name: "made since")) == true)
            #expect(now[key("PLAN#90", "META")]?.isEqual(to: oldPlan("90", name: "made by an old program")) == true)
        }
    }

    /// There, back, again, and each run's way back once more.
    @Test func aRollbackOfARollback() async throws {
        try await withWorld { world in
            let items = someItems(5)
            try await world.put(items)
            _ = try await world.migrate().execute(now: Timestamp(seconds: 1_800_000_000))
            let first = try world.run
            func rollback(_ run: RunDirectory) throws -> Rollback {
                Rollback(
                    table: world.table, rules: try world.rules, snapshotPath: run.snapshotPath(try run.plan()),
                    run: run,
                    temporaryDirectory: world.directory, events: { world.said.add($0) })
            }
            _ = try await rollback(first).execute(runs: world.runs)
            #expect(digest(try await world.items().values) == digest(items))
            #expect(!world.said.contains("taken back before"))
            let again = try await rollback(first).execute(runs: world.runs)
            #expect(again.inPlace == 5 && again.toRestore == 0 && again.toDelete == 0)
            #expect(world.said.contains("This run was taken back before, at "))
            #expect(digest(try await world.items().values) == digest(items))
            _ = try await world.migrate().execute(now: Timestamp(seconds: 1_800_000_100))
            let names = try world.runNames
            #expect(names.count == 2)
            #expect(digest(try await world.items().values) == digest(try afterMove(items).values))
            let second = try #require(names.first { $0 != first.id })
            _ = try await rollback(RunDirectory(path: world.runs + "/" + second)).execute(runs: world.runs)
            #expect(digest(try await world.items().values) == digest(items))
        }
    }
}
