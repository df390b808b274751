package import Items

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Applies a rule set to scanned items: splices the changed attributes into the line and copies every other byte.
///
/// Keeps scratch between items; one per worker.
package struct Rekeyer: ~Copyable {
    package enum Outcome: Sendable, Equatable {
        /// No rule's `from` matches.
        case untouched
        /// The rule with this index moved it.
        case moved(rule: Int)
    }

    private let rules: [PreparedRule]
    private let sourceGate: KeyGate
    private let targetGate: KeyGate
    /// Whether the keys that the rules make are told by their parts; else, as one-way rules allow, by their beginning alone.
    private let readsBack: Bool
    /// Whether a rule looks at more than the key.
    package let looksAtAttributes: Bool
    /// Whether an item may come into a rule, or leave it, while its key stays. An attribute that a rule would overwrite is none of that: an
    /// item with it is refused.
    private let takesByAttributes: Bool
    private let partitionName: [UInt8]
    private let sortName: [UInt8]?
    private let schemaNames: (partition: String, sort: String?)
    private var matcher: Matcher
    private var captures: CaptureTable
    private var splice = Splice()
    private var rendered = ByteWriter()
    private var newPartition = ByteWriter()
    private var newSort = ByteWriter()
    /// How the new key comes to its sort key.
    private var sortOrigin = SortOrigin.none
    private enum SortOrigin {
        case none
        /// It is the text in `newSort`.
        case rendered
        case kept(KeyValue)
    }

    /// Values without escapes; captures point into them until the next item.
    private var copies: [UnsafeMutableRawBufferPointer] = []

    package init(_ rules: RuleSet) {
        self.rules = rules.rules.map(PreparedRule.init)
        sourceGate = KeyGate(rules.rules.map(\.source))
        targetGate = KeyGate(rules.rules.map(\.target))
        readsBack = rules.isRoundtrip || Prover(rules).readsBack
        looksAtAttributes = rules.rules.contains { !$0.conditions.isEmpty || !$0.sourceAttributes.isEmpty }
        takesByAttributes = rules.rules.contains { rule in
            !rule.conditions.isEmpty
                || rule.sourceAttributes.contains { source in
                    source.template != nil
                        || !rule.targetAttributes.contains { $0.attribute == source.attribute && $0.template != nil }
                }
        }
        partitionName = Array(rules.partition.utf8)
        sortName = rules.sort.map { Array($0.utf8) }
        schemaNames = (rules.partition, rules.sort)
        matcher = Matcher(rules)
        captures = CaptureTable(count: rules.rules.map(\.captureNames.count).max() ?? 0)
    }

    deinit { for copy in copies { copy.deallocate() } }

    /// The key's two attributes in an item; throws where one is missing.
    private func keySlots(_ view: ItemView) throws(ItemError) -> (partition: AttributeSlot, sort: AttributeSlot?) {
        guard let partition = view.find(partitionName) else {
            throw ItemError("the item has no key attribute \(schemaNames.partition)", at: 0)
        }
        guard let sortName else { return (partition, nil) }
        guard let sort = view.find(sortName) else {
            throw ItemError("the item has no key attribute \(schemaNames.sort ?? "")", at: 0)
        }
        return (partition, sort)
    }

    /// The text of a string value, without escapes; nil for other types. Valid until the next item.
    private mutating func text(_ slot: AttributeSlot?, in view: ItemView) -> UnsafeRawBufferPointer? {
        guard let slot, slot.type == .string else { return nil }
        if !slot.contentHasEscape { return view.bytes(slot.content) }
        return view.withText(slot) { plain in
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(plain.count, 1), alignment: 1)
            copy.copyMemory(from: plain)
            copies.append(copy)
            return UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(copy)[0..<plain.count])
        }
    }

    private mutating func forgetCopies() {
        if copies.isEmpty { return }
        for copy in copies { copy.deallocate() }
        copies.removeAll(keepingCapacity: true)
    }

    /// True when the item's key lies in the range of some rule's `to`. Of rules that do not read back, a key may lie there that they
    /// cannot make.
    package mutating func produces(_ view: ItemView) throws(ItemError) -> Bool {
        forgetCopies()
        return produces(view, try keySlots(view))
    }

    private mutating func produces(
        _ view: ItemView, _ slots: (partition: AttributeSlot, sort: AttributeSlot?)
    ) -> Bool {
        guard let partition = text(slots.partition, in: view), targetGate.admits(partition) else { return false }
        if !readsBack { return true }
        return matcher.produces(partition: partition, sort: text(slots.sort, in: view)) != nil
    }

    /// The index of the rule that moves the item, or nil. Throws where a rule would overwrite an attribute.
    package mutating func match(_ view: ItemView) throws(ItemError) -> Int? {
        forgetCopies()
        let slots = try keySlots(view)
        return try match(view, slots)
    }

    /// Whether some rule takes a key such as this one, whatever the item's other attributes are.
    package mutating func matchesKey(_ view: ItemView) throws(ItemError) -> Bool {
        forgetCopies()
        let slots = try keySlots(view)
        guard let partition = text(slots.partition, in: view), sourceGate.admits(partition) else { return false }
        let sort = text(slots.sort, in: view)
        return rules.contains { prepared in
            captures.reset(count: prepared.captureCount)
            return prepared.rule.source.match(partitionKey: partition, sortKey: sort, into: &captures)
                && prepared.rule.admits(captures)
        }
    }

    /// Whether an item of which only the key is known is moved.
    ///
    /// - Parameter offset: where the key stands in the line.
    /// - Throws: where that hangs on the item's other attributes too.
    package mutating func movesKey(_ view: ItemView, at offset: Int) throws(ItemError) -> Bool {
        guard try matchesKey(view) else { return false }
        guard looksAtAttributes else { return true }
        throw ItemError(
            "a deletion names only its key, but the rules look at other attributes too; export with NEW_AND_OLD_IMAGES",
            at: offset)
    }

    /// Refuses a change that says what its item is and not what it was, where the rules may have taken it then and not now, or now and
    /// not then: what they made of it before would stay.
    ///
    /// - Parameters:
    ///   - keys: the change's key.
    ///   - offset: where it stands in the line.
    package mutating func requireOldImage(of keys: ItemView, at offset: Int) throws(ItemError) {
        guard takesByAttributes, try matchesKey(keys) else { return }
        throw ItemError(
            "the change has no OldImage, and whether the rules took the item before hangs on its other attributes; export with NEW_AND_OLD_IMAGES, and name the export itself or give --old-images: such a change is of a new item then",
            at: offset)
    }

    private mutating func match(
        _ view: ItemView, _ slots: (partition: AttributeSlot, sort: AttributeSlot?)
    ) throws(ItemError) -> Int? {
        guard let partition = text(slots.partition, in: view), sourceGate.admits(partition) else { return nil }
        let sort = text(slots.sort, in: view)
        for index in rules.indices {
            let prepared = rules[index]
            captures.reset(count: prepared.captureCount)
            guard prepared.rule.source.match(partitionKey: partition, sortKey: sort, into: &captures) else { continue }
            if try matchesRest(prepared, view) { return index }
        }
        return nil
    }

    /// The part of a rule's `from` beside the key, and its `where`.
    private mutating func matchesRest(_ prepared: PreparedRule, _ view: ItemView) throws(ItemError) -> Bool {
        for condition in prepared.conditions where !condition.holds(view) { return false }
        for (binding, name) in prepared.sourceAttributes {
            guard let template = binding.template else { continue }
            guard let value = text(view.find(name), in: view), template.match(value, into: &captures) else {
                return false
            }
        }
        guard prepared.rule.admits(captures) else { return false }
        // Last, for it is an error only where all else says that the rule moves the item.
        for (binding, name) in prepared.sourceAttributes where binding.template == nil {
            guard let slot = view.find(name) else { continue }
            if prepared.rule.targetAttributes.contains(where: {
                $0.attribute == binding.attribute && $0.template != nil
            }) {
                throw ItemError(
                    "the rule would overwrite attribute \(binding.attribute); name it in the rule's `from`",
                    at: Int(slot.value.lowerBound))
            }
            return false
        }
        return true
    }

    /// As `rewrite`, for a key whose item is not there; only after `movesKey` said that it moves.
    package mutating func rewriteKey(
        _ view: ItemView, range: Range<Int>, from start: Int, into output: inout ByteWriter
    ) throws(ItemError) {
        forgetCopies()
        let slots = try keySlots(view)
        let partition = text(slots.partition, in: view)
        let sort = text(slots.sort, in: view)
        for index in rules.indices {
            captures.reset(count: rules[index].captureCount)
            guard let partition,
                rules[index].rule.source.match(partitionKey: partition, sortKey: sort, into: &captures),
                rules[index].rule.admits(captures)
            else { continue }
            return try rewrite(view, slots, rule: index, isKeyOnly: true, range: range, from: start, into: &output)
        }
        output.append(UnsafeRawBufferPointer(rebasing: view.line[start..<range.upperBound]))
    }

    /// Appends the line with the key at `range` replaced by that to which its item moves, from `from` up to `range`'s end.
    package mutating func replaceKey(
        _ view: ItemView, range: Range<Int>, from start: Int, by newKey: ItemKey, into output: inout ByteWriter
    ) throws(ItemError) {
        let slots = try keySlots(view)
        splice.removeAll()
        if case .string(let value) = newKey.partition {
            newPartition.removeAll()
            newPartition.append(value)
            try set(slots.partition, to: newPartition.bytes, view, isSort: false)
        }
        if let slot = slots.sort, case .string(let value)? = newKey.sort {
            newSort.removeAll()
            newSort.append(value)
            try set(slot, to: newSort.bytes, view, isSort: true)
        }
        splice.apply(to: view.line, range: start..<range.upperBound, into: &output)
    }

    /// Appends the line with the item at `range` rewritten in place, from `from` up to `range`'s end; an untouched one as it is.
    ///
    /// - Returns: the outcome and, for a moved item, its new key.
    package mutating func rewrite(
        _ view: ItemView, range: Range<Int>, from start: Int, into output: inout ByteWriter
    ) throws(ItemError) -> (Outcome, newKey: ItemKey?) {
        forgetCopies()
        let slots = try keySlots(view)
        guard let index = try match(view, slots) else {
            output.append(UnsafeRawBufferPointer(rebasing: view.line[start..<range.upperBound]))
            return (.untouched, nil)
        }
        try rewrite(view, slots, rule: index, isKeyOnly: false, range: range, from: start, into: &output)
        return (.moved(rule: index), newKey)
    }

    /// Where an item stands by its key.
    package enum Placement: Sendable {
        /// A rule moves it.
        case moved
        /// It stands in the range of some rule's `to`.
        case produced
        case elsewhere
    }

    /// As `rewrite`, but an item that is not moved writes nothing; `newKey` is a moved one's new key.
    package mutating func place(
        _ view: ItemView, range: Range<Int>, from start: Int, into output: inout ByteWriter
    ) throws(ItemError) -> Placement {
        forgetCopies()
        let slots = try keySlots(view)
        if let index = try match(view, slots) {
            try rewrite(view, slots, rule: index, isKeyOnly: false, range: range, from: start, into: &output)
            return .moved
        }
        return produces(view, slots) ? .produced : .elsewhere
    }

    /// The key that an item has before it is moved.
    ///
    /// - Throws: as `ItemView.key`, with the types that the item's own key has.
    package func oldKey(_ view: ItemView) throws(ItemError) -> ItemKey {
        let slots = try keySlots(view)
        if let partition = plainKey(slots.partition, view, limit: 2048) {
            guard let slot = slots.sort else { return ItemKey(partition: partition) }
            if let sort = plainKey(slot, view, limit: 1024) { return ItemKey(partition: partition, sort: sort) }
        }
        return try view.key(try view.inferredSchema(partition: schemaNames.partition, sort: schemaNames.sort))
    }

    /// The value of a key attribute that needs no closer look; nil for others.
    private func plainKey(_ slot: AttributeSlot, _ view: ItemView, limit: Int) -> KeyValue? {
        plainText(slot, view, limit: limit).map { .string(Array($0)) }
    }

    private func plainText(_ slot: AttributeSlot, _ view: ItemView, limit: Int) -> UnsafeRawBufferPointer? {
        guard slot.type == .string, !slot.contentHasEscape else { return nil }
        let text = view.bytes(slot.content)
        return text.isEmpty || text.count > limit ? nil : text
    }

    /// Appends `oldKey`'s sortable bytes.
    package func appendOldKey(_ view: ItemView, to writer: inout ByteWriter) throws(ItemError) {
        let slots = try keySlots(view)
        guard let partition = plainText(slots.partition, view, limit: 2048) else {
            return try oldKey(view).appendSortable(to: &writer)
        }
        if let slot = slots.sort {
            guard let sort = plainText(slot, view, limit: 1024) else {
                return try oldKey(view).appendSortable(to: &writer)
            }
            KeyValue.appendSortable(text: partition, to: &writer)
            KeyValue.appendSortable(text: sort, to: &writer)
        } else {
            KeyValue.appendSortable(text: partition, to: &writer)
        }
    }

    /// The new key of the item that was moved last.
    package var newKey: ItemKey {
        switch sortOrigin {
        case .none: ItemKey(partition: .string(newPartition.array))
        case .rendered: ItemKey(partition: .string(newPartition.array), sort: .string(newSort.array))
        case .kept(let sort): ItemKey(partition: .string(newPartition.array), sort: sort)
        }
    }

    /// Appends `newKey`'s sortable bytes.
    package func appendNewKey(to writer: inout ByteWriter) {
        KeyValue.appendSortable(text: newPartition.bytes, to: &writer)
        switch sortOrigin {
        case .none: break
        case .rendered: KeyValue.appendSortable(text: newSort.bytes, to: &writer)
        case .kept(let sort): sort.appendSortable(to: &writer)
        }
    }

    /// Appends the line rewritten and makes the new key.
    private mutating func rewrite(
        _ view: ItemView, _ slots: (partition: AttributeSlot, sort: AttributeSlot?), rule index: Int, isKeyOnly: Bool,
        range: Range<Int>, from start: Int, into output: inout ByteWriter
    ) throws(ItemError) {
        let prepared = rules[index]
        splice.removeAll()
        newPartition.removeAll()
        prepared.rule.target.partition.render(captures, into: &newPartition)
        try set(slots.partition, to: newPartition.bytes, view, isSort: false)
        sortOrigin = .none
        if let slot = slots.sort {
            if let template = prepared.rule.target.sort {
                newSort.removeAll()
                template.render(captures, into: &newSort)
                try set(slot, to: newSort.bytes, view, isSort: true)
                sortOrigin = .rendered
            } else {
                let schema = try view.inferredSchema(partition: schemaNames.partition, sort: schemaNames.sort)
                if let attribute = schema.sort { sortOrigin = .kept(try view.keyValue(attribute, isSort: true)) }
            }
        }
        if !isKeyOnly {
            for binding in prepared.rule.targetAttributes { change(binding, view, itemEnd: range.upperBound) }
        }
        splice.apply(to: view.line, range: start..<range.upperBound, into: &output)
    }

    private mutating func set(
        _ slot: AttributeSlot, to value: UnsafeRawBufferPointer, _ view: ItemView, isSort: Bool
    ) throws(ItemError) {
        let limit = isSort ? 1024 : 2048
        guard value.count <= limit else {
            let name = isSort ? schemaNames.sort ?? "" : schemaNames.partition
            throw ItemError(
                "the new key attribute \(name) would have \(value.count) bytes, DynamoDB takes \(limit)",
                at: Int(slot.value.lowerBound))
        }
        // A value that stays keeps its escapes.
        if !view.holds(value, in: slot) { splice.setString(slot, to: value) }
    }

    private mutating func change(_ binding: TemplateBinding, _ view: ItemView, itemEnd: Int) {
        let name = Array(binding.attribute.text.utf8)
        let slot = view.find(name)
        guard let template = binding.template else {
            guard let slot, let index = view.attributes.firstIndex(where: { $0.value == slot.value }) else { return }
            splice.remove(index, of: view.attributes)
            return
        }
        rendered.removeAll()
        template.render(captures, into: &rendered)
        if let slot {
            if !view.holds(rendered.bytes, in: slot) { splice.setString(slot, to: rendered.bytes) }
        } else {
            splice.add(name: name, value: rendered.bytes, after: view.attributes.last, itemEnd: itemEnd)
        }
    }
}
