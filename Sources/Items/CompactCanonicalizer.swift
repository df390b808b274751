#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The canonical form of items as AWS and rekey write them: no white space, and names of ASCII without escapes.
///
/// It copies whole attributes where they are canonical as they stand, and answers nil for what it does not know. Each object's members
/// are rendered in the order they come and then put in that of their names.
struct CompactCanonicalizer: ~Copyable {
    private struct Member {
        /// The first eight bytes of the name, most significant first.
        var prefix: UInt64
        /// The name in the item.
        var name: Int32
        var nameCount: Int32
        /// From the quote before the name to after the value, in the output.
        var start: Int32
        var end: Int32
    }

    private var marks = TextMarks()
    var output: UnsafeMutablePointer<UInt8>
    private var spare: UnsafeMutablePointer<UInt8>
    private var capacity = 8192
    /// Bytes in `output`.
    var count = 0
    private var members: UnsafeMutablePointer<Member>
    private var memberCapacity = 64
    private var memberCount = 0

    /// Copies may write so many bytes too many.
    private static let slack = 64

    init() {
        output = .allocate(capacity: capacity)
        spare = .allocate(capacity: capacity)
        members = .allocate(capacity: memberCapacity)
    }

    deinit {
        output.deallocate()
        spare.deallocate()
        members.deallocate()
    }

    /// The canonical form of a validated item; valid until the next call.
    mutating func canonical(_ item: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard item.count < 1 << 30 else { return nil }
        // A number may grow by four bytes for each eleven that it takes, nothing else grows.
        if item.count * 2 + Self.slack > capacity { grow(item.count * 2 + Self.slack) }
        count = 0
        memberCount = 0
        let start = Cursor(item)
        let text = marks.mark(start.base, count: start.end)
        guard text.end >= 2, text.base[0] == UInt8(ascii: "{"), attributes(text, at: 0) == text.end else { return nil }
        return UnsafeRawBufferPointer(start: output, count: count)
    }

    private mutating func grow(_ needed: Int) {
        output.deallocate()
        spare.deallocate()
        capacity = max(needed, capacity * 2)
        output = .allocate(capacity: capacity)
        spare = .allocate(capacity: capacity)
    }

    /// Appends an object of attributes whose brace is at `start`; where it ends in the text, or -1.
    private mutating func attributes(_ text: MarkedText, at start: Int) -> Int {
        var position = start &+ 1
        guard position < text.end else { return -1 }
        append(UInt8(ascii: "{"))
        if text.base[position] == UInt8(ascii: "}") {
            append(UInt8(ascii: "}"))
            return position &+ 1
        }
        let first = memberCount
        let outputStart = count
        var isSorted = true
        while true {
            guard position &+ 13 <= text.end, text.base[position] == UInt8(ascii: "\"") else { return -1 }
            let nameEnd = text.nextSpecial(position &+ 1)
            guard nameEnd &+ 11 <= text.end, text.four(nameEnd) == 0x227B_3A22 else { return -1 }
            let nameCount = nameEnd &- position &- 1
            var prefix = text.eight(position &+ 1).byteSwapped
            if nameCount < 8 { prefix &= ~0 &<< UInt64(64 &- 8 &* nameCount) }
            if memberCount == memberCapacity { growMembers() }
            let memberStart = count
            let end = value(text, from: position, tagAt: nameEnd &+ 4)
            guard end > 0, end < text.end else { return -1 }
            let member = Member(
                prefix: prefix, name: Int32(truncatingIfNeeded: position &+ 1),
                nameCount: Int32(truncatingIfNeeded: nameCount), start: Int32(truncatingIfNeeded: memberStart),
                end: Int32(truncatingIfNeeded: count))
            // Members inside the value have used the places behind this one, and given them back.
            if memberCount > first, isSorted { isSorted = precedes(members[memberCount &- 1], member, text) }
            members[memberCount] = member
            memberCount &+= 1
            let byte = text.base[end]
            position = end &+ 1
            if byte == UInt8(ascii: ",") {
                append(UInt8(ascii: ","))
                continue
            }
            guard byte == UInt8(ascii: "}") else { return -1 }
            if !isSorted { arrange(from: first, outputStart, text) }
            memberCount = first
            append(UInt8(ascii: "}"))
            return position
        }
    }

