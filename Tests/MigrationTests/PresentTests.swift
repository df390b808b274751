import ByteStreams
import Items
import Synchronization
import Tables
import TestSupport
import Testing

@testable import Migration

/// Items that stood under new keys before the run, equal to what it would put: they are others' and stay.
@Suite struct PresentTests {
    private static func rules(_ isByValue: Bool) -> String {
        """
        name: by-value
        noun: plan
        key: {partition: PK, sort: SK}
        rules:
          - from: {PK: "PLAN#{id:int}", SK: META\(isByValue ? ", v: \"{v}\"" : "")}
            to: {PK: PLAN, SK: "META#{id}\(isByValue ? "#{v}" : "")"}
        """
    }

    private static func form(_ partition: String, _ sort: String, _ value: String) -> Item {
        item("{\"PK\":{\"S\":\"\(partition)\"},\"SK\":{\"S\":\"\(sort)\"},\"v\":{\"S\":\"\(value)\"}}")
    }

    /// The old item changes before it goes, in the second case so that it gets another new key.
    @Test(arguments: Migrate.Strategy.allCases, [false, true])
    func theOldOneChanges(strategy: Migrate.Strategy, isKeyChanged: Bool) async throws {
        try await withWorld { world in
            var world = world
            world.rulesText = Self.rules(isKeyChanged)
            let newSort = isKeyChanged ? "META#1#a" : "META#1"
            let present = Self.form("PLAN", newSort, "a")
            let later = Self.form("PLAN#1", "META", "b")
            try await world.put([Self.form("PLAN#1", "META", "a"), present])
            let (base, said) = (world.table, world.said)
            let isDone = Mutex(false)
            let table = WatchedTable(
                base,
                before: { (_, call) async throws(RekeyError) in
                    switch call {
                    case .move: break
                    case .get where said.contains("Deleting old structure"): break
                    default: return
                    }
                    if isDone.withLock({ $0 }) { return }
                    isDone.withLock { $0 = true }
                    _ = try await base.put(later, condition: .exists)
                })
            let error = await failure { _ = try await world.migrate(table, strategy: strategy).execute() }
            #expect(isDone.withLock { $0 })
            if isKeyChanged {
                #expect(error == nil)
                let moved = Self.form("PLAN", "META#1#b", "b")
                #expect(digest(try await world.items().values) == digest([present, moved]))
            } else {
                for error in [error, await failure { _ = try await world.resume() }] {
                    #expect(error?.code == .differences)
                    #expect(error?.message.contains("PLAN / META#1 stood there before the run") == true)
                    #expect(digest(try await world.items().values) == digest([present, later]))
                }
            }
            _ = try await world.rollback().execute(runs: world.runs)
            #expect(digest(try await world.items().values) == digest([present, later]))
        }
    }

    /// As the message asks, one of the two is deleted: the other one is what moves.
    @Test(arguments: [true, false])
    func oneOfTheTwoIsDeleted(isOldOne: Bool) async throws {
        try await withWorld { world in
            try await world.put([oldPlan("1"), newPlan("1"), oldPlan("2")])
            let (base, said) = (world.table, world.said)
            let table = WatchedTable(
                base,
                before: { (_, call) async throws(RekeyError) in
                    guard case .get = call, said.contains("Deleting old structure") else { return }
                    _ = try await base.put(oldPlan("1", name: "changed"), condition: .none)
                })
            let error = await failure { _ = try await world.migrate(table).execute() }
            #expect(error?.message.contains("stood there before the run") == true, "\(error?.message ?? "")")
            _ = try await base.delete(isOldOne ? key("PLAN#1", "META") : key("PLAN", "META#1"), condition: .exists)
            _ = try await world.resume()
            let expected = [newPlan("1", name: isOldOne ? "Free" : "changed"), newPlan("2")]
            #expect(digest(try await world.items().values) == digest(expected))
        }
    }

    /// Keys are found in the file as in a set, whatever their lengths; a file that is not whole is refused.
    @Test func keysAreLookedUpInTheirFile() async throws {
        let seed = testSeed("keysAreLookedUpInTheirFile")
        var random = SeededGenerator(seed: seed)
        func some() -> ItemKey {
            let lengths = [1, 2, 40, 1000]
            let text = { (length: Int, random: inout SeededGenerator) in
                String(
                    (0..<length).map { _ in
                        Character(["a", "b", "#", "\u{1}", "\"", "ü"].randomElement(using: &random) ?? "a")
                    })
            }
            return key(
                text(lengths.randomElement(using: &random) ?? 1, &random),
                text(lengths.dropLast().randomElement(using: &random) ?? 1, &random))
        }
        for count in [1, 2, 3, 200] {
            try await withWorld { world in
                try await world.put([oldPlan("1"), newPlan("1")])
                _ = try await world.migrate().execute()
                let run = try world.run
                var plan = try run.plan()
                var keys: Set<ItemKey> = []
                while keys.count < count { keys.insert(some()) }
                let sorted = keys.sorted { $0.sortableBytes.lexicographicallyPrecedes($1.sortableBytes) }
                let lines = sorted.map { RunDirectory.keyLine($0.description, $0.sortableBytes) }
                try run.write(lines.flatMap { $0 }, to: run.presentPath)
                plan.presentCount = count
                let present = try PresentKeys(run, plan)
                for key in sorted {
                    #expect(try present.contains(key))
                    var after = key
                    after.sort = KeyValue("\(key)!")
                    #expect(try present.contains(after) == keys.contains(after))
                }
                for _ in 0..<100 {
                    let other = some()
                    #expect(try present.contains(other) == keys.contains(other))
                }
                plan.presentCount = count + 1
                #expect(throws: RekeyError.self) { try PresentKeys(run, plan) }
                guard count > 1 else { return }
                plan.presentCount = count
                try run.write(lines.reversed().flatMap { $0 }, to: run.presentPath)
                #expect(throws: RekeyError.self) { try PresentKeys(run, plan) }
            }
        }
    }
}
