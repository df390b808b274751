/// Applies the key templates of a rule set to many keys, with scratch that is used again: make one per worker.
///
/// It looks at keys alone: conditions and other attributes are for the caller to check.
package struct Matcher {
    /// A rule behind one reference, so that trying it retains nothing else.
    private final class Candidate: Sendable {
        let rule: Rule
        let captureCount: Int

        init(_ rule: Rule) {
            self.rule = rule
            captureCount = rule.captureNames.count
        }
    }

    private let candidates: [Candidate]
    /// What the last match bound; valid while the bytes matched stay where they are.
    package private(set) var captures: CaptureTable

    package init(_ ruleSet: RuleSet) {
        candidates = ruleSet.rules.map(Candidate.init)
        captures = CaptureTable(count: candidates.map(\.captureCount).max() ?? 0)
    }

    /// The first rule whose `from` matches the key. `sort` is nil in a table without a sort key.
    package mutating func source(partition: UnsafeRawBufferPointer, sort: UnsafeRawBufferPointer?) -> Int? {
        for index in candidates.indices where matchesSource(index, partition: partition, sort: sort) { return index }
        return nil
    }

    /// Whether `from` of rule `index` matches the key.
    package mutating func matchesSource(
        _ index: Int, partition: UnsafeRawBufferPointer, sort: UnsafeRawBufferPointer?
    ) -> Bool {
        let candidate = candidates[index]
        captures.reset(count: candidate.captureCount)
        return candidate.rule.source.match(partitionKey: partition, sortKey: sort, into: &captures)
            && candidate.rule.admits(captures)
    }

    /// The rule that could have made the key: `to` matches, and `from` could have held the values. Nil if none.
    package mutating func produces(partition: UnsafeRawBufferPointer, sort: UnsafeRawBufferPointer?) -> Int? {
        for index in candidates.indices {
            let candidate = candidates[index]
            captures.reset(count: candidate.captureCount)
            if candidate.rule.target.match(partitionKey: partition, sortKey: sort, into: &captures),
                candidate.rule.couldProduce(captures)
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
        let candidate = candidates[index]
        candidate.rule.target.partition.render(captures, into: &partition)
        if let template = candidate.rule.target.sort {
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
