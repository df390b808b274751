import ByteStreams
import Items
import Migration
import Synchronization
import Tables
import TestSupport
import Testing

/// What lies between the look at items and what is written of them, on a clock that moves when somebody sleeps.
@Suite struct LookTests {
    private enum Entry: Sendable {
        case sleep
        case call(TableCall)
    }

    /// A clock and what happened on it.
    private final class Log: Sendable {
        private let state = Mutex<(now: Duration, entries: [Entry])>((.zero, []))
        /// Done while somebody sleeps.
        private let whileAsleep: @Sendable () async throws -> Void

        init(whileAsleep: @escaping @Sendable () async throws -> Void = {}) { self.whileAsleep = whileAsleep }

        var entries: [Entry] { state.withLock { $0.entries } }
        func add(_ call: TableCall) { state.withLock { $0.entries.append(.call(call)) } }
        func pass(_ time: Duration) { state.withLock { $0.now += time } }

        var time: TimeSource {
            TimeSource(
                now: { self.state.withLock { $0.now } },
                sleep: { time in
                    self.state.withLock {
                        $0.now += time
                        $0.entries.append(.sleep)
                    }
                    try await self.whileAsleep()
                })
        }
    }

    private static let foreign = newPlan("1", name: "by an application")

    /// A new item that comes while the run is paused is not written over, wherever in a look the pause was asked for.
    @Test(arguments: 1...4)
    func aPauseInTheMiddleOfALook(reads: Int) async throws {
        try await withWorld { world in
            try await world.put(someItems(150))
            let (base, said) = (world.table, world.said)
            let governors = Mutex<CapacityGovernor?>(nil)
            let log = Log(whileAsleep: {
                _ = try await base.put(Self.foreign, condition: .none)
                governors.withLock { $0 }?.set(.going)
            })
            let governor = CapacityGovernor(time: log.time)
            governors.withLock { $0 = governor }
            let count = Mutex(0)
            let watched = WatchedTable(
                base,
                after: { (_, call) throws(RekeyError) in
                    guard case .get = call, said.contains("Creating new structure") else { return }
                    let number = count.withLock { count in
                        count += 1
                        return count
                    }
                    if number == reads { governor.set(.paused) }
                })
            let table = RateLimitedTable(watched, governor: governor)
            let error = await failure { _ = try await world.migrate(table).execute() }
            #expect(log.entries.count > 0, "nobody waited")
            #expect(error?.code == .differences)
            let now = try await world.items()
            #expect(now[key("PLAN", "META#1")]?.isEqual(to: Self.foreign) == true)
            #expect(now[key("PLAN#1", "META")]?.isEqual(to: oldPlan("1", name: "plan 1")) == true)
        }
    }

