import ByteStreams
import Foundation
import Items
import Rekeying
import Snapshots
import Stages
import TestSupport
import Testing

/// However many workers read a stream, what comes of it is the same to the byte.
@Suite struct JobsTests {
    private static let jobs = [1, 2, 5]

    /// Everything a stage leaves behind: files by name, the error, the counts.
    private struct Outcome: Equatable {
        var files: [String: [UInt8]] = [:]
        var counts: StageCounts?
        var error: RekeyError?
    }

    /// A stream of several blocks; with `damage`, one line in so many is bad.
    private func stream(_ generator: inout LineGenerator, lines: Int, damage: Int? = nil) -> [UInt8] {
        var stream: [UInt8] = []
        for _ in 0..<lines {
            if let damage, generator.below(damage) == 0 {
                stream += generator.pick(["{", "{\"Item\":{}} x", "null", "{\"PK\":{\"N\":\"x\"}}", ""]).utf8
            } else {
                stream += generator.line().utf8
            }
            stream.append(0x0A)
        }
        return stream
    }

    /// Runs `transform` in a directory of its own. The output goes to an open file, so that it shows what came before an error too.
    private func transform(
        _ stream: [UInt8], _ rules: RuleSet, jobs: Int, rejects: Bool = false, seal: Bool = false
    ) async throws -> Outcome {
        try await withTemporaryDirectory { directory in
            try write(stream, to: directory + "/in")
            try write("", to: directory + "/out")
            let descriptor = open(directory + "/out", O_WRONLY)
            defer { close(descriptor) }
            let stage = Transform(
                from: .file(directory + "/in"), rules: rules, output: "/dev/fd/\(descriptor)",
                deletes: directory + "/deletes",
                options: StreamOptions(
                    writesSeal: seal, rejects: rejects ? directory + "/rejects" : nil, jobs: jobs),
                temporaryDirectory: directory)
            var outcome = Outcome()
            do {
                let result = try await stage.run()
                outcome.counts = result.counts
                outcome.error = result.rejection
            } catch let error as RekeyError {
                outcome.error = error
            }
            outcome.error?.source = nil
            outcome.error?.message.replace(directory, with: "")
            for name in ["out", "deletes", "rejects"] where fileExists("\(directory)/\(name)") {
                let text = String(decoding: try read("\(directory)/\(name)"), as: UTF8.self)
                outcome.files[name] = Array(text.replacing(directory, with: "").utf8)
            }
            return outcome
        }
    }

    @Test(arguments: RuleCase.all)
    func transformIsTheSame(rules: RuleCase) async throws {
        var generator = LineGenerator(seed: testSeed("transformIsTheSame"), rules: rules)
        let stream = stream(&generator, lines: 9000)
        #expect(stream.count > 2 * 256 << 10)
        for seal in [false, true] {
            let expected = try await transform(stream, rules.rules, jobs: 1, seal: seal)
            #expect(expected.counts?.read == 9000 && expected.error == nil)
            for jobs in Self.jobs.dropFirst() {
                let outcome = try await transform(stream, rules.rules, jobs: jobs, seal: seal)
                #expect(outcome == expected, "\(jobs) workers")
            }
        }
    }

    @Test func badLinesAreTheSame() async throws {
        var generator = LineGenerator(seed: testSeed("badLinesAreTheSame"), rules: RuleCase.all[0])
        let rules = try RuleCase.all[0].rules
        for damage in [20, 3000, 9000] {
            let stream = stream(&generator, lines: 9000, damage: damage)
            for rejects in [false, true] {
                let expected = try await transform(stream, rules, jobs: 1, rejects: rejects, seal: true)
                if let line = expected.error?.line {
                    // All lines before the first bad one came out, and none behind it.
                    let out = expected.files["out"] ?? []
                    #expect(out.count { $0 == 0x0A } == line - 1)
                }
                for jobs in Self.jobs.dropFirst() {
                    let outcome = try await transform(stream, rules, jobs: jobs, rejects: rejects, seal: true)
                    #expect(outcome == expected, "\(jobs) workers, one bad line in \(damage)")
                }
            }
        }
    }

    /// A seal in the middle: every record behind it is bad, in whatever block it stands.
    @Test(arguments: [10, 4500, 8999])
    func recordsBehindTheSealAreTheSame(place: Int) async throws {
        var generator = LineGenerator(seed: testSeed("recordsBehindTheSeal"), rules: RuleCase.all[0])
        let rules = try RuleCase.all[0].rules
        let seal = Seal(count: place, digest: String(repeating: "0", count: 64)).line
        let stream =
            stream(&generator, lines: place) + Array(seal.utf8) + stream(&generator, lines: 9000 - place)
            + Array(seal.utf8)
        for rejects in [false, true] {
            let expected = try await transform(stream, rules, jobs: 1, rejects: rejects)
            #expect(expected.error?.code == .badInput)
            if !rejects { #expect(expected.error?.line == place + 2) }
            for jobs in Self.jobs.dropFirst() {
                #expect(try await transform(stream, rules, jobs: jobs, rejects: rejects) == expected, "\(jobs) workers")
            }
        }
    }

    @Test func otherStagesAreTheSame() async throws {
        let rules = try RuleCase.all[0].rules
        var generator = LineGenerator(seed: testSeed("otherStagesAreTheSame"), rules: RuleCase.all[0])
        var stream: [UInt8] = []
        while stream.count < 2 << 20 {
            let line = generator.line()
            if line.hasPrefix("{\"Item\"") { stream += Array(line.utf8) + [0x0A] }
        }
        try await withTemporaryDirectory { directory in
            let path = directory + "/in"
            try write(stream, to: path)
            var outcomes: [[[UInt8]]] = []
            for jobs in Self.jobs {
                let options = StreamOptions(writesSeal: true, jobs: jobs)
                let digest = try await DigestStage(from: .file(path), options: options).run()
                let out = "\(directory)/out\(jobs)"
                let extracted = try await Extract(
                    from: .file(path), prefix: "PLAN", output: out, options: options
                ).run()
                _ = try await Transform(
                    from: .file(path), rules: rules, output: out + ".gz", options: options,
                    temporaryDirectory: directory
                ).run()
                let verified = try await Verify(
                    old: .file(path), new: .file(out + ".gz"), rules: rules, differences: out + ".diff",
                    options: StreamOptions(jobs: jobs), temporaryDirectory: directory
                ).run()
                #expect(verified.isEqual && verified.moved > 0)
                let (created, summary) = try await SnapshotCreate(
                    from: .file(path), path: out + ".snapshot", tool: "test", options: StreamOptions(jobs: jobs),
                    temporaryDirectory: directory
                ).run()
                var files = [try read(out), try read(out + ".gz"), try read(out + ".diff")]
                for name in ["manifest-files.json", "rekey.json", "data/00000.json.gz"] {
                    files.append(try read("\(out).snapshot/\(name)"))
                }
                let words =
                    "\(digest.counts.sentence) \(digest.digest?.hex ?? "") \(extracted.counts.sentence) \(created.counts.sentence) \(summary.digest) \(verified.expected.hex)"
                outcomes.append(files + [Array(words.utf8)])
            }
            for outcome in outcomes.dropFirst() { #expect(outcome == outcomes[0]) }
        }
    }
}
