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
        var count: Int
        /// The first eight bytes, zero-filled, most significant first.
        var prefix: UInt64
    }

    private var entries: UnsafeMutablePointer<Entry>
    private var capacity = 64
    private(set) var count = 0
    /// Bytes of names that had escapes; chunks never move, so entries may point into them.
    private var chunks: [UnsafeMutablePointer<UInt8>] = []

    private static let pairwiseLimit = 24

    init() { entries = .allocate(capacity: capacity) }

    deinit {
        entries.deallocate()
        for chunk in chunks { chunk.deallocate() }
    }

    mutating func reset() {
        count = 0
        if !chunks.isEmpty {
            for chunk in chunks { chunk.deallocate() }
            chunks.removeAll()
        }
    }

    /// Ends the group that began when `count` was `mark`.
    @inline(__always)
    mutating func drop(to mark: Int) { count = mark }

    /// Bytes that live until `reset`.
    mutating func keep(_ bytes: UnsafeRawBufferPointer) -> UnsafePointer<UInt8> {
        let chunk = UnsafeMutablePointer<UInt8>.allocate(capacity: max(bytes.count, 1))
        bytes.withMemoryRebound(to: UInt8.self) { source in
            if let start = source.baseAddress { chunk.update(from: start, count: source.count) }
        }
        chunks.append(chunk)
        return UnsafePointer(chunk)
    }

    /// Adds a name to the group that began at `mark`; false when it is there already (large groups tell at their end).
    @inline(__always)
    mutating func insert(_ pointer: UnsafePointer<UInt8>, count nameCount: Int, mark: Int) -> Bool {
        var prefix: UInt64 = 0
        if nameCount >= 8 {
            prefix = UnsafeRawPointer(pointer).loadUnaligned(as: UInt64.self).bigEndian
        } else {
            for i in 0..<nameCount { prefix |= UInt64(pointer[i]) << UInt64(56 - 8 * i) }
        }
        if count &- mark < Self.pairwiseLimit {
            var i = mark
            while i < count {
                if entries[i].prefix == prefix, entries[i].count == nameCount,
                    memcmp(entries[i].pointer, pointer, nameCount) == 0
                {
                    return false
                }
                i &+= 1
            }
        }
        if count == capacity { grow() }
        entries[count] = Entry(pointer: pointer, count: nameCount, prefix: prefix)
        count &+= 1
        return true
    }

    private mutating func grow() {
        let bigger = UnsafeMutablePointer<Entry>.allocate(capacity: capacity * 2)
        bigger.update(from: entries, count: count)
        entries.deallocate()
        entries = bigger
        capacity *= 2
    }

    /// True when the group from `mark` has no two equal names; `insert` has told of small groups before.
    @inline(__always)
    mutating func isDistinct(from mark: Int) -> Bool {
        count &- mark <= Self.pairwiseLimit || sortedIsDistinct(from: mark)
    }

    private mutating func sortedIsDistinct(from mark: Int) -> Bool {
        var group = UnsafeMutableBufferPointer(start: entries + mark, count: count - mark)
        group.sort { compare($0, $1) < 0 }
        for i in 1..<group.count where compare(group[i - 1], group[i]) == 0 { return false }
        return true
    }
}

private func compare(_ a: DistinctNames.Entry, _ b: DistinctNames.Entry) -> Int {
    if a.prefix != b.prefix { return a.prefix < b.prefix ? -1 : 1 }
    let order = memcmp(a.pointer, b.pointer, min(a.count, b.count))
    return order != 0 ? Int(order) : a.count - b.count
}
