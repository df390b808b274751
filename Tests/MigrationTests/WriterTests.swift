import ByteStreams
import Items
import Migration
import Synchronization
import Tables
import TestSupport
import Testing

/// Runs beside other writers: no update may be lost.
@Suite struct WriterTests {
    /// What another writer does.
    enum Disturbance: String, CaseIterable, Sendable {
        case change, delete, add

        func happen(in table: any Table) async throws(RekeyError) {
            switch self {
            case .change:
                // An application that knows the old keys only: it changes what it finds.
                _ = try await table.put(oldPlan("3", name: "changed"), condition: .exists)
            case .delete: _ = try await table.delete(key("PLAN#3", "META"), condition: .none)
            case .add: _ = try await table.put(oldPlan("99", name: "added"), condition: .none)
            }
        }
    }

    /// The disturbance comes before the n-th call, for every n.
    @Test(arguments: Migrate.Strategy.allCases, Disturbance.allCases)
    func aWriterAtEveryCall(strategy: Migrate.Strategy, disturbance: Disturbance) async throws {
        let items = someItems(7)
        var number = 1
        // A run that reads anew what took it long to read has more calls: the last is the one that no run comes to.
        var isReached = true
        while isReached {
            let target = number
            try await withWorld { world in
                try await world.put(items)
                let base = world.table
                let happened = Mutex(false)
                let wasThere = Mutex(false)
                let wasCopied = Mutex(false)
                let table = WatchedTable(
                    base, limits: TableLimits(batchWrite: 3, batchGet: 100, transactMove: 3, bulkWrite: 3),
                    before: { (call, _) async throws(RekeyError) in
                        guard call == target else { return }
                        let there = try await base.get(key("PLAN#3", "META")) != nil
                        let copied = try await base.get(key("PLAN", "META#3")) != nil
                        wasThere.withLock { $0 = there }
                        wasCopied.withLock { $0 = copied }
                        happened.withLock { $0 = true }
                        try await disturbance.happen(in: base)
                    })
                let error = await failure { _ = try await world.migrate(table, strategy: strategy).execute() }
                isReached = happened.withLock { $0 }
                guard isReached else { return #expect(error == nil) }
                let place =
                    "\(strategy) \(disturbance) before call \(number) of \(table.calls.count): \(error?.description ?? "")"
                let now = try await world.items()
                let old = now[key("PLAN#3", "META")]
                let new = now[key("PLAN", "META#3")]
                switch disturbance {
                case .change:
                    #expect(error == nil, "\(place)")
                    let name = wasThere.withLock { $0 } ? "changed" : "plan 3"
                    #expect(old == nil && new?.isEqual(to: newPlan("3", name: name)) == true, "\(place)")
                case .delete:
                    #expect(error == nil, "\(place)")
                    #expect(old == nil, "\(place)")
                    // A copy that was made before the deletion is kept: data is never deleted on a guess.
                    let stays = wasCopied.withLock { $0 } || !wasThere.withLock { $0 }
                    if strategy == .transact || stays { #expect((new != nil) == stays, "\(place)") }
                case .add:
                    let added = now[key("PLAN#99", "META")] ?? now[key("PLAN", "META#99")]
                    #expect(added != nil, "\(place)")
                    if now[key("PLAN#99", "META")] != nil, error != nil {
                        #expect(error?.code == .stoppedResumable, "\(place)")
                        // A migration of what came later, and the first run can end.
                        let later = try await world.migrate(strategy: strategy).execute()
                        #expect(later != .nothingToDo)
                        #expect(try await world.items()[key("PLAN", "META#99")] != nil)
                    }
                }
                #expect(now.filter { $0.key != key("PLAN#3", "META") }.count >= items.count - 1, "\(place)")
            }
            number += 1
        }
        #expect(number > 5)
    }

    /// A new item that its users change or delete once it was moved neither stops a resumed run nor is written over.
    @Test(arguments: [true, false])
    func usersOfTheNewItems(isDeleted: Bool) async throws {
        try await withWorld { world in
            let items = someItems(90)
            try await world.put(items)
            let deletes = Mutex(0)
            let table = WatchedTable(
                world.table, limits: TableLimits(bulkWrite: 1),
                before: { (_, call) throws(RekeyError) in
                    guard case .deleteUnchanged = call else { return }
                    if deletes.withLock({ count in
                        count += 1
                        return count == 41
                    }) {
                        throw cut
                    }
                })
            #expect(await failure { _ = try await world.migrate(table).execute() } != nil)
            let left = try await world.items().keys.filter { $0.partition.description.hasPrefix("PLAN#") }
            #expect(left.count == 50)
            let moved = try #require((1...90).first { !left.contains(key("PLAN#\($0)", "META")) })
            let changed = newPlan("\(moved)", name: "by a user")
            if isDeleted {
                _ = try await world.table.delete(key("PLAN", "META#\(moved)"), condition: .exists)
            } else {
                _ = try await world.table.put(changed, condition: .exists)
            }
            _ = try await world.resume()
            let now = try await world.items()
            if isDeleted {
                #expect(now[key("PLAN", "META#\(moved)")] == nil && now[key("PLAN#\(moved)", "META")] == nil)
                #expect(world.said.contains("deleted by another writer"))
            } else {
                #expect(now[key("PLAN", "META#\(moved)")]?.isEqual(to: changed) == true)
                #expect(world.said.contains("1 of them changed by other writers"))
            }
            #expect(now.count == items.count - (isDeleted ? 1 : 0))
        }
    }

    /// A change by which no rule moves the item any more stops the run; both stay.
    @Test(arguments: Migrate.Strategy.allCases)
    func aChangeOutOfTheRules(strategy: Migrate.Strategy) async throws {
        try await withWorld { world in
            try await world.put(someItems(5))
            let base = world.table
            let outside = item("{\"PK\":{\"S\":\"PLAN#2\"},\"SK\":{\"S\":\"META\"},\"tp\":{\"S\":\"other\"}}")
            let table = WatchedTable(
                base,
                before: { (_, call) async throws(RekeyError) in
                    switch call {
                    case .deleteUnchanged, .move: _ = try await base.put(outside, condition: .none)
                    default: break
                    }
                })
            #expect(
                await failure { _ = try await world.migrate(table, strategy: strategy).execute() }?.code == .differences
            )
            #expect(try await world.items()[key("PLAN#2", "META")]?.isEqual(to: outside) == true)
        }
    }

    /// Another item that comes under a new key after the survey: whichever of the two is deleted, as the message asks, the run goes on.
    @Test(arguments: Migrate.Strategy.allCases, [true, false])
    func aDifferentItemCame(strategy: Migrate.Strategy, isOldDeleted: Bool) async throws {
        try await withWorld { world in
            let items = someItems(3)
            try await world.put(items)
            let (base, said) = (world.table, world.said)
            let foreign = newPlan("2", name: "another")
            let table = WatchedTable(
                base,
                before: { (_, call) async throws(RekeyError) in
                    switch call {
                    case .get where said.contains("Creating new structure"), .move:
                        _ = try await base.put(foreign, condition: .none)
                    default: break
                    }
                })
            let error = await failure { _ = try await world.migrate(table, strategy: strategy).execute() }
            #expect(error?.code == .differences)
            let advice = "delete it or the old item PLAN#2 / META, the one that does not hold, then resume"
            #expect(error?.message.contains(advice) == true, "\(error?.description ?? "")")
            #expect(try await world.items()[key("PLAN", "META#2")]?.isEqual(to: foreign) == true)
            let (old, new) = (key("PLAN#2", "META"), key("PLAN", "META#2"))
            _ = try await base.delete(isOldDeleted ? old : new, condition: .exists)
            _ = try await world.resume()
            var expected = try afterMove(items)
            if isOldDeleted { expected[new] = foreign }
            #expect(digest(try await world.items().values) == digest(expected.values))
        }
    }
}
