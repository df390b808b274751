#if os(Linux)
    import ByteStreams
    import Foundation
    import TestServers
    import TestSupport
    import Testing

    /// A power cut keeps only what was synced: the real program, with every write, sync and rename of a file written down.
    @Suite struct DurabilityTests {
        /// What was written and not yet synced, call by call.
        private struct Disk {
            /// Files by their path, and folders in which a name is new.
            var unsynced: Set<String> = []
            var broken: [String] = []
            var tableWrites = 0
            var ledgerLines = 0
            var renames = 0

            mutating func take(_ call: String) {
                let space = call.firstIndex(of: " ") ?? call.startIndex
                let path = String(call[space...].dropFirst())
                switch call[..<space] {
                case "write":
                    if Self.isTable(path) {
                        tableWrites += 1
                        // What the way on and back reads has to be there before the table is another one.
                        let missing = unsynced.filter(Self.isOfRun)
                        if !missing.isEmpty { broken.append("\(path) was written before \(missing) was synced") }
                    } else if path.hasSuffix("/ledger.ndjson") {
                        ledgerLines += 1
                        // A step is said to be done once the table holds it.
                        let missing = unsynced.filter(Self.isTable)
                        if !missing.isEmpty { broken.append("the ledger was written before \(missing) was synced") }
                    }
                    // Opening the table makes its log, and changes nothing in it.
                    if path.contains("/.lock-") { unsynced = unsynced.filter { !Self.isTable($0) } }
                    unsynced.insert(path)
                case "sync": unsynced.remove(path)
                case "rename":
                    renames += 1
                    let names = path.split(separator: "\t").map(String.init)
                    let missing = unsynced.filter { $0 == names[0] || $0.hasPrefix(names[0] + "/") }
                    if !missing.isEmpty { broken.append("\(names[1]) got its name before \(missing) was synced") }
                    unsynced.insert(names[1].split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" })
                default: broken.append("not known: \(call)")
                }
            }

            private static func isTable(_ path: String) -> Bool {
                path.hasSuffix("/t.db") || path.hasSuffix("/t.db-wal")
            }

            /// The files and folders of a run but for those that only say how it goes.
            private static func isOfRun(_ path: String) -> Bool {
                guard path.contains("/runs") else { return false }
                let ofProgress = ["/working.json", "/control.json", "/metrics.ndjson"]
                return !path.contains("/.lock-") && !ofProgress.contains { path.hasSuffix($0) }
            }
        }

        /// - Parameter changes: whether another writer changes a plan after it was copied.
        @Test(
            .enabled(
                if: ProcessInfo.processInfo.environment["REKEY_SANITIZER", default: ""].isEmpty,
                "a sanitizer wants to be loaded first"),
            arguments: [("batch", false), ("transact", false), ("batch", true)])
        func nothingIsReliedOnBeforeItIsOnDisk(strategy: String, changes: Bool) async throws {
            try await withTemporaryDirectory { directory in
                let library = try buildLibrary(directory)
                let ground = try await Ground(.local, directory: directory, items: someItems(40), seed: 1)
                try await ground.withRound(1) { round in
                    let calls = directory + "/calls"
                    let program = Program(
                        directory: ground.program.directory,
                        environment: ["LD_PRELOAD": library, "REKEY_TEST_CALLS": calls])
                    var command = ground.migrate(round, strategy: strategy)
                    if changes { command += ["--hook", try changingHook(directory, round)] }
                    try await program.finish(command, "migrate")
                    let run = try #require(try ground.run(round))
                    #expect(fileExists(run + "/delta.ndjson") == changes)
                    let back = changes ? ["--on-conflict", "keep-current"] : []
                    try await program.finish(ground.rollback(round, run) + back, "rollback")
                    var disk = Disk()
                    for call in try String(contentsOfFile: calls, encoding: .utf8).split(separator: "\n") {
                        disk.take(String(call))
                    }
                    #expect(disk.broken.isEmpty, "\(disk.broken.joined(separator: "\n"))")
                    #expect(disk.tableWrites > 3 && disk.ledgerLines > 6 && disk.renames > 4, "\(disk)")
                }
            }
        }

        /// The snapshot is read back from the disk before the first write to the table.
        @Test(
            .enabled(
                if: ProcessInfo.processInfo.environment["REKEY_SANITIZER", default: ""].isEmpty,
                "a sanitizer wants to be loaded first"))
        func aDiskThatAltersTheSnapshotIsFound() async throws {
            try await withTemporaryDirectory { directory in
                let library = try buildLibrary(directory)
                let ground = try await Ground(.local, directory: directory, items: someItems(4), seed: 1)
                try await ground.withRound(1) { round in
                    let program = Program(
                        directory: ground.program.directory,
                        environment: ["LD_PRELOAD": library, "REKEY_TEST_DAMAGE": "data/00000.json.gz"])
                    let before = digest(try await allItems(round.table).values)
                    let ending = try await program.run(ground.migrate(round, strategy: "batch"))
                    #expect(ending.status == 76, "\(ending.said)")
                    #expect(ending.said.contains("the snapshot read back is not what was written"), "\(ending.said)")
                    #expect(ending.said.contains("nothing was written to the table"))
                    #expect(digest(try await allItems(round.table).values) == before)
                }
            }
        }

        /// Network file systems tell of a full disk when a file is closed: standard output too, which nothing else closes.
        @Test(
            .enabled(
                if: ProcessInfo.processInfo.environment["REKEY_SANITIZER", default: ""].isEmpty,
                "a sanitizer wants to be loaded first"),
            arguments: [("-", "/said-"), ("out.ndjson", "/.out.ndjson")])
        func aDiskThatIsFullAtTheCloseIsFound(output: String, named: String) async throws {
            try await withTemporaryDirectory { directory in
                let library = try buildLibrary(directory)
                let path = output == "-" ? output : directory + "/" + output
                let ground = try await Ground(.local, directory: directory, items: someItems(40), seed: 1)
                try await ground.withRound(1) { round in
                    for name in ["/none", named] {
                        let program = Program(
                            directory: directory, environment: ["LD_PRELOAD": library, "REKEY_TEST_FULL": name])
                        let ending = try await program.run(["extract", round.location, "-o", path])
                        let isFull = name == named
                        #expect(ending.status == (isFull ? 74 : 0), "\(ending.said)")
                        #expect(ending.said.contains("closing failed: No space left on device") == isFull)
                        if output == "-" { continue }
                        #expect(fileExists(path) == !isFull)
                        try? FileManager.default.removeItem(atPath: path)
                    }
                }
            }
        }

        /// The library that writes calls down.
        private func buildLibrary(_ directory: String) throws -> String {
            let library = directory + "/file_calls.so"
            let source = #filePath.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" }
            let compiler = try ChildProcess(
                ["clang", "-shared", "-fPIC", "-o", library, source + "/Programs/file_calls.c", "-ldl"],
                changes: [:],
                output: directory + "/compiler", errors: directory + "/compiler")
            let status = compiler.wait()
            let said = try String(contentsOfFile: directory + "/compiler", encoding: .utf8)
            try #require(status == 0, "\(said)")
            return library
        }

        /// A command that changes a plan between its copy and its deletion; its own calls are not written down.
        private func changingHook(_ directory: String, _ round: Ground.Round) throws -> String {
            let rules = planRulesText + "\nhook: before-delete\n"
            try rules.write(toFile: directory + "/rules.yaml", atomically: true, encoding: .utf8)
            let changed = #"{"PK":{"S":"PLAN#3"},"SK":{"S":"META"},"tp":{"S":"plan"},"changed":{"BOOL":true}}"#
            try changed.write(toFile: directory + "/changed.ndjson", atomically: true, encoding: .utf8)
            return
                "env -u LD_PRELOAD \"$(readlink /proc/$PPID/exe)\" load '\(round.location)' --execute --quiet <'\(directory)/changed.ndjson'"
        }
    }
#endif
