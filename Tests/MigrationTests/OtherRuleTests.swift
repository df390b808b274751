import ByteStreams
import Items
import Migration
import Synchronization
import Tables
import TestSupport
import Testing

/// Items that another rule moves once others have changed them: what was made of their earlier form may not stay beside the later one.
@Suite struct OtherRuleTests {
    private static let small = TableLimits(batchWrite: 3, batchGet: 100, transactMove: 3, bulkWrite: 3)

    private static func plan(_ partition: String, _ sort: String, _ kind: String, extra: String = "") -> Item {
        item("{\"PK\":{\"S\":\"\(partition)\"},\"SK\":{\"S\":\"\(sort)\"},\"tp\":{\"S\":\"\(kind)\"}\(extra)}")
    }

    private static let items = (1...4).map { plan("PLAN#\($0)", "META", "a") }
    /// Plan 3, changed.
    private static let later = plan("PLAN#3", "META", "b")

    private func withPlans(_ body: (World) async throws -> Void) async throws {
        try await withWorld { world in
            var world = world
            world.rulesText = rulesByKindText
            try await world.put(Self.items)
            try await body(world)
        }
    }

    private func requireMoved(_ world: World, _ place: String) async throws {
        let moved = [1, 2, 4].map { Self.plan("A", "META#\($0)", "a") } + [Self.plan("B", "META#3", "b")]
        #expect(digest(try await world.items().values) == digest(moved), "\(place)")
    }

    /// A table on which plan 3 changes before the first deletion, and whose connection is cut so many calls later.
    private func changing(_ world: World, cutAfter calls: Int) -> WatchedTable {
        let base = world.table
        let start = Mutex<Int?>(nil)
        return WatchedTable(
            base, limits: Self.small,
            before: { (number, call) async throws(RekeyError) in
                if case .deleteUnchanged = call, start.withLock({ $0 }) == nil {
                    start.withLock { $0 = number }
                    _ = try await base.put(Self.later, condition: .none)
                }
                if let start = start.withLock({ $0 }), number > start + calls { throw cut }
            })
    }

    @Test func cutBetweenTwoCopiesItGoesOnAndBack() async throws {
        var calls = 0
        var isCut = true
        while isCut {
            try await withPlans { world in
                let table = changing(world, cutAfter: calls)
                isCut = await failure { _ = try await world.migrate(table).execute() } != nil
                if isCut { _ = try await world.resume() }
                try await requireMoved(world, "cut after \(calls)")
            }
            try await withPlans { world in
                _ = await failure { _ = try await world.migrate(changing(world, cutAfter: calls)).execute() }
                // Before its change is known to the run, the item is one that others changed.
                let isKnown = fileExists(try world.run.deltaPath)
                _ = try await world.rollback(onConflict: isKnown ? .stop : .keepCurrent).execute(runs: world.runs)
                let back = digest([Self.items[0], Self.items[1], Self.later, Self.items[3]])
                #expect(digest(try await world.items().values) == back, "cut after \(calls), back")
            }
            calls += 1
        }
        #expect(calls > 4)
    }

    /// Others put plan 3 under its old key again once it was moved; in the second case its copy was changed too.
    @Test(arguments: Migrate.Strategy.allCases, [false, true])
    func putUnderItsOldKeyAgain(strategy: Migrate.Strategy, isCopyChanged: Bool) async throws {
        try await withPlans { world in
            let base = world.table
            let isDone = Mutex(false)
            let changed = Self.plan("A", "META#3", "a", extra: ",\"n\":{\"N\":\"1\"}")
            let table = WatchedTable(
                base, limits: Self.small,
                before: { (_, call) async throws(RekeyError) in
                    guard case .scan = call, try await base.get(key("A", "META#3")) != nil,
                        !isDone.withLock({ $0 })
                    else { return }
                    isDone.withLock { $0 = true }
                    _ = try await base.put(Self.later, condition: .none)
                    if isCopyChanged { _ = try await base.put(changed, condition: .none) }
                })
            let error = await failure { _ = try await world.migrate(table, strategy: strategy).execute() }
            guard isCopyChanged else {
                #expect(error == nil)
                return try await requireMoved(world, "\(strategy)")
            }
            #expect(error?.code == .differences)
            let now = try await world.items()
            #expect(now[key("PLAN#3", "META")]?.isEqual(to: Self.later) == true)
            #expect(now[key("A", "META#3")]?.isEqual(to: changed) == true && now[key("B", "META#3")] == nil)
            // One of them was taken away, as the message asks.
            _ = try await base.delete(key("A", "META#3"), condition: .none)
            _ = try await world.resume()
            try await requireMoved(world, "\(strategy), resumed")
        }
    }

