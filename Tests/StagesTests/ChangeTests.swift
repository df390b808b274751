import ByteStreams
import Items
import Rekeying
import Stages
import TestSupport
import Testing

/// Records that name a key beside or in place of an item: changes and deletions.
@Suite struct ChangeTests {
    private static let narrow = """
        name: narrow
        key: {partition: PK, sort: SK}
        rules:
          - from: {PK: "PLAN#{id}", SK: "META"}
            to:   {PK: "PLAN", SK: "META#{id}"}
            where: {tp: plan}
        """
    private static let byAttribute = """
        name: attribute
        key: {partition: PK, sort: SK}
        rules:
          - from: {PK: "PLAN#{id}", SK: "META", code: "{code}"}
            to:   {PK: "PLAN", SK: "{code}#{id}"}
        """

    private static func key(_ partition: String, _ sort: String) -> String {
        "\"PK\":{\"S\":\"\(partition)\"},\"SK\":{\"S\":\"\(sort)\"}"
    }

    private static func change(_ key: String, old: String? = nil, new: String? = nil) -> String {
        "{\"Keys\":{\(key)}" + (old.map { ",\"OldImage\":{\(key)\($0)}" } ?? "")
            + (new.map { ",\"NewImage\":{\(key)\($0)}" } ?? "") + "}"
    }

    private static let plan = ",\"tp\":{\"S\":\"plan\"}"
    private static let moved = key("PLAN#1", "META")
    private static let taken = key("PLAN", "META#1")

    /// An incremental export of these lines.
    private func export(
        _ lines: [String], view: String = "NEW_AND_OLD_IMAGES", in directory: String
    ) throws -> Location {
        let path = directory + "/" + view
        try makeDirectories(path)
        try write(lines.map { $0 + "\n" }.joined(), to: path + "/data.json")
        try write(
            "{\"itemCount\":\(lines.count),\"dataFileS3Key\":\"data.json\"}\n", to: path + "/manifest-files.json")
        try write(
            """
            {"outputFormat":"DYNAMODB_JSON","exportType":"INCREMENTAL_EXPORT","outputView":"\(view)","itemCount":\(lines.count),
            "exportFromTime":"2025-11-24T00:00:00Z","exportToTime":"2025-11-25T00:00:00Z",
            "tableArn":"arn:aws:dynamodb:us-east-1:123456789012:table/t"}
            """, to: path + "/manifest-summary.json")
        return .directory(path)
    }

    private func transform(
        _ lines: [String], _ yaml: String, in directory: String
    ) async throws -> [String] {
        _ = try await Transform(
            from: try export(lines, in: directory), rules: try RuleSet.parse(yaml: yaml, source: "rules"),
            output: directory + "/out", deletes: directory + "/gone", targetKeys: directory + "/targets",
            temporaryDirectory: directory
        ).run()
        return try text(directory + "/out")
    }

