#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The canonical form of items as AWS and rekey write them: no white space, and names of ASCII without escapes.
///
/// It works from the notes of one pass, copies attributes whole that are canonical as they stand, and answers nil for what it does not
/// know. Members are put in order first and copied once.
struct CompactCanonicalizer: ~Copyable {
    private struct Member {
        /// The first eight bytes of the name, most significant first.
        var prefix: UInt64
        /// Its note.
        var index: Int
    }

    /// A member of a set as it stands in the output, with its quotes.
    private struct SetMember {
        var start: Int
        var end: Int
    }

    private var notes = ItemNotes()
    var output: UnsafeMutablePointer<UInt8>
    private var capacity = 8192
    /// Bytes in `output`.
    var count = 0
    /// Behind it nothing of the text may be read.
    private var textEnd = UnsafeRawPointer(bitPattern: 1).unsafelyUnwrapped
    /// Of the objects under way, the outermost first.
    private var members: UnsafeMutablePointer<Member>
    private var memberCapacity = 64
    private var memberCount = 0
    private var ordered: UnsafeMutablePointer<Member>

    /// Copies may write so many bytes too many.
    private static let slack = 64
    /// Objects of so many members are ordered by counting.
    private static let countingLimit = 32

    init() {
        output = .allocate(capacity: capacity)
        members = .allocate(capacity: memberCapacity)
        ordered = .allocate(capacity: Self.countingLimit)
    }

    deinit {
        output.deallocate()
        members.deallocate()
        ordered.deallocate()
    }

    /// The canonical form of a validated item; valid until the next call.
    mutating func canonical(_ item: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard notes.scan(item, at: 0) == item.count else { return nil }
        return canonical(notes.view, length: item.count)
    }

    /// DynamoDB's size of the item that was given last as it stands; nil where only a walk can tell.
    var storedSize: Int? { notes.view.storedSize }

    /// The canonical form of an item of `length` bytes that was noted and checked; valid until the next call.
    mutating func canonical(_ item: NotedText, length: Int) -> UnsafeRawBufferPointer? {
        // A number may grow by four bytes for each eleven that it takes, nothing else grows.
        let needed = length * 2 + Self.slack
        if needed > capacity { grow(needed) }
        count = 0
        memberCount = 0
        textEnd = UnsafeRawPointer(item.base + item.end)
        guard attributes(item, 0, item.count) else { return nil }
        return UnsafeRawBufferPointer(start: output, count: count)
    }

    private mutating func grow(_ needed: Int) {
        output.deallocate()
        capacity = max(needed, capacity * 2)
        output = .allocate(capacity: capacity)
    }

    /// Appends an object of the attributes noted from `first` up to `last`.
    private mutating func attributes(_ item: NotedText, _ first: Int, _ last: Int) -> Bool {
        append(UInt8(ascii: "{"))
        let mark = memberCount
        var index = first
        var isSorted = true
        var previous: UInt64 = 0
        while index < last {
            let note = item[index]
            // A value follows the name, so that eight bytes are there.
            var prefix = UnsafeRawPointer(item.base + note.nameStart).loadUnaligned(as: UInt64.self).bigEndian
            let length = note.nameEnd &- note.nameStart
            if length < 8 { prefix &= ~0 &<< UInt64(64 &- 8 &* length) }
            isSorted = isSorted && prefix > previous
            previous = prefix
            if memberCount == memberCapacity { growMembers() }
            members[memberCount] = Member(prefix: prefix, index: index)
            memberCount &+= 1
            index = note.next
        }
        if !isSorted { arrange(from: mark, item) }
        var place = mark
        while place < memberCount {
            if place > mark { append(UInt8(ascii: ",")) }
            guard value(item, members[place].index) else { return false }
            place &+= 1
        }
        memberCount = mark
        append(UInt8(ascii: "}"))
        return true
    }

    /// Appends a noted value and its name.
    private mutating func value(_ item: NotedText, _ index: Int) -> Bool {
        let note = item[index]
        let base = UnsafeRawPointer(item.base)
        switch note.type {
        case .number:
            if note.isCanonical { break }
            copy(base + note.start, note.content &- note.start)
            number(item.base + note.content, count: note.contentEnd &- note.content)
            append(UInt8(ascii: "\""))
            append(UInt8(ascii: "}"))
            return true
        case .string:
            if !note.isRespelled { break }
            copy(base + note.start, note.content &- note.start)
            respelled(base + note.content, count: note.contentEnd &- note.content)
            append(UInt8(ascii: "\""))
            append(UInt8(ascii: "}"))
            return true
        case .map:
            copy(base + note.start, note.content &- note.start)
            guard attributes(item, index &+ 1, note.next) else { return false }
            append(UInt8(ascii: "}"))
            return true
        case .list:
            copy(base + note.start, note.content &- note.start &+ 1)
            var member = index &+ 1
            while member < note.next {
                if member > index &+ 1 { append(UInt8(ascii: ",")) }
                guard value(item, member) else { return false }
                member = item[member].next
            }
            append(UInt8(ascii: "]"))
            append(UInt8(ascii: "}"))
            return true
        case .stringSet, .numberSet, .binarySet:
            if note.hasEscape { return false }
            copy(base + note.start, note.content &- note.start)
            set(item, note)
            return true
        default: break
        }
        copy(base + note.start, note.end &- note.start)
        return true
    }

