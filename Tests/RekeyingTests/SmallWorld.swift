import Rekeying
import TestSupport

/// A key of the small tables that these tests enumerate; `sort` is nil in a table without one.
struct SmallKey: Hashable, CustomStringConvertible {
    var partition: String
    var sort: String?

    var description: String { partition + (sort.map { " / \($0)" } ?? "") }
}

/// All texts over `alphabet` of 1 to `length` characters.
func allTexts(_ alphabet: String, upTo length: Int) -> [String] {
    var all: [String] = []
    var last = [""]
    for _ in 0..<length {
        last = last.flatMap { text in alphabet.map { text + String($0) } }
        all += last
    }
    return all
}

/// A template by the letter of docs/rules.md, without a thought for speed: what the real one is compared with.
struct PlainTemplate {
    enum Part {
        case literal(String)
        case capture(String, CaptureClass)
    }

    enum CaptureClass: String, CaseIterable {
        case any = ""
        case digits = ":int"
        case notHash = ":[^#]+"
        case letters = ":[ab]"
        case notSlashOrOne = ":[^/1]"

        func allows(_ character: Character) -> Bool {
            switch self {
            case .any: true
            case .digits: ("0"..."9").contains(character)
            case .notHash: character != "#"
            case .letters: character == "a" || character == "b"
            case .notSlashOrOne: character != "/" && character != "1"
            }
        }
    }

    var parts: [Part] = []

    func text(withClasses: Bool) -> String {
        parts.map { part in
            switch part {
            case .literal(let text): text
            case .capture(let name, let allowed): "{\(name)\(withClasses ? allowed.rawValue : "")}"
            }
        }.joined()
    }

    var captures: [String] {
        parts.compactMap { part in if case .capture(let name, _) = part { name } else { nil } }
    }

    func render(_ values: [String: String]) -> String? {
        var text = ""
        for part in parts {
            switch part {
            case .literal(let literal): text += literal
            case .capture(let name, _):
                guard let value = values[name] else { return nil }
                text += value
            }
        }
        return text
    }

    /// All ways to cut `text` into the parts with non-empty captures, or only the one that the language chooses.
    func readings(of text: String, given: [String: String], firstOnly: Bool) -> [[String: String]] {
        Self.readings(parts[...], Array(text)[...], given, firstOnly)
    }

    private static func readings(
        _ parts: ArraySlice<Part>, _ text: ArraySlice<Character>, _ given: [String: String], _ firstOnly: Bool
    ) -> [[String: String]] {
        guard let part = parts.first else { return text.isEmpty ? [given] : [] }
        let rest = parts.dropFirst()
        switch part {
        case .literal(let literal):
            return text.starts(with: literal) ? readings(rest, text.dropFirst(literal.count), given, firstOnly) : []
        case .capture(let name, let allowed):
            var following = ""
            if case .literal(let literal)? = rest.first { following = literal }
            var ends = (1..<(text.count + 1)).filter { text.dropFirst($0).starts(with: following) }
            if following.isEmpty { ends = text.isEmpty ? [] : [text.count] }
            if firstOnly { ends = Array(ends.prefix(1)) }
            return ends.flatMap { end -> [[String: String]] in
                let value = String(text.prefix(end))
                guard value.allSatisfy(allowed.allows), given[name] ?? value == value else { return [] }
                return readings(rest, text.dropFirst(end), given.merging([name: value]) { $1 }, firstOnly)
            }
        }
    }
}

/// A rule by the letter of docs/rules.md.
struct PlainRule {
    var from: (partition: PlainTemplate, sort: PlainTemplate?)
    var to: (partition: PlainTemplate, sort: PlainTemplate?)

    var text: String {
        func side(_ side: (partition: PlainTemplate, sort: PlainTemplate?), _ withClasses: Bool) -> String {
            "{PK: '\(side.partition.text(withClasses: withClasses))'"
                + (side.sort.map { ", SK: '\($0.text(withClasses: withClasses))'" } ?? "") + "}"
        }
        return "  - from: \(side(from, true))\n    to: \(side(to, false))\n"
    }

    /// Whether some capture stands twice on one side, so that the proof says less than it could.
    var repeatsCaptures: Bool {
        [from, to].contains { side in
            let names = side.partition.captures + (side.sort?.captures ?? [])
            return Set(names).count != names.count
        }
    }

    static func readings(
        _ side: (partition: PlainTemplate, sort: PlainTemplate?), of key: SmallKey, firstOnly: Bool
    ) -> [[String: String]] {
        side.partition.readings(of: key.partition, given: [:], firstOnly: firstOnly).flatMap { values in
            guard let template = side.sort else { return [values] }
            return template.readings(of: key.sort ?? "", given: values, firstOnly: firstOnly)
        }
    }

