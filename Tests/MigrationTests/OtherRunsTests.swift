import ByteStreams
import Foundation
import Items
import Migration
import Rekeying
import Synchronization
import Tables
import TestSupport
import Testing

/// Runs whose items other runs moved on, or took from under them: none may end with an item under two keys.
@Suite struct OtherRunsTests {
    private static func rules(_ name: String, from: String, to: String, rest: String = "") -> String {
        "name: \(name)\nnoun: plan\nkey: {partition: PK, sort: SK}\nrules:\n  - from: \(from)\n    to: \(to)\n\(rest)"
    }

    private static let old = "{PK: \"PLAN#{id}\", SK: META}"
    private static let new = "{PK: PLAN, SK: \"META#{id}\"}"
    /// X to Y, Y to Z, X to W, and Y back to X.
    private static let there = rules("there", from: old, to: new)
    private static let onward = rules("onward", from: new, to: "{PK: P2, SK: \"M#{id}\"}")
    private static let elsewhere = rules("elsewhere", from: old, to: "{PK: P3, SK: \"M#{id}\"}")
    private static let back = rules("back", from: new, to: old)
    private static let users = rules("users", from: "{PK: \"USR#{id}\", SK: META}", to: "{PK: USERS, SK: \"M#{id}\"}")

    /// A world whose rules are others.
    private func ruled(_ world: World, _ rulesText: String) -> World {
        var world = world
        world.rulesText = rulesText
        return world
    }

    /// A table on which a run stops before it deletes the first old item.
    private func stopping(_ world: World) -> WatchedTable {
        WatchedTable(
            world.table, before: { (_, call) throws(RekeyError) in if case .deleteUnchanged = call { throw cut } })
    }

