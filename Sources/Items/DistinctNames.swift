#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Finds equal names inside each of the nested objects and sets of one record.
///
/// Names are compared as they are without escapes. Small groups are compared pair by pair, large ones are sorted, so that a million
/// attributes cost n log n and not n².
struct DistinctNames: ~Copyable {
    struct Entry {
        var pointer: UnsafePointer<UInt8>
        var count: Int32
        /// Where the name stands in the record, for the error.
        var offset: Int32
        /// The first eight bytes, zero-filled, most significant first.
        var prefix: UInt64
    }

    private var entries: UnsafeMutablePointer<Entry>
    private var capacity = 64
    private(set) var count = 0
    /// Bytes of names that had escapes and of numbers' canonical texts; chunks never move, so entries may point into them.
    private var chunks: [UnsafeMutableRawBufferPointer] = []
    /// Bytes of the last chunk that are taken.
    private var taken = 0
    private static let chunkSize = 4096

    private static let pairwiseLimit = 24

    init() { entries = .allocate(capacity: capacity) }

    deinit {
        entries.deallocate()
        for chunk in chunks { chunk.deallocate() }
    }

    mutating func reset() {
        count = 0
        taken = 0
        while chunks.count > 1 { chunks.removeLast().deallocate() }
        if let chunk = chunks.first, chunk.count > 1 << 20 {
            chunk.deallocate()
            chunks.removeLast()
        }
    }

    /// Ends the group that began when `count` was `mark`.
    @inline(__always)
    mutating func drop(to mark: Int) { count = mark }

    /// A copy that lives until `reset`.
    mutating func keep(_ bytes: UnsafeRawBufferPointer) -> UnsafePointer<UInt8> {
        if chunks.isEmpty || taken + bytes.count > chunks[chunks.count - 1].count {
            let size = max(Self.chunkSize, bytes.count, chunks.last.map { min($0.count * 2, 1 << 20) } ?? 0)
            chunks.append(.allocate(byteCount: size, alignment: 8))
            taken = 0
        }
        let place = chunks[chunks.count - 1].baseAddress.unsafelyUnwrapped + taken
        if let start = bytes.baseAddress { place.copyMemory(from: start, byteCount: bytes.count) }
        taken += bytes.count
        return UnsafePointer(place.assumingMemoryBound(to: UInt8.self))
    }

    /// Adds a name to the group that began at `mark`; false when it is there already (large groups tell at their end).
    @inline(__always)
    mutating func insert(_ pointer: UnsafePointer<UInt8>, count nameCount: Int, at offset: Int, mark: Int) -> Bool {
        var prefix: UInt64 = 0
        if nameCount >= 8 {
            prefix = UnsafeRawPointer(pointer).loadUnaligned(as: UInt64.self).bigEndian
        } else {
            for i in 0..<nameCount { prefix |= UInt64(pointer[i]) << UInt64(56 - 8 * i) }
        }
        return insert(pointer, count: nameCount, prefix: prefix, at: offset, mark: mark)
    }

    /// As above, for a caller that has the prefix.
    @inline(__always)
    mutating func insert(
        _ pointer: UnsafePointer<UInt8>, count nameCount: Int, prefix: UInt64, at offset: Int, mark: Int
    ) -> Bool {
        let length = Int32(truncatingIfNeeded: nameCount)
        if count &- mark < Self.pairwiseLimit {
            var i = mark
            while i < count {
                if entries[i].prefix == prefix, entries[i].count == length,
                    nameCount <= 8 || memcmp(entries[i].pointer, pointer, nameCount) == 0
                {
                    return false
                }
                i &+= 1
            }
        }
        append(pointer, count: nameCount, prefix: prefix, at: offset)
        return true
    }

    /// Adds a name that the caller knows to be new in its group.
    @inline(__always)
    mutating func append(_ pointer: UnsafePointer<UInt8>, count nameCount: Int, prefix: UInt64, at offset: Int) {
        if count == capacity { grow() }
        (entries + count).initialize(
            to: Entry(
                pointer: pointer, count: Int32(truncatingIfNeeded: nameCount),
                offset: Int32(truncatingIfNeeded: offset), prefix: prefix))
        count &+= 1
    }

    private mutating func grow() {
        let bigger = UnsafeMutablePointer<Entry>.allocate(capacity: capacity * 2)
        bigger.update(from: entries, count: count)
        entries.deallocate()
        entries = bigger
        capacity *= 2
    }

    /// Where the group from `mark` first repeats a name, or -1; `insert` has told of small groups before.
    @inline(__always)
    mutating func firstRepeat(from mark: Int) -> Int {
        count &- mark <= Self.pairwiseLimit ? -1 : sortedFirstRepeat(from: mark)
    }

    private mutating func sortedFirstRepeat(from mark: Int) -> Int {
        var group = UnsafeMutableBufferPointer(start: entries + mark, count: count - mark)
        group.sort { a, b in
            let order = compare(a, b)
            return order != 0 ? order < 0 : a.offset < b.offset
        }
        var first = Int.max
        for i in 1..<group.count where compare(group[i - 1], group[i]) == 0 { first = min(first, Int(group[i].offset)) }
        return first == .max ? -1 : first
    }
}

private func compare(_ a: DistinctNames.Entry, _ b: DistinctNames.Entry) -> Int {
    if a.prefix != b.prefix { return a.prefix < b.prefix ? -1 : 1 }
    let order = memcmp(a.pointer, b.pointer, Int(min(a.count, b.count)))
    return order != 0 ? Int(order) : Int(a.count - b.count)
}
