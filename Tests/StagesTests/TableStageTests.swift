import ByteStreams
import Foundation
import Items
import Rekeying
import Snapshots
import Stages
import Tables
import TestSupport
import Testing

/// A table that says of one item's write that it was done, and did not do it.
private struct Forgetful: Table {
    let base: any Table
    let forgotten: ItemKey
    /// What stands in the table instead of the item that was put; nil drops the request.
    var instead: Item?

    var name: String { base.name }
    var schema: KeySchema { base.schema }
    var limits: TableLimits { base.limits }
    func describe() async throws(RekeyError) -> TableDescription { try await base.describe() }
    func scan(_ request: ScanRequest) async throws(RekeyError) -> Page { try await base.scan(request) }
    func query(_ request: QueryRequest) async throws(RekeyError) -> Page { try await base.query(request) }
    func batchGet(_ keys: [ItemKey], consistent: Bool) async throws(RekeyError) -> BatchGetResult {
        try await base.batchGet(keys, consistent: consistent)
    }
    func batchWrite(_ requests: [WriteRequest]) async throws(RekeyError) -> BatchWriteResult {
        try await bulkWrite(requests)
    }
    func bulkWrite(_ requests: [WriteRequest]) async throws(RekeyError) -> BatchWriteResult {
        try await base.bulkWrite(
            requests.compactMap { (try? $0.key(schema)) != forgotten ? $0 : instead.map { .put($0) } })
    }
    func put(_ item: Item, condition: WriteCondition) async throws(RekeyError) -> WriteOutcome {
        try await base.put(item, condition: condition)
    }
    func delete(_ key: ItemKey, condition: WriteCondition) async throws(RekeyError) -> WriteOutcome {
        try await base.delete(key, condition: condition)
    }
    func transactMove(_ moves: [Move]) async throws(RekeyError) -> TransactMoveResult {
        try await base.transactMove(moves)
    }
}

@Suite struct TableStageTests {
    private static let data =
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path + "/data/"

    /// A location's items as a table would hold them, by canonical form.
    private func model(_ location: Location, onto before: [ItemKey: [UInt8]] = [:]) async throws -> [ItemKey: [UInt8]] {
        var model = before
        let feed = try await openFeed(location)
        try await feed.forEach { line, record, view in
            let key = try view.key(.standard)
            model[key] = record.image.map { Item(trusted: Array(line[$0])).canonical() }
            return false
        }
        return model
    }

    @Test func aFullExportAndThenAnIncrementalOne() async throws {
        try await withTemporaryDirectory { directory in
            let table = directory + "/t.db"
            let full = Location.directory(Self.data + "algoitny_main/")
            let incremental = Location.directory(Self.data + "algoitny_main_incremental/")
            _ = try await Load(from: full, to: .local(table), execute: true, temporaryDirectory: directory).run()
            let before = try await model(full)
            #expect(try await model(.local(table)) == before && before.count == 700)
            let result = try await Load(
                from: incremental, to: .local(table), execute: true, temporaryDirectory: directory
            ).run()
            let after = try await model(incremental, onto: before)
            #expect(try await model(.local(table)) == after && after != before)
            #expect(after.count < before.count + result.counts.read)
            // The same once more changes nothing.
            _ = try await Load(from: incremental, to: .local(table), execute: true, temporaryDirectory: directory).run()
            #expect(try await model(.local(table)) == after)
        }
    }

    /// Random puts and deletions of few keys: the table holds what a dictionary holds, and of keys that come twice nothing is written.
    @Test func loadIsADictionary() async throws {
        let seed = testSeed("loadIsADictionary")
        var random = SeededGenerator(seed: seed)
        try await withTemporaryDirectory { directory in
            for round in 0..<20 {
                let (stream, table) = (directory + "/\(round)", directory + "/\(round).db")
                var text = ""
                var puts: [Int: Int] = [:]
                var deleted: Set<Int> = []
                for number in 0..<Int.random(in: 1...80, using: &random) {
                    let id = Int.random(in: 0..<[60, 600, 6000][round % 3], using: &random)
                    let key = "\"PK\":{\"S\":\"p\(id % 7)\"},\"SK\":{\"S\":\"s\(id)\"}"
                    if Int.random(in: 0..<4, using: &random) == 0 {
                        text += "{\"DeleteRequest\":{\"Key\":{\(key)}}}\n"
                        deleted.insert(id)
                    } else {
                        text += "{\"Item\":{\(key),\"n\":{\"N\":\"\(number)\"}}}\n"
                        puts[id, default: 0] += 1
                    }
                }
                try write(text, to: stream)
                let load = Load(from: .file(stream), to: .local(table), execute: true, temporaryDirectory: directory)
                let repeated = puts.values.reduce(0) { $0 + $1 - 1 }
                let error = await failure { _ = try await load.run() }
                let undecided = puts.keys.filter { deleted.contains($0) }.count
                #expect(error?.code == (repeated + undecided > 0 ? .badInput : nil))
                if repeated > 0 {
                    #expect(error?.message.hasPrefix("\(repeated) item") == true)
                } else if undecided > 0 {
                    #expect(error?.message.hasPrefix("\(undecided) key") == true)
                }
                guard error == nil else {
                    #expect(!fileExists(table))
                    continue
                }
                #expect(try await model(.local(table)) == model(.file(stream)))
            }
        }
    }

