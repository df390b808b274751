package import ByteStreams
import Yams

extension RuleSet {
    /// Reads a rule file. `source` names it in messages. Whatever the language does not know is refused, with its line;
    /// the error's code is always `.rulesRefused`.
    package static func parse(yaml: String, source: String) throws(RekeyError) -> RuleSet {
        let reader = RuleFileReader(source: source)
        return try reader.ruleSet(try reader.root(of: yaml))
    }
}

/// Reads the YAML of one rule file; knows its name, and nothing else, so that every message has a place.
private struct RuleFileReader {
    let source: String

    /// The attributes of the table's key.
    struct Key {
        var partition: AttributeName
        var sort: AttributeName?
    }

    /// One side of a rule, with the line of each attribute.
    struct Side {
        var templates: [AttributeName: TemplateSyntax?] = [:]
        var lines: [AttributeName: Int] = [:]
    }

    func refusal(_ line: Int?, _ message: String) -> RekeyError {
        RekeyError(.rulesRefused, message, source: source, line: line)
    }

    /// A few aliases, each naming others, stand for more nodes than any machine can compare.
    private static let mostAliases = 16

    func root(of yaml: String) throws(RekeyError) -> Node {
        guard Self.aliases(in: yaml) <= Self.mostAliases else {
            throw refusal(nil, "has more than \(Self.mostAliases) YAML aliases (*name); write out what they stand for")
        }
        do {
            if let node = try Yams.compose(yaml: yaml) { return node }
        } catch let error as YamlError {
            switch error {
            case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
                .composer(let context, let problem, let mark, _):
                throw refusal(mark.line, "not YAML: \(context.map { $0.text + " " } ?? "")\(problem)")
            case .duplicatedKeysInMapping(let duplicates, let context):
                throw refusal(
                    context.mark.line, "\(duplicates.sorted().map { "'\($0)'" }.joined(separator: ", ")) is given twice"
                )
            case .reader(let problem, let offset, _, let text):
                // What else the error holds is the file's text.
                let line = offset.map { text.prefix($0).count(where: \.isNewline) + 1 }
                throw refusal(line, "not YAML: \(problem)")
            default: throw refusal(nil, "not YAML: it cannot be read")
            }
        } catch {
            throw refusal(nil, "not YAML: it cannot be read")
        }
        throw refusal(nil, "the rule file is empty; see docs/rules.md for an example")
    }

    /// How many `*name` there are where an alias may stand; those in texts and comments count too.
    private static func aliases(in yaml: String) -> Int {
        let bytes = Array(yaml.utf8)
        return bytes.indices.filter { index in
            guard bytes[index] == UInt8(ascii: "*"), index + 1 < bytes.count, bytes[index + 1] > 0x20 else {
                return false
            }
            return index == 0 || bytes[index - 1] <= 0x20 || "[{,:-?".utf8.contains(bytes[index - 1])
        }.count
    }

    // MARK: - The parts of a file

