import CScan

/// Bytes with one bit each that says where plain text of a string ends; the walk over them takes no step per byte.
///
/// A view for one call: the marks belong to a `TextMarks`.
struct MarkedText {
    let base: UnsafePointer<UInt8>
    let end: Int
    /// `end / 64 + 1` words; the bit behind the last byte is set, so that a search always ends.
    let marks: UnsafePointer<UInt64>

    /// The first quote, backslash, control character or byte above 0x7F from `start` on, or `end`.
    @inline(__always)
    func nextSpecial(_ start: Int) -> Int {
        var word = start >> 6
        var bits = marks[word] &>> UInt64(start & 63)
        if bits != 0 { return start &+ bits.trailingZeroBitCount }
        repeat {
            word &+= 1
            bits = marks[word]
        } while bits == 0
        return word &<< 6 &+ bits.trailingZeroBitCount
    }

    /// The bytes at `position` as a number, the first lowest. All of them must be there.
    @inline(__always)
    func four(_ position: Int) -> UInt32 {
        UnsafeRawPointer(base + position).loadUnaligned(as: UInt32.self).littleEndian
    }

    @inline(__always)
    func eight(_ position: Int) -> UInt64 {
        UnsafeRawPointer(base + position).loadUnaligned(as: UInt64.self).littleEndian
    }

    /// Where the string that begins at `start` has its closing quote, or -1 where it has none or is no valid text.
    @inline(__always)
    func stringEnd(_ start: Int, hasEscape: inout Bool) -> Int {
        let stop = nextSpecial(start)
        if stop < end, base[stop] == UInt8(ascii: "\"") { return stop }
        return longStringEnd(stop, hasEscape: &hasEscape)
    }

    /// As `stringEnd` from the first special byte on, which is no quote.
    @inline(never)
    private func longStringEnd(_ start: Int, hasEscape: inout Bool) -> Int {
        var position = start
        while position < end {
            let byte = base[position]
            if byte == UInt8(ascii: "\"") { return position }
            var cursor = Cursor(UnsafeRawBufferPointer(start: base, count: end), at: position)
            if byte == UInt8(ascii: "\\") {
                hasEscape = true
                guard (try? cursor.escape()) != nil else { return -1 }
            } else if byte < 0x20 {
                return -1
            } else {
                // Three-byte sequences that need no closer look: those that begin with E1 to EC, or EE.
                while cursor.position &+ 4 <= end {
                    let sequence = four(cursor.position)
                    let lead = sequence & 0xFF
                    guard sequence & 0xC0C000 == 0x808000, lead &- 0xE1 <= 11 || lead == 0xEE else { break }
                    cursor.position &+= 3
                }
                while cursor.position < end, base[cursor.position] > 0x7F {
                    guard (try? cursor.multibyte()) != nil else { return -1 }
                }
            }
            position = nextSpecial(cursor.position)
        }
        return -1
    }
}

/// The storage of a `MarkedText`'s marks, used again from line to line.
struct TextMarks: ~Copyable {
    private var words: UnsafeMutablePointer<UInt64>
    private var capacity = 64

    init() { words = .allocate(capacity: capacity) }

    deinit { words.deallocate() }

    /// Marks a line; valid until the next call.
    @inline(__always)
    mutating func mark(_ base: UnsafePointer<UInt8>, count: Int) -> MarkedText {
        if count >> 6 >= capacity { grow(count >> 6 + 1) }
        rekey_mark_special_bytes(base, count, words)
        return MarkedText(base: base, end: count, marks: words)
    }

    private mutating func grow(_ needed: Int) {
        words.deallocate()
        capacity = max(needed, capacity * 2)
        words = .allocate(capacity: capacity)
    }
}
