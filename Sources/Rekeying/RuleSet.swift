/// Other items that name the moved ones by a value: after the move, `names` must exist for each.
package struct Reference: Sendable, Equatable {
    /// 1-based line in the rule file; not part of equality.
    package let line: Int
    /// Captures of `in`, in order, then `value`.
    package let captureNames: [String]
    /// Which items hold the reference, the key attributes.
    package let source: KeyPattern
    /// The other attributes of `in`; nil template: must be absent.
    package let sourceAttributes: [TemplateBinding]
    /// Where the value stands in such an item; an item without it refers to nothing.
    package let attribute: AttributePath
    /// The key that must exist, rendered from the captures of `in` and from `value`.
    package let names: KeyPattern

    /// The capture to bind to the attribute's text, which must not be empty, before `names` is rendered.
    package var valueCapture: Int { captureNames.count - 1 }

    let partitionName: AttributeName
    let sortName: AttributeName?

    init(
        in source: [AttributeName: TemplateSyntax?], attribute: AttributePath,
        names: [AttributeName: TemplateSyntax?], partition: AttributeName, sort: AttributeName?, line: Int
    ) {
        // A rule from `in` to `names` has the same captures, with `value` as one that only the target names.
        let rule = Rule(
            from: source, to: names, conditions: [], partition: partition, sort: sort, isRoundtrip: false, line: line)
        self.line = line
        captureNames = Array(rule.captureNames[..<rule.sourceCaptureCount]) + ["value"]
        self.source = rule.source
        sourceAttributes = rule.sourceAttributes
        self.attribute = attribute
        let order = captureNames
        func reindexed(_ template: Template) -> Template {
            Template(template.syntax(names: rule.captureNames, withClasses: false)) { name in
                (order.firstIndex(of: name) ?? order.count - 1, .any)
            }
        }
        self.names = KeyPattern(partition: reindexed(rule.target.partition), sort: rule.target.sort.map(reindexed))
        partitionName = partition
        sortName = sort
    }

    package static func == (a: Reference, b: Reference) -> Bool {
        a.captureNames == b.captureNames && a.source == b.source && a.sourceAttributes == b.sourceAttributes
            && a.attribute == b.attribute && a.names == b.names
    }
}

/// A rule file: what moves where. Parse one with `RuleSet.parse`, prove it with `check`.
package struct RuleSet: Sendable, Equatable {
    /// Letters, digits, `.`, `_` and `-`: fit for a file name.
    package let name: String
    /// The heading of reports; nil if the file has none.
    package let title: String?
    /// What an item is called in messages.
    package let noun: String
    /// Which attribute names an item in messages.
    package let label: AttributePath?
    /// The partition key's attribute.
    package let partition: String
    /// The sort key's attribute; nil for a table without one.
    package let sort: String?
    /// At least one. The first rule that matches an item moves it.
    package let rules: [Rule]
    package let references: [Reference]
    /// Items whose new key would not read back are left alone, where `check` else refuses the rule.
    package let isRoundtrip: Bool
    /// When a migration runs the command that it was given as its hook.
    package let hookPlace: HookPlace

    /// A point in a migration at which nothing of it is under way.
    package enum HookPlace: String, Sendable, CaseIterable {
        /// Every new item was read back, and every old one stands.
        case beforeDelete = "before-delete"
        /// None of the old is left, and the whole table was read.
        case after
    }

    /// The one partition whose items the rules move, where all of them name the same: then a query finds the items.
    package var literalPartition: [UInt8]? {
        guard let first = rules.first?.source.literalPartition,
            rules.allSatisfy({ $0.source.literalPartition == first })
        else { return nil }
        return first
    }

    /// The noun of a file that gives none.
    static let defaultNoun = "item"
}