    @Test func loadWithoutExecuteWritesNothing() async throws {
        try await withTemporaryDirectory { directory in
            let table = directory + "/t.db"
            let from = Location.directory(Self.data + "algoitny_main/")
            let result = try await Load(from: from, to: .local(table), execute: false, temporaryDirectory: directory)
                .run()
            #expect(result.counts.read == 700 && !fileExists(table))
        }
    }

    @Test func restoreFindsAWriteThatWasDropped() async throws {
        try await withTemporaryDirectory { directory in
            let export = Self.data + "algoitny_main/"
            let keys = try await model(.directory(export)).keys.sorted {
                $0.sortableBytes.lexicographicallyPrecedes($1.sortableBytes)
            }
            for number in [0, 350, 699] {
                let base = try LocalTable.create(
                    path: directory + "/\(number).db", name: "test-table", schema: .standard)
                var restore = Restore(
                    snapshot: export, to: .standardStream, execute: true, temporaryDirectory: directory)
                restore.table = Forgetful(base: base, forgotten: keys[number])
                let stage = restore
                let error = await failure { _ = try await stage.run() }
                #expect(error?.code == .differences && error?.message.contains(keys[number].description) == true)
                restore.table = base
                let result = try await restore.run()
                #expect(result.facts.contains { $0.name == "verified" && $0.value == .integer(700) })
            }
        }
    }