    /// A table on which plan 3 changes before the first deletion, and once more, to `later`, when that change was copied.
    private func changingTwice(_ world: World, foreign: Item? = nil) -> WatchedTable {
        let base = world.table
        let count = Mutex(0)
        return WatchedTable(
            base, limits: Self.small,
            before: { (_, call) async throws(RekeyError) in
                switch (call, count.withLock { $0 }) {
                case (.deleteUnchanged, 0): _ = try await base.put(Self.second, condition: .none)
                case (.delete(let place, _), 1) where place == key("PLAN#3", "META"):
                    _ = try await base.put(Self.later, condition: .none)
                    if let foreign { _ = try await base.put(foreign, condition: .absent) }
                default: return
                }
                count.withLock { $0 += 1 }
            })
    }

    private static let second = plan("PLAN#3", "META", "a", extra: ",\"n\":{\"N\":\"2\"}")

    /// Two earlier forms had the same new key, which the later one has no more.
    @Test func twoFormsUnderTheEarlierKey() async throws {
        try await withPlans { world in
            _ = try await world.migrate(changingTwice(world)).execute()
            try await requireMoved(world, "changed twice")
        }
    }

    /// The same where another item stands under the later key, and the old one is deleted: the second form is all there is, and is named.
    @Test func twoFormsUnderTheEarlierKeyAndNoOldItem() async throws {
        try await withPlans { world in
            let foreign = Self.plan("B", "META#3", "b", extra: ",\"n\":{\"N\":\"9\"}")
            let error = await failure { _ = try await world.migrate(changingTwice(world, foreign: foreign)).execute() }
            #expect(error?.code == .differences)
            _ = try await world.table.delete(key("PLAN#3", "META"), condition: .exists)
            let again = await failure { _ = try await world.resume() }
            #expect(again?.code == .differences, "\(String(describing: again))")
            #expect(again?.message.contains("A / META#3 ") == true && again?.message.contains("B / META#3,") == true)
            let copy = Self.plan("A", "META#3", "a", extra: ",\"n\":{\"N\":\"2\"}")
            #expect(try await world.items()[key("A", "META#3")]?.isEqual(to: copy) == true)
            _ = try await world.table.delete(key("B", "META#3"), condition: .exists)
            _ = try await world.resume()
            let now = try await world.items()
            #expect(now.count == 4 && now[key("A", "META#3")]?.isEqual(to: copy) == true)
        }
    }

    /// Which of the items that the message names is deleted, and then which.
    enum Way: CaseIterable { case theOther, oldThenOther, oldThenFirst }

    /// A changed item whose new key another one took: what the messages ask for loses nothing that was not named.
    @Test(arguments: Way.allCases)
    func anotherItemUnderTheLaterKey(way: Way) async throws {
        try await withWorld { world in
            var world = world
            world.rulesText = """
                name: by-value
                noun: plan
                key: {partition: PK, sort: SK}
                rules:
                  - from: {PK: "PLAN#{id:int}", SK: META, v: "{v}"}
                    to: {PK: PLAN, SK: "META#{id}#{v}"}
                """
            func form(_ partition: String, _ sort: String, _ value: String) -> Item {
                item("{\"PK\":{\"S\":\"\(partition)\"},\"SK\":{\"S\":\"\(sort)\"},\"v\":{\"S\":\"\(value)\"}}")
            }
            let (base, said) = (world.table, world.said)
            let (later, foreign) = (form("PLAN#1", "META", "b"), form("PLAN", "META#1#b", "foreign"))
            let (first, other) = (key("PLAN", "META#1#a"), key("PLAN", "META#1#b"))
            try await world.put([form("PLAN#1", "META", "a")])
            let table = WatchedTable(
                base,
                before: { (_, call) async throws(RekeyError) in
                    guard case .get = call, said.contains("Deleting old structure") else { return }
                    _ = try await base.put(later, condition: .none)
                    _ = try await base.put(foreign, condition: .none)
                })
            let error = await failure { _ = try await world.migrate(table).execute() }
            #expect(error?.code == .differences)
            let message = error?.message ?? ""
            #expect(message.contains("PLAN#1 / META ") && message.contains("\(other) "), "\(message)")
            #expect(!message.contains("\(first)"), "\(message)")
            if way == .theOther {
                _ = try await base.delete(other, condition: .exists)
                _ = try await world.resume()
                #expect(digest(try await world.items().values) == digest([form("PLAN", "META#1#b", "b")]))
                return
            }
            _ = try await base.delete(key("PLAN#1", "META"), condition: .exists)
            let again = await failure { _ = try await world.resume() }
            #expect(again?.code == .differences)
            #expect(again?.message.contains("\(first) ") == true && again?.message.contains("\(other),") == true)
            let copy = form("PLAN", "META#1#a", "a")
            #expect(digest(try await world.items().values) == digest([copy, foreign]))
            _ = try await base.delete(way == .oldThenOther ? other : first, condition: .exists)
            _ = try await world.resume()
            #expect(digest(try await world.items().values) == digest([way == .oldThenOther ? copy : foreign]))
            // What is not the run's is not called verified.
            let isToldApart = world.said.contains("1 items under new keys are not what was put there")
            #expect(isToldApart == (way == .oldThenFirst))
        }
    }
}