    /// Appends a string whose escapes the canonical form spells in another way.
    private mutating func respelled(_ text: UnsafeRawPointer, count length: Int) {
        var plain = ByteWriter(capacity: length)
        var escaped = ByteWriter(capacity: length)
        appendUnescaped(UnsafeRawBufferPointer(start: text, count: length), to: &plain)
        appendEscaped(plain.bytes, to: &escaped)
        (output + count).update(from: escaped.base, count: escaped.count)
        count += escaped.count
    }

    /// Appends the members of a set without escapes in the order of their canonical bytes, and the brace.
    @inline(never)
    private mutating func set(_ item: NotedText, _ note: ItemNote) {
        append(UInt8(ascii: "["))
        let first = count
        var places: [SetMember] = []
        item.forEachMember(of: note) { member, length in
            if !places.isEmpty { append(UInt8(ascii: ",")) }
            let start = count
            if note.type == .numberSet {
                append(UInt8(ascii: "\""))
                number(item.base + member, count: length)
                append(UInt8(ascii: "\""))
            } else {
                copy(UnsafeRawPointer(item.base + (member - 1)), length + 2)
            }
            places.append(SetMember(start: start, end: count))
        }
        let rendered = UnsafePointer(output)
        func precedes(_ a: SetMember, _ b: SetMember) -> Bool {
            let (left, right) = (a.end - a.start - 2, b.end - b.start - 2)
            let order = memcmp(rendered + (a.start + 1), rendered + (b.start + 1), min(left, right))
            return order != 0 ? order < 0 : left < right
        }
        if zip(places, places.dropFirst()).contains(where: { !precedes($0, $1) }) {
            places.sort(by: precedes)
            var sorted = ByteWriter(capacity: count - first)
            for (index, place) in places.enumerated() {
                if index > 0 { sorted.append(UInt8(ascii: ",")) }
                sorted.append(rendered + place.start, count: place.end - place.start)
            }
            (output + first).update(from: sorted.base, count: sorted.count)
        }
        append(UInt8(ascii: "]"))
        append(UInt8(ascii: "}"))
    }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        output[count] = byte
        count &+= 1
    }

    /// Appends bytes of the text.
    @inline(__always)
    mutating func copy(_ source: UnsafeRawPointer, _ length: Int) {
        let target = UnsafeMutableRawPointer(output + count)
        if length <= 32, source + 32 <= textEnd {
            copy32(source, to: target)
        } else if length <= 64, source + 64 <= textEnd {
            copy32(source, to: target)
            copy32(source + 32, to: target + 32)
        } else {
            memcpy(target, source, length)
        }
        count &+= length
    }

    @inline(__always)
    private func copy32(_ source: UnsafeRawPointer, to target: UnsafeMutableRawPointer) {
        let low = source.loadUnaligned(as: SIMD2<UInt64>.self)
        let high = source.loadUnaligned(fromByteOffset: 16, as: SIMD2<UInt64>.self)
        target.storeBytes(of: low, as: SIMD2<UInt64>.self)
        target.storeBytes(of: high, toByteOffset: 16, as: SIMD2<UInt64>.self)
    }

    private mutating func growMembers() {
        let bigger = UnsafeMutablePointer<Member>.allocate(capacity: memberCapacity * 2)
        bigger.update(from: members, count: memberCount)
        members.deallocate()
        members = bigger
        memberCapacity *= 2
    }

    /// Puts the members from `mark` on in the order of their names.
    @inline(__always)
    private mutating func arrange(from mark: Int, _ item: NotedText) {
        let size = memberCount &- mark
        let group = members + mark
        if size <= Self.countingLimit {
            // A member's place is the number of smaller ones: no branch that is hard to foretell.
            var taken: UInt64 = 0
            for index in 0..<size {
                let own = group[index]
                var place = 0
                for other in 0..<size {
                    place &+= Int(unsafeBitCast(group[other].prefix < own.prefix, to: UInt8.self))
                }
                ordered[place] = own
                taken |= 1 &<< UInt64(place)
            }
            if taken == (1 &<< UInt64(size)) &- 1 { return group.update(from: ordered, count: size) }
        }
        sort(UnsafeMutableBufferPointer(start: group, count: size), item)
    }

    /// Orders by bytes, which for ASCII is the order by UTF-16; no two names are the same.
    private func sort(_ members: UnsafeMutableBufferPointer<Member>, _ item: NotedText) {
        var group = members
        group.sort { a, b in
            if a.prefix != b.prefix { return a.prefix < b.prefix }
            let (left, right) = (item[a.index], item[b.index])
            let (leftCount, rightCount) = (left.nameEnd &- left.nameStart, right.nameEnd &- right.nameStart)
            let order = memcmp(item.base + left.nameStart, item.base + right.nameStart, min(leftCount, rightCount))
            return order != 0 ? order < 0 : leftCount < rightCount
        }
    }
}
