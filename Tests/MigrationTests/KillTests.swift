import ByteStreams
import Foundation
import Items
import Migration
import Tables
import TestSupport
import Testing

/// `kill -9` of the real program at random moments: nothing is lost at any of them, and going on ends where an undisturbed run ends.
@Suite(.serialized) struct KillTests {
    /// How many kills hit which step.
    private struct Hits: CustomStringConvertible {
        private var counts: [(name: String, count: Int)] = []
        var total: Int { counts.reduce(0) { $0 + $1.count } }

        mutating func add(_ name: String) {
            if let place = counts.firstIndex(where: { $0.name == name }) {
                counts[place].count += 1
            } else {
                counts.append((name, 1))
            }
        }

        var description: String { counts.map { "\($0.name): \($0.count)" }.joined(separator: ", ") }
    }

    /// When to kill: at random over the time that a command takes when nobody disturbs it, of each ten one in each tenth of it.
    private struct Moments {
        /// Taken anew every ten rounds: other work may make the machine slower or faster.
        var length: Duration
        private var count = 0

        init(over length: Duration) { self.length = length }

        mutating func next(_ random: inout SeededGenerator) -> Duration {
            let tenth = Double(count * 7 % 10)
            count += 1
            return length * ((tenth + Double.random(in: 0...1, using: &random)) / 10)
        }
    }

    private func isCalm(_ round: Int) -> Bool { round % 10 == 1 }

    private func step(_ run: String?) throws -> String {
        guard let run else { return "before the plan" }
        return try Ledger(RunDirectory(path: run).ledgerPath).entries.last.map { "after \($0.step.rawValue)" } ?? "plan"
    }

