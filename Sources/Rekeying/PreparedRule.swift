import Items

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A rule behind one reference, with names as bytes, so that trying it on an item retains and copies nothing else.
final class PreparedRule: Sendable {
    let rule: Rule
    let captureCount: Int
    let conditions: [PreparedCondition]
    /// `rule.sourceAttributes` with each one's name.
    let sourceAttributes: [(binding: TemplateBinding, name: [UInt8])]

    init(_ rule: Rule) {
        self.rule = rule
        captureCount = rule.captureNames.count
        conditions = rule.conditions.map(PreparedCondition.init)
        sourceAttributes = rule.sourceAttributes.map { ($0, Array($0.attribute.text.utf8)) }
    }
}

/// A condition on an item's attributes.
final class PreparedCondition: Sendable {
    private let name: [UInt8]
    private let inner: [String]
    private let value: Condition.Value
    /// The wanted text of a string.
    private let text: [UInt8]?

    init(_ condition: Condition) {
        name = Array((condition.path.names.first ?? "").utf8)
        inner = Array(condition.path.names.dropFirst())
        value = condition.value
        if case .string(let wanted) = condition.value { text = Array(wanted.utf8) } else { text = nil }
    }

    func holds(_ view: ItemView) -> Bool {
        guard let slot = view.find(name) else { return false }
        if inner.isEmpty {
            if let text {
                return slot.type == .string
                    && view.withText(slot) { found in text.withUnsafeBytes { isSame($0, found) } }
            }
            return view.withText(slot) { value.equals(type: slot.type, text: $0) }
        }
        guard slot.type == .map, let found = Item(trusted: Array(view.bytes(slot.content))).value(at: inner) else {
            return false
        }
        return found.text.withRawBytes { value.equals(type: found.type, text: $0) }
    }
}

/// Tells by the first bytes of a partition key that no rule can match it, which is so for most items.
final class KeyGate: Sendable {
    /// The literal beginnings, one after the other, each with whether it is all of the key.
    private let prefixes: [(bytes: [UInt8], isWhole: Bool)]

    init(_ patterns: [KeyPattern]) {
        prefixes = patterns.map { ($0.partition.literalPrefix, $0.partition.isLiteral) }
    }

    /// False where no pattern matches the key.
    func admits(_ partition: UnsafeRawBufferPointer) -> Bool {
        for index in prefixes.indices {
            let isAdmitted = prefixes[index].bytes.withUnsafeBytes { prefix in
                guard partition.count >= prefix.count, let key = partition.baseAddress, let wanted = prefix.baseAddress
                else { return prefix.isEmpty }
                return memcmp(key, wanted, prefix.count) == 0
            }
            if isAdmitted, !prefixes[index].isWhole || partition.count == prefixes[index].bytes.count { return true }
        }
        return false
    }
}

private func isSame(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    guard a.count == b.count else { return false }
    guard let first = a.baseAddress, let second = b.baseAddress else { return true }
    return memcmp(first, second, a.count) == 0
}

extension Condition.Value {
    /// True when an attribute of this type and text has the value.
    func equals(type: AttributeType, text: UnsafeRawBufferPointer) -> Bool {
        switch self {
        case .string(let wanted): type == .string && text.elementsEqual(wanted.utf8)
        case .number(_, let canonical): type == .number && canonicalNumber(text) == canonical
        case .boolean(let wanted): type == .boolean && text.first == UInt8(ascii: wanted ? "t" : "f")
        case .null: type == .null
        }
    }
}