    /// Migrates so many seconds later than others, and returns the run, whether it comes to its end or not.
    ///
    /// - Parameter isApart: it does not see the other runs, as none did before they were looked for.
    private func migrate(
        _ world: World, _ rulesText: String, at seconds: Int, on table: (any Table)? = nil,
        strategy: Migrate.Strategy = .batch, isApart: Bool = false
    ) async throws -> RunDirectory {
        var migrate = try ruled(world, rulesText).migrate(table, strategy: strategy)
        if isApart { migrate.runs = world.directory + "/apart" }
        let before = Set(try world.runNames)
        let start = migrate
        let error = await failure { _ = try await start.execute(now: Timestamp(seconds: 1_700_000_000 + seconds)) }
        if table == nil { #expect(error == nil) }
        if isApart {
            for name in try listFiles(migrate.runs) where !name.hasPrefix(".") {
                try FileManager.default.moveItem(atPath: migrate.runs + "/" + name, toPath: world.runs + "/" + name)
            }
        }
        return RunDirectory(path: world.runs + "/" + (try #require(try world.runNames.first { !before.contains($0) })))
    }

    private func rollback(
        _ world: World, _ run: RunDirectory, onConflict: Rollback.ConflictRule = .stop
    ) async throws -> Rollback.Findings {
        let plan = try run.plan()
        let rules = try RuleSet.parse(
            yaml: String(decoding: try readWhole(run.rulesPath, limit: 1 << 20), as: UTF8.self), source: run.path)
        var rollback = Rollback(
            table: world.table, rules: rules, snapshotPath: run.snapshotPath(plan), run: run,
            temporaryDirectory: world.directory, events: { world.said.add($0) })
        rollback.onConflict = onConflict
        return try await rollback.execute(runs: parentDirectory(run.path))
    }

    private func resume(_ world: World, _ run: RunDirectory, _ rulesText: String) async throws {
        let resume = Resume(
            run: run, table: world.table, rules: try ruled(world, rulesText).rules, runs: parentDirectory(run.path),
            temporaryDirectory: world.directory, events: { world.said.add($0) })
        _ = try await resume.execute(rulesSHA256: try run.plan().rulesSHA256)
    }

    /// `body` is refused with a sentence that names a run, and writes nothing.
    private func requireRefused(
        _ world: World, _ name: String, _ place: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
    ) async throws {
        let before = digest(try await world.items().values)
        let error = await failure(body)
        #expect(error?.code == .preflightRefused, "\(error?.description ?? "no error")", sourceLocation: place)
        #expect(error?.message.contains(name) == true, "\(error?.description ?? "")", sourceLocation: place)
        #expect(digest(try await world.items().values) == before, sourceLocation: place)
    }

    private func requireItems(
        _ world: World, _ items: some Sequence<Item>, _ place: SourceLocation = #_sourceLocation
    ) async throws {
        #expect(digest(try await world.items().values) == digest(items), sourceLocation: place)
    }

    private func withPlans(_ body: (World, [Item]) async throws -> Void) async throws {
        try await withWorld { world in
            let items = someItems(5)
            try await world.put(items)
            try await body(world, items)
        }
    }

    /// The later run stopped before its deletes: all items stand where the first one put them, and under keys of the later one as well.
    @Test(arguments: Rollback.ConflictRule.allCases)
    func aStoppedRunBuiltOnIt(rule: Rollback.ConflictRule) async throws {
        try await withPlans { world, items in
            let first = try await migrate(world, Self.there, at: 0)
            let second = try await migrate(world, Self.onward, at: 100, on: stopping(world))
            try await requireRefused(world, second.path) {
                _ = try await rollback(world, first, onConflict: rule)
            }
            _ = try await rollback(world, second)
            _ = try await rollback(world, first)
            try await requireItems(world, items)
        }
    }

    /// The earlier run was taken back all the same, as by a command that did not see the later one.
    @Test func theRunItIsBuiltOnWasTakenBack() async throws {
        try await withPlans { world, items in
            let first = try await migrate(world, Self.there, at: 0)
            let second = try await migrate(world, Self.onward, at: 100, on: stopping(world))
            try FileManager.default.moveItem(atPath: second.path, toPath: world.directory + "/hidden")
            _ = try await rollback(world, first)
            try FileManager.default.moveItem(atPath: world.directory + "/hidden", toPath: second.path)
            try await requireRefused(world, first.path) { try await resume(world, second, Self.onward) }
            // As the message asks.
            _ = try await rollback(world, second)
            #expect(world.said.contains("take it back once more after this one"))
            _ = try await rollback(world, first)
            try await requireItems(world, items)
            try await requireRefused(world, first.path) {
                _ = try await rollback(world, second, onConflict: .takeSnapshot)
            }
        }
    }

    /// A run that stopped between put and delete; a later run takes its copies away.
    @Test func itBuiltOnAStoppedRun() async throws {
        try await withPlans { world, items in
            let first = try await migrate(world, Self.there, at: 0, on: stopping(world))
            let second = try await migrate(world, Self.onward, at: 100, isApart: true)
            try await requireRefused(world, second.path) { try await resume(world, first, Self.there) }
            try await requireRefused(world, second.path) { _ = try await rollback(world, first) }
            _ = try await rollback(world, second)
            try await resume(world, first, Self.there)
            try await requireItems(world, try afterMove(items).values)
            _ = try await rollback(world, first)
            try await requireItems(world, items)
        }
    }

    /// A run that stopped between put and delete, or between two transactions; a later run moves its old items elsewhere.
    @Test(arguments: Migrate.Strategy.allCases)
    func itTookTheOldItemsOfAStoppedRun(strategy: Migrate.Strategy) async throws {
        try await withPlans { world, items in
            let moves = Mutex(0)
            let table = WatchedTable(
                world.table, limits: TableLimits(batchWrite: 2, batchGet: 100, transactMove: 2, bulkWrite: 2),
                before: { (_, call) throws(RekeyError) in
                    switch call {
                    case .deleteUnchanged: throw cut
                    case .move
                    where moves.withLock({
                        $0 += 1; return $0
                    }) > 1: throw cut
                    default: break
                    }
                })
            let first = try await migrate(world, Self.there, at: 0, on: table, strategy: strategy)
            let second = try await migrate(world, Self.elsewhere, at: 100, isApart: true)
            try await requireRefused(world, second.path) { try await resume(world, first, Self.there) }
            for rule in Rollback.ConflictRule.allCases {
                try await requireRefused(world, second.path) {
                    _ = try await rollback(world, first, onConflict: rule)
                }
            }
            _ = try await rollback(world, second)
            _ = try await rollback(world, first)
            try await requireItems(world, items)
        }
    }

    /// Nothing begins on items of a run that stopped, by whatever rules; on others it does.
    @Test(arguments: [there, onward, elsewhere])
    func aStoppedRunIsInTheWay(rulesText: String) async throws {
        try await withPlans { world, items in
            let first = try await migrate(world, Self.there, at: 0, on: stopping(world))
            let next = ruled(world, rulesText)
            try await requireRefused(
                world, "rekey resume \(first.path), or take it back first: rekey rollback \(first.path)"
            ) {
                _ = try await next.migrate().execute(now: Timestamp(seconds: 1_700_000_100))
            }
            #expect(try world.runNames == [first.id])
            _ = try await next.migrate().dryRun()
            #expect(world.said.contains("the run \(first.id) did not come to its end"))
            let other = try await migrate(world, Self.users, at: 200)
            _ = try await rollback(world, other)
            _ = try await rollback(world, first)
            try await requireItems(world, items)
            if rulesText == Self.onward { return }
            _ = try await migrate(world, rulesText, at: 300)
        }
    }

    /// A rollback that stopped is taken to its end, and not gone on from.
    @Test func aStoppedRollbackIsInTheWay() async throws {
        try await withPlans { world, items in
            let first = try await migrate(world, Self.there, at: 0)
            let rollback = Rollback(
                table: stopping(world), rules: try ruled(world, Self.there).rules,
                snapshotPath: first.snapshotPath(try first.plan()), run: first, temporaryDirectory: world.directory,
                events: { _ in })
            #expect(await failure { _ = try await rollback.execute(runs: world.runs) } != nil)
            let next = ruled(world, Self.elsewhere)
            try await requireRefused(world, "take it back to its end first: rekey rollback \(first.path)") {
                _ = try await next.migrate().execute()
            }
            _ = try await self.rollback(world, first)
            try await requireItems(world, items)
        }
    }

    /// Items that came later: a second run of the same rules is none that took the first one's, whichever goes back first.
    @Test(arguments: [true, false])
    func twoRunsOfTheSameRules(isFirstFirst: Bool) async throws {
        try await withPlans { world, items in
            let first = try await migrate(world, Self.there, at: 0)
            try await world.put([oldPlan("9")])
            let second = try await migrate(world, Self.there, at: 100)
            try await requireItems(world, try afterMove(items + [oldPlan("9")]).values)
            // One of them was deleted since.
            _ = try await world.table.delete(key("PLAN", "META#2"), condition: .exists)
            for run in isFirstFirst ? [first, second] : [second, first] {
                _ = try await rollback(world, run, onConflict: .takeSnapshot)
            }
            try await requireItems(world, items + [oldPlan("9")])
        }
    }

    /// There and back by two runs, in one second too: the last one goes back first.
    @Test(arguments: [0, 100])
    func anInverseRun(seconds: Int) async throws {
        try await withPlans { world, items in
            let first = try await migrate(world, Self.there, at: 0)
            let second = try await migrate(world, Self.back, at: seconds)
            try await requireItems(world, items)
            try await requireRefused(world, second.path) { _ = try await rollback(world, first) }
            _ = try await rollback(world, second)
            try await requireItems(world, try afterMove(items).values)
            _ = try await rollback(world, first)
            try await requireItems(world, items)
        }
    }

    /// A later run whose rules take such keys, and which moved none of them.
    @Test func aLaterRunOfOneOtherItem() async throws {
        try await withPlans { world, items in
            let first = try await migrate(world, Self.there, at: 0)
            let special = item("{\"PK\":{\"S\":\"PLAN\"},\"SK\":{\"S\":\"META#77\"},\"kind\":{\"S\":\"special\"}}")
            try await world.put([special])
            let text = Self.rules(
                "special", from: Self.new, to: "{PK: P2, SK: \"M#{id}\"}", rest: "    where: {kind: special}\n")
            let second = try await migrate(world, text, at: 100)
            _ = try await world.table.delete(key("PLAN", "META#2"), condition: .exists)
            #expect(try await rollback(world, first).underNeither == 1)
            _ = try await rollback(world, second)
            try await requireItems(world, items + [special])
        }
    }

    /// The later run has the item in its delta alone: it came while that one worked.
    @Test func anItemOfTheLaterDelta() async throws {
        try await withWorld { world in
            try await world.put([oldPlan("1"), newPlan("7")])
            let first = try await migrate(world, Self.there, at: 0)
            _ = try await world.table.delete(key("PLAN", "META#1"), condition: .exists)
            let base = world.table
            let isDone = Mutex(false)
            let table = WatchedTable(
                base,
                before: { (_, call) async throws(RekeyError) in
                    guard case .deleteUnchanged = call, !isDone.withLock({ $0 }) else { return }
                    isDone.withLock { $0 = true }
                    _ = try await base.put(newPlan("1"), condition: .absent)
                })
            let second = try await migrate(world, Self.onward, at: 100, on: table)
            #expect(try RunStatus(second).state == .finished && fileExists(second.deltaPath))
            try await requireRefused(world, second.path) { _ = try await rollback(world, first) }
        }
    }

    /// What a run moved whose snapshot is gone is judged by its rules.
    @Test func aLaterRunWithoutItsSnapshot() async throws {
        try await withPlans { world, items in
            let first = try await migrate(world, Self.there, at: 0)
            let other = try await migrate(world, Self.users, at: 50)
            try removeTree(other.snapshotPath(try other.plan()))
            let second = try await migrate(world, Self.onward, at: 100)
            let snapshot = second.snapshotPath(try second.plan())
            try FileManager.default.moveItem(atPath: snapshot, toPath: world.directory + "/kept")
            try await requireRefused(world, second.path) { _ = try await rollback(world, first) }
            try FileManager.default.moveItem(atPath: world.directory + "/kept", toPath: snapshot)
            _ = try await rollback(world, second)
            _ = try await rollback(world, first)
            let now = try await world.items()
            #expect(now[key("PLAN#3", "META")] != nil && now[key("PLAN", "META#3")] == nil)
        }
    }

    /// A run's directory is lost, and its snapshot was kept: a run that began before it is no later one.
    @Test func aSnapshotAloneOfTheLaterRun() async throws {
        try await withPlans { world, items in
            let first = try await migrate(world, Self.there, at: 0)
            let second = try await migrate(world, Self.back, at: 100)
            let plan = try second.plan()
            let copy = world.directory + "/" + plan.snapshot
            try FileManager.default.moveItem(atPath: second.snapshotPath(plan), toPath: copy)
            try removeTree(second.path)
            _ = try await world.table.delete(key("PLAN#2", "META"), condition: .exists)
            let alone = Rollback(
                table: world.table, rules: try ruled(world, Self.back).rules, snapshotPath: copy,
                temporaryDirectory: world.directory, events: { world.said.add($0) })
            #expect(try await alone.execute(runs: world.runs).underNeither == 1)
            try await requireItems(world, try afterMove(items).values)
            _ = try await rollback(world, first)
            try await requireItems(world, items)
        }
    }

    /// A run that was moved to another disk, with a link left in its place: it is locked, and other runs are looked for, in both.
    @Test func aRunBehindALink() async throws {
        try await withPlans { world, items in
            let first = try await migrate(world, Self.there, at: 0)
            let big = world.directory + "/big"
            try makeDirectories(big)
            try FileManager.default.moveItem(atPath: first.path, toPath: big + "/" + first.id)
            try FileManager.default.createSymbolicLink(
                atPath: first.path, withDestinationPath: "../big/" + first.id)
            let none = world.directory + "/none"
            let ways = [
                try RunDirectory.find(first.id, runs: world.runs), try RunDirectory.find(first.path, runs: none),
                try RunDirectory.find(first.path + "/.", runs: none),
                try RunDirectory.find(big + "/" + first.id, runs: world.runs),
            ]
            let description = try await world.table.describe()
            for (run, place) in ways.flatMap({ run in [big, world.runs].map { (run, $0) } }) {
                #expect(run.path.hasSuffix("/big/" + first.id))
                let lock = try RunLock.all(in: [place], of: description, holder: "the run at work")
                try await requireRefused(world, "the run at work") { _ = try await rollback(world, run) }
                withExtendedLifetime(lock) {}
            }
            let second = try await migrate(world, Self.onward, at: 100)
            for run in ways {
                try await requireRefused(world, second.id) { _ = try await rollback(world, run) }
            }
            #expect(!isDirectory(none))
            _ = try await rollback(world, second)
            _ = try await rollback(world, ways[0])
            try await requireItems(world, items)
        }
    }
}
