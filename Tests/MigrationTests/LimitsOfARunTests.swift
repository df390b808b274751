import ByteStreams
import Foundation
import Items
import Synchronization
import Tables
import TestSupport
import Testing

@testable import Migration

/// What a run's records and lists take, and what happens past that.
@Suite("Limits of a run") struct LimitsOfARunTests {
    private let items = someItems(7)
    private let changed = (1...7).map { oldPlan("\($0)", name: "changed \($0)") }

    /// A run that was cut before it deleted anything, and whose old items have changed since.
    private func withChangedItems(_ body: (World) async throws -> Void) async throws {
        try await withWorld { world in
            try await world.put(items)
            let table = WatchedTable(
                world.table,
                before: { (_, call) async throws(RekeyError) in if case .deleteUnchanged = call { throw cut } })
            #expect(await failure { _ = try await world.migrate(table).execute() } != nil)
            try await world.put(changed)
            try await body(world)
        }
    }

    private func steps(_ world: World) throws -> RunSteps {
        let run = try world.run
        return RunSteps(
            run: run, plan: try run.plan(), table: world.table, rules: try world.rules, events: { world.said.add($0) },
            temporaryDirectory: world.directory)
    }

    private func requireAWayOnAndBack(_ world: World) async throws {
        // Nothing is lost, and what was written can be read.
        try await requireNothingLost(changed, world.table, "stopped")
        #expect(try RunStatus(world.run).state == .stopped)
        // A process that goes on writes no line until its first step is done.
        let worker = try RunControl(world.run, governor: nil) { _ in }
        #expect(try RunStatus(world.run).state == .running)
        worker.end()
        _ = try await world.rollback(onConflict: .keepCurrent).dryRun()
        _ = try await world.resume()
        let moved = try await world.items()
        for number in 1...7 {
            #expect(
                moved[key("PLAN", "META#\(number)")]?.isEqual(to: newPlan("\(number)", name: "changed \(number)"))
                    == true)
        }
        _ = try await world.rollback().execute(runs: world.runs)
        #expect(try await world.items().count == items.count)
    }

    @Test func aFullDeltaStopsTheRun() async throws {
        try await withChangedItems { world in
            var steps = try steps(world)
            steps.deltaLimit = 200
            let error = await failure { _ = try await steps.go() }
            #expect(error?.code == .stoppedResumable)
            #expect(error?.description.contains("stop the writers") == true, "\(error?.description ?? "")")
            let run = try world.run
            #expect(try DeltaLog(run, Ledger(run.ledgerPath), schema: .standard, limit: 200).isEmpty)
            try await requireAWayOnAndBack(world)
        }
    }

    @Test func aFullLedgerStopsTheRun() async throws {
        try await withChangedItems { world in
            let run = try world.run
            var steps = try steps(world)
            // The steps before the deletion have room, the items that changed have none.
            let bytes = try readWhole(run.ledgerPath, limit: 1 << 20).count
            steps.ledgerLimit = (bytes + 500) * 16 / 15
            #expect(await failure { _ = try await steps.go() }?.code == .stoppedResumable)
            _ = try Ledger(run.ledgerPath, limit: steps.ledgerLimit)
            try await requireAWayOnAndBack(world)
        }
    }

    /// Each record is synced twice, so a chunk's are made together.
    @Test func changedItemsAreRecordedTogether() async throws {
        try await withChangedItems { world in
            _ = try await world.resume()
            #expect(try Ledger(try world.run.ledgerPath).entries.filter { $0.step == .delta }.count == 1)
            for number in 1...7 {
                let now = try await world.items()[key("PLAN", "META#\(number)")]
                #expect(now?.isEqual(to: newPlan("\(number)", name: "changed \(number)")) == true)
            }
        }
    }

    /// Items that came under new keys since are counted all, and only those that go back have to be few.
    @Test(arguments: Rollback.ConflictRule.allCases)
    func manyThatCameSince(rule: Rollback.ConflictRule) async throws {
        try await withWorld { world in
            try await world.put(items)
            _ = try await world.migrate().execute()
            try await world.put((91...95).map { newPlan("\($0)", name: "came since") })
            let before = digest(try await world.items().values)
            var rollback = try world.rollback(onConflict: rule)
            rollback.mostCreated = 3
            let error = await failure { _ = try await rollback.execute(runs: world.runs) }
            switch rule {
            case .takeSnapshot:
                #expect(error == nil, "\(error?.description ?? "")")
                let now = try await world.items()
                #expect(now[key("PLAN", "META#95")] != nil && now[key("PLAN#1", "META")] != nil)
                #expect(now.count == items.count + 5)
            case .stop, .keepCurrent:
                #expect(error?.code == .differences)
                #expect(error?.message.hasPrefix("5 came under new keys") == true || rule == .keepCurrent)
                #expect(error?.message.hasPrefix("5 items came under new keys") == true || rule == .stop)
                #expect(digest(try await world.items().values) == before)
            }
        }
    }

    /// An order that is given while another one is taken stands for the next time.
    @Test func anOrderThatComesMeanwhileIsNotLost() throws {
        try withTemporaryDirectory { directory in
            let run = RunDirectory(path: directory)
            func write(_ order: RunOrder) {
                let message = RunControl.Message(token: "t", order)
                try? run.write(Array((try? JSONEncoder().encode(message)) ?? Data()), to: run.controlPath)
            }
            write(.pause)
            let first = RunControl.take(run, token: "t") { path in
                let bytes = try? readWhole(path, limit: 4096)
                write(.go)
                return bytes
            }
            #expect(first == .pause)
            #expect(RunControl.take(run, token: "t") == .go)
            #expect(RunControl.take(run, token: "t") == nil)
            let left = try listFiles(directory)
            #expect(left.isEmpty)
        }
    }
}
