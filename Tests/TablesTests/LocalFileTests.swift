import ByteStreams
import Foundation
import Items
import TableContract
import Tables
import TestServers
import TestSupport
import Testing

@Suite struct LocalFileTests {
    @Test func aNewFileIsPrivateAndWhole() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/t.db"
            let table = try LocalTable.create(
                path: path, name: "algoitny_main", schema: .standard, region: "ap-northeast-2")
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            let description = try await table.describe()
            #expect(description.arn == "arn:rekey:local:ap-northeast-2:000000000000:table/algoitny_main")
            #expect(description.account == "000000000000")
            #expect(description.recovery.isEnabled)
            #expect(description.recovery.note == "the file itself")
            #expect(description.id.count == 36)
            try table.close()
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["t.db"])
            // Another table of the same name is another table.
            let other = try LocalTable.create(path: "\(directory)/u.db", name: "algoitny_main", schema: .standard)
            #expect(try await other.describe().id != description.id)
            try other.close()
        }
    }

    /// A table whose creation was killed leaves files that the next one of the same name removes.
    @Test func aKilledCreationIsCleanedUp() throws {
        try withTemporaryDirectory { directory in
            let dead = try endedProcess()
            let others = [".u.db.partial-\(dead)-1a", ".t.db.partial-\(getppid())-1a-wal"]
            let left = ["", "-wal", "-shm", "-journal"].map { ".t.db.partial-\(dead)-1a\($0)" }
            for name in left + others { try Data([1]).write(to: URL(fileURLWithPath: "\(directory)/\(name)")) }
            try LocalTable.create(path: "\(directory)/t.db", name: "t", schema: .standard).close()
            let names = try FileManager.default.contentsOfDirectory(atPath: directory)
            #expect(names.sorted() == (others + ["t.db"]).sorted())
        }
    }

    @Test func openingTellsWhatIsWrong() throws {
        try withTemporaryDirectory { directory in
            func code(_ name: String, _ content: [UInt8]?) throws -> RekeyError.Code? {
                let path = "\(directory)/\(name)"
                if let content { try Data(content).write(to: URL(fileURLWithPath: path)) }
                do {
                    try LocalTable.open(path: path).close()
                    return nil
                } catch {
                    #expect(error.source == path)
                    return error.code
                }
            }
            #expect(try code("missing.db", nil) == .inputMissing)
            #expect(try code("missing/missing.db", nil) == .inputMissing)
            #expect(try code("empty.db", []) == .badInput)
            #expect(try code("text.db", Array(String(repeating: "no table ", count: 99).utf8)) == .badInput)
            #expect(try code(".", nil) == .badInput)
            // Another program's SQLite file, known by its application id.
            let path = "\(directory)/t.db"
            try LocalTable.create(path: path, name: "t", schema: .standard).close()
            let ours = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
            var foreign = ours
            foreign.replaceSubrange(68..<72, with: [0, 0, 0, 0])
            #expect(try code("foreign.db", foreign) == .badInput)
            var newer = ours
            newer[63] = 2
            #expect(try code("newer.db", newer) == .badInput)
            #expect(try code("copy.db", ours) == nil)
            #expect(try code("cut.db", Array(ours.prefix(5000))) == .badInput)
            func codeOfCreating(_ path: String) -> RekeyError.Code? {
                do throws(RekeyError) {
                    try LocalTable.create(path: path, name: "t", schema: .standard).close()
                    return nil
                } catch {
                    return error.code
                }
            }
            #expect(codeOfCreating(path) == .cannotCreate)
            #expect(Array(try Data(contentsOf: URL(fileURLWithPath: path))) == ours)
            #expect(codeOfCreating("\(directory)/no/t.db") == .cannotCreate)
        }
    }

    @Test func openOrCreateKeepsWhatIsThere() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/t.db"
            let item = try Item(validating: Array(#"{"PK":{"S":"p"},"SK":{"S":"s"}}"#.utf8))
            let first = try LocalTable.openOrCreate(path: path, name: "t", schema: .standard)
            _ = try await first.put(item, condition: .absent)
            let id = try await first.describe().id
            try first.close()
            let second = try LocalTable.openOrCreate(path: path, name: "t", schema: .standard)
            #expect(try await second.describe().id == id)
            #expect(try await second.scan(ScanRequest()).items.count == 1)
            try second.close()
            #expect(throws: RekeyError.self) {
                let schema = KeySchema(partition: KeyAttribute(name: "id", type: .number))
                try LocalTable.openOrCreate(path: path, name: "t", schema: schema).close()
            }
        }
    }

    @Test func countsStayExact() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/t.db"
            let table = try LocalTable.create(path: path, name: "t", schema: .standard)
            func item(_ sort: String, _ value: String) throws -> Item {
                try Item(validating: Array(#"{"PK":{"S":"p"},"SK":{"S":"\#(sort)"},"v":{"S":"\#(value)"}}"#.utf8))
            }
            let key = ItemKey(partition: KeyValue("p"), sort: KeyValue("1"))
            _ = try await table.bulkWrite([.put(try item("1", "a")), .put(try item("2", "bb")), .delete(key)])
            _ = try await table.put(try item("2", "a longer one"), condition: .exists)
            _ = try await table.put(try item("3", "c"), condition: .none)
            _ = try await table.put(try item("3", "c"), condition: .absent)
            _ = try await table.delete(key, condition: .none)
            _ = try await table.transactMove([Move(old: try item("3", "c"), new: try item("4", "cccc"))])
            let page = try await table.scan(ScanRequest())
            let description = try await table.describe()
            #expect(page.items.count == 2)
            #expect(description.itemCount == 2)
            #expect(description.sizeBytes == page.items.reduce(0) { $0 + $1.size })
            try table.close()
        }
    }

    @Test func pretendsWhatPreflightLooksAt() async throws {
        try await withTemporaryDirectory { directory in
            let table = try LocalTable.create(path: "\(directory)/t.db", name: "t", schema: .standard)
            try await table.pretend(pointInTimeRecovery: false, stream: true, timeToLiveAttribute: "ttl")
            var description = try await table.describe()
            #expect(!description.recovery.isEnabled)
            #expect(description.recovery.earliestRestorable == nil)
            #expect(description.isStreamEnabled)
            #expect(description.timeToLiveAttribute == "ttl")
            try await table.pretend(pointInTimeRecovery: true, timeToLiveAttribute: .some(nil))
            description = try await table.describe()
            #expect(description.recovery.isEnabled)
            #expect(description.isStreamEnabled)
            #expect(description.timeToLiveAttribute == nil)
            try table.close()
        }
    }

    /// Two handles, as two processes have them: each sees what the other has written.
    @Test func twoHandlesShareAFile() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/t.db"
            let one = try LocalTable.create(path: path, name: "t", schema: .standard)
            let two = try LocalTable.open(path: path)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (number, table) in [one, two].enumerated() {
                    group.addTask {
                        for round in 0..<20 {
                            let json = #"{"PK":{"S":"p\#(round)"},"SK":{"S":"\#(number)"}}"#
                            let item = try Item(validating: Array(json.utf8))
                            _ = try await table.put(item, condition: .absent)
                        }
                    }
                }
                try await group.waitForAll()
            }
            for table in [one, two] {
                #expect(try await table.scan(ScanRequest()).items.count == 40)
                #expect(try await table.describe().itemCount == 40)
            }
            try one.close()
            try two.close()
        }
    }

    /// The lock is held by a process of its own: SQLite's shell, waiting for its standard input.
    @Test func aLockedFileIsGivenUpInTheEnd() async throws {
        guard FileManager.default.isExecutableFile(atPath: "/usr/bin/sqlite3") else { return }
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/t.db"
            let table = try LocalTable.create(path: path, name: "t", schema: .standard, busyTimeout: 0.3)
            let shell = try Conversation(["/usr/bin/sqlite3", "-batch", path], in: directory)
            try shell.say("BEGIN IMMEDIATE; SELECT 'locked';\n")
            #expect(try await shell.firstLine() == "locked")
            let item = try Item(validating: Array(#"{"PK":{"S":"p"},"SK":{"S":"s"}}"#.utf8))
            await #expect {
                _ = try await table.put(item, condition: .none)
            } throws: { error in
                (error as? RekeyError)?.code == .serviceGaveUp
            }
            // Readers do not wait.
            #expect(try await table.scan(ScanRequest()).items.isEmpty)
            try shell.say("ROLLBACK;\n.quit\n")
            shell.end()
            _ = try await table.put(item, condition: .absent)
            #expect(try await table.scan(ScanRequest()).items.count == 1)
            try table.close()
        }
    }
}