    private func text(_ path: String) throws -> [String] {
        String(decoding: try read(path), as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// A deletion of a key that `roundtrip` leaves alone stays what it is.
    @Test func aDeletionOfWhatIsLeftAlone() async throws {
        let yaml = """
            name: roundtrip
            key: {partition: PK, sort: SK}
            roundtrip: true
            rules:
              - from: {PK: "A#{x}", SK: "{y}"}
                to:   {PK: "B", SK: "{x}#{y}"}
            """
        try await withTemporaryDirectory { directory in
            let lines = [
                "{\"DeleteRequest\":{\"Key\":{\(Self.key("A#1#2", "3"))}}}", Self.change(Self.key("A#1#2", "3")),
                Self.change(Self.key("A#1#2", "3"), old: ""),
            ]
            let made = try await transform(lines, yaml, in: directory)
            #expect(made == lines)
        }
    }

    /// Two items under one key are found however they come, and nothing is written then.
    @Test func changesCollide() async throws {
        let records: [String: [String]] = [
            "moved": [
                "{\"Item\":{\(Self.moved)\(Self.plan)}}", Self.change(Self.moved, new: Self.plan),
                Self.change(Self.moved, old: Self.plan, new: Self.plan + ",\"n\":{\"N\":\"1\"}"),
            ],
            "taken": [
                "{\"Item\":{\(Self.taken)}}", Self.change(Self.taken, new: ""),
                Self.change(Self.taken, old: "", new: ",\"n\":{\"N\":\"1\"}"),
            ],
        ]
        try await withTemporaryDirectory { directory in
            for first in records["moved"]! {
                for second in records["moved"]! + records["taken"]! {
                    for lines in [[first, second], [second, first]] {
                        let error = await failure { _ = try await transform(lines, Self.narrow, in: directory) }
                        #expect(error?.code == .badInput && error?.message.contains("PLAN / META#1") == true)
                        for name in ["out", "gone", "targets"] { #expect(!fileExists("\(directory)/\(name)")) }
                    }
                }
                // A deletion puts nothing under its key.
                for deletion in [Self.change(Self.moved, old: Self.plan), Self.change(Self.taken)] {
                    let made = try await transform([first, deletion], Self.narrow, in: directory)
                    #expect(made.count == 2)
                    for name in ["out", "gone", "targets"] { try removeTree("\(directory)/\(name)") }
                }
            }
        }
    }

    /// What a change puts under a new key is named by the deletions and the target keys, as of any other record.
    @Test func changesAreAccountedFor() async throws {
        try await withTemporaryDirectory { directory in
            _ = try await transform(
                [
                    Self.change(Self.moved, old: Self.plan, new: Self.plan),
                    Self.change(Self.key("PLAN#2", "META"), new: Self.plan),
                    Self.change(Self.key("PLAN#3", "META"), old: Self.plan),
                    Self.change(Self.key("PLAN", "META#4"), new: ""), Self.change(Self.key("USR#5", "META"), new: ""),
                ], Self.narrow, in: directory)
            #expect(
                try text(directory + "/gone")
                    == ["PLAN#1", "PLAN#2"].map { "{\"DeleteRequest\":{\"Key\":{\(Self.key($0, "META"))}}}" })
            #expect(
                try text(directory + "/targets")
                    == ["META#1", "META#2", "META#4"].map { "{\"Key\":{\(Self.key("PLAN", $0))}}" })
        }
    }

    /// The keys of a change move where its images do, also where the new key comes from another attribute.
    @Test func keysMoveWithTheirImage() async throws {
        try await withTemporaryDirectory { directory in
            let code = ",\"code\":{\"S\":\"c\"}"
            let made = try await transform(
                [Self.change(Self.moved, old: code, new: code), Self.change(Self.key("PLAN#2", "META"), old: code)],
                Self.byAttribute, in: directory)
            #expect(
                made == [
                    Self.change(Self.key("PLAN", "c#1"), old: code, new: code),
                    Self.change(Self.key("PLAN", "c#2"), old: code),
                ])
        }
    }

    /// A change that says what its item is and not what it was, under a rule that looks at more than the key, is taken only where an export's
    /// manifest says that it is a new item: else the item may have moved before and not now, or now and not before.
    @Test(arguments: [("where", narrow, plan), ("attribute", byAttribute, ",\"code\":{\"S\":\"c\"}")])
    func changesWithoutAnOldImage(name: String, yaml: String, extra: String) async throws {
        let rules = try RuleSet.parse(yaml: yaml, source: name)
        let others = [Self.change(Self.key("USR#1", "META"), new: extra), Self.change(Self.taken, new: extra)]
        for line in [Self.change(Self.moved, new: extra), Self.change(Self.moved, new: "")] {
            try await withTemporaryDirectory { directory in
                try write((others + [line]).map { $0 + "\n" }.joined(), to: directory + "/in")
                let inserts = try export([line], in: directory)
                let unsure = [
                    .file(directory + "/in"), try export(others + [line], view: "NEW_IMAGE", in: directory),
                ]
                for from in unsure {
                    let errors = [
                        await failure { _ = try await Transform(from: from, rules: rules, output: "/dev/null").run() },
                        await failure { _ = try await Extract(from: from, rules: rules, output: "/dev/null").run() },
                    ]
                    for error in errors {
                        #expect(error?.code == .badInput && error?.line == 3, "\(from)")
                        #expect(error?.message.contains("NEW_AND_OLD_IMAGES") == true)
                    }
                }
                let isMoved = line.contains(extra)
                let changed = try await Transform(from: inserts, rules: rules, output: directory + "/out").run().counts
                #expect(changed.changed == (isMoved ? 1 : 0))
                _ = try await Extract(from: inserts, rules: rules, output: directory + "/picked").run()
                #expect(try text(directory + "/picked") == (isMoved ? [line] : []))
            }
        }
    }

    /// Where the key alone decides, and where an attribute that the rule sets was absent or the item refused, it need not be said what was.
    @Test(arguments: ["", ", GSI1PK: \"P#{id}\""])
    func changesWithoutAnOldImageWhereTheKeyDecides(sets: String) async throws {
        let yaml = """
            name: key
            key: {partition: PK, sort: SK}
            rules:
              - from: {PK: "PLAN#{id}", SK: "META"}
                to:   {PK: "PLAN", SK: "META#{id}"\(sets)}
            """
        try await withTemporaryDirectory { directory in
            try write(Self.change(Self.moved, new: Self.plan) + "\n", to: directory + "/in")
            let made = try await Transform(
                from: .file(directory + "/in"), rules: try RuleSet.parse(yaml: yaml, source: "key"),
                output: directory + "/out"
            ).run()
            #expect(made.counts.changed == 1)
        }
    }