    func ruleSet(_ root: Node) throws(RekeyError) -> RuleSet {
        let known = ["name", "title", "noun", "label", "key", "rules", "references", "roundtrip", "hook"]
        let fields = try fields(of: root, what: "a rule file", known: known)
        let line = root.mark?.line
        guard let nameNode = fields["name"] else { throw refusal(line, "the rule file has no 'name'") }
        let name = try text(nameNode, "name")
        guard !name.isEmpty, name.utf8.allSatisfy({ Self.nameBytes.contains($0) }) else {
            throw refusal(nameNode.mark?.line, "name '\(name)' may have letters, digits, '.', '_' and '-' only")
        }
        guard let keyNode = fields["key"] else {
            throw refusal(line, "the rule file has no 'key'; write for example key: {partition: PK, sort: SK}")
        }
        let key = try key(keyNode)
        let isRoundtrip = try fields["roundtrip"].map { node throws(RekeyError) in
            guard case .boolean(let value) = try condition(node, "roundtrip") else {
                throw refusal(node.mark?.line, "roundtrip is true or false")
            }
            return value
        }
        guard let rulesNode = fields["rules"] else { throw refusal(line, "the rule file has no 'rules'") }
        var rules: [Rule] = []
        for node in try sequence(rulesNode, "rules") {
            rules.append(try rule(node, key, isRoundtrip: isRoundtrip ?? false))
        }
        guard !rules.isEmpty else { throw refusal(rulesNode.mark?.line, "rules is empty") }
        var references: [Reference] = []
        if let node = fields["references"] {
            for node in try sequence(node, "references") { references.append(try reference(node, key)) }
        }
        return RuleSet(
            name: name,
            title: try fields["title"].map { node throws(RekeyError) in try text(node, "title") },
            noun: try fields["noun"].map { node throws(RekeyError) in try text(node, "noun") } ?? RuleSet.defaultNoun,
            label: try fields["label"].map { node throws(RekeyError) in try path(node, "label") },
            partition: key.partition.text, sort: key.sort?.text, rules: rules, references: references,
            isRoundtrip: isRoundtrip ?? false,
            hookPlace: try fields["hook"].map { node throws(RekeyError) in try hookPlace(node) } ?? .after)
    }

    private static let nameBytes: Set<UInt8> = Set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-".utf8)

    func hookPlace(_ node: Node) throws(RekeyError) -> RuleSet.HookPlace {
        guard let place = RuleSet.HookPlace(rawValue: try text(node, "hook")) else {
            throw refusal(
                node.mark?.line,
                "hook is before-delete or after: when migrate runs its --hook; the command itself does not stand here")
        }
        return place
    }

    func key(_ node: Node) throws(RekeyError) -> Key {
        let fields = try fields(of: node, what: "key", known: ["partition", "sort"])
        guard let partition = fields["partition"] else { throw refusal(node.mark?.line, "key has no 'partition'") }
        let key = Key(
            partition: try attributeName(partition, "partition"),
            sort: try fields["sort"].map { node throws(RekeyError) in try attributeName(node, "sort") })
        guard key.partition != key.sort else {
            throw refusal(node.mark?.line, "partition and sort are the same attribute '\(key.partition)'")
        }
        return key
    }

    func rule(_ node: Node, _ key: Key, isRoundtrip: Bool) throws(RekeyError) -> Rule {
        let fields = try fields(of: node, what: "a rule", known: ["from", "to", "where"])
        let line = node.mark?.line
        guard let fromNode = fields["from"] else { throw refusal(line, "a rule has no 'from'") }
        guard let toNode = fields["to"] else { throw refusal(line, "a rule has no 'to'") }
        let from = try side(fromNode, "from", key)
        let to = try side(toNode, "to", key, allowsClasses: false)
        if let sort = key.sort, to.templates[sort] != nil, from.templates[sort] == nil {
            throw refusal(
                to.lines[sort],
                "to sets the sort key '\(sort)' and from does not name it; say in from what it was, "
                    + "for example \(sort): \"{sort}\"")
        }
        let rule = Rule(
            from: from.templates, to: to.templates,
            conditions: try fields["where"].map { node throws(RekeyError) in
                try conditions(node, taken: Set(from.templates.keys).union(to.templates.keys))
            } ?? [],
            partition: key.partition, sort: key.sort, isRoundtrip: isRoundtrip, line: line ?? 0)
        for place in rule.sourceBindings.flatMap({ $0.template?.places ?? [] }) where place.allowed.isEmpty {
            throw refusal(
                fromNode.mark?.line,
                "from can never match: the classes of {\(rule.captureNames[place.capture])} have no character in common"
            )
        }
        return rule
    }

