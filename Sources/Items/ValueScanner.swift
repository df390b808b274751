/// Checks typed values over raw bytes and notes the top-level attributes on the way.
///
/// Strict: RFC 8259 JSON in UTF-8 and DynamoDB's rules for values (one known type each; numbers of at most 38 digits; non-empty sets
/// without equal members; base64; at most 31 wrappers around a leaf; no attribute twice).
struct ValueScanner: ~Copyable {
    var cursor: Cursor
    var names = DistinctNames()
    var scratch = ByteWriter(capacity: 1024)
    var slots: UnsafeMutablePointer<AttributeSlot>
    var slotCount = 0
    /// DynamoDB's size of the item scanned last with `noting`, but for what `isSizeExact` says.
    private var size = 0
    /// False where a number or binary with escapes or a set of them was met, which are not reckoned here.
    var isSizeExact = true
    /// The item that was scanned last, where it went the quick way.
    var notes = ItemNotes()
    private var slotCapacity = 32
    /// What the value scanned last holds behind its type tag.
    private var type = AttributeType.null
    private var content: Range<Int32> = 0..<0
    private var contentHasEscape = false

    /// Levels of nesting, the leaf included. Source: DynamoDB, Service quotas, nested attribute depth.
    static let maximumDepth = 32

    init() {
        cursor = Cursor(UnsafeRawBufferPointer(start: nil, count: 0))
        slots = .allocate(capacity: slotCapacity)
    }

    deinit { slots.deallocate() }

    mutating func begin(_ bytes: UnsafeRawBufferPointer, at position: Int = 0) {
        cursor = Cursor(bytes, at: position)
        names.reset()
        slotCount = 0
    }

    /// Scans an item, `{"PK":{"S":"…"},…}`; with `noting`, its attributes become the slots.
    mutating func item(noting: Bool) throws(ItemError) -> Range<Int> {
        cursor.skipWhitespace()
        let start = cursor.position
        let noted = (size, isSizeExact)
        if noting {
            slotCount = 0
            size = 0
            isSizeExact = true
        }
        try attributes(depth: 1, noting: noting, "an item")
        if !noting { (size, isSizeExact) = noted }
        return start..<cursor.position
    }

    /// DynamoDB's size of the item scanned last with `noting`; nil where only a walk of its own can tell.
    var itemSize: Int? { isSizeExact ? size : nil }

    /// Adds a text's bytes to the size.
    @inline(__always)
    private mutating func reckon(_ token: StringToken) {
        size &+= token.hasEscape ? unescapedCount(cursor.base + token.start, count: token.count) : token.count
    }

    private mutating func attributes(depth: Int, noting: Bool, _ what: StaticString) throws(ItemError) {
        try cursor.expect(UInt8(ascii: "{"), what)
        if cursor.take(UInt8(ascii: "}")) { return }
        let mark = names.count
        repeat {
            let name = try cursor.string("an attribute name")
            guard name.count > 0 else {
                throw ItemError("an attribute has an empty name; DynamoDB wants at least one byte", at: name.start)
            }
            try insert(name, mark: mark, "an attribute")
            reckon(name)
            // A member of a map costs a byte more.
            if depth > 1 { size &+= 1 }
            try cursor.expect(UInt8(ascii: ":"), "':'")
            cursor.skipWhitespace()
            let valueStart = cursor.position
            try value(depth: depth)
            if noting {
                note(name: name.start..<name.end, hasEscape: name.hasEscape, value: valueStart..<cursor.position)
            }
        } while cursor.take(UInt8(ascii: ","))
        try cursor.expect(UInt8(ascii: "}"), "',' or '}'")
        let again = names.firstRepeat(from: mark)
        if again >= 0 { throw repeated("an attribute", at: again) }
        names.drop(to: mark)
    }

    /// The error for a name or member that stands a second time, its quote before `start`.
    private func repeated(_ what: StaticString, at start: Int) -> ItemError {
        var end = Cursor(UnsafeRawBufferPointer(start: cursor.base, count: cursor.end), at: start - 1)
        guard let token = try? end.string("a string") else { return ItemError("\(what) stands twice", at: start) }
        return ItemError("\(what) stands twice: \(shown(token))", at: start)
    }

    /// Makes a slot of the value scanned last.
    private mutating func note(name: Range<Int>, hasEscape: Bool, value: Range<Int>) {
        add(
            AttributeSlot(
                name: int32(name), nameHasEscape: hasEscape, type: type, value: int32(value), content: content,
                contentHasEscape: contentHasEscape))
    }

    @inline(__always)
    mutating func add(_ slot: AttributeSlot) {
        if slotCount == slotCapacity { growSlots() }
        (slots + slotCount).initialize(to: slot)
        slotCount &+= 1
    }

    /// Remembers what a value holds behind its type tag.
    private mutating func scanned(_ type: AttributeType, _ start: Int, _ end: Int, _ hasEscape: Bool) {
        self.type = type
        content = int32(start..<end)
        contentHasEscape = hasEscape
    }