    /// Appends what stands from `from` to the tag, and the value; where it ends in the text, or -1.
    @inline(__always)
    private mutating func value(_ text: MarkedText, from: Int, tagAt tag: Int) -> Int {
        guard tag &+ 8 <= text.end else { return -1 }
        let start = tag &+ 4
        switch text.four(tag) {
        case 0x223A_2253:  // S":"
            let end = text.nextSpecial(start)
            guard end &+ 1 < text.end else { return -1 }
            if text.base[end] != UInt8(ascii: "\"") { return longString(text, from: from, at: start) }
            return leaf(text, from: from, end)
        case 0x223A_224E:  // N":"
            let end = text.nextSpecial(start)
            guard end &+ 1 < text.end, text.base[end] == UInt8(ascii: "\""), text.base[end &+ 1] == UInt8(ascii: "}")
            else { return -1 }
            copy(text, from, start)
            number(text, start, end)
            append(UInt8(ascii: "\""))
            append(UInt8(ascii: "}"))
            return end &+ 2
        case 0x7B3A_224D:  // M":{
            copy(text, from, tag &+ 3)
            return close(text, attributes(text, at: tag &+ 3))
        case 0x5B3A_224C:  // L":[
            copy(text, from, start)
            return close(text, list(text, at: start))
        case 0x4C4F_4F42:  // BOOL
            let first = text.base[tag &+ 6]
            let end = tag &+ (first == UInt8(ascii: "t") ? 11 : 12)
            guard end <= text.end, first == UInt8(ascii: "t") || first == UInt8(ascii: "f"),
                text.base[end &- 1] == UInt8(ascii: "}")
            else { return -1 }
            copy(text, from, end)
            return end
        case 0x4C4C_554E:  // NULL
            guard tag &+ 11 <= text.end, text.base[tag &+ 6] == UInt8(ascii: "t"),
                text.base[tag &+ 10] == UInt8(ascii: "}")
            else { return -1 }
            copy(text, from, tag &+ 11)
            return tag &+ 11
        case 0x223A_2242:  // B":"
            let end = text.nextSpecial(start)
            guard end &+ 1 < text.end, text.base[end] == UInt8(ascii: "\"") else { return -1 }
            return leaf(text, from: from, end)
        case 0x3A22_5353, 0x3A22_5342:  // SS": and BS":
            guard text.base[start] == UInt8(ascii: "[") else { return -1 }
            copy(text, from, start &+ 1)
            return close(text, set(text, at: start &+ 1))
        // Sets of numbers, which are rare.
        default: return -1
        }
    }

    /// Appends the members of a set of strings or binaries in the order of their bytes, and its bracket.
    @inline(never)
    private mutating func set(_ text: MarkedText, at start: Int) -> Int {
        let first = memberCount
        let outputStart = count
        var position = start
        while true {
            guard position < text.end, text.base[position] == UInt8(ascii: "\"") else { return -1 }
            var end = position &+ 1
            while true {
                end = text.nextSpecial(end)
                guard end &+ 1 < text.end, text.base[end] != UInt8(ascii: "\\") else { return -1 }
                if text.base[end] == UInt8(ascii: "\"") { break }
                end &+= 1
            }
            let length = end &- position &- 1
            var prefix: UInt64 = 0
            for place in 0..<8 {
                prefix = prefix << 8 | (place < length ? UInt64(text.base[position &+ 1 &+ place]) : 0)
            }
            if memberCount == memberCapacity { growMembers() }
            let memberStart = count
            copy(text, position, end &+ 1)
            members[memberCount] = Member(
                prefix: prefix, name: Int32(truncatingIfNeeded: position &+ 1),
                nameCount: Int32(truncatingIfNeeded: length), start: Int32(truncatingIfNeeded: memberStart),
                end: Int32(truncatingIfNeeded: count))
            memberCount &+= 1
            let byte = text.base[end &+ 1]
            position = end &+ 2
            if byte == UInt8(ascii: ",") {
                append(UInt8(ascii: ","))
                continue
            }
            guard byte == UInt8(ascii: "]") else { return -1 }
            if memberCount &- first > 1 { arrange(from: first, outputStart, text) }
            memberCount = first
            append(UInt8(ascii: "]"))
            return position
        }
    }

    @inline(__always)
    private mutating func close(_ text: MarkedText, _ end: Int) -> Int {
        guard end > 0, end < text.end, text.base[end] == UInt8(ascii: "}") else { return -1 }
        append(UInt8(ascii: "}"))
        return end &+ 1
    }

    /// Appends what stands from `from` to the quote at `end` and the value's brace behind it.
    @inline(__always)
    private mutating func leaf(_ text: MarkedText, from: Int, _ end: Int) -> Int {
        guard text.base[end &+ 1] == UInt8(ascii: "}") else { return -1 }
        copy(text, from, end &+ 2)
        return end &+ 2
    }

    /// A string that has more than plain ASCII: without escapes it is canonical as it stands.
    @inline(never)
    private mutating func longString(_ text: MarkedText, from: Int, at start: Int) -> Int {
        var position = start
        var hasEscape = false
        while true {
            position = text.nextSpecial(position)
            guard position &+ 1 < text.end else { return -1 }
            let byte = text.base[position]
            if byte == UInt8(ascii: "\"") { break }
            if byte == UInt8(ascii: "\\") {
                // Escapes that are canonical: those of the quote, the backslash and the named controls.
                switch text.base[position &+ 1] {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"),
                    UInt8(ascii: "r"), UInt8(ascii: "t"):
                    break
                default: hasEscape = true
                }
                position &+= 2
            } else {
                repeat { position &+= 1 } while position < text.end && text.base[position] > 0x7F
            }
        }
        guard hasEscape else { return leaf(text, from: from, position) }
        guard text.base[position &+ 1] == UInt8(ascii: "}") else { return -1 }
        copy(text, from, start)
        var plain = ByteWriter(capacity: position - start)
        var escaped = ByteWriter(capacity: position - start)
        appendUnescaped(UnsafeRawBufferPointer(start: text.base + start, count: position - start), to: &plain)
        appendEscaped(plain.bytes, to: &escaped)
        (output + count).update(from: escaped.base, count: escaped.count)
        count += escaped.count
        append(UInt8(ascii: "\""))
        append(UInt8(ascii: "}"))
        return position &+ 2
    }