    @Test(arguments: Place.allCases, Migrate.Strategy.allCases)
    func aMigrationAndItsRollback(place: Place, strategy: Migrate.Strategy) async throws {
        var (seed, random) = choices("kills of \(strategy) on a \(place) table")
        let items = someItems(place == .local ? 2400 : 150)
        let before = digest(items)
        let after = digest(try afterMove(items).values)
        let wanted = isLongRun ? 50 : 4
        try await withTemporaryDirectory { directory in
            let ground = try await Ground(place, directory: directory, items: items, seed: seed)
            defer { ground.stop() }
            let program = ground.program
            var hits = Hits()
            var there = Moments(over: .zero)
            var back = Moments(over: .zero)
            var number = 0
            while hits.total < wanted {
                number += 1
                let name = "round \(number) of seed \(seed)"
                try await ground.withRound(number) { round in
                    let migrate = ground.migrate(round, strategy: strategy.rawValue)
                    if isCalm(number) {
                        there.length = try await program.finish(migrate, name).duration
                        #expect(digest(try await allItems(round.table).values) == after)
                        let run = try #require(try ground.run(round))
                        back.length = try await program.finish(ground.rollback(round, run), name).duration
                        #expect(digest(try await allItems(round.table).values) == before)
                        return
                    }
                    // Killed once at least, and perhaps again while it goes on.
                    for attempt in 0..<3 {
                        let run = try ground.run(round)
                        let isLast = attempt > 0 && Bool.random(using: &random)
                        if isLast { break }
                        let ending = try await program.run(
                            run.map { ground.resume(round, $0) } ?? migrate,
                            killedAfter: there.next(&random))
                        if ending.status == 137 { hits.add(try step(try ground.run(round))) }
                        #expect([0, 137].contains(ending.status), "\(name): \(ending.said)")
                        try await requireNothingLost(items, round.table, name)
                    }
                    if let run = try ground.run(round) {
                        try await program.finish(ground.resume(round, run), name)
                    } else {
                        #expect(
                            digest(try await allItems(round.table).values) == before, "\(name): changed without a run")
                        try await program.finish(migrate, name)
                    }
                    #expect(digest(try await allItems(round.table).values) == after, "\(name): another end")
                    let run = try #require(try ground.run(round))
                    #expect(try RunStatus(RunDirectory(path: run)).state == .finished)
                    for attempt in 0..<3 {
                        let isLast = attempt > 0 && Bool.random(using: &random)
                        if isLast { break }
                        let ending = try await program.run(
                            ground.rollback(round, run), killedAfter: back.next(&random))
                        if ending.status == 137 { hits.add("rollback, \(try step(run))") }
                        #expect([0, 137].contains(ending.status), "\(name): \(ending.said)")
                        try await requireNothingLost(items, round.table, "\(name), rollback")
                    }
                    try await program.finish(ground.rollback(round, run), name)
                    #expect(digest(try await allItems(round.table).values) == before, "\(name): another beginning")
                }
            }
            #expect(try listFiles(program.directory).isEmpty, "temporary files are left")
            print("killed \(strategy) on a \(place) table \(hits.total) times in \(number) rounds: \(hits)")
        }
    }

    /// A restore that was killed is run again and ends right.
    @Test(arguments: Place.allCases)
    func aRestore(place: Place) async throws {
        var (seed, random) = choices("kills of restore on a \(place) table")
        // A local table takes 65,536 items in one transaction, so that a kill leaves none or all of them.
        let items = someItems(place == .local ? 4000 : 400)
        let expected = digest(items)
        try await withTemporaryDirectory { directory in
            let ground = try await Ground(place, directory: directory, items: items, seed: seed)
            defer { ground.stop() }
            let program = ground.program
            let snapshot = directory + "/snapshot"
            _ = try await ground.withRound(0) { round in
                try await program.finish(["snapshot", "create", round.location, snapshot], "snapshot")
            }
            func restore(_ round: Ground.Round) -> [String] { ["restore", snapshot, round.location, "--execute"] }
            var moments = Moments(over: .zero)
            var kills = 0
            var parts: [Int] = []
            var number = 0
            while kills < (isLongRun ? 100 : 4) {
                number += 1
                let name = "round \(number) of seed \(seed)"
                try await ground.withRound(number, isFilled: false) { round in
                    if isCalm(number) {
                        moments.length = try await program.finish(restore(round), name).duration
                        return
                    }
                    for _ in 0..<2 {
                        let ending = try await program.run(restore(round), killedAfter: moments.next(&random))
                        #expect([0, 137].contains(ending.status), "\(name): \(ending.said)")
                        guard ending.status == 137 else { continue }
                        kills += 1
                        parts.append(try await allItems(round.table).count)
                    }
                    try await program.finish(restore(round), name)
                    #expect(digest(try await allItems(round.table).values) == expected, "\(name)")
                }
            }
            print(
                "killed restore on a \(place) table \(kills) times, with so many of \(items.count) items there: \(parts.sorted())"
            )
        }
    }

    /// A snapshot that was killed is not there, or whole; what it leaves is removed by the next one.
    @Test(arguments: Place.allCases)
    func aSnapshot(place: Place) async throws {
        var (seed, random) = choices("kills of snapshot create on a \(place) table")
        let items = someItems(place == .local ? 4000 : 400)
        let expected = digest(items)
        try await withTemporaryDirectory { directory in
            let ground = try await Ground(place, directory: directory, items: items, seed: seed)
            defer { ground.stop() }
            let program = ground.program
            try await ground.withRound(0) { round in
                func create(_ name: String) -> [String] {
                    ["snapshot", "create", round.location, round.folder + "/" + name]
                }
                var moments = Moments(over: .zero)
                var kills = 0
                var whole = 0
                var leftovers = 0
                var number = 0
                while kills < (isLongRun ? 100 : 4) {
                    number += 1
                    let name = "snapshot \(number) of seed \(seed)"
                    let path = round.folder + "/\(number)"
                    if isCalm(number) {
                        moments.length = try await program.finish(create("\(number)"), name).duration
                        try removeTree(path)
                        continue
                    }
                    let ending = try await program.run(create("\(number)"), killedAfter: moments.next(&random))
                    #expect([0, 137].contains(ending.status), "\(name): \(ending.said)")
                    if ending.status == 137 { kills += 1 }
                    leftovers += try listFiles(round.folder).filter { $0.contains(".partial-") }.count
                    if fileExists(path) {
                        whole += 1
                    } else {
                        try await program.finish(create("\(number)"), name)
                    }
                    try await program.finish(["snapshot", "check", path, "--read-data"], name)
                    let said = try await program.finish(["digest", path, "--quiet"], name).said
                    #expect(said == "\(expected.count) \(expected.hex)\n", "\(name)")
                    try await program.finish(create("after-\(number)"), name)
                    let left = try listFiles(round.folder).filter { $0.contains(".partial-") }
                    #expect(left.isEmpty, "\(name) left \(left)")
                    try removeTree(path)
                    try removeTree(round.folder + "/after-\(number)")
                }
                print(
                    "killed snapshot create of a \(place) table \(kills) times: \(whole) were whole, \(leftovers) left unfinished work"
                )
            }
        }
    }
}