    func reference(_ node: Node, _ key: Key) throws(RekeyError) -> Reference {
        let fields = try fields(of: node, what: "a reference", known: ["in", "attribute", "names"])
        let line = node.mark?.line
        guard let inNode = fields["in"] else { throw refusal(line, "a reference has no 'in'") }
        guard let attribute = fields["attribute"] else { throw refusal(line, "a reference has no 'attribute'") }
        guard let namesNode = fields["names"] else { throw refusal(line, "a reference has no 'names'") }
        let source = try side(inNode, "in", key)
        let names = try side(namesNode, "names", key, allowsClasses: false)
        if let extra = names.templates.keys.map(\.text).sorted().map(AttributeName.init).first(where: {
            $0 != key.partition && $0 != key.sort
        }) {
            throw refusal(names.lines[extra], "names gives a key, and '\(extra)' is not a key attribute")
        }
        if let sort = key.sort, names.templates[sort] == nil {
            throw refusal(namesNode.mark?.line, "names does not give the sort key '\(sort)'")
        }
        var known: Set<String> = []
        for (_, syntax) in source.templates { known.formUnion(syntax?.captures.map(\.name) ?? []) }
        if known.contains("value") {
            throw refusal(inNode.mark?.line, "{value} stands for the attribute's value; call the capture otherwise")
        }
        for (attribute, syntax) in names.templates.sorted(by: { $0.key.text < $1.key.text }) {
            for (name, _) in syntax?.captures ?? [] where name != "value" && !known.contains(name) {
                throw refusal(names.lines[attribute], "{\(name)} is neither {value} nor a capture of in")
            }
        }
        return Reference(
            in: source.templates, attribute: try path(attribute, "attribute"), names: names.templates,
            partition: key.partition, sort: key.sort, line: line ?? 0)
    }

    /// `from`, `to`, `in` or `names`: templates by attribute.
    func side(_ node: Node, _ what: String, _ key: Key, allowsClasses: Bool = true) throws(RekeyError) -> Side {
        var side = Side()
        for (name, value) in try entries(of: node, what: what) {
            let attribute = try attributeName(name, what)
            let line = name.mark?.line
            side.lines[attribute] = line
            let isKey = attribute == key.partition || attribute == key.sort
            guard let scalar = value.scalar else {
                throw refusal(line, "\(what): the template of '\(attribute)' is not a text; put it in double quotes")
            }
            if scalar.style == .plain, Self.nulls.contains(scalar.string) {
                guard !isKey else {
                    throw refusal(line, "\(what): '\(attribute)' is a key attribute, which is never absent")
                }
                side.templates[attribute] = .some(nil)
                continue
            }
            let syntax: TemplateSyntax
            do {
                syntax = try TemplateSyntax(scalar.string)
            } catch {
                throw refusal(line, "\(what): \(attribute): \(error.reason)")
            }
            if isKey, syntax.parts.isEmpty {
                throw refusal(line, "\(what): '\(attribute)' is a key attribute, which is never empty")
            }
            if !allowsClasses, let first = syntax.captures.first(where: { $0.allowed != nil }) {
                let where_ = what == "to" ? "from" : "in"
                throw refusal(
                    line,
                    "\(what): \(attribute): write {\(first.name)} here; the class of a capture stands in \(where_)")
            }
            side.templates[attribute] = syntax
        }
        guard side.templates[key.partition] != nil else {
            throw refusal(node.mark?.line, "\(what) does not name the partition key '\(key.partition)'")
        }
        return side
    }

    func conditions(_ node: Node, taken: Set<AttributeName>) throws(RekeyError) -> [Condition] {
        var conditions: [Condition] = []
        for (name, value) in try entries(of: node, what: "where") {
            let path = try path(name, "where")
            if taken.contains(AttributeName(path.names[0])) {
                throw refusal(
                    name.mark?.line,
                    "where names '\(path.names[0])', which from or to names already; put its value into from")
            }
            conditions.append(Condition(path: path, value: try condition(value, "where: \(path.text)")))
        }
        return conditions
    }

    // MARK: - Scalars

    private static let nulls: Set<String> = ["null", "Null", "NULL", "~", ""]

