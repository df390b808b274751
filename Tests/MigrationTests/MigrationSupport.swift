import ByteStreams
import Items
import Migration
import Rekeying
import Synchronization
import Tables
import TestSupport
import Testing

/// The rules that the tests move by.
let planRulesText = """
    name: plan-structure
    noun: plan
    label: dat.nm
    key: {partition: PK, sort: SK}
    rules:
      - from: {PK: "PLAN#{id}", SK: "META"}
        to:   {PK: "PLAN",      SK: "META#{id}"}
        where: {tp: plan}
    references:
      - in: {PK: "USR#{user}", SK: "META"}
        attribute: dat.plan_id
        names: {PK: "PLAN", SK: "META#{value}"}
    """

/// Rules by which an attribute tells where a plan goes: one that changes has another new key.
let rulesByKindText = """
    name: by-kind
    noun: plan
    key: {partition: PK, sort: SK}
    rules:
      - from: {PK: "PLAN#{id}", SK: "META"}
        to:   {PK: "A",         SK: "META#{id}"}
        where: {tp: a}
      - from: {PK: "PLAN#{id}", SK: "META"}
        to:   {PK: "B",         SK: "META#{id}"}
        where: {tp: b}
    """

/// A table of a test with all that a run needs beside it.
struct World: Sendable {
    var directory: String
    var table: LocalTable
    var rulesText = planRulesText
    let said = Said()

    /// What a run said.
    final class Said: Sendable {
        private let events = Mutex<[Event]>([])
        var all: [Event] { events.withLock { $0 } }
        func add(_ event: Event) { events.withLock { $0.append(event) } }
        func contains(_ text: String) -> Bool { all.contains { "\($0)".contains(text) } }
    }

    var runs: String { directory + "/runs" }
    var rules: RuleSet { get throws { try RuleSet.parse(yaml: rulesText, source: "test rules") } }

    func migrate(_ table: (any Table)? = nil, strategy: Migrate.Strategy = .batch) throws -> Migrate {
        var migrate = Migrate(
            table: table ?? self.table, tableText: "local:test.db", rules: try rules, rulesText: rulesText, runs: runs,
            tool: "test", temporaryDirectory: directory, events: { said.add($0) })
        migrate.strategy = strategy
        return migrate
    }

    /// The names of all runs.
    var runNames: [String] {
        get throws { isDirectory(runs) ? try listFiles(runs).filter { !$0.hasPrefix(".") } : [] }
    }

    /// The only run there is.
    var run: RunDirectory {
        get throws {
            let names = try runNames
            guard names.count == 1 else { throw RekeyError(.unexpected, "the runs are \(names)") }
            return RunDirectory(path: runs + "/" + names[0])
        }
    }

    func resume(_ table: (any Table)? = nil) async throws -> Migrate.Outcome {
        let run = try run
        return try await Resume(
            run: run, table: table ?? self.table, rules: try rules, runs: runs, temporaryDirectory: directory,
            events: { said.add($0) }
        ).execute(rulesSHA256: try run.plan().rulesSHA256)
    }

    func rollback(_ table: (any Table)? = nil, onConflict: Rollback.ConflictRule = .stop) throws -> Rollback {
        let run = try run
        var rollback = Rollback(
            table: table ?? self.table, rules: try rules, snapshotPath: run.snapshotPath(try run.plan()), run: run,
            temporaryDirectory: directory, events: { said.add($0) })
        rollback.onConflict = onConflict
        return rollback
    }

    /// Everything in the table.
    func items() async throws -> [ItemKey: Item] { try await allItems(table) }

    func put(_ items: [Item]) async throws { _ = try await table.bulkWrite(items.map { .put($0) }) }
}

/// Everything in a table.
func allItems(_ table: any Table) async throws -> [ItemKey: Item] {
    var found: [ItemKey: Item] = [:]
    var request = ScanRequest()
    repeat {
        let page = try await table.scan(request)
        for item in page.items { found[try item.key(table.schema)] = item }
        request.startKey = page.lastEvaluatedKey
    } while request.startKey != nil
    return found
}