    /// Appends a list's members and its bracket; `start` is behind the opening one.
    private mutating func list(_ text: MarkedText, at start: Int) -> Int {
        var position = start
        guard position < text.end else { return -1 }
        if text.base[position] == UInt8(ascii: "]") {
            append(UInt8(ascii: "]"))
            return position &+ 1
        }
        while true {
            guard position &+ 10 <= text.end, text.base[position] == UInt8(ascii: "{"),
                text.base[position &+ 1] == UInt8(ascii: "\"")
            else { return -1 }
            let end = value(text, from: position, tagAt: position &+ 2)
            guard end > 0, end < text.end else { return -1 }
            let byte = text.base[end]
            append(byte)
            position = end &+ 1
            if byte == UInt8(ascii: ",") { continue }
            return byte == UInt8(ascii: "]") ? position : -1
        }
    }

    /// Appends a number in its canonical form.
    @inline(__always)
    private mutating func number(_ text: MarkedText, _ start: Int, _ end: Int) {
        // An integer without zeros at its ends is canonical; so is most of what stands in keys and counts.
        let first = text.base[start]
        if text.base[end &- 1] != UInt8(ascii: "0"), first != UInt8(ascii: "0"), first != UInt8(ascii: "+"),
            end &- start <= 8, start &+ 8 <= text.end
        {
            let signCount = first == UInt8(ascii: "-") ? 1 : 0
            let digits = end &- start &- signCount
            let bits = UInt64(8 &* digits)
            let word = digits > 0 && digits < 8 ? text.eight(start &+ signCount) & ((1 &<< bits) &- 1) : 0
            let padded = (word | (~0 &<< bits) & 0x3030_3030_3030_3030) ^ 0x3030_3030_3030_3030
            if word != 0, word & 0xFF != 0x30, ((padded &+ 0x7676_7676_7676_7676) | padded) & 0x8080_8080_8080_8080 == 0
            {
                return copy(text, start, end)
            }
        }
        otherNumber(text, start, end)
    }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        output[count] = byte
        count &+= 1
    }

    /// Appends the text from `start` to `end`.
    @inline(__always)
    mutating func copy(_ text: MarkedText, _ start: Int, _ end: Int) {
        let length = end &- start
        if length <= 32, start &+ 32 <= text.end {
            copy32(UnsafeRawPointer(text.base + start), to: UnsafeMutableRawPointer(output + count))
        } else if length <= 64, start &+ 64 <= text.end {
            copy32(UnsafeRawPointer(text.base + start), to: UnsafeMutableRawPointer(output + count))
            copy32(UnsafeRawPointer(text.base + (start &+ 32)), to: UnsafeMutableRawPointer(output + (count &+ 32)))
        } else {
            (output + count).update(from: text.base + start, count: length)
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

    /// Order by bytes, which for ASCII is that of UTF-16; no two names are the same.
    @inline(__always)
    private func precedes(_ a: Member, _ b: Member, _ text: MarkedText) -> Bool {
        if a.prefix != b.prefix { return a.prefix < b.prefix }
        let order = memcmp(text.base + Int(a.name), text.base + Int(b.name), Int(min(a.nameCount, b.nameCount)))
        return order != 0 ? order < 0 : a.nameCount < b.nameCount
    }

    /// Puts the members from `first` on in order; they stand in the output from `start` on with commas between.
    private mutating func arrange(from first: Int, _ start: Int, _ text: MarkedText) {
        var group = UnsafeMutableBufferPointer(start: members + first, count: memberCount &- first)
        if group.count > 32 {
            group.sort { precedes($0, $1, text) }
        } else {
            for index in 1..<group.count {
                let member = group[index]
                var place = index
                while place > 0, precedes(member, group[place &- 1], text) {
                    group[place] = group[place &- 1]
                    place &-= 1
                }
                group[place] = member
            }
        }
        var position = 0
        for index in 0..<group.count {
            if index > 0 {
                spare[position] = UInt8(ascii: ",")
                position &+= 1
            }
            let length = Int(group[index].end &- group[index].start)
            let source = output + Int(group[index].start)
            if length <= 32 {
                copy32(UnsafeRawPointer(source), to: UnsafeMutableRawPointer(spare + position))
            } else if length <= 64 {
                copy32(UnsafeRawPointer(source), to: UnsafeMutableRawPointer(spare + position))
                copy32(UnsafeRawPointer(source + 32), to: UnsafeMutableRawPointer(spare + (position &+ 32)))
            } else {
                (spare + position).update(from: source, count: length)
            }
            position &+= length
        }
        (output + start).update(from: spare, count: position)
    }
}
