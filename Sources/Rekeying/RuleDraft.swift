/// A rule file to fill in, drafted from the shapes of keys that a table has.
package struct RuleDraft: Sendable {
    package var shapes: [KeyShape]
    /// Of the key attributes.
    package var partition: String
    package var sort: String?
    /// The draft's name: letters, digits, `.`, `_` and `-`.
    package var name: String
    /// Only shapes whose partition keys begin so are drafted, and their rules are ready; nil drafts all, as comments where there
    /// are several.
    package var prefix: String?

    package init(
        shapes: [KeyShape], partition: String, sort: String?, name: String = "new-keys", prefix: String? = nil
    ) {
        self.shapes = shapes
        self.partition = partition
        self.sort = sort
        self.name = name
        self.prefix = prefix
    }

    /// How the keys of one shape could be gathered under one partition key: `PLAN#{id}` / `META` to `PLAN` / `META#{id}`.
    package struct Proposal: Sendable, Equatable {
        /// Templates, as in a rule file.
        package var from: (partition: String, sort: String)
        package var to: (partition: String, sort: String)
        package var count: Int
        package var example: String
        /// An attribute that tells this kind of item from the others, where there is one.
        package var condition: (name: String, value: String)?

        package static func == (a: Proposal, b: Proposal) -> Bool {
            a.from == b.from && a.to == b.to && a.count == b.count && a.example == b.example
                && a.condition?.name == b.condition?.name && a.condition?.value == b.condition?.value
        }
    }

    /// A proposal for each shape of the form `PREFIX#{id}` / `NAME`; those that differ in the kind of the id alone are one.
    package var proposals: [Proposal] {
        var proposals: [Proposal] = []
        var kinds: [[KeyShape.Variable]] = []
        for shape in shapes {
            guard let parts = Self.gatherable(shape),
                prefix.map({ (parts.head + [parts.separator]).starts(with: $0.utf8) }) ?? true
            else {
                continue
            }
            let head = Self.template(parts.head)
            let name = Self.template(parts.name)
            let separator = Self.template([parts.separator])
            let from = (head + separator, name)
            if let same = proposals.firstIndex(where: {
                $0.from.partition.hasPrefix(from.0 + "{id") && $0.from.sort == name
            }) {
                kinds[same].append(parts.kind)
                proposals[same].count += shape.count
                proposals[same].from.partition = from.0 + Self.capture(kinds[same], separator: separator)
                proposals[same].condition = nil
            } else {
                kinds.append([parts.kind])
                proposals.append(
                    Proposal(
                        from: (from.0 + Self.capture([parts.kind], separator: separator), name),
                        to: (head, "\(name)\(separator){id}"), count: shape.count, example: "\(shape.example)",
                        condition: condition(of: shape)))
            }
        }
        return proposals
    }

    private static func gatherable(
        _ shape: KeyShape
    ) -> (head: [UInt8], separator: UInt8, kind: KeyShape.Variable, name: [UInt8])? {
        guard shape.partition.count == 2, case .literal(let prefix) = shape.partition[0],
            case .variable(let kind) = shape.partition[1], let separator = prefix.last, prefix.count > 1,
            !isLetterOrDigit(separator), let sort = shape.sort, sort.count == 1, case .literal(let name) = sort[0],
            name.allSatisfy({ isLetterOrDigit($0) || "_.-".utf8.contains($0) })
        else { return nil }
        return (prefix.dropLast(), separator, kind, name)
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte >= 0x80
    }

    /// Literal text with its braces doubled.
    private static func template(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: Array(bytes), as: UTF8.self).reduce(into: "") { text, character in
            text.append(character)
            if character == "{" || character == "}" { text.append(character) }
        }
    }

    private static func capture(_ kinds: [KeyShape.Variable], separator: String) -> String {
        let one = Set(kinds).count == 1 ? kinds[0] : .text
        return switch one {
        case .int: "{id:int}"
        case .uuid, .hex: "{id:[0-9a-fA-F-]}"
        case .ulid: "{id:[0-9A-Z]}"
        case .time, .date, .text, .number, .binary:
            "{id:[^\("\\]^-[".contains(separator) ? "\\" : "")\(separator)]}"
        }
    }

    /// An attribute with one value here and another one in another shape.
    private func condition(of shape: KeyShape) -> (name: String, value: String)? {
        shape.constants.first { constant in
            constant.name != partition && constant.name != sort
                && shapes.contains { other in
                    other.constants.contains { $0.name == constant.name && $0.value != constant.value }
                }
        }
    }
}

