import Foundation
import Items
import Migration
import Synchronization
import Tables
import TestSupport
import Testing

/// Applications that write through the whole of a migration, each over its own connection, while the real program runs.
@Suite(.serialized) struct WriterProcessTests {
    /// What writers know to be true, for they were told so.
    private final class Acknowledged: Sendable {
        struct Plan: Sendable {
            /// Nil where it was deleted.
            var name: String?
            var isSwitched = false
        }
        private let plans = Mutex<[String: Plan]>([:])
        let writes = Mutex(0)
        var all: [String: Plan] { plans.withLock { $0 } }
        func set(_ id: String, _ plan: Plan) {
            plans.withLock { $0[id] = plan }
            writes.withLock { $0 += 1 }
        }
    }

    /// The application: before the switch it knows the old keys only, after it the new ones.
    private final class Application: Sendable {
        let isOver = Atomic(false)
        let isSwitched = Atomic(false)
    }

    /// Between two writes of one writer. Under a sanitizer the program is some twenty times slower: at full pace
    /// no run would come to its end before the next plan is deleted.
    private static let pause = Duration.milliseconds(
        ProcessInfo.processInfo.environment["REKEY_SANITIZER", default: ""].isEmpty ? 8 : 160)

    private static func oldKey(_ id: String) -> ItemKey { key("PLAN#\(id)", "META") }
    private static func newKey(_ id: String) -> ItemKey { key("PLAN", "META#\(id)") }

    /// One of the application's writers. Each plan has one writer, so that the last acknowledged write of a plan is its truth.
    private func write(
        _ number: Int, _ ids: [String], deletes: Bool, to table: any Table, _ application: Application,
        _ acknowledged: Acknowledged, seed: UInt64
    ) async throws {
        var random = SeededGenerator(seed: seed &+ UInt64(number) &* 7919)
        var ids = ids
        var count = 0
        while !application.isOver.load(ordering: .acquiring) {
            count += 1
            let isSwitched = application.isSwitched.load(ordering: .acquiring)
            let name = "\(number)-\(count)"
            func plan(_ id: String) -> Item { isSwitched ? newPlan(id, name: name) : oldPlan(id, name: name) }
            let choice = Int.random(in: 0..<20, using: &random)
            let id = ids.randomElement(using: &random) ?? "none"
            let isDeletion = choice == 0 && deletes
            let outcome: WriteOutcome
            var written = id
            if isDeletion {
                outcome = try await table.delete(isSwitched ? Self.newKey(id) : Self.oldKey(id), condition: .exists)
            } else if choice == 1 {
                written = "w\(number)-\(count)"
                outcome = try await table.put(plan(written), condition: .absent)
                ids.append(written)
            } else {
                outcome = try await table.put(plan(id), condition: .exists)
            }
            if case .done = outcome {
                acknowledged.set(written, Acknowledged.Plan(name: isDeletion ? nil : name, isSwitched: isSwitched))
            }
            try await Task.sleep(for: Self.pause)
        }
    }

    /// Two connections of one process, and another process that comes and goes: no write is lost with a log that is taken for no one's.
    @Test func connectionsOfOneProcessKeepTheirLocks() async throws {
        try await withTemporaryDirectory { directory in
            let ground = try await Ground(.local, directory: directory, items: someItems(3), seed: 1)
            try await ground.withRound(1) { round in
                try await ground.withConnection(round) { second in
                    try await ground.program.finish(["digest", round.location], "digest")
                    for (number, table) in [round.table, second].enumerated() {
                        _ = try await table.put(oldPlan("late-\(number)"), condition: .absent)
                    }
                }
                let said = try await ground.program.finish(["digest", round.location, "--quiet"], "digest").said
                #expect(said.hasPrefix("11 "))
            }
        }
    }

    @Test(arguments: Place.allCases, Migrate.Strategy.allCases)
    func noAcknowledgedWriteIsLost(place: Place, strategy: Migrate.Strategy) async throws {
        let seed = testSeed("writers beside \(strategy) on a \(place) table")
        let items = someItems(place == .local ? 600 : 120)
        let ids = (1...(place == .local ? 600 : 120)).map { "\($0)" }
        // Of a plan that is deleted once its copy is made, `batch` keeps the copy.
        let deletes = strategy == .transact
        try await withTemporaryDirectory { directory in
            let ground = try await Ground(place, directory: directory, items: items, seed: seed)
            defer { ground.stop() }
            let program = ground.program
            try await ground.withRound(1) { round in
                let application = Application()
                let acknowledged = Acknowledged()
                let (statuses, commands) = try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<4 {
                        let mine = ids.enumerated().filter { $0.offset % 4 == number }.map(\.element)
                        group.addTask {
                            try await ground.withConnection(round) { table in
                                try await write(
                                    number, mine, deletes: deletes, to: table, application, acknowledged, seed: seed)
                            }
                        }
                    }
                    var statuses: [Int32] = []
                    var ending = try await program.run(ground.migrate(round, strategy: strategy.rawValue))
                    statuses.append(ending.status)
                    // The new version is deployed, and the run goes on while it writes.
                    application.isSwitched.store(true, ordering: .releasing)
                    // 76: what was moved was deleted under its new key; resuming goes on without it, as the message says.
                    while [75, 76].contains(ending.status), statuses.count < 20 {
                        let run = try #require(try ground.run(round))
                        ending = try await program.run(ground.resume(round, run))
                        statuses.append(ending.status)
                    }
                    #expect(ending.status == 0, "\(ending.said)")
                    application.isOver.store(true, ordering: .releasing)
                    try await group.waitForAll()
                    return (statuses, acknowledged.writes.withLock { $0 })
                }
                let now = try await allItems(round.table)
                var lost: [String] = []
                var risen: [String] = []
                var left = 0
                for (id, plan) in acknowledged.all {
                    let (old, new) = (now[Self.oldKey(id)], now[Self.newKey(id)])
                    if let name = plan.name {
                        // What came under an old key after the last look stands there.
                        if old != nil { left += 1 }
                        let isThere =
                            new?.isEqual(to: newPlan(id, name: name)) == true
                            || old?.isEqual(to: oldPlan(id, name: name)) == true
                        if !isThere { lost.append(id) }
                    } else if old != nil || new != nil {
                        risen.append(id)
                    }
                }
                #expect(lost.isEmpty && risen.isEmpty, "seed \(seed): lost \(lost), back from the dead \(risen)")
                for id in ids where acknowledged.all[id] == nil {
                    #expect(now[Self.newKey(id)] != nil && now[Self.oldKey(id)] == nil, "plan \(id)")
                }
                for (place, item) in now where !"\(place)".hasPrefix("PLAN") {
                    #expect(items.contains { $0.isEqual(to: item) })
                }
                print(
                    "writers beside \(strategy) on a \(place) table: \(commands) acknowledged writes, \(lost.count) lost, \(risen.count) back from the dead, \(left) came after the last look; exit statuses \(statuses)"
                )
                // And back, with what was changed and made since.
                let run = try #require(try ground.run(round))
                try await program.finish(ground.rollback(round, run) + ["--on-conflict", "keep-current"], "rollback")
                let back = try await allItems(round.table)
                for (id, plan) in acknowledged.all {
                    guard let name = plan.name else { continue }
                    #expect(
                        back[Self.oldKey(id)]?.isEqual(to: oldPlan(id, name: name)) == true,
                        "seed \(seed): \(id) after the rollback")
                }
                #expect(!back.keys.contains { "\($0)".hasPrefix("PLAN /") })
            }
        }
    }
}