    /// Changes are no table's items.
    @Test func noSnapshotOfChanges() async throws {
        try await withTemporaryDirectory { directory in
            let lines = [Self.change(Self.moved, new: Self.plan)]
            try write(lines[0] + "\n", to: directory + "/in")
            let sources = [
                .file(directory + "/in"), try export(lines, in: directory),
                try export(lines, view: "NEW_IMAGE", in: directory),
            ]
            for from in sources {
                let error = await failure {
                    _ = try await SnapshotCreate(
                        from: from, path: directory + "/snapshot", tool: "test", temporaryDirectory: directory
                    ).run()
                }
                #expect(error?.code == .badInput && error?.message.contains("change") == true, "\(from)")
                #expect(!fileExists(directory + "/snapshot"))
            }
        }
    }

    /// A change that contradicts itself is a bad record.
    @Test func contradictions() async throws {
        let other = Self.key("PLAN#9", "META")
        let bad = [
            "{\"Keys\":{\(other)},\"NewImage\":{\(Self.moved)\(Self.plan)}}",
            "{\"Keys\":{\(Self.moved)},\"OldImage\":{\(other)\(Self.plan)},\"NewImage\":{\(Self.moved)\(Self.plan)}}",
        ]
        try await withTemporaryDirectory { directory in
            for line in bad {
                let error = await failure { _ = try await transform([line], Self.narrow, in: directory) }
                #expect(error?.code == .badInput && error?.line == 1)
            }
            let table = Location.local(directory + "/t.db")
            try write(bad[0] + "\n", to: directory + "/in")
            let error = await failure {
                _ = try await Load(
                    from: .file(directory + "/in"), to: table, execute: true, temporaryDirectory: directory
                ).run()
            }
            #expect(error?.code == .badInput && error?.message.contains("NewImage") == true)
        }
    }

    /// `load` finds two changes that put something under one key.
    @Test func loadFindsRepeatedChanges() async throws {
        try await withTemporaryDirectory { directory in
            let table = Location.local(directory + "/t.db")
            let lines = [
                Self.change(Self.moved, new: Self.plan), Self.change(Self.moved, new: ""), Self.change(Self.taken),
            ]
            for (chosen, isBad) in [([0, 1], true), ([0, 2], false), ([1, 2], false)] {
                try write(chosen.map { lines[$0] + "\n" }.joined(), to: directory + "/in")
                let error = await failure {
                    _ = try await Load(
                        from: .file(directory + "/in"), to: table, execute: false, temporaryDirectory: directory
                    ).run()
                }
                #expect((error?.code == .badInput) == isBad)
            }
        }
    }

    /// What `extract --rules` picks is what `transform` changes.
    @Test(
        arguments: RuleCase.all + [
            RuleCase(
                name: "where", yaml: narrow, key: { ("PLAN#\($0)", "META") }, extra: "\"tp\":{\"S\":\"plan\"}",
                isKeyEnough: false)
        ])
    func extractPicksWhatMoves(rules: RuleCase) async throws {
        let seed = testSeed("extractPicksWhatMoves")
        try await withTemporaryDirectory { directory in
            var generator = LineGenerator(seed: seed, rules: rules)
            let lines = (0..<300).map { _ in generator.line() }
            try await expectExtractPicks(lines, rules.rules, directory)
        }
    }

    /// Changes in and out of the `where`, and deletions of which only the key is known.
    @Test func extractLeavesNoChangeOut() async throws {
        let rules = try RuleSet.parse(yaml: Self.narrow, source: "narrow")
        let all = [
            Self.change(Self.moved, old: Self.plan), Self.change(Self.moved, old: "", new: ""),
            Self.change(Self.key("USR", "1")), "{\"DeleteRequest\":{\"Key\":{\(Self.taken)}}}",
            Self.change(Self.key("PLAN#2", "META"), old: Self.plan, new: Self.plan),
            // Not for transform.
            Self.change(Self.moved, old: Self.plan, new: ""), Self.change(Self.moved, old: "", new: Self.plan),
            Self.change(Self.moved), "{\"DeleteRequest\":{\"Key\":{\(Self.moved)}}}",
        ]
        try await withTemporaryDirectory { directory in
            try await expectExtractPicks(Array(all[..<5]), rules, directory)
            for line in all[5...] {
                try write(line + "\n", to: directory + "/in")
                let direct = await failure {
                    _ = try await Transform(from: .file(directory + "/in"), rules: rules, output: directory + "/x")
                        .run()
                }
                let error = await failure {
                    _ = try await Extract(from: .file(directory + "/in"), rules: rules, output: directory + "/picked")
                        .run()
                    _ = try await Transform(
                        from: .file(directory + "/picked"), rules: rules, output: directory + "/x"
                    ).run()
                }
                #expect(direct != nil && error?.message == direct?.message, "\(line)")
            }
        }
    }