    /// Limits are waited for before the look: what is put, and the new items of what is deleted, were read since the last wait.
    @Test(arguments: [(30.0, nil), (nil, 30.0), (60.0, 30.0)] as [(Double?, Double?)])
    func noWaitBetweenLookAndWrite(readUnits: Double?, writeUnits: Double?) async throws {
        try await withWorld { world in
            let items = someItems(150)
            try await world.put(items)
            let log = Log()
            let watched = WatchedTable(world.table, before: { (_, call) in log.add(call) })
            let governor = CapacityGovernor(readUnits: readUnits, writeUnits: writeUnits, time: log.time)
            _ = try await world.migrate(RateLimitedTable(watched, governor: governor)).execute()
            #expect(digest(try await world.items().values) == digest(try afterMove(items).values))
            var read: Set<ItemKey> = []
            var sleeps = 0
            var written = 0
            for entry in log.entries {
                switch entry {
                case .sleep:
                    read = []
                    sleeps += 1
                case .call(.get(let keys)): read.formUnion(keys)
                case .call(.write(let requests)):
                    written += requests.count
                    let keys = try requests.map { try $0.key(.standard) }
                    #expect(read.isSuperset(of: keys), "a wait between look and put")
                case .call(.deleteUnchanged(let items)):
                    written += items.count
                    #expect(read.isSuperset(of: try afterMove(items).keys), "a wait between look and deletion")
                case .call: break
                }
            }
            #expect(written == 300 && sleeps > 4)
            let seconds = log.time.now() / .seconds(1)
            if let writeUnits { #expect(seconds > 300 / writeUnits - 2) }
            // Two scans of three pages, and seven reads an item at the most.
            if let readUnits { #expect(seconds > 450 / readUnits - 2) }
        }
    }

    /// What was read too long ago is read again.
    @Test func aLookThatTookTooLong() async throws {
        try await withWorld { world in
            try await world.put(someItems(5))
            let (base, said) = (world.table, world.said)
            let log = Log()
            let isDone = Mutex(false)
            let table = WatchedTable(
                base,
                after: { (_, call) async throws(RekeyError) in
                    guard case .get = call, said.contains("Creating new structure"), !isDone.withLock({ $0 }) else {
                        return
                    }
                    isDone.withLock { $0 = true }
                    _ = try await base.put(Self.foreign, condition: .absent)
                    log.pass(.seconds(3))
                })
            var migrate = try world.migrate(table)
            migrate.time = log.time
            let error = await failure { _ = try await migrate.execute() }
            #expect(isDone.withLock { $0 } && error?.code == .differences)
            #expect(try await world.items()[key("PLAN", "META#1")]?.isEqual(to: Self.foreign) == true)
        }
    }

    /// A table that always answers slowly is moved all the same, in small parts.
    @Test func aSlowTable() async throws {
        try await withWorld { world in
            let items = someItems(20)
            try await world.put(items)
            let log = Log()
            let table = WatchedTable(world.table, before: { (_, _) in log.pass(.seconds(3)) })
            var migrate = try world.migrate(table)
            migrate.time = log.time
            _ = try await migrate.execute()
            #expect(digest(try await world.items().values) == digest(try afterMove(items).values))
        }
    }

    /// What the service did not take of a batch is looked at again before it is sent again.
    @Test func aPutThatIsHeldBack() async throws {
        try await withWorld { world in
            try await world.put(someItems(150))
            let base = world.table
            let isDone = Mutex(false)
            let watched = WatchedTable(
                base, holdsBack: { (_, number) in number == 0 && !isDone.withLock { $0 } },
                after: { (_, call) async throws(RekeyError) in
                    guard case .write(let requests) = call, !isDone.withLock({ $0 }) else { return }
                    isDone.withLock { $0 = true }
                    guard try requests[0].key(.standard) == key("PLAN", "META#1") else { return }
                    _ = try await base.put(Self.foreign, condition: .absent)
                })
            let error = await failure { _ = try await world.migrate(RetryingTable(watched)).execute() }
            #expect(isDone.withLock { $0 } && error?.code == .differences)
            let now = try await world.items()
            #expect(now[key("PLAN", "META#1")]?.isEqual(to: Self.foreign) == true)
            #expect(now[key("PLAN#1", "META")]?.isEqual(to: oldPlan("1", name: "plan 1")) == true)
        }
    }

    /// A put whose answer was lost is found done at the next look, and counts as put by the run.
    @Test func aPutWhoseAnswerIsLost() async throws {
        try await withWorld { world in
            try await world.put(someItems(20))
            let base = world.table
            let watched = WatchedTable(
                base, holdsBack: { (_, number) in number == 0 },
                before: { (_, call) async throws(RekeyError) in
                    guard case .write(let requests) = call, case .put(let item) = requests[0] else { return }
                    _ = try await base.put(item, condition: .absent)
                })
            _ = try await world.migrate(RetryingTable(watched)).execute()
            #expect(world.said.contains("✓ Created 20 items with new structure") && !world.said.contains("were there"))
        }
    }

    /// A table that takes thirty items at a time: all are moved, and little is looked at in vain.
    @Test func aTableThatTakesLittle() async throws {
        try await withWorld { world in
            let items = someItems(900)
            try await world.put(items)
            let log = Log()
            let said = world.said
            let looked = Mutex(0)
            let watched = WatchedTable(
                world.table, holdsBack: { (_, number) in number >= 30 },
                before: { (_, call) in
                    guard case .get(let keys) = call, said.contains("Creating new structure"),
                        !said.contains("Verifying new structure")
                    else { return }
                    looked.withLock { $0 += keys.count }
                })
            var migrate = try world.migrate(RetryingTable(watched))
            migrate.time = log.time
            _ = try await migrate.execute()
            #expect(digest(try await world.items().values) == digest(try afterMove(items).values))
            // Old and new once each, the first look at a whole chunk, and then twice as many as were taken.
            let count = looked.withLock { $0 }
            #expect(count < 2 * (900 + 900 + 900), "\(count) keys were read")
        }
    }

    /// A table that takes nothing any more stops the run, which can go on.
    @Test func aTableThatTakesNothing() async throws {
        try await withWorld { world in
            let items = someItems(50)
            try await world.put(items)
            let log = Log()
            let watched = WatchedTable(world.table, holdsBack: { (_, number) in number > 9 })
            let stuck = WatchedTable(
                watched, holdsBack: { (request, _) in (try? request.key(.standard)) == key("PLAN", "META#7") })
            var migrate = try world.migrate(RetryingTable(stuck))
            migrate.time = log.time
            let error = await failure { _ = try await migrate.execute() }
            #expect(error?.code == .stoppedResumable, "\(String(describing: error))")
            #expect(error?.message.contains("still not done after many tries") == true)
            try await requireNothingLost(items, world.table, "stopped")
            _ = try await world.resume()
            #expect(digest(try await world.items().values) == digest(try afterMove(items).values))
        }
    }

    /// Of a table whose answers take so long that no look is fresh, as many items are looked at as one write takes.
    @Test func answersThatTakeLong() async throws {
        try await withWorld { world in
            let items = someItems(200)
            try await world.put(items)
            let log = Log()
            let table = WatchedTable(
                world.table,
                before: { (_, call) in
                    log.add(call)
                    if case .get = call { log.pass(.milliseconds(1050)) }
                })
            var migrate = try world.migrate(table)
            migrate.time = log.time
            _ = try await migrate.execute()
            #expect(digest(try await world.items().values) == digest(try afterMove(items).values))
            let reads = log.entries.reduce(0) { if case .call(.get) = $1 { $0 + 1 } else { $0 } }
            #expect(reads < 60, "\(reads) reads")
        }
    }

    /// A new item that goes after it was verified, such as by a hook: its old one stays, and the run stops and can go on.
    @Test(arguments: [true, false])
    func aNewItemThatGoesBeforeItsOldOne(isPutAgain: Bool) async throws {
        try await withWorld { world in
            let items = someItems(5)
            try await world.put(items)
            let (base, said) = (world.table, world.said)
            let table = WatchedTable(
                base,
                before: { (_, call) async throws(RekeyError) in
                    guard case .get = call, said.contains("Deleting old structure") else { return }
                    _ = try await base.delete(key("PLAN", "META#3"), condition: .none)
                })
            let error = await failure { _ = try await world.migrate(table).execute() }
            #expect(error?.code == .differences)
            #expect(error?.message.contains("PLAN / META#3, of PLAN#3 / META") == true, "\(error?.message ?? "")")
            let now = try await world.items()
            #expect(now[key("PLAN#3", "META")]?.isEqual(to: oldPlan("3", name: "plan 3")) == true)
            try await requireNothingLost(items, world.table, "stopped")
            // It is put again, or its old one is deleted as well.
            if !isPutAgain { _ = try await base.delete(key("PLAN#3", "META"), condition: .exists) }
            _ = try await world.resume()
            let left = isPutAgain ? items : items.filter { !$0.isEqual(to: oldPlan("3", name: "plan 3")) }
            #expect(digest(try await world.items().values) == digest(try afterMove(left).values))
        }
    }
}
