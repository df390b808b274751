#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What the captures of one rule hold for one item: pointers into the bytes that were matched, nothing is copied.
///
/// Make one per worker and use it again for every item. The entries are valid only while the matched bytes stay where
/// they are.
package struct CaptureTable {
    private struct Entry {
        var start: UnsafeRawPointer?
        var count = 0
    }

    private var entries: [Entry]

    /// For rules with at most `count` captures; it grows where a rule has more.
    package init(count: Int = 8) {
        entries = Array(repeating: Entry(), count: count)
    }

    /// Forgets every value and makes room for `count` captures.
    package mutating func reset(count: Int) {
        guard entries.count >= count else {
            entries = Array(repeating: Entry(), count: count)
            return
        }
        entries.withUnsafeMutableBufferPointer { entries in
            for index in 0..<count { entries[index].start = nil }
        }
    }

    /// The bytes that capture `index` holds; nil while it holds none.
    package subscript(index: Int) -> UnsafeRawBufferPointer? {
        let entry = entries[index]
        return entry.start.map { UnsafeRawBufferPointer(start: $0, count: entry.count) }
    }

    /// Sets capture `index`; false if it already holds other bytes. `bytes` must not be empty.
    package mutating func bind(_ index: Int, to bytes: UnsafeRawBufferPointer) -> Bool {
        let entry = entries[index]
        if let start = entry.start {
            return entry.count == bytes.count && memcmp(start, bytes.baseAddress!, entry.count) == 0
        }
        entries[index] = Entry(start: bytes.baseAddress, count: bytes.count)
        return true
    }
}
