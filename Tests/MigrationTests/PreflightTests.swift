import ByteStreams
import Items
import Migration
import Rekeying
import Tables
import TestSupport
import Testing

@Suite struct PreflightTests {
    private func report(_ world: World) async throws -> PreflightReport {
        try await Preflight(table: world.table, rules: try world.rules, temporaryDirectory: world.directory).run()
    }

    private func requireRefused(_ world: World, _ text: String) async throws {
        let before = digest(try await world.items().values)
        let error = await failure { _ = try await world.migrate().execute() }
        #expect(error?.code == .preflightRefused)
        #expect(error?.description.contains(text) == true, "\(error?.description ?? "no error")")
        #expect(digest(try await world.items().values) == before)
        #expect(try world.runNames.isEmpty)
        #expect(await failure { _ = try await world.migrate().dryRun() }?.code == .preflightRefused)
    }

    @Test func twoForOneKey() async throws {
        try await withWorld { world in
            var world = world
            world.rulesText = planRulesText.replacing(
                "    where: {tp: plan}\n",
                with:
                    "    where: {tp: plan}\n  - from: {PK: \"OLD#{id}\", SK: \"META\"}\n    to:   {PK: \"PLAN\", SK: \"META#{id}\"}\n"
            )
            try await world.put([
                oldPlan("1"), item("{\"PK\":{\"S\":\"OLD#1\"},\"SK\":{\"S\":\"META\"}}"),
            ])
            let survey = try await report(world).survey
            #expect(survey.collisions == 1 && survey.old.count == 2)
            try await requireRefused(world, "would both become PLAN / META#1")
        }
    }

    @Test func takenByAnother() async throws {
        try await withWorld { world in
            try await world.put([oldPlan("1"), oldPlan("2"), newPlan("2", name: "another"), newPlan("7")])
            let survey = try await report(world).survey
            #expect(survey.collisions == 1 && survey.old.count == 2 && survey.new.count == 2)
            try await requireRefused(world, "PLAN#2 / META would become PLAN / META#2, where a different item stands")
        }
    }

    /// An index that takes what the rules set to a string as a number refuses each put: that is found before the first.
    @Test func anIndexOfAnotherType() async throws {
        try await withWorld { world in
            var world = world
            world.rulesText = planRulesText.replacing(
                "SK: \"META#{id}\"}\n    where", with: "SK: \"META#{id}\", GSI1PK: \"PLAN#{id}\"}\n    where")
            try await world.put([oldPlan("1"), oldPlan("2")])
            let before = digest(try await world.items().values)
            let number = IndexDescription(
                name: "GSI1", kind: .global,
                schema: KeySchema(partition: KeyAttribute(name: "GSI1PK", type: .number), sort: nil))
            for isDry in [true, false] {
                let table = WatchedTable(world.table, indexes: [number])
                let error = await failure {
                    let migrate = try world.migrate(table)
                    _ = isDry ? try await migrate.dryRun() : try await migrate.execute()
                }
                #expect(error?.code == .preflightRefused)
                #expect(error?.message.contains("the rules set GSI1PK to a string and GSI1 takes N") == true)
                #expect(!table.calls.contains { $0.isWrite })
                #expect(try world.runNames.isEmpty)
            }
            #expect(digest(try await world.items().values) == before)
        }
    }

    @Test func recoveryOff() async throws {
        try await withWorld { world in
            try await world.put([oldPlan("1"), user("1", plan: "1")])
            try await world.table.pretend(pointInTimeRecovery: false)
            try await requireRefused(world, "PITR")
            var migrate = try world.migrate()
            migrate.allowsMissingRecovery = true
            guard case .migrated = try await migrate.execute() else {
                Issue.record("not migrated")
                return
            }
        }
    }

    @Test func otherKeyAttributes() async throws {
        try await withTemporaryDirectory { directory in
            let schema = KeySchema(partition: KeyAttribute(name: "id", type: .string))
            let table = try LocalTable.create(path: directory + "/t.db", name: "test-table", schema: schema)
            let world = World(directory: directory, table: table)
            #expect(await failure { _ = try await world.migrate().execute() }?.code == .preflightRefused)
        }
    }

    /// Rules that set attributes and leave the key are no migration: deleting the old item would delete the new one.
    @Test func theKeyStays() async throws {
        try await withWorld { world in
            var world = world
            world.rulesText = """
                name: index
                key: {partition: PK, sort: SK}
                rules:
                  - from: {PK: "PLAN#{id}", SK: "META"}
                    to:   {PK: "PLAN#{id}", SK: "META", GSI1PK: "P#{id}"}
                """
            try await world.put([oldPlan("1")])
            let before = digest(try await world.items().values)
            let error = await failure { _ = try await world.migrate().execute() }
            #expect(error?.message.contains("but not its key") == true, "\(error?.description ?? "no error")")
            #expect(digest(try await world.items().values) == before)
            #expect(try world.runNames.isEmpty)
        }
    }