extension RuleDraft {
    /// The shapes as a table, long ones cut: count, partition key, sort key.
    package var table: [String] {
        let rows =
            [("items", partition, sort ?? "")]
            + shapes.map { ("\($0.count)", Self.short($0.partitionText), Self.short($0.sortText ?? "")) }
        let widths = (rows.map(\.0.count).max() ?? 0, rows.map(\.1.count).max() ?? 0)
        return rows.map { count, first, second in
            let line =
                String(repeating: " ", count: widths.0 - count.count) + count + "  " + first
                + String(repeating: " ", count: widths.1 - first.count) + "  " + second
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }

    private static func short(_ text: String) -> String { text.count <= 48 ? text : "\(text.prefix(47))…" }

    /// The rule file. Lines of `heading` come first, as comments.
    package func yaml(heading: [String]) -> String {
        let proposals = self.proposals
        let isReady = prefix != nil || proposals.count == 1
        var lines = heading.map { "# \($0)" } + ["#"] + table.map { "#   \($0)" } + ["#"]
        lines += [
            "# What no data can tell is yours to fill in. Then:",
            "#   rekey rules check FILE      proves that nothing can be lost",
            "#   rekey rehearse --from EXPORT --rules FILE",
            "# docs/rules.md has the whole language.", "",
            "name: \(name.contains("-") ? name : word(name))", "",
            "# For people: the heading of reports, what one item is called, and the attribute that tells items apart.",
            "# title: WHAT THIS MIGRATION IS CALLED", "# noun: item", "# label: \(labelHint)", "",
            "key: {partition: \(word(partition))\(sort.map { ", sort: " + word($0) } ?? "")}", "",
        ]
        if proposals.isEmpty {
            lines += [
                "# No shape here is PREFIX#{id} / NAME, for which a rule could be drafted. Write your own in this form:",
                "rules:",
                "#  - from: {\(word(partition)): \"OLD#{id}\"\(sort.map { ", \(word($0)): \"NAME\"" } ?? "")}",
                "#    to:   {\(word(partition)): \"NEW\"\(sort.map { ", \(word($0)): \"NAME#{id}\"" } ?? "")}",
            ]
        } else if isReady {
            lines.append("rules:")
        } else {
            lines += [
                "# Take the number signs away from the rules that you want; each stands for all keys of its form, those that",
                "# were not read too.", "rules:",
            ]
        }
        for proposal in proposals { lines += Self.lines(of: proposal, self, isReady: isReady) }
        lines += [
            "", "# Other items that name the moved ones, such as a user's plan, checked before and after:",
            "# references:",
            "#   - in: {\(word(partition)): \"USER#{user}\"\(sort.map { ", \(word($0)): \"META\"" } ?? "")}",
            "#     attribute: plan_id",
            "#     names: {\(word(partition)): \"PLAN\"\(sort.map { ", \(word($0)): \"META#{value}\"" } ?? "")}",
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    private var labelHint: String {
        let names = shapes.first { prefix.map($0.partitionText.hasPrefix) ?? true }?.attributes ?? []
        let others = names.filter { $0 != partition && $0 != sort }
        return others.isEmpty ? "name" : "one of \(others.prefix(12).joined(separator: ", ")), or a path such as dat.nm"
    }

    private static func lines(of proposal: Proposal, _ draft: RuleDraft, isReady: Bool) -> [String] {
        let mark = isReady ? "  " : "#  "
        let (first, second) = (word(draft.partition), word(draft.sort ?? ""))
        let from = "\(first): \(quoted(proposal.from.partition)),"
        let to = "\(first): \(quoted(proposal.to.partition)),"
        let padding = String(repeating: " ", count: max(0, from.count - to.count))
        var lines = [
            "  # \(proposal.count) item\(proposal.count == 1 ? "" : "s"), such as \(proposal.example)",
            "\(mark)- from: {\(from) \(second): \(quoted(proposal.from.sort))}",
            "\(mark)  to:   {\(to)\(padding) \(second): \(quoted(proposal.to.sort))}",
        ]
        if let condition = proposal.condition {
            lines.append("\(mark)  where: {\(word(condition.name)): \(quoted(condition.value))}")
        }
        if proposal.count > 100_000 {
            lines.insert(
                "  # One partition takes 1000 write and 3000 read units a second: too few for so many items?", at: 1)
        }
        return lines
    }
}