    private mutating func growSlots() {
        let bigger = UnsafeMutablePointer<AttributeSlot>.allocate(capacity: slotCapacity * 2)
        bigger.update(from: slots, count: slotCount)
        slots.deallocate()
        slots = bigger
        slotCapacity *= 2
    }

    @inline(__always)
    private mutating func insert(_ name: StringToken, mark: Int, _ what: StaticString) throws(ItemError) {
        if name.hasEscape { return try insertEscaped(name, mark: mark, what) }
        guard names.insert(cursor.base + name.start, count: name.count, at: name.start, mark: mark) else {
            throw repeated(what, at: name.start)
        }
    }

    private mutating func insertEscaped(_ name: StringToken, mark: Int, _ what: StaticString) throws(ItemError) {
        scratch.removeAll()
        appendUnescaped(bytes(of: name), to: &scratch)
        guard names.insert(names.keep(scratch.bytes), count: scratch.count, at: name.start, mark: mark) else {
            throw repeated(what, at: name.start)
        }
    }

    private func bytes(of token: StringToken) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: cursor.base + token.start, count: token.count)
    }

    private func shown(_ token: StringToken) -> String { displayText(bytes(of: token).prefix(60)) }

    /// Scans one typed value, `{"S":"…"}`.
    private mutating func value(depth: Int) throws(ItemError) {
        guard depth <= Self.maximumDepth else {
            cursor.skipWhitespace()
            throw ItemError("a value is nested deeper than DynamoDB's 32 levels", at: cursor.position)
        }
        try cursor.expect(UInt8(ascii: "{"), "a typed value such as {\"S\":\"text\"}")
        let tag = try cursor.string("a type such as \"S\"")
        guard let type = attributeType(tag) else {
            throw ItemError(
                "'\(shown(tag))' is no type; use one of S, N, B, BOOL, NULL, M, L, SS, NS, BS", at: tag.start)
        }
        try cursor.expect(UInt8(ascii: ":"), "':'")
        cursor.skipWhitespace()
        var start = cursor.position
        var end = -1
        var hasEscape = false
        switch type {
        case .string, .number, .binary:
            let token = try cursor.string("a string")
            if type == .string {
                reckon(token)
            } else if type == .number {
                try number(token)
            } else {
                try binary(token)
                size &+= base64Size(cursor.base + token.start, count: token.count)
                if token.hasEscape { isSizeExact = false }
            }
            start = token.start
            end = token.end
            hasEscape = token.hasEscape
        case .boolean:
            guard cursor.literal("true") || cursor.literal("false") else {
                throw cursor.unexpected("true or false, without quotes,")
            }
            size &+= 1
        case .null:
            guard cursor.literal("true") else { throw nullValue() }
            size &+= 1
        case .map:
            size &+= 3
            try attributes(depth: depth + 1, noting: false, "a map")
        case .list: try list(depth: depth + 1)
        case .stringSet, .numberSet, .binarySet: try set(type)
        }
        let contentEnd = cursor.position
        try closeValue()
        scanned(type, start, end < 0 ? contentEnd : end, hasEscape)
    }

    /// Steps over the brace behind a value's one type.
    @inline(__always)
    private mutating func closeValue() throws(ItemError) {
        cursor.skipWhitespace()
        if cursor.current == UInt8(ascii: ",") {
            throw ItemError("a value has more than one type; it must have exactly one", at: cursor.position)
        }
        try cursor.expect(UInt8(ascii: "}"), "'}' after the value")
    }

    private func nullValue() -> ItemError {
        cursor.current == UInt8(ascii: "f")
            ? ItemError("NULL is false; it must be true", at: cursor.position) : cursor.unexpected("true")
    }

    @inline(__always)
    private mutating func attributeType(_ tag: StringToken) -> AttributeType? {
        if !tag.hasEscape { return AttributeType(tag: cursor.base + tag.start, count: tag.count) }
        scratch.removeAll()
        appendUnescaped(bytes(of: tag), to: &scratch)
        return AttributeType(tag: scratch.base, count: scratch.count)
    }

    private mutating func list(depth: Int) throws(ItemError) {
        try cursor.expect(UInt8(ascii: "["), "a list")
        size &+= 3
        if cursor.take(UInt8(ascii: "]")) { return }
        repeat {
            size &+= 1
            try value(depth: depth)
        } while cursor.take(UInt8(ascii: ","))
        try cursor.expect(UInt8(ascii: "]"), "',' or ']'")
    }

    mutating func set(_ type: AttributeType) throws(ItemError) {
        try cursor.expect(UInt8(ascii: "["), "a set")
        if cursor.take(UInt8(ascii: "]")) {
            throw ItemError("a set is empty; DynamoDB wants at least one member", at: cursor.position - 1)
        }
        let mark = names.count
        repeat {
            let token = try cursor.string("a member of a set")
            switch type {
            case .numberSet:
                scratch.removeAll()
                try canonicalNumber(token)
                isSizeExact = false
                guard names.insert(names.keep(scratch.bytes), count: scratch.count, at: token.start, mark: mark) else {
                    throw repeated("a member of a set", at: token.start)
                }
            case .binarySet:
                try binary(token)
                isSizeExact = false
                try insert(token, mark: mark, "a member of a set")
            default:
                try insert(token, mark: mark, "a member of a set")
                reckon(token)
            }
        } while cursor.take(UInt8(ascii: ","))
        try cursor.expect(UInt8(ascii: "]"), "',' or ']'")
        let again = names.firstRepeat(from: mark)
        if again >= 0 { throw repeated("a member of a set", at: again) }
        names.drop(to: mark)
    }

    @inline(__always)
    private mutating func number(_ token: StringToken) throws(ItemError) {
        if token.hasEscape {
            isSizeExact = false
            return try escapedNumber(token)
        }
        do { size &+= try DecimalNumber(cursor.base + token.start, count: token.count).storedSize } catch {
            throw ItemError("\(error.reason): \(shown(token))", at: token.start)
        }
    }

    private func escapedNumber(_ token: StringToken) throws(ItemError) {
        var text = ByteWriter()
        appendUnescaped(bytes(of: token), to: &text)
        do { _ = try DecimalNumber(text.base, count: text.count) } catch {
            throw ItemError("\(error.reason): \(shown(token))", at: token.start)
        }
    }

    private mutating func canonicalNumber(_ token: StringToken) throws(ItemError) {
        do throws(DecimalNumber.Problem) {
            guard token.hasEscape else {
                let text = cursor.base + token.start
                return try DecimalNumber(text, count: token.count).appendCanonical(of: text, to: &scratch)
            }
            var text = ByteWriter()
            appendUnescaped(bytes(of: token), to: &text)
            try DecimalNumber(text.base, count: text.count).appendCanonical(of: text.base, to: &scratch)
        } catch {
            throw ItemError("\(error.reason): \(shown(token))", at: token.start)
        }
    }

    private func binary(_ token: StringToken) throws(ItemError) {
        let isValid: Bool
        if token.hasEscape {
            var text = ByteWriter()
            appendUnescaped(bytes(of: token), to: &text)
            isValid = isBase64(text.base, count: text.count)
        } else {
            isValid = isBase64(cursor.base + token.start, count: token.count)
        }
        guard isValid else {
            throw ItemError("a binary value is not standard base64 with padding: \(shown(token))", at: token.start)
        }
    }

    /// Steps over any JSON value, checking its syntax; for the parts of a record that are not items.
    mutating func anyJSON(depth: Int = 0) throws(ItemError) {
        cursor.skipWhitespace()
        guard depth < 64 else { throw ItemError("JSON is nested deeper than 64 levels", at: cursor.position) }
        switch cursor.current {
        case UInt8(ascii: "\""): _ = try cursor.string("a string")
        case UInt8(ascii: "{"):
            cursor.position += 1
            if cursor.take(UInt8(ascii: "}")) { return }
            repeat {
                _ = try cursor.string("a member name")
                try cursor.expect(UInt8(ascii: ":"), "':'")
                try anyJSON(depth: depth + 1)
            } while cursor.take(UInt8(ascii: ","))
            try cursor.expect(UInt8(ascii: "}"), "',' or '}'")
        case UInt8(ascii: "["):
            cursor.position += 1
            if cursor.take(UInt8(ascii: "]")) { return }
            repeat { try anyJSON(depth: depth + 1) } while cursor.take(UInt8(ascii: ","))
            try cursor.expect(UInt8(ascii: "]"), "',' or ']'")
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try jsonNumber()
        default:
            guard cursor.literal("true") || cursor.literal("false") || cursor.literal("null") else {
                throw cursor.unexpected("a JSON value")
            }
        }
    }

    /// RFC 8259, section 6.
    private mutating func jsonNumber() throws(ItemError) {
        let start = cursor.position
        func digits(_ cursor: inout Cursor) -> Int {
            let first = cursor.position
            while cursor.current &- 0x30 <= 9 { cursor.position += 1 }
            return cursor.position - first
        }
        if cursor.current == UInt8(ascii: "-") { cursor.position += 1 }
        let leading = cursor.current
        let integer = digits(&cursor)
        var isValid = integer == 1 || (integer > 1 && leading != UInt8(ascii: "0"))
        if isValid, cursor.current == UInt8(ascii: ".") {
            cursor.position += 1
            isValid = digits(&cursor) > 0
        }
        if isValid, cursor.current | 0x20 == UInt8(ascii: "e") {
            cursor.position += 1
            if cursor.current == UInt8(ascii: "-") || cursor.current == UInt8(ascii: "+") { cursor.position += 1 }
            isValid = digits(&cursor) > 0
        }
        guard isValid else { throw ItemError("a JSON number is malformed", at: start) }
    }
}

/// An offset of a line, which has at most 2 GiB.
@inline(__always)
private func int32(_ range: Range<Int>) -> Range<Int32> {
    Range(
        uncheckedBounds: (
            Int32(truncatingIfNeeded: range.lowerBound), Int32(truncatingIfNeeded: range.upperBound)
        ))
}
