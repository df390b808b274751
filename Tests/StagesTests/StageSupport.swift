import ByteStreams
import Items
import Rekeying
import Stages
import TestSupport
import Testing

/// A rule set and the old keys that it moves.
struct RuleCase: Sendable, CustomTestStringConvertible {
    var name: String
    var yaml: String
    var hasSort = true
    /// The key of the item with this identifier.
    var key: @Sendable (_ id: String) -> (partition: String, sort: String)
    /// What every moved item has beside.
    var extra = ""
    /// Whether a key alone says which rule moves it.
    var isKeyEnough = true

    var testDescription: String { name }
    var rules: RuleSet { get throws { try RuleSet.parse(yaml: yaml, source: name) } }

    static let all = [
        RuleCase(
            name: "plan",
            yaml: """
                name: plan
                key: {partition: PK, sort: SK}
                rules:
                  - from: {PK: "PLAN#{id}", SK: "META"}
                    to:   {PK: "PLAN", SK: "META#{id}"}
                """, key: { ("PLAN#\($0)", "META") }),
        RuleCase(
            name: "partition key alone",
            yaml: """
                name: alone
                key: {partition: PK}
                rules:
                  - from: {PK: "A#{id}"}
                    to:   {PK: "B#{id}"}
                """, hasSort: false, key: { ("A#\($0)", "") }),
        RuleCase(
            name: "sort key stays",
            yaml: """
                name: stays
                key: {partition: PK, sort: SK}
                rules:
                  - from: {PK: "A#{id}"}
                    to:   {PK: "B#{id}"}
                """, key: { ("A#\($0)", "S\"\($0)") }),
        RuleCase(
            name: "index key set",
            yaml: """
                name: index
                key: {partition: PK, sort: SK}
                rules:
                  - from: {PK: "ORD#{id}", SK: "META"}
                    to:   {PK: "ORD", SK: "META#{id}", GSI1PK: "O#{id}"}
                """, key: { ("ORD#\($0)", "META") }, isKeyEnough: false),
        RuleCase(
            name: "where and int",
            yaml: """
                name: narrow
                key: {partition: PK, sort: SK}
                rules:
                  - from: {PK: "N#{n:int}", SK: "X#{rest:[^#]}"}
                    to:   {PK: "N#{rest}", SK: "{n}"}
                    where: {tp: x, dat.k: 3}
                """,
            key: { id in ("N#\(id.utf8.reduce(7) { ($0 * 31 + Int($1)) % 1_000_003 })", "X#\(id.filter { $0 != "#" })")
            },
            extra: "\"tp\":{\"S\":\"x\"},\"dat\":{\"M\":{\"k\":{\"N\":\"3.0\"}}}", isKeyEnough: false),
    ]
}

/// Draws lines of a stream.
struct LineGenerator {
    var random: SeededGenerator
    var rules: RuleCase
    /// Whether keys are written with escapes that JSON does not need.
    var escapesKeys = false
    private var count = 0

    init(seed: UInt64, rules: RuleCase, escapesKeys: Bool = false) {
        random = SeededGenerator(seed: seed)
        self.rules = rules
        self.escapesKeys = escapesKeys
    }

    mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }
    mutating func pick<T>(_ all: [T]) -> T { all[below(all.count)] }

    private mutating func string(_ text: String) -> String {
        var result = "\""
        for unit in text.unicodeScalars {
            if unit == "\"" || unit == "\\" {
                result += "\\" + String(unit)
            } else if escapesKeys, unit.value < 0x10000, below(3) == 0 {
                let digits = String(unit.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            } else {
                result.unicodeScalars.append(unit)
            }
        }
        return result + "\""
    }

    private mutating func space() -> String { below(12) == 0 ? pick([" ", "\t", "  "]) : "" }

    private mutating func attribute(_ number: Int) -> String {
        let value = pick([
            "{\"S\":\"\\u00e9é \\\"#😀\"}", "{\"N\":\"1.50\"}", "{\"N\":\"1E+2\"}", "{\"N\":\"-0.0\"}",
            "{\"BOOL\":true}",
            "{\"NULL\":true}", "{\"L\":[{\"S\":\"\"},{\"M\":{}}]}", "{\"SS\":[\"b\",\"a\"]}", "{\"B\":\"AAE=\"}",
            "{\"M\":{\"PK\":{\"S\":\"PLAN#1\"},\"x\":{\"NS\":[\"1\",\"2.0\"]}}}",
            "{\"N\":\"12345678901234567890123456789012345678\"}",
        ])
        return "\"a\(number)\":\(space())\(value)"
    }

    private mutating func shuffled(_ parts: [String]) -> String {
        "{\(space())" + parts.shuffled(using: &random).joined(separator: "\(space()),\(space())") + "\(space())}"
    }

    private mutating func key() -> [String] {
        count += 1
        let id = "\(count)" + pick(["", "é", "-x", "#y", "\"", "\\"])
        var key = rules.key(id)
        if below(3) == 0 { key = ("OTHER#\(id)", "META") }
        var parts = ["\"PK\":\(space()){\"S\":\(space())\(string(key.partition))}"]
        if rules.hasSort { parts.append("\"SK\":{\"S\":\(string(key.sort))}") }
        return parts
    }

    private mutating func image(_ key: [String]) -> String {
        shuffled(key + (rules.extra.isEmpty ? [] : [rules.extra]) + (0..<below(4)).map { attribute($0) })
    }

    /// One record; no two have the same key.
    mutating func line() -> String {
        let key = key()
        switch below(rules.isKeyEnough ? 8 : 6) {
        case 0: return image(key)
        case 1: return "{\"PutRequest\":\(space()){\"Item\":\(image(key))}}"
        // Where the key is not enough, a stream of changes has to say what was before.
        case 2 where rules.isKeyEnough:
            return
                "{\"Metadata\":{\"WriteTimestampMicros\":{\"N\":\"1\"}},\"Keys\":\(shuffled(key)),\"NewImage\":\(image(key))}"
        case 3:
            return
                "{\"Keys\":\(shuffled(key)),\"OldImage\":\(image(key)),\(space())\"NewImage\":\(image(key)),\"Metadata\":{\"WriteTimestampMicros\":{\"N\":\"1\"}}}"
        case 6: return "{\"DeleteRequest\":{\"Key\":\(shuffled(key))}}"
        case 7: return "{\"Metadata\":{\"WriteTimestampMicros\":{\"N\":\"1\"}},\"Keys\":\(shuffled(key))}"
        default: return "{\"Item\":\(space())\(image(key))}"
        }
    }
}

/// Writes a file as it is.
func write(_ bytes: [UInt8], to path: String) throws {
    let sink = try openSink(path, compression: .none)
    try sink.write(bytes)
    try sink.finish()
}

func write(_ text: String, to path: String) throws { try write(Array(text.utf8), to: path) }

func read(_ path: String) throws -> [UInt8] { try readWhole(path, limit: 1 << 26) }

func lines(_ bytes: [UInt8]) -> [[UInt8]] { bytes.split(separator: 0x0A).map { Array($0) } }

/// The error that `body` ends with.
func failure(_ body: () async throws -> Void) async -> RekeyError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? RekeyError ?? RekeyError(.unexpected, "\(error)")
    }
}