    /// References that name nothing are counted as they are now and as they will be.
    @Test func references() async throws {
        try await withWorld { world in
            try await world.put([
                oldPlan("1"), oldPlan("2"), user("a", plan: "1"), user("b", plan: "2.0"), user("c", plan: "9"),
            ])
            let references = try await report(world).survey.references
            #expect(references.items == 3)
            // Before the move no reference by the new key resolves; after it all but one do.
            #expect(references.unresolvedNow == 3 && references.unresolvedAfter == 1)
            #expect(references.examples == ["USR#c / META names PLAN / META#9"])
            _ = try await world.migrate().execute()
            let after = try await report(world).survey.references
            #expect(after.unresolvedNow == 1 && after.unresolvedAfter == 1)
            #expect(world.said.contains("1 references name no item"))
        }
    }

    /// A time to live of yesterday.
    private let dueYesterday = ",\"ttl\":{\"N\":\"\(Timestamp.now().seconds - 86_400)\"}"

    /// A time that nothing is deleted for, or an old item that still stands: a lost put is a lost put, and the old item stays.
    @Test(arguments: [true, false])
    func aLostPutOfADueItemIsFound(isAncient: Bool) async throws {
        try await withWorld { world in
            try await world.table.pretend(timeToLiveAttribute: .some("ttl"))
            let due = oldPlan("due", extra: isAncient ? ",\"ttl\":{\"N\":\"0\"}" : dueYesterday)
            let items = someItems(3) + [due]
            try await world.put(items)
            let lossy = WatchedTable(
                world.table,
                alter: { request in
                    guard case .put(let item) = request, (try? item.key(.standard)) == key("PLAN", "META#due") else {
                        return request
                    }
                    return nil
                })
            #expect(await failure { _ = try await world.migrate(lossy).execute() }?.code == .differences)
            try await requireNothingLost(items, world.table, "after a lost put")
            // The other way: a put of the rollback is lost, and the new item must stay.
            _ = try await world.resume()
            let deaf = WatchedTable(
                world.table,
                alter: { request in
                    guard case .put(let item) = request, (try? item.key(.standard)) == key("PLAN#due", "META") else {
                        return request
                    }
                    return nil
                })
            #expect(
                await failure { _ = try await world.rollback(deaf).execute(runs: world.runs) }?.code == .differences)
            try await requireNothingLost(items, world.table, "after a lost put of the rollback")
            _ = try await world.rollback().execute(runs: world.runs)
            #expect(digest(try await world.items().values) == digest(items))
        }
    }

    /// Items whose time to live is over may vanish at any moment: they are counted apart, and others that vanish are told.
    @Test(arguments: Migrate.Strategy.allCases)
    func dueItemsMayVanish(strategy: Migrate.Strategy) async throws {
        for number in 1...14 {
            try await withWorld { world in
                try await world.table.pretend(timeToLiveAttribute: .some("ttl"))
                try await world.put(someItems(3) + [oldPlan("due", extra: dueYesterday)])
                let base = world.table
                let table = WatchedTable(
                    base,
                    before: { (call, _) async throws(RekeyError) in
                        guard call == number else { return }
                        _ = try await base.delete(key("PLAN#due", "META"), condition: .none)
                        _ = try await base.delete(key("PLAN", "META#due"), condition: .none)
                    })
                let error = await failure { _ = try await world.migrate(table, strategy: strategy).execute() }
                #expect(error == nil, "before call \(number): \(error?.description ?? "")")
                #expect(!world.said.contains("deleted by another writer"))
                let now = try await world.items()
                for plan in 1...3 { #expect(now[key("PLAN", "META#\(plan)")] != nil) }
                #expect(now[key("PLAN#due", "META")] == nil)
                let report = String(decoding: try readWhole(try world.run.reportPath, limit: 4096), as: UTF8.self)
                let isCounted =
                    world.said.contains("their time to live was over") && report.contains("\"expired\": 1,")
                let vanished = try world.run.plan().oldCount == 4 && now[key("PLAN", "META#due")] == nil
                #expect(isCounted == vanished, "before call \(number)")
                let page = try RunReport(world.run, language: .english).markdown
                #expect(page.contains("time to live over: 1") == vanished)
                _ = try await world.table.delete(key("PLAN", "META#due"), condition: .none)
                _ = try await world.rollback().execute(runs: world.runs)
                for plan in 1...3 { #expect(try await world.items()[key("PLAN#\(plan)", "META")] != nil) }
            }
        }
    }
}
