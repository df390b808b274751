import ByteStreams
import Foundation
import Items
import Rekeying
import Stages
import TestSupport
import Testing

@Suite struct TransformTests {
    /// There and back is where it began: to the byte, or to the value where keys were written with escapes.
    @Test(arguments: RuleCase.all, [false, true])
    func inverse(rules: RuleCase, escapesKeys: Bool) async throws {
        let seed = testSeed("inverse")
        try await withTemporaryDirectory { directory in
            let (old, new, back) = (directory + "/old.ndjson", directory + "/new.ndjson", directory + "/back.ndjson")
            var generator = LineGenerator(seed: seed, rules: rules, escapesKeys: escapesKeys)
            let text = (0..<600).map { _ in generator.line() + "\n" }.joined()
            try write(text, to: old)
            let there = try await Transform(from: .file(old), rules: rules.rules, output: new).run()
            #expect(there.counts.read == 600 && there.counts.addsUp && there.counts.rejected == 0)
            #expect(there.counts.changed > 300 && there.counts.passed > 100)
            let again = try await Transform(from: .file(new), rules: rules.rules, output: directory + "/x").run()
            #expect(again.counts.changed == 0, "running twice changes something")
            let result = try await Transform(from: .file(new), rules: rules.rules.inverted(), output: back).run()
            #expect(result.counts.changed == there.counts.changed)
            if escapesKeys {
                let before = try await DigestStage(from: .file(old)).run()
                let after = try await DigestStage(from: .file(back)).run()
                #expect(before.digest == after.digest && before.counts == after.counts)
            } else {
                for (was, now) in zip(lines(try read(old)), lines(try read(back))) where was != now {
                    Issue.record(
                        "\(String(decoding: was, as: UTF8.self)) became \(String(decoding: now, as: UTF8.self))")
                    return
                }
                #expect(try read(old) == read(back))
            }
        }
    }

    private let bad: [[UInt8]] = [
        Array("{".utf8), Array("[1]".utf8), Array("{\"Item\":{\"PK\":{\"S\":\"a\"}}}".utf8), Array("null".utf8),
        Array("{\"Item\":{\"PK\":{\"S\":\"PLAN#1\"},\"SK\":{\"S\":\"META\"},\"n\":{\"N\":\"x\"}}}".utf8),
        Array("{\"PK\":{\"S\":\"tab\\u0009\"},\"SK\":\"META\"}".utf8), [0x7B, 0xFF, 0xFE, 0x7D],
        Array("{\"a\":\"\u{1}\"}".utf8),
        Array("é\"\\{}".utf8), Array("{\"Item\":{\"PK\":{\"S\":\"a\"},\"SK\":{\"S\":\"b\"}}} x".utf8),
    ]