/// Every item stands under its old key, its new one, or both.
func requireNothingLost(_ items: [Item], _ table: any Table, _ place: String) async throws {
    let now = try await allItems(table)
    for old in items {
        let new = try afterMove([old]).first
        let oldKey = try old.key(.standard)
        let isThere =
            now[oldKey]?.isEqual(to: old) == true || new.map { now[$0.key]?.isEqual(to: $0.value) == true } == true
        #expect(isThere, "\(place): \(oldKey) is under neither key")
    }
}

/// The digest of items.
func digest(_ items: some Sequence<Item>) -> Digest {
    var digest = Digest()
    for item in items { item.canonical().withUnsafeBytes { digest.add(canonical: $0) } }
    return digest
}

/// Calls `body` with an empty table.
func withWorld<R>(_ body: (World) async throws -> R) async throws -> R {
    try await withTemporaryDirectory { directory in
        let table = try LocalTable.create(path: directory + "/test.db", name: "test-table", schema: .standard)
        let world = World(directory: directory, table: table)
        let result = try await body(world)
        try table.close()
        return result
    }
}

func item(_ json: String) -> Item {
    do {
        return try Item(validating: Array(json.utf8))
    } catch {
        preconditionFailure("\(json): \(error.reason)")
    }
}

func key(_ partition: String, _ sort: String) -> ItemKey {
    ItemKey(partition: KeyValue(partition), sort: KeyValue(sort))
}

/// An old plan.
func oldPlan(_ id: String, name: String = "Free", extra: String = "") -> Item {
    item(
        "{\"PK\":{\"S\":\"PLAN#\(id)\"},\"SK\":{\"S\":\"META\"},\"tp\":{\"S\":\"plan\"},\"dat\":{\"M\":{\"nm\":{\"S\":\"\(name)\"}}}\(extra)}"
    )
}

/// The same plan under its new key.
func newPlan(_ id: String, name: String = "Free", extra: String = "") -> Item {
    item(
        "{\"PK\":{\"S\":\"PLAN\"},\"SK\":{\"S\":\"META#\(id)\"},\"tp\":{\"S\":\"plan\"},\"dat\":{\"M\":{\"nm\":{\"S\":\"\(name)\"}}}\(extra)}"
    )
}

func user(_ id: String, plan: String) -> Item {
    item("{\"PK\":{\"S\":\"USR#\(id)\"},\"SK\":{\"S\":\"META\"},\"dat\":{\"M\":{\"plan_id\":{\"N\":\"\(plan)\"}}}}")
}

/// So many plans, a user of each, and as many items that no rule concerns.
func someItems(_ count: Int) -> [Item] {
    (1...count).flatMap { number in
        [
            oldPlan("\(number)", name: "plan \(number)"), user("\(number)", plan: "\(number)"),
            item("{\"PK\":{\"S\":\"PROB#\(number)\"},\"SK\":{\"S\":\"META\"},\"n\":{\"N\":\"1.50\"}}"),
        ]
    }
}

/// What `items` are after the move.
func afterMove(_ items: [Item]) throws -> [ItemKey: Item] {
    var result: [ItemKey: Item] = [:]
    for old in items {
        let text = String(decoding: old.json, as: UTF8.self)
        var new = old
        if let range = text.firstRange(of: "{\"PK\":{\"S\":\"PLAN#"), text.contains("\"tp\":{\"S\":\"plan\"}") {
            let rest = text[range.upperBound...]
            let id = rest.prefix { $0 != "\"" }
            let tail = rest.dropFirst(id.count + "\"},\"SK\":{\"S\":\"META\"".count)
            new = item("{\"PK\":{\"S\":\"PLAN\"},\"SK\":{\"S\":\"META#\(id)\"\(tail)")
        }
        result[try new.key(.standard)] = new
    }
    return result
}

/// The error that `body` ends with.
func failure(_ body: () async throws -> Void) async -> RekeyError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? RekeyError ?? RekeyError(.unexpected, "\(error)")
    }
}
