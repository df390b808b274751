import ByteStreams
import Dispatch
import Foundation
import Items
import Migration
import Rekeying
import Synchronization
import Tables
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

@Suite struct RunDirectoryTests {
    private func write(_ bytes: [UInt8], to path: String) throws {
        let sink = try openSink(path, compression: .none)
        try sink.write(bytes)
        try sink.finish()
    }

    private func threeLines(_ path: String) throws -> [UInt8] {
        let ledger = try Ledger(path)
        try ledger.append(.started, [("table", "a \"b\" \\ \u{1}\n")])
        try ledger.append(.snapshot, [("count", "3")])
        try ledger.append(.put)
        return try readWhole(path, limit: 1 << 20)
    }

    @Test func aLedgerIsReadAsWritten() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/ledger.ndjson"
            _ = try threeLines(path)
            let ledger = try Ledger(path)
            #expect(ledger.entries.map(\.step) == [.started, .snapshot, .put])
            #expect(ledger.facts(of: .started) == ["table": "a \"b\" \\ \u{1}\n"])
            #expect(ledger.has(.put) && !ledger.has(.finished))
        }
    }

    /// Cut anywhere: the whole lines count, the torn one does not, and the next line starts clean.
    @Test func aTornLastLineCountsAsNotWritten() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/ledger.ndjson"
            let whole = try threeLines(path)
            for length in 0...whole.count {
                try write(Array(whole[..<length]), to: path)
                let lines = whole[..<length].count { $0 == 0x0A }
                let ledger = try Ledger(path)
                #expect(ledger.entries.count == lines, "cut at \(length)")
                #expect(try readWhole(path, limit: 1 << 20).count == length, "reading wrote")
                try ledger.append(.finished)
                #expect(
                    try Ledger(path).entries.map(\.step) == Array([.started, .snapshot, .put].prefix(lines)) + [
                        .finished
                    ])
            }
        }
    }

    /// Any other byte than it was: refused, unless it makes the last line a torn one.
    @Test func aDamagedLineIsRefused() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/ledger.ndjson"
            let whole = try threeLines(path)
            for place in whole.indices {
                for flip in [UInt8(1), 0x20, 0x80] {
                    var bytes = whole
                    bytes[place] ^= flip
                    try write(bytes, to: path)
                    let ledger = try? Ledger(path)
                    #expect(ledger == nil || (place == whole.count - 1 && ledger?.entries.count == 2), "byte \(place)")
                }
            }
            // Damaged, and a torn line behind it.
            var bytes = Array(whole.dropLast(5))
            bytes[(whole.firstIndex(of: 0x0A) ?? 0) + 30] ^= 1
            try write(bytes, to: path)
            #expect(throws: RekeyError.self) { try Ledger(path) }
        }
    }

    @Test func oneRunAtATime() async throws {
        try await withWorld { world in
            try await world.put(someItems(3))
            let description = try await world.table.describe()
            do {
                let lock = try RunLock(
                    runs: world.runs, tableARN: description.arn, tableID: description.id, holder: "the first run")
                let error = await failure { _ = try await world.migrate().execute() }
                #expect(error?.code == .preflightRefused && error?.message.contains("the first run") == true)
                withExtendedLifetime(lock) {}
            }
            _ = try await world.migrate().execute()
            let lock = try RunLock(
                runs: world.runs, tableARN: description.arn, tableID: description.id, holder: "another run")
            #expect(await failure { _ = try await world.resume() }?.code == .preflightRefused)
            let rollback = try world.rollback()
            #expect(await failure { _ = try await rollback.execute(runs: world.runs) }?.code == .preflightRefused)
            withExtendedLifetime(lock) {}
        }
    }

    /// A refused lock gives back its own descriptor only: one closed twice is another thread's open file.
    @Test func aRefusedLockClosesNothingElse() async {
        await #expect(processExitsWith: .success) {
            try withTemporaryDirectory { directory in
                let lock = try RunLock(runs: directory, tableARN: "arn", tableID: "id", holder: "the first run")
                let isDone = Atomic(false)
                let closed = Atomic(0)
                DispatchQueue.concurrentPerform(iterations: 2) { side in
                    if side == 0 {
                        for _ in 0..<5000 {
                            _ = try? RunLock(runs: directory, tableARN: "arn", tableID: "id", holder: "the second run")
                        }
                        isDone.store(true, ordering: .releasing)
                    } else {
                        while !isDone.load(ordering: .acquiring) {
                            let descriptor = open("/dev/null", O_RDONLY)
                            for _ in 0..<50 { sched_yield() }
                            if close(descriptor) != 0 { closed.add(1, ordering: .relaxed) }
                        }
                    }
                }
                withExtendedLifetime(lock) {}
                try #require(closed.load(ordering: .relaxed) == 0)
            }
        }
    }

    /// A run that stopped after its snapshot.
    private func stopped(_ world: World) async throws {
        try await world.put(someItems(5))
        let table = WatchedTable(
            world.table, before: { (_, call) throws(RekeyError) in if case .deleteUnchanged = call { throw cut } })
        _ = await failure { _ = try await world.migrate(table).execute() }
    }

    @Test func resumeRefusesAnotherTableOtherRulesAndATouchedSnapshot() async throws {
        try await withWorld { world in
            try await stopped(world)
            let before = digest(try await world.items().values)
            let run = try world.run
            let plan = try run.plan()
            let resume = Resume(
                run: run, table: world.table, rules: try world.rules, runs: world.runs,
                temporaryDirectory: world.directory, events: { _ in })
            #expect(await failure { _ = try await resume.execute(rulesSHA256: "00") }?.code == .preflightRefused)

            let other = try LocalTable.create(
                path: world.directory + "/other.db", name: "test-table", schema: .standard)
            let error = await failure { _ = try await world.resume(other) }
            #expect(error?.code == .preflightRefused && error?.message.contains("table id") == true)

            for file in try listFiles(run.snapshotPath(plan) + "/data") {
                let path = run.snapshotPath(plan) + "/data/" + file
                let whole = try readWhole(path, limit: 1 << 20)
                var bytes = whole
                bytes[bytes.count / 2] ^= 1
                try write(bytes, to: path)
                #expect(await failure { _ = try await world.resume() }?.code == .preflightRefused)
                try write(whole, to: path)
            }
            #expect(digest(try await world.items().values) == before)
            _ = try await world.resume()
            #expect(digest(try await world.items().values) == digest(try afterMove(someItems(5)).values))
        }
    }

    /// Each thing that a run was begun with is named where it is another now, with what it was and what it is.
    @Test(arguments: ["account", "region", "table", "table id", "rules (SHA-256)"])
    func resumeNamesWhatChanged(what: String) async throws {
        try await withWorld { world in
            try await stopped(world)
            let run = try world.run
            let whole = try readWhole(run.planPath, limit: 1 << 20)
            var plan = try run.plan()
            let now: String
            switch what {
            case "account": (now, plan.account) = (plan.account, "another")
            case "region": (now, plan.region) = (plan.region, "another")
            case "table": (now, plan.tableARN) = (plan.tableARN, "another")
            case "table id": (now, plan.tableID) = (plan.tableID, "another")
            default: (now, plan.rulesSHA256) = (plan.rulesSHA256, "another")
            }
            try write(Array(try JSONEncoder().encode(plan)), to: run.planPath)
            let resume = Resume(
                run: run, table: world.table, rules: try world.rules, runs: world.runs,
                temporaryDirectory: world.directory, events: { _ in })
            let before = digest(try await world.items().values)
            let sha256 = what.hasPrefix("rules") ? now : plan.rulesSHA256
            let error = await failure { _ = try await resume.execute(rulesSHA256: sha256) }
            #expect(error?.code == .preflightRefused)
            #expect(
                error?.message.hasPrefix("the \(what) changed since the run began: it was another, it is \(now)")
                    == true,
                "\(error?.message ?? "no error")")
            #expect(digest(try await world.items().values) == before)
            try write(whole, to: run.planPath)
            _ = try await world.resume()
        }
    }

    /// A machine is lost between two steps: the run's directory, copied to another one, is all that is needed.
    @Test(arguments: [true, false])
    func aCopiedRunGoesOnAndBack(isGoingBack: Bool) async throws {
        try await withWorld { world in
            try await stopped(world)
            let elsewhere = world.directory + "/elsewhere/runs"
            try makeDirectories(elsewhere)
            let run = try world.run
            try FileManager.default.copyItem(atPath: run.path, toPath: elsewhere + "/" + run.id)
            try removeTree(world.runs)
            let copy = try RunDirectory.find(run.id, runs: elsewhere)
            let plan = try copy.plan()
            if isGoingBack {
                let rollback = Rollback(
                    table: world.table, rules: try world.rules, snapshotPath: copy.snapshotPath(plan), run: copy,
                    temporaryDirectory: world.directory, events: { _ in })
                _ = try await rollback.execute(runs: elsewhere)
            } else {
                let resume = Resume(
                    run: copy, table: world.table, rules: try world.rules, runs: elsewhere,
                    temporaryDirectory: world.directory, events: { _ in })
                _ = try await resume.execute(rulesSHA256: plan.rulesSHA256)
            }
            let expected = isGoingBack ? digest(someItems(5)) : digest(try afterMove(someItems(5)).values)
            #expect(digest(try await world.items().values) == expected)
        }
    }

    @Test func statusListsRuns() async throws {
        try await withWorld { world in
            #expect(try RunStatus.list(world.runs).runs.isEmpty)
            try await stopped(world)
            #expect(try RunStatus.list(world.runs).runs.map(\.state) == [.stopped])
            try write(Array("{}".utf8), to: try world.run.planPath)
            let list = try RunStatus.list(world.runs)
            #expect(list.runs.isEmpty && list.unreadable.map(\.code) == [.badInput])
        }
    }

    @Test func timestamps() {
        #expect(Timestamp(seconds: 0).text == "1970-01-01T00:00:00Z")
        #expect(Timestamp(seconds: 951_782_400).text == "2000-02-29T00:00:00Z")
        #expect(Timestamp(seconds: 1_795_468_500).text == "2026-11-23T21:15:00Z")
        #expect(Timestamp(seconds: 1_795_468_500).compact == "20261123_211500")
        #expect(Timestamp(seconds: 4_107_542_399).text == "2100-02-28T23:59:59Z")
        #expect(Timestamp(seconds: -1).text == "1969-12-31T23:59:59Z")
    }
}