    private func expectExtractPicks(_ lines: [String], _ rules: RuleSet, _ directory: String) async throws {
        try write(lines.map { $0 + "\n" }.joined(), to: directory + "/in")
        let all = try await Transform(from: .file(directory + "/in"), rules: rules, output: directory + "/all").run()
        _ = try await Extract(from: .file(directory + "/in"), rules: rules, output: directory + "/picked").run()
        let some = try await Transform(from: .file(directory + "/picked"), rules: rules, output: directory + "/some")
            .run()
        #expect(some.counts.read == all.counts.changed && some.counts.changed == all.counts.changed)
        let changed = zip(lines, try text(directory + "/all")).filter { $0 != $1 }.map(\.1)
        #expect(try text(directory + "/some") == changed)
    }

    /// With rules that have no way back too, a stream ends well exactly where no two of its items come under one key.
    @Test(arguments: [
        ("A#{x:[0-9#]}", "{y:[0-9]}", "B", "{x}#{y}"), ("A#{x}", "{y}", "B", "{x}#{y}"), ("A{x}", "{y}", "B", "{y}"),
        ("A{x}", "{y}", "B#{x}", "{x}#"), ("A#{x}#{y}", "1", "B{y}", "#{x}"),
    ])
    func oneWayRulesCollide(from: (String, String, String, String)) async throws {
        let seed = testSeed("oneWayRulesCollide")
        var random = SeededGenerator(seed: seed)
        let rules = try RuleSet.parse(
            yaml: """
                name: one-way
                key: {partition: PK, sort: SK}
                rules:
                  - from: {PK: "\(from.0)", SK: "\(from.1)"}
                    to:   {PK: "\(from.2)", SK: "\(from.3)"}
                """, source: "one-way")
        #expect(rules.check(oneWay: true).isAccepted)
        let texts = ["1", "2", "#", "1#", "1#2", "#1", "2#1", "1#2#1"]
        // Each key once: `A` and `#1` is `A#` and `1`.
        var partitions: Set<String> = ["A", "B"]
        for start in ["A", "B", "A#", "B#"] { for text in texts { partitions.insert(start + text) } }
        let keys = partitions.sorted().flatMap { partition in texts.map { (partition, $0) } }
        var counts = [false: 0, true: 0]
        try await withTemporaryDirectory { directory in
            for round in 0..<60 {
                let chosen = Array(keys.shuffled(using: &random).prefix(round % 2 == 0 ? 2 : 160))
                var made: Set<String> = []
                for (partition, sort) in chosen {
                    let line = Array("{\(Self.key(partition, sort))}".utf8)
                    var rekeyer = Rekeyer(rules)
                    var scanner = RecordScanner()
                    let key = try line.withUnsafeBytes { bytes in
                        _ = try scanner.scan(bytes)
                        var output = ByteWriter()
                        _ = try rekeyer.rewrite(
                            ItemView(line: bytes, attributes: scanner.attributes), range: 0..<bytes.count, from: 0,
                            into: &output)
                        return String(decoding: output.array, as: UTF8.self)
                    }
                    made.insert(key)
                }
                try write(chosen.map { "{\(Self.key($0, $1))}\n" }.joined(), to: directory + "/in")
                let error = await failure {
                    _ = try await Transform(
                        from: .file(directory + "/in"), rules: rules, output: directory + "/out",
                        temporaryDirectory: directory
                    ).run()
                }
                let collides = made.count < chosen.count
                counts[collides]! += 1
                #expect((error?.code == .badInput) == collides, "seed \(seed): \(chosen)")
            }
        }
        #expect(counts.values.allSatisfy { $0 > 0 }, "\(counts)")
    }

    /// The deletions appear only where the items that stand in for the deleted ones have been written.
    @Test func deletionsComeLast() async throws {
        try await withTemporaryDirectory { directory in
            try write("{\(Self.moved)\(Self.plan)}\n", to: directory + "/in")
            let error = await failure {
                _ = try await Transform(
                    from: .file(directory + "/in"), rules: try RuleSet.parse(yaml: Self.narrow, source: "narrow"),
                    output: "/dev/full", deletes: directory + "/gone", targetKeys: directory + "/targets"
                ).run()
            }
            #expect(error?.code == .inputOutput)
            #expect(!fileExists(directory + "/gone"))
        }
    }
}
