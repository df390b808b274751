import ByteStreams
import Foundation
import Items
import Stages
import Synchronization
import Tables
import TestSupport
import Testing

/// A table before whose first write something happens.
private struct Watching: Table {
    let base: any Table
    private let event: Once

    /// Calls its body the first time.
    private final class Once: Sendable {
        private let isDone = Mutex(false)
        private let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) { self.body = body }

        func callAsFunction() {
            let isFirst = isDone.withLock { isDone in
                defer { isDone = true }
                return !isDone
            }
            if isFirst { body() }
        }
    }

    init(base: any Table, beforeFirstWrite: @escaping @Sendable () -> Void) {
        self.base = base
        event = Once(beforeFirstWrite)
    }

    var name: String { base.name }
    var schema: KeySchema { base.schema }
    /// Small batches, so that there is more to read when the first is written.
    var limits: TableLimits {
        var limits = base.limits
        limits.bulkWrite = 1000
        return limits
    }
    func describe() async throws(RekeyError) -> TableDescription { try await base.describe() }
    func scan(_ request: ScanRequest) async throws(RekeyError) -> Page { try await base.scan(request) }
    func query(_ request: QueryRequest) async throws(RekeyError) -> Page { try await base.query(request) }
    func batchGet(_ keys: [ItemKey], consistent: Bool) async throws(RekeyError) -> BatchGetResult {
        try await base.batchGet(keys, consistent: consistent)
    }
    func batchWrite(_ requests: [WriteRequest]) async throws(RekeyError) -> BatchWriteResult {
        event()
        return try await base.batchWrite(requests)
    }
    func bulkWrite(_ requests: [WriteRequest]) async throws(RekeyError) -> BatchWriteResult {
        event()
        return try await base.bulkWrite(requests)
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

/// What `load` and `restore` look at before they write.
@Suite struct LoadTests {
    /// Several blocks of good lines.
    private static let manyLines = (0..<20_000).map { "{\"Item\":{\"PK\":{\"S\":\"p\"},\"SK\":{\"S\":\"s\($0)\"}}}\n" }
        .joined()

    /// A fault that stands far behind good lines is found before any of them is written.
    @Test func nothingIsWrittenOfABadFile() async throws {
        try await withTemporaryDirectory { directory in
            let (file, table) = (directory + "/in", directory + "/t.db")
            let sealed = { (count: Int) in
                Self.manyLines + Seal(count: count, digest: String(repeating: "0", count: 64)).line
            }
            let zipped = MemorySink()
            let gzip = GzipSink(over: zipped)
            try gzip.write(utf8: Self.manyLines)
            try gzip.finish()
            let line = String(Self.manyLines.prefix { $0 != "\n" })
            let texts: [(text: String, words: String)] = [
                (Self.manyLines + "{\"PK\":{\"S\":\"p\"}}\n", "no key attribute SK"),
                (sealed(20_001), "the seal says 20001"), (sealed(20_000), "the seal's digest"),
                (Self.manyLines + line + "\n", "came under a key"),
            ]
            var inputs: [(bytes: [UInt8], words: String)] = texts.map { (Array($0.text.utf8), $0.words) }
            inputs.append((Array(zipped.bytes.dropLast(9)), "ends inside the gzip member"))
            for (bytes, words) in inputs {
                try write(bytes, to: file)
                for rejects in [nil, directory + "/rejects"] {
                    if words.contains("SK"), rejects != nil { continue }
                    let load = Load(
                        from: .file(file), to: .local(table), execute: true, options: StreamOptions(rejects: rejects),
                        temporaryDirectory: directory)
                    let error = await failure { _ = try await load.run() }
                    #expect(error?.code == .badInput)
                    #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
                    #expect(error?.message.hasSuffix("nothing was written") == true)
                    #expect(!fileExists(table) && !fileExists(directory + "/rejects"))
                }
                let restore = Restore(
                    snapshot: file, to: .local(table), execute: true, temporaryDirectory: directory)
                #expect(await failure { _ = try await restore.run() }?.code == .badInput)
                #expect(!fileExists(table))
            }
        }
    }

    /// Bad lines are set aside by the second pass alone, once.
    @Test func aBadLineIsSetAsideOnce() async throws {
        try await withTemporaryDirectory { directory in
            try write(Self.manyLines + "{}\n" + "x\n", to: directory + "/in")
            let load = Load(
                from: .file(directory + "/in"), to: .local(directory + "/t.db"), execute: true,
                options: StreamOptions(rejects: directory + "/rejects"), temporaryDirectory: directory)
            let result = try await load.run()
            #expect(result.counts.passed == 20_000 && result.counts.rejected == 2)
            #expect(lines(try read(directory + "/rejects")).count == 2)
        }
    }

    /// What is written is what was checked, or the user is told.
    @Test func aFileThatChangesWhileItIsLoadedIsToldOf() async throws {
        try await withTemporaryDirectory { directory in
            let file = directory + "/in"
            let more = "{\"PK\":{\"S\":\"q\"},\"SK\":{\"S\":\"s\"}}\n"
            for (number, change) in [more, "{\"PK\":{\"S\":\"q\"}}\n"].enumerated() {
                try write(Self.manyLines, to: file)
                let base = try LocalTable.create(
                    path: directory + "/\(number).db", name: "test-table", schema: .standard)
                var load = Load(from: .file(file), to: .standardStream, execute: true, temporaryDirectory: directory)
                load.table = Watching(base: base) {
                    let handle = try? FileHandle(forWritingTo: URL(filePath: file))
                    _ = try? handle?.seekToEnd()
                    try? handle?.write(contentsOf: Data(change.utf8))
                    try? handle?.close()
                }
                let stage = load
                let error = await failure { _ = try await stage.run() }
                #expect(error?.code == .badInput)
                #expect(error?.message.hasPrefix("the input changed while it was loaded") == true)
                try write(Self.manyLines, to: file)
                load.table = base
                #expect(try await load.run().counts.passed == 20_000)
            }
        }
    }

    /// A dry run tells what it would meet, of an incremental export's deletions too.
    @Test func aDryRunTellsWhatIsThere() async throws {
        try await withTemporaryDirectory { directory in
            let table = Location.local(directory + "/t.db")
            func item(_ id: Int, _ n: String) -> String {
                "{\"Item\":{\"PK\":{\"S\":\"p\"},\"SK\":{\"S\":\"\(id)\"},\"n\":{\"N\":\"\(n)\"}}}\n"
            }
            func facts(_ load: Load) async throws -> [String: Int] {
                var counts: [String: Int] = [:]
                for fact in try await load.run().facts {
                    if case .integer(let count) = fact.value { counts[fact.name] = count }
                }
                return counts
            }
            try write((0..<300).map { item($0, "1.0") }.joined(), to: directory + "/old")
            var load = Load(from: .file(directory + "/old"), to: table, execute: false, temporaryDirectory: directory)
            #expect(try await facts(load)["adding"] == nil)
            load.execute = true
            #expect(try await facts(load)["adding"] == nil)
            let deletions = [299, 500].map {
                "{\"DeleteRequest\":{\"Key\":{\"PK\":{\"S\":\"p\"},\"SK\":{\"S\":\"\($0)\"}}}}\n"
            }
            let new =
                (200..<299).map { item($0, "1") } + (100..<150).map { item($0, "2") }
                + (300..<330).map { item($0, "1") }
            try write((new + deletions).joined(), to: directory + "/new")
            load = Load(from: .file(directory + "/new"), to: table, execute: false, temporaryDirectory: directory)
            let found = try await facts(load)
            #expect(found["equal"] == 99 && found["replacing"] == 50 && found["adding"] == 30 && found["deleting"] == 1)
            // What stands for a live table is read only where that was asked for.
            load.table = try LocalTable.open(path: directory + "/t.db")
            load.to = .table("live")
            #expect(try await facts(load)["adding"] == nil)
            load.compares = true
            #expect(try await facts(load) == found)
        }
    }
}