    /// What was read is passed, changed or rejected, and every rejected line can be had back from the rejects.
    @Test func badLinesAreSetAside() async throws {
        let seed = testSeed("badLinesAreSetAside")
        try await withTemporaryDirectory { directory in
            let rules = RuleCase.all[0]
            let (old, new, rejects) = (directory + "/old", directory + "/new", directory + "/rejects")
            var generator = LineGenerator(seed: seed, rules: rules)
            var stream: [UInt8] = []
            var good: [UInt8] = []
            var set: [[UInt8]] = []
            var numbers: [Int] = []
            for number in 1...400 {
                if generator.below(5) == 0 {
                    let line = generator.pick(bad)
                    set.append(line)
                    numbers.append(number)
                    stream += line + [0x0A]
                } else {
                    let line = Array((generator.line() + "\n").utf8)
                    good += line
                    stream += line
                }
            }
            try write(stream, to: old)
            let first = await failure {
                _ = try await Transform(from: .file(old), rules: rules.rules, output: new).run()
            }
            #expect(first?.code == .badInput && first?.line == numbers.first && !fileExists(new))
            let error = try await Transform(
                from: .file(old), rules: rules.rules, output: new, options: StreamOptions(rejects: rejects)
            ).run().rejection
            #expect(error?.code == .badInput)
            #expect(error?.message.contains("\(set.count) of 400") == true)
            var back: [[UInt8]] = []
            var places: [Int] = []
            for line in lines(try read(rejects)) {
                let object = try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
                places.append(try #require(object["line"] as? Int))
                #expect(object["reason"] is String && object["byte"] is Int && object["source"] as? String == old)
                if let text = object["record"] as? String {
                    back.append(Array(text.utf8))
                } else {
                    back.append(Array(try #require(Data(base64Encoded: object["recordBase64"] as? String ?? "!"))))
                }
            }
            #expect(places == numbers)
            for (was, now) in zip(set, back) where was != now { Issue.record("\(was) came back as \(now)") }
            let alone = directory + "/good"
            try write(good, to: alone)
            let result = try await Transform(from: .file(alone), rules: rules.rules, output: directory + "/expected")
                .run()
            #expect(result.counts.read == 400 - set.count)
            #expect(try read(new) == read(directory + "/expected"))
        }
    }

    @Test func deletionsNameTheOldKeys() async throws {
        try await withTemporaryDirectory { directory in
            let rules = RuleCase.all[0]
            try write(
                """
                {"Item":{"SK":{"S":"META"},"PK":{"S":"PLAN#1"},"a":{"N":"1"}}}
                {"Item":{"SK":{"S":"META"},"PK":{"S":"USR#1"}}}
                {"PK":{"S":"PLAN#2"},"SK":{"S":"META"}}

                """, to: directory + "/in")
            _ = try await Transform(
                from: .file(directory + "/in"), rules: rules.rules, output: directory + "/out",
                deletes: directory + "/gone", options: StreamOptions(writesSeal: true)
            ).run()
            let gone = String(decoding: try read(directory + "/gone"), as: UTF8.self).split(separator: "\n")
            #expect(
                gone.prefix(2) == [
                    "{\"DeleteRequest\":{\"Key\":{\"PK\":{\"S\":\"PLAN#1\"},\"SK\":{\"S\":\"META\"}}}}",
                    "{\"DeleteRequest\":{\"Key\":{\"PK\":{\"S\":\"PLAN#2\"},\"SK\":{\"S\":\"META\"}}}}",
                ])
            for name in ["/out", "/gone"] {
                _ = try await DigestStage(from: .file(directory + name), options: StreamOptions(requiresSeal: true))
                    .run()
            }
        }
    }

    /// However often a key comes untouched before, a record that is moved onto it is found, and nothing is left behind.
    @Test(arguments: [1, 7, 8, 9, 40])
    func aTakenKey(times: Int) async throws {
        try await withTemporaryDirectory { directory in
            let there = "{\"PK\":{\"S\":\"PLAN\"},\"SK\":{\"S\":\"META#1\"}}\n"
            try write(
                String(repeating: there, count: times) + "{\"PK\":{\"S\":\"PLAN#1\"},\"SK\":{\"S\":\"META\"}}\n",
                to: directory + "/in")
            let out = directory + "/out"
            let error = await failure {
                _ = try await Transform(from: .file(directory + "/in"), rules: RuleCase.all[0].rules, output: out).run()
            }
            #expect(error?.code == .badInput && error?.message.contains("PLAN / META#1") == true)
            #expect(!fileExists(out))
        }
    }

    /// What the rules make of OLD, by `transform`, has the digest that `verify` expects.
    @Test(arguments: RuleCase.all)
    func verifyExpectsWhatTransformMakes(rules: RuleCase) async throws {
        let seed = testSeed("verifyExpectsWhatTransformMakes")
        try await withTemporaryDirectory { directory in
            var generator = LineGenerator(seed: seed, rules: rules)
            let (old, new) = (directory + "/old", directory + "/new")
            var text = ""
            var count = 0
            while count < 200 {
                let line = generator.line()
                // Deletions are nothing that could be compared.
                if !line.contains("NewImage"), line.contains("Keys") || line.contains("DeleteRequest") { continue }
                text += line + "\n"
                count += 1
            }
            try write(text, to: old)
            let moved = try await Transform(from: .file(old), rules: rules.rules, output: new).run()
            let made = try await DigestStage(from: .file(new)).run()
            for everything in [true, false] {
                let result = try await Verify(
                    old: .file(old), new: .file(new), rules: rules.rules, everything: everything,
                    requiresOldGone: true, temporaryDirectory: directory
                ).run()
                #expect(result.isEqual && result.moved == moved.counts.changed && result.oldLeft == 0)
                if everything { #expect(result.expected == made.digest) }
            }
        }
    }
}
