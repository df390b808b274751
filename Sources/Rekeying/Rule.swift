/// What `from` or `to` says of one attribute.
package struct TemplateBinding: Sendable, Equatable {
    package let attribute: AttributeName
    /// Nil where the file says `null`: in `from` the attribute must be absent, in `to` it is removed.
    package let template: Template?
}

/// The key attributes on one side of a rule.
package struct KeyPattern: Sendable, Equatable {
    package let partition: Template
    /// Nil where any sort key will do (it is left as it is), and in a table without one.
    package let sort: Template?

    /// The one partition key this side can have, where it can have only one: then a query finds its items.
    package var literalPartition: [UInt8]? { partition.isLiteral ? partition.literals : nil }
    /// What every partition key of this side begins with; may be empty.
    package var literalPartitionPrefix: [UInt8] { partition.literalPrefix }
    /// What every sort key of this side begins with, for `begins_with`; may be empty.
    package var literalSortPrefix: [UInt8] { sort?.literalPrefix ?? [] }
    /// The one sort key this side can have, where it can have only one.
    package var literalSort: [UInt8]? { sort.flatMap { $0.isLiteral ? $0.literals : nil } }

    /// Matches a key, into `captures` as they stand. `sortKey` is nil in a table without one.
    package func match(
        partitionKey: UnsafeRawBufferPointer, sortKey: UnsafeRawBufferPointer?, into captures: inout CaptureTable
    ) -> Bool {
        guard partition.match(partitionKey, into: &captures) else { return false }
        guard let sort else { return true }
        guard let sortKey else { return false }
        return sort.match(sortKey, into: &captures)
    }
}

