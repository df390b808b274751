import ByteStreams
import Items
import Rekeying
import Stages
import TestSupport
import Testing

@Suite struct SealTests {
    private static let sealed = StreamOptions(requiresSeal: true)

    private func sealedStream(_ directory: String) async throws -> (bytes: [UInt8], digest: Digest) {
        let (plain, path) = (directory + "/plain", directory + "/sealed")
        try write(
            """
            {"Item":{"PK":{"S":"PLAN#1"},"SK":{"S":"META"},"n":{"N":"1.50"}}}
            {"PK":{"S":"é"},"SK":{"S":"x"},"s":{"SS":["b","a"]}}
            {"DeleteRequest":{"Key":{"PK":{"S":"a"},"SK":{"S":"b"}}}}
            {"Item":{"PK":{"S":"PLAN#1"},"SK":{"S":"META"},"n":{"N":"1.50"}}}

            """, to: plain)
        _ = try await Extract(from: .file(plain), output: path, options: StreamOptions(writesSeal: true)).run()
        let digest = try #require(try await DigestStage(from: .file(plain)).run().digest)
        let bytes = try read(path)
        #expect(bytes.starts(with: try read(plain)) && lines(bytes).count == 5)
        return (bytes, digest)
    }

    private func digest(_ bytes: [UInt8], _ options: StreamOptions = sealed) async throws -> Digest? {
        try await withTemporaryDirectory { directory in
            try write(bytes, to: directory + "/stream")
            var options = options
            options.rejects = options.rejects.map { directory + "/" + $0 }
            return try await DigestStage(from: .file(directory + "/stream"), options: options).run().digest
        }
    }

    /// A stream cut at any byte is refused, unless only the newline behind the seal is missing.
    @Test(arguments: [nil, "rejects"])
    func cutAnywhere(rejects: String?) async throws {
        try await withTemporaryDirectory { directory in
            let (bytes, whole) = try await sealedStream(directory)
            let options = StreamOptions(requiresSeal: true, rejects: rejects)
            for length in 0...bytes.count {
                let result = try? await digest(Array(bytes[..<length]), options)
                #expect((result != nil) == (length >= bytes.count - 1), "cut at \(length)")
                if let result { #expect(result == whole) }
            }
        }
    }

    /// A stream in which any byte was changed is refused, unless its value is the same.
    @Test func changedAnywhere() async throws {
        try await withTemporaryDirectory { directory in
            let (bytes, whole) = try await sealedStream(directory)
            for place in bytes.indices {
                for flip in [UInt8(0x01), 0x04, 0x20, 0x80] {
                    var changed = bytes
                    changed[place] ^= flip
                    let result = try? await digest(changed)
                    #expect(result == nil || result == whole, "byte \(place) ^ \(flip)")
                }
            }
        }
    }

    /// A line that is missing is found even where another line was set aside.
    @Test func lostBesideABadLine() async throws {
        try await withTemporaryDirectory { directory in
            let (bytes, _) = try await sealedStream(directory)
            var all = lines(bytes)
            all[0][0] = UInt8(ascii: "x")
            all.remove(at: 2)
            let error = await failure {
                _ = try await digest(Array(all.joined(separator: [0x0A])), StreamOptions(rejects: "rejects"))
            }
            #expect(error?.message.contains("the seal says 4 records, 3 came") == true)
        }
    }

    /// Two seals, a record behind the seal, a seal that white space hides from a look at the end.
    @Test func sealsOutOfPlace() async throws {
        try await withTemporaryDirectory { directory in
            let (bytes, whole) = try await sealedStream(directory)
            let all = lines(bytes)
            let join: ([[UInt8]]) -> [UInt8] = { Array($0.joined(separator: [0x0A])) }
            for wrong in [all + [all[4]], all + [all[0]], [all[4]] + all[..<4]] {
                #expect(await failure { _ = try await digest(join(wrong), StreamOptions()) }?.code == .badInput)
            }
            for count in [400, 500, 600, 2000] {
                let blanks = [UInt8](repeating: UInt8(ascii: " "), count: count)
                #expect(try await digest(bytes.dropLast() + blanks) == whole)
                var changed = all
                changed[0] = Array(String(decoding: all[0], as: UTF8.self).replacing("1.50", with: "1.51").utf8)
                let error = await failure { _ = try await digest(join(changed) + blanks, StreamOptions()) }
                #expect(error?.message.contains("digest") == true, "\(count) blanks hide a changed record")
            }
        }
    }

    /// A seal is held to the records however its name is spelt.
    @Test(arguments: ["Rekey", "\\u0052ekey", "Re\\u006Bey"], [1, 3])
    func escapedSeals(name: String, jobs: Int) async throws {
        try await withTemporaryDirectory { directory in
            let (bytes, _) = try await sealedStream(directory)
            let text = String(decoding: bytes, as: UTF8.self).replacing("Rekey", with: name)
            for (number, isChanged) in [("1.50", false), ("1.51", true)] {
                try write(text.replacing("1.50", with: number), to: directory + "/in")
                let error = await failure {
                    _ = try await Extract(
                        from: .file(directory + "/in"), output: directory + "/out", options: StreamOptions(jobs: jobs)
                    ).run()
                }
                #expect((error?.message.contains("the seal's digest") ?? false) == isChanged)
                #expect(isChanged || error == nil)
            }
        }
    }

    /// `verify` holds each stream to its seal, and asks none of a table or export.
    @Test func verifyHoldsBothSidesToTheirSeals() async throws {
        try await withTemporaryDirectory { directory in
            let (bytes, _) = try await sealedStream(directory)
            let all = lines(bytes)
            let rules = try RuleCase.all[0].rules
            let old = directory + "/old"
            try write("{\"Rekey\":{\"Seal\":{\"count\":0,\"digest\":\"\(Digest().hex)\"}}}\n", to: old)
            for (new, isWhole) in [(all[1] + [0x0A], false), (try read(old), true)] {
                try write(new, to: directory + "/new")
                let error = await failure {
                    _ = try await Verify(
                        old: .file(old), new: .file(directory + "/new"), rules: rules, requiresOldGone: true,
                        options: Self.sealed, temporaryDirectory: directory
                    ).run()
                }
                #expect((error == nil) == isWhole, "\(String(describing: error))")
            }
            let table = Location.local(directory + "/t.db")
            let error = await failure {
                _ = try await Verify(old: table, new: table, rules: rules, options: Self.sealed).run()
            }
            #expect(error?.code == .usage)
        }
    }

    /// What is no file is not made one by mistake.
    @Test(arguments: ["local:t.db", "dynamodb:plans", "S3://bucket/key", "s3:/bucket/key"])
    func anOutputThatIsNoFile(path: String) async throws {
        try await withTemporaryDirectory { directory in
            try write("{\"PK\":{\"S\":\"a\"},\"SK\":{\"S\":\"b\"}}\n", to: directory + "/in")
            let error = await failure { _ = try await Extract(from: .file(directory + "/in"), output: path).run() }
            #expect(error?.code == .usage)
        }
    }

    /// The next stage can tell that this one did not finish.
    @Test func aStageThatFailsWritesNoSeal() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/in"
            try write("{\"PK\":{\"S\":\"a\"},\"SK\":{\"S\":\"b\"}}\n{\n", to: path)
            let error = await failure {
                _ = try await Extract(
                    from: .file(path), output: directory + "/out", options: StreamOptions(writesSeal: true)
                ).run()
            }
            #expect(error?.code == .badInput && error?.line == 2)
            #expect(!fileExists(directory + "/out"))
        }
    }
}
