/// Applies the key templates of a rule set to many keys, with scratch that is used again: make one per worker.
///
/// It looks at keys alone: conditions and other attributes are for the caller to check.
package struct Matcher {
    package let rules: [Rule]
    /// What the last match bound; valid while the bytes matched stay where they are.
    package private(set) var captures: CaptureTable

    package init(_ ruleSet: RuleSet) {
        rules = ruleSet.rules
        captures = CaptureTable(count: rules.map(\.captureNames.count).max() ?? 0)
    }

    /// The first rule whose `from` matches the key. `sort` is nil in a table without a sort key.
    package mutating func source(partition: UnsafeRawBufferPointer, sort: UnsafeRawBufferPointer?) -> Int? {
        for index in rules.indices where matchesSource(index, partition: partition, sort: sort) { return index }
        return nil
    }

    /// Whether `from` of rule `index` matches the key.
    package mutating func matchesSource(
        _ index: Int, partition: UnsafeRawBufferPointer, sort: UnsafeRawBufferPointer?
    ) -> Bool {
        captures.reset(count: rules[index].captureNames.count)
        return rules[index].source.match(partitionKey: partition, sortKey: sort, into: &captures)
            && rules[index].admits(captures)
    }

    /// The rule that could have made the key: `to` matches, and `from` could have held the values. Nil if none.
    package mutating func produces(partition: UnsafeRawBufferPointer, sort: UnsafeRawBufferPointer?) -> Int? {
        for index in rules.indices {
            captures.reset(count: rules[index].captureNames.count)
            if rules[index].target.match(partitionKey: partition, sortKey: sort, into: &captures),
                rules[index].couldProduce(captures)
            {
                return index
            }
        }
        return nil
    }

    /// Appends the new key of rule `index` for what `source` or `matchesSource` found; the sort key is copied where the
    /// rule leaves it.
    package func renderTarget(
        _ index: Int, oldSort: UnsafeRawBufferPointer?, partition: inout [UInt8], sort: inout [UInt8]
    ) {
        let target = rules[index].target
        target.partition.render(captures, into: &partition)
        if let template = target.sort {
            template.render(captures, into: &sort)
        } else if let oldSort {
            sort.append(contentsOf: oldSort)
        }
    }
}

extension RuleSet {
    /// Whether a key lies in the range of some rule's `to`. For many keys use a `Matcher`, which allocates once.
    package func produces(partition: UnsafeRawBufferPointer, sort: UnsafeRawBufferPointer?) -> Bool {
        var matcher = Matcher(self)
        return matcher.produces(partition: partition, sort: sort) != nil
    }
}