/// One rule: which items move, and what becomes of their attributes.
///
/// To apply it: `captures.reset(count: rule.captureNames.count)`; `source.match` on the key; each of `sourceAttributes`
/// (a template matches strings only); `admits(captures)`; `conditions`. If all hold, the new key is `target` rendered
/// (a `target.sort` of nil leaves the sort key as it is) and each of `targetAttributes` is set or removed.
package struct Rule: Sendable {
    /// 1-based line in the rule file; 0 for a rule that was made. Not part of a rule's equality.
    package let line: Int
    /// The captures of `from` in the order of its attributes, then those that only `to` names.
    package let captureNames: [String]
    /// How many of `captureNames` are captures of `from`; the others have no value, and `check` refuses them.
    package let sourceCaptureCount: Int
    /// The old key.
    package let source: KeyPattern
    /// The new key; its sort is the source's where `to` does not name it.
    package let target: KeyPattern
    /// The other attributes of `from`, with those that `to` sets and `from` does not name as absent.
    package let sourceAttributes: [TemplateBinding]
    /// The other attributes of `to`.
    package let targetAttributes: [TemplateBinding]
    /// All must hold; sorted by path.
    package let conditions: [Condition]
    /// Whether items whose new key would not read back are left alone: `roundtrip: true` of the rule set.
    package let isRoundtrip: Bool

    /// Whether `to` names the sort key itself.
    let targetNamesSort: Bool
    let partitionName: AttributeName
    let sortName: AttributeName?

    /// What the captures must hold for `source` to read back; places where any value does are left out.
    private let sourcePlaces: [CapturePlace]
    private let targetPlaces: [CapturePlace]

    /// `from` and `to` by attribute; both name the partition key, and neither holds null for a key attribute.
    init(
        from: [AttributeName: TemplateSyntax?], to: [AttributeName: TemplateSyntax?], conditions: [Condition],
        partition: AttributeName, sort: AttributeName?, isRoundtrip: Bool, line: Int
    ) {
        var from = from
        for (attribute, syntax) in to where syntax != nil && from[attribute] == nil && attribute != sort {
            from[attribute] = .some(nil)
        }
        func ordered(_ side: [AttributeName: TemplateSyntax?]) -> [(attribute: AttributeName, syntax: TemplateSyntax?)]
        {
            func rank(_ name: AttributeName) -> Int { name == partition ? 0 : name == sort ? 1 : 2 }
            return side.map { (attribute: $0.key, syntax: $0.value) }.sorted {
                let (a, b) = (rank($0.attribute), rank($1.attribute))
                return a != b ? a < b : $0.attribute.text.utf8.lexicographicallyPrecedes($1.attribute.text.utf8)
            }
        }
        var names: [String] = []
        var classes: [ByteSet] = []
        for (_, syntax) in ordered(from) {
            for (name, allowed) in syntax?.captures ?? [] {
                if let index = names.firstIndex(of: name) {
                    classes[index] = classes[index].intersection(allowed ?? .any)
                } else {
                    names.append(name)
                    classes.append(allowed ?? .any)
                }
            }
        }
        sourceCaptureCount = names.count
        for (_, syntax) in ordered(to) {
            for (name, _) in syntax?.captures ?? [] where !names.contains(name) {
                names.append(name)
                classes.append(.any)
            }
        }
        func bindings(_ side: [AttributeName: TemplateSyntax?]) -> [TemplateBinding] {
            ordered(side).map { attribute, syntax in
                let template = syntax.map { syntax in
                    Template(syntax) { name in
                        let index = names.firstIndex(of: name)!
                        return (index, classes[index])
                    }
                }
                return TemplateBinding(attribute: attribute, template: template)
            }
        }
        let (fromBindings, toBindings) = (bindings(from), bindings(to))
        func key(_ bindings: [TemplateBinding], _ name: AttributeName?) -> Template? {
            bindings.first { $0.attribute == name }?.template
        }
        source = KeyPattern(partition: key(fromBindings, partition)!, sort: key(fromBindings, sort))
        target = KeyPattern(partition: key(toBindings, partition)!, sort: key(toBindings, sort) ?? source.sort)
        targetNamesSort = key(toBindings, sort) != nil
        sourceAttributes = fromBindings.filter { $0.attribute != partition && $0.attribute != sort }
        targetAttributes = toBindings.filter { $0.attribute != partition && $0.attribute != sort }
        captureNames = names
        self.conditions = conditions.sorted { $0.path.text.utf8.lexicographicallyPrecedes($1.path.text.utf8) }
        self.isRoundtrip = isRoundtrip
        self.line = line
        partitionName = partition
        sortName = sort
        sourcePlaces = fromBindings.flatMap { $0.template?.places ?? [] }.filter { !$0.literal.isEmpty }
        targetPlaces = toBindings.flatMap { $0.template?.places ?? [] }.filter { !$0.literal.isEmpty }
    }

    /// Whether the rule may move an item whose `from` matched with these captures: always, unless the rule set says
    /// `roundtrip`.
    package func admits(_ captures: borrowing CaptureTable) -> Bool {
        !isRoundtrip || Self.readBack(captures, at: targetPlaces)
    }

    /// Whether the rule could have made a key that `target` matched with these captures.
    func couldProduce(_ captures: borrowing CaptureTable) -> Bool {
        Self.readBack(captures, at: sourcePlaces)
    }

    private static func readBack(_ captures: borrowing CaptureTable, at places: [CapturePlace]) -> Bool {
        for place in places {
            if let value = captures[place.capture], !place.readsBack(value) { return false }
        }
        return true
    }
}

extension Rule {
    /// All of `from`, key attributes first.
    package var sourceBindings: [TemplateBinding] {
        keyBindings(source, withSort: source.sort != nil) + sourceAttributes
    }

    /// All of `to`, key attributes first.
    package var targetBindings: [TemplateBinding] {
        keyBindings(target, withSort: targetNamesSort) + targetAttributes
    }

    /// The attributes that `from` asks for and `to` leaves as they are, the sort key apart.
    var stayingAttributes: [TemplateBinding] {
        sourceAttributes.filter { binding in !targetAttributes.contains { $0.attribute == binding.attribute } }
    }

    private func keyBindings(_ pattern: KeyPattern, withSort: Bool) -> [TemplateBinding] {
        let partition = TemplateBinding(attribute: partitionName, template: pattern.partition)
        guard withSort, let sortName, let sort = pattern.sort else { return [partition] }
        return [partition, TemplateBinding(attribute: sortName, template: sort)]
    }
}

extension Rule: Equatable {
    package static func == (a: Rule, b: Rule) -> Bool {
        a.captureNames == b.captureNames && a.source == b.source && a.target == b.target
            && a.sourceAttributes == b.sourceAttributes && a.targetAttributes == b.targetAttributes
            && a.conditions == b.conditions && a.isRoundtrip == b.isRoundtrip
            && a.targetNamesSort == b.targetNamesSort && a.partitionName == b.partitionName && a.sortName == b.sortName
    }
}