    /// `to` with a sort key that stays as `from` asks.
    var target: (partition: PlainTemplate, sort: PlainTemplate?) { (to.partition, to.sort ?? from.sort) }

    func render(
        _ side: (partition: PlainTemplate, sort: PlainTemplate?), _ values: [String: String], sort: String?
    ) -> SmallKey? {
        guard let partition = side.partition.render(values) else { return nil }
        guard let template = side.sort else { return SmallKey(partition: partition, sort: sort) }
        return template.render(values).map { SmallKey(partition: partition, sort: $0) }
    }

    /// Where the rule moves `key`; with `roundtrip` only if the new key reads back.
    func move(_ key: SmallKey, isRoundtrip: Bool) -> SmallKey? {
        guard let values = Self.readings(from, of: key, firstOnly: true).first,
            let new = render(target, values, sort: key.sort)
        else { return nil }
        if isRoundtrip {
            guard let back = Self.readings(target, of: new, firstOnly: true).first,
                back.allSatisfy({ values[$0.key] == $0.value })
            else { return nil }
        }
        return new
    }

    /// Whether some old key moves to `key`.
    func makes(_ key: SmallKey, isRoundtrip: Bool) -> Bool {
        Self.readings(target, of: key, firstOnly: false).contains { values in
            render(from, values, sort: key.sort).flatMap { move($0, isRoundtrip: isRoundtrip) } == key
        }
    }
}

/// Random rule files over the alphabet of the enumerated keys.
struct RuleFileGenerator {
    var random: SeededGenerator
    let hasSort: Bool

    struct File {
        var rules: [PlainRule]
        var isRoundtrip: Bool
        var text: String
    }

    private mutating func chance(_ odds: Int) -> Bool { Int.random(in: 0..<odds, using: &random) == 0 }

    private mutating func literal(_ lengths: ClosedRange<Int>) -> String {
        String((0..<Int.random(in: lengths, using: &random)).map { _ in "ab#1/".randomElement(using: &random)! })
    }

    private mutating func template(_ captures: [String], withClasses: Bool) -> PlainTemplate {
        var template = PlainTemplate()
        func append(_ literal: String) {
            if !literal.isEmpty { template.parts.append(.literal(literal)) }
        }
        append(literal(captures.isEmpty ? 1...3 : 0...2))
        for (index, capture) in captures.enumerated() {
            let allowed =
                withClasses && chance(3) ? PlainTemplate.CaptureClass.allCases.randomElement(using: &random)! : .any
            template.parts.append(.capture(capture, allowed))
            append(literal(index + 1 < captures.count ? 1...2 : chance(2) ? 0...0 : 0...2))
        }
        return template
    }

    private mutating func side(_ captures: [String], withClasses: Bool) -> (
        partition: PlainTemplate, sort: PlainTemplate?
    ) {
        guard hasSort else { return (template(captures, withClasses: withClasses), nil) }
        let cut = Int.random(in: 0...captures.count, using: &random)
        let partition = template(Array(captures[..<cut]), withClasses: withClasses)
        return (partition, template(Array(captures[cut...]), withClasses: withClasses))
    }

    private mutating func rule() -> PlainRule {
        var captures = Array(["x", "y", "z"].prefix([0, 1, 1, 1, 1, 2, 2, 3].randomElement(using: &random)!))
        if captures.count == 2, chance(6) { captures[1] = "x" }
        if hasSort, chance(6) {
            // The sort key stays: whatever it is, or as from asks.
            let asked = chance(2) ? template(["s"], withClasses: true) : nil
            return PlainRule(
                from: (template(captures, withClasses: true), asked),
                to: (template(captures.shuffled(using: &random), withClasses: false), nil))
        }
        let from = side(captures, withClasses: true)
        if chance(12), !captures.isEmpty { captures.removeLast() }
        return PlainRule(from: from, to: side(captures.shuffled(using: &random), withClasses: false))
    }

    mutating func file() -> File {
        let rules = (0..<[1, 1, 2, 2, 3].randomElement(using: &random)!).map { _ in rule() }
        let isRoundtrip = chance(4)
        let text =
            "name: random\nkey: {partition: PK\(hasSort ? ", sort: SK" : "")}\n"
            + (isRoundtrip ? "roundtrip: true\n" : "") + "rules:\n" + rules.map(\.text).joined()
        return File(rules: rules, isRoundtrip: isRoundtrip, text: text)
    }
}