    /// An item that is there, and is another one than the snapshot holds.
    @Test func restoreFindsAnItemThatWasAltered() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/items.ndjson"
            func item(_ value: String) -> String {
                "{\"PK\":{\"S\":\"a\"},\"SK\":{\"S\":\"b\"},\"n\":{\"N\":\"\(value)\"}}"
            }
            try write(item("1.50") + "\n", to: path)
            let key = ItemKey(partition: KeyValue("a"), sort: KeyValue("b"))
            for (value, isSame) in [("1.5", true), ("1.51", false)] {
                let base = try LocalTable.create(
                    path: directory + "/\(value).db", name: "test-table", schema: .standard)
                var restore = Restore(snapshot: path, to: .standardStream, execute: true, temporaryDirectory: directory)
                restore.table = Forgetful(base: base, forgotten: key, instead: Item(trusted: Array(item(value).utf8)))
                let stage = restore
                let error = await failure { _ = try await stage.run() }
                #expect(error?.code == (isSame ? nil : .differences))
                if !isSame { #expect(error?.message == "\(key) is not what the snapshot holds") }
            }
        }
    }

    /// `restore` puts items: of what deletes any, dry run or not, nothing is done.
    @Test(arguments: [false, true])
    func restoreRemovesNothing(execute: Bool) async throws {
        try await withTemporaryDirectory { directory in
            let table = Location.local(directory + "/t.db")
            func line(_ sort: String) -> String { "{\"PK\":{\"S\":\"a\"},\"SK\":{\"S\":\"\(sort)\"}}" }
            try write(line("b") + "\n", to: directory + "/items")
            _ = try await Load(
                from: .file(directory + "/items"), to: table, execute: true, temporaryDirectory: directory
            ).run()
            let before = try await model(table)
            let deletions = ["{\"DeleteRequest\":{\"Key\":\(line("b"))}}\n", "{\"Keys\":\(line("b"))}\n"]
            for deletion in deletions {
                try write(line("c") + "\n" + deletion, to: directory + "/in")
                let error = await failure {
                    _ = try await Restore(
                        snapshot: directory + "/in", to: table, execute: execute, temporaryDirectory: directory
                    ).run()
                }
                #expect(error?.code == .badInput && error?.line == 2 && error?.message.contains("rekey load") == true)
                #expect(try await model(table) == before && before.count == 1)
            }
        }
    }

    /// The same items in any order are the same snapshot, file by file.
    @Test func snapshotsDoNotDependOnOrder() async throws {
        let seed = testSeed("snapshotsDoNotDependOnOrder")
        var random = SeededGenerator(seed: seed)
        try await withTemporaryDirectory { directory in
            let export = Location.directory(Self.data + "algoitny_main/")
            _ = try await Extract(from: export, output: directory + "/0.ndjson").run()
            let all = lines(try read(directory + "/0.ndjson"))
            var first: [String: [UInt8]] = [:]
            for round in 0..<3 {
                let (stream, path) = (directory + "/\(round).ndjson", directory + "/snapshot\(round)")
                try write(Array(all.shuffled(using: &random).joined(separator: [0x0A])), to: stream)
                let made = try await SnapshotCreate(
                    from: .file(stream), path: path, tool: "test", temporaryDirectory: directory
                ).run()
                #expect(made.summary.count == 700)
                #expect(
                    try await DigestStage(from: .directory(path)).run().digest == DigestStage(from: export).run().digest
                )
                var files: [String: [UInt8]] = [:]
                for name in try listFiles(path) where !isDirectory(path + "/" + name) {
                    files[name] = try read(path + "/" + name)
                }
                for name in try listFiles(path + "/data") { files["data/" + name] = try read(path + "/data/" + name) }
                if round == 0 { first = files }
                #expect(files == first && files.count >= 6)
            }
        }
    }

    /// The marks of `verify --diff` against a model.
    @Test func marks() async throws {
        let seed = testSeed("marks")
        var random = SeededGenerator(seed: seed)
        try await withTemporaryDirectory { directory in
            let rules = RuleCase.all[0]
            for round in 0..<10 {
                var (old, new) = ("", "")
                var expected: Set<String> = []
                for id in 0..<60 {
                    let value = "\"n\":{\"N\":\"\(id).0\"}"
                    let was = "{\"Item\":{\"PK\":{\"S\":\"PLAN#\(id)\"},\"SK\":{\"S\":\"META\"},\(value)}}\n"
                    let key = "\"SK\":{\"S\":\"META#\(id)\"},\"PK\":{\"S\":\"PLAN\"}"
                    let mark = ["=", "-", "+", "*"].randomElement(using: &random) ?? "="
                    expected.insert("\(mark) PLAN / META#\(id)")
                    if mark != "+" { old += was }
                    if mark == "=" || mark == "+" { new += "{\(key),\"n\":{\"N\":\"\(id)\"}}\n" }
                    if mark == "*" { new += "{\(key),\"n\":{\"N\":\"-1\"}}\n" }
                    old += "{\"PK\":{\"S\":\"USR#\(id)\"},\"SK\":{\"S\":\"META\"}}\n"
                }
                try write(old, to: directory + "/old")
                try write(new, to: directory + "/new")
                let path = directory + "/marks\(round)"
                let result = try await Verify(
                    old: .file(directory + "/old"), new: .file(directory + "/new"), rules: rules.rules,
                    differences: path,
                    temporaryDirectory: directory
                ).run()
                let found = String(decoding: try read(path), as: UTF8.self).split(separator: "\n").map(String.init)
                #expect(Set(found) == expected && found.count == 60)
                func count(_ mark: String) -> Int { expected.count { $0.hasPrefix(mark) } }
                #expect(result.equal == count("=") && result.missing == count("-"))
                #expect(result.extra == count("+") && result.different == count("*"))
                #expect(result.isEqual == (count("=") == 60))
            }
        }
    }

    @Test func verifyTellsAnOldItemAndAKeyThatCameTwice() async throws {
        try await withTemporaryDirectory { directory in
            let rules = try RuleCase.all[0].rules
            let was = "{\"PK\":{\"S\":\"PLAN#1\"},\"SK\":{\"S\":\"META\"}}\n"
            let now = "{\"PK\":{\"S\":\"PLAN\"},\"SK\":{\"S\":\"META#1\"}}\n"
            func verify(_ old: String, _ new: String, gone: Bool = true) async throws -> VerifyResult {
                try write(old, to: directory + "/old")
                try write(new, to: directory + "/new")
                return try await Verify(
                    old: .file(directory + "/old"), new: .file(directory + "/new"), rules: rules, requiresOldGone: gone,
                    temporaryDirectory: directory
                ).run()
            }
            #expect(try await verify(was, now).isEqual)
            #expect(try await !verify(was, now + was).isEqual)
            let both = try await verify(was, now + was, gone: false)
            #expect(both.isEqual && both.oldLeft == 1)
            let twice = try await verify(was, now + now)
            #expect(!twice.isEqual && twice.different == 1 && twice.equal == 0)
        }
    }
}