    /// A scalar's type as in YAML 1.2; what older YAML reads otherwise has to be quoted.
    func condition(_ node: Node, _ what: String) throws(RekeyError) -> Condition.Value {
        guard let scalar = node.scalar else {
            throw refusal(node.mark?.line, "\(what) has no single value; write a text, a number, true, false or null")
        }
        let text = scalar.string
        guard scalar.style == .plain else { return .string(text) }
        if Self.nulls.contains(text) { return .null }
        switch text {
        case "true", "True", "TRUE": return .boolean(true)
        case "false", "False", "FALSE": return .boolean(false)
        default: break
        }
        let lower = text.lowercased()
        if ["yes", "no", "on", "off", "y", "n"].contains(lower) {
            throw refusal(
                scalar.mark?.line, "\(what): YAML versions read \(text) differently; write true, false or \"\(text)\"")
        }
        if let first = text.utf8.first, Self.numberStarts.contains(first) {
            if let number = Condition.Value.reading(number: text) {
                let digits = text.utf8.drop { !ByteSet.digits.contains($0) }
                let second = digits.dropFirst().first
                if digits.first == UInt8(ascii: "0"), second.map({ ByteSet.digits.contains($0) }) ?? false {
                    throw refusal(
                        scalar.mark?.line,
                        "\(what): YAML versions read \(text) differently; quote it for a text, "
                            + "or leave out the leading zeros for a number")
                }
                return number
            }
            if lower.utf8.allSatisfy({ Self.numberBytes.contains($0) }) {
                throw refusal(
                    scalar.mark?.line,
                    "\(what): \(text) is not a number that DynamoDB holds; put it in double quotes if it is a text")
            }
        }
        return .string(text)
    }

    private static let numberStarts: Set<UInt8> = Set("+-.0123456789".utf8)
    /// What numbers of any YAML version consist of, `0x1f`, `1_000`, `.inf` and `.nan` included.
    private static let numberBytes: Set<UInt8> = Set("+-._0123456789abcdefxoinf".utf8)

    func text(_ node: Node, _ what: String) throws(RekeyError) -> String {
        guard let scalar = node.scalar, !scalar.string.isEmpty else {
            throw refusal(node.mark?.line, "\(what) is not a text")
        }
        return scalar.string
    }

    func attributeName(_ node: Node, _ what: String) throws(RekeyError) -> AttributeName {
        guard let scalar = node.scalar, !scalar.string.isEmpty else {
            throw refusal(node.mark?.line, "\(what): an attribute's name is not a text")
        }
        return AttributeName(scalar.string)
    }

    func path(_ node: Node, _ what: String) throws(RekeyError) -> AttributePath {
        let text = try text(node, what)
        guard let path = AttributePath(text) else {
            throw refusal(
                node.mark?.line,
                "\(what): '\(text)' is no path; write names with dots between them, and \\. for a dot in a name")
        }
        return path
    }

    // MARK: - Collections

    func sequence(_ node: Node, _ what: String) throws(RekeyError) -> [Node] {
        guard let sequence = node.sequence else {
            throw refusal(node.mark?.line, "\(what) is not a list, whose entries begin with a dash, as - from: {…}")
        }
        return Array(sequence)
    }

    func entries(of node: Node, what: String) throws(RekeyError) -> [(key: Node, value: Node)] {
        guard let mapping = node.mapping else {
            throw refusal(node.mark?.line, "\(what) is not a mapping of names to values")
        }
        return Array(mapping)
    }

    func fields(of node: Node, what: String, known: [String]) throws(RekeyError) -> [String: Node] {
        var fields: [String: Node] = [:]
        for (name, value) in try entries(of: node, what: what) {
            guard let text = name.scalar?.string, known.contains(text) else {
                throw refusal(
                    name.mark?.line,
                    "unknown field '\(name.scalar?.string ?? "?")' in \(what); known are \(known.joined(separator: ", "))"
                )
            }
            fields[text] = value
        }
        return fields
    }
}
