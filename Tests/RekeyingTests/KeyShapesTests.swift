import Items
import Rekeying
import TestSupport
import Testing

@Suite("Shapes of keys")
struct KeyShapesTests {
    private static func shapes(_ keys: [(String, String)], attributes: [[String: String]] = []) throws -> [KeyShape] {
        var shapes = KeyShapes()
        for (number, key) in keys.enumerated() {
            var members = [
                JSONTree.Member(name: Array("PK".utf8), value: .members(["S": .text(key.0)])),
                JSONTree.Member(name: Array("SK".utf8), value: .members(["S": .text(key.1)])),
            ]
            for (name, value) in number < attributes.count ? attributes[number] : [:] {
                members.append(JSONTree.Member(name: Array(name.utf8), value: .members(["S": .text(value)])))
            }
            let item = try Item(validating: JSONTree.object(members).compact)
            try item.withView { view in shapes.add(try view.key(.standard), view) }
        }
        return shapes.finish()
    }

    private static func texts(_ shapes: [KeyShape]) -> [String] { shapes.map { "\($0.count) \($0.text)" } }

    @Test(
        "A value is cut into what stays and what varies",
        arguments: [
            ("PLAN#1", "PLAN#{int}"), ("PLAN", "PLAN"), ("PLAN-12", "PLAN-{int}"), ("v3", "v{int}"),
            ("A#0b7a3c5e-1111-4222-8333-444455556666", "A#{uuid}"), ("D#2026-11-24", "D#{date}"),
            ("T#2026-11-24T09:00:00Z#x", "T#{time}#x"), ("T#2026-11-24T09:00:00.123+09:00", "T#{time}"),
            ("U#01ARZ3NDEKTSV4RRFFQ69G5FAV", "U#{ulid}"), ("H#0123456789abcdef0", "H#{hex}"), ("a:b/c|d", "a:b/c|d"),
            ("##", "##"), ("한글#1", "한글#{int}"), ("12", "{int}"), ("2026-11-24-x", "2026-11-24-x"),
        ])
    func tokens(value: String, shape: String) throws {
        #expect(Self.texts(try Self.shapes([(value, "META")])) == ["1 \(shape) / META"])
    }

    @Test("Names that hardly repeat are text, kinds in capitals are not")
    func words() throws {
        let names = ["alice", "bob", "carol"].map { ("USER#\($0)", "PROFILE") }
        #expect(Self.texts(try Self.shapes(names)) == ["3 USER#{text} / PROFILE"])
        let kinds = ["USER", "PLAN", "ORDER"].map { ($0, "META") }
        #expect(Self.texts(try Self.shapes(kinds)) == ["1 ORDER / META", "1 PLAN / META", "1 USER / META"])
        // Lower case, but each stands for many.
        let often = (0..<9).map { (["red", "green", "blue"][$0 % 3] + "#\($0)", "META") }
        #expect(
            Self.texts(try Self.shapes(often)) == ["3 blue#{int} / META", "3 green#{int} / META", "3 red#{int} / META"])
    }

    @Test("Many words at one place are text, whatever they look like")
    func manyWords() throws {
        let keys = (0..<300).map { number in ("CITY#\(String(repeating: "A", count: number % 17))B", "X") }
        #expect(Self.texts(try Self.shapes(keys)) == ["300 CITY#{text} / X"])
        let first = (0..<65).map { (String(repeating: "A", count: $0 + 1), "X") }
        #expect(Self.texts(try Self.shapes(first)) == ["65 {text} / X"])
        #expect(try Self.shapes(Array(first.prefix(64))).count == 64)
    }

    @Test("The order of the items does not matter")
    func order() throws {
        var random = SeededGenerator(seed: testSeed("shapes of keys"))
        let words = ["USER", "user", "PLAN", "a", "b", "x9", "7", "2026-11-24", "", "Z-1"]
        let keys = (0..<600).map { _ in
            func value() -> String {
                (0...Int.random(in: 0...2, using: &random)).map { _ in
                    let word = words.randomElement(using: &random)!
                    return word == "user"
                        ? "u" + String(repeating: "q", count: Int.random(in: 0..<30, using: &random)) : word
                }.joined(separator: "#")
            }
            return ("K" + value(), "S" + value())
        }
        let shapes = try Self.shapes(keys)
        #expect(shapes.reduce(0) { $0 + $1.count } == keys.count)
        for _ in 0..<3 { #expect(try Self.shapes(keys.shuffled(using: &random)) == shapes) }
    }

    @Test("Memory is bounded by the kinds of keys, not by their number")
    func bounded() throws {
        var random = SeededGenerator(seed: testSeed("many shapes of keys"))
        let keys = (0..<4000).map { _ in
            let value = (0..<4).map { _ in String(UInt32.random(in: 0..<1_000_000, using: &random), radix: 36) }
            return (value.joined(separator: "#"), value.reversed().joined(separator: "/"))
        }
        let shapes = try Self.shapes(keys)
        #expect(shapes.reduce(0) { $0 + $1.count } == keys.count)
        #expect(shapes.count < 4000)
    }

    @Test("A draft proposes PREFIX / NAME#{id}, with what tells its items from others, and the proof accepts it")
    func draft() throws {
        let users = ["a{b", "cd", "ef", "1"].map { ("USR#\($0)", "META") }
        let plans = [("PLAN#1", "META"), ("PLAN#2", "META"), ("PLAN#2", "LIMITS")]
        let shapes = try Self.shapes(
            plans + users,
            attributes: plans.map { _ in ["tp": "plan"] } + users.map { _ in ["tp": "usr"] })
        var draft = RuleDraft(shapes: shapes, partition: "PK", sort: "SK")
        let proposals = draft.proposals.map {
            "\($0.from.partition) \($0.from.sort) \($0.to.partition) \($0.to.sort) \($0.count) \($0.condition?.value ?? "none")"
        }
        #expect(
            proposals.sorted() == [
                "PLAN#{id:int} LIMITS PLAN LIMITS#{id} 1 plan", "PLAN#{id:int} META PLAN META#{id} 2 plan",
                "USR#{id:[^#]} META USR META#{id} 4 none",
            ])
        draft.prefix = "PLAN#"
        let rules = try RuleSet.parse(yaml: draft.yaml(heading: ["from a test"]), source: "draft")
        #expect(rules.rules.count == 2)
        #expect(rules.check(oneWay: false).isAccepted)
    }
}
