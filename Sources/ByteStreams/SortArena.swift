#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// One record as it stands in the arena and in a run: key length, value length (4 bytes each), key, value.
struct SortRecord {
    static let headerSize = 8

    /// The header's first byte.
    let start: UnsafeRawPointer

    var keyCount: Int { Int(start.loadUnaligned(as: UInt32.self)) }
    var valueCount: Int { Int(start.loadUnaligned(fromByteOffset: 4, as: UInt32.self)) }
    /// Bytes with the header.
    var count: Int { Self.headerSize + keyCount + valueCount }
    var key: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start + Self.headerSize, count: keyCount) }
    var value: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: start + Self.headerSize + keyCount, count: valueCount)
    }
    /// Header, key and value.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    /// Eight key bytes from `skipped` on as a big-endian number, zeros where the key ends: where two of them differ,
    /// they order as the keys do, given that the skipped bytes are equal.
    func prefix(skipping skipped: Int = 0) -> UInt64 {
        let rest = keyCount - skipped
        let from = start + Self.headerSize + skipped
        if rest >= 8 { return UInt64(bigEndian: from.loadUnaligned(as: UInt64.self)) }
        var prefix: UInt64 = 0
        for index in 0..<max(rest, 0) {
            prefix |= UInt64(from.load(fromByteOffset: index, as: UInt8.self)) << UInt64(56 - 8 * index)
        }
        return prefix
    }

    /// Negative, zero or positive as this key stands before, at or after the other: by bytes, the shorter first.
    func compareKey(to other: SortRecord) -> Int {
        let own = keyCount
        let others = other.keyCount
        let order = memcmp(start + Self.headerSize, other.start + Self.headerSize, min(own, others))
        return order != 0 ? Int(order) : own - others
    }
}

/// Records in memory: their bytes one after the other, and an index that is sorted in their place.
struct SortArena: ~Copyable {
    private struct Entry {
        var prefix: UInt64
        var offset: Int
    }

    /// What an index entry costs, with the half as much again that sorting needs.
    private static let entryCost = 24

    private var bytes: UnsafeMutableRawPointer?
    private var capacity = 0
    private var used = 0
    private var entries: [Entry] = []
    private var isSorted = true
    private let memoryLimit: Int

    init(memoryLimit: Int) { self.memoryLimit = memoryLimit }

    deinit { free(bytes) }

    var count: Int { entries.count }

    /// Whether a record can be added within the limit. A single one always can.
    ///
    /// - Parameter size: of the record with its header.
    func hasRoom(_ size: Int) -> Bool {
        entries.isEmpty || used + size + (entries.count + 1) * Self.entryCost <= memoryLimit
    }

    mutating func append(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        let size = SortRecord.headerSize + key.count + value.count
        if used + size > capacity { grow(to: used + size) }
        let start = bytes! + used
        start.storeBytes(of: UInt32(key.count), as: UInt32.self)
        start.storeBytes(of: UInt32(value.count), toByteOffset: 4, as: UInt32.self)
        if let base = key.baseAddress { memcpy(start + SortRecord.headerSize, base, key.count) }
        if let base = value.baseAddress { memcpy(start + SortRecord.headerSize + key.count, base, value.count) }
        entries.append(Entry(prefix: 0, offset: used))
        used += size
        isSorted = false
    }

    mutating func append(_ record: SortRecord) {
        let size = record.count
        if used + size > capacity { grow(to: used + size) }
        memcpy(bytes! + used, record.start, size)
        entries.append(Entry(prefix: 0, offset: used))
        used += size
        isSorted = false
    }

    /// Sorts by key, equal keys in the order they were added.
    mutating func sort() {
        guard !isSorted, let bytes else { return }
        isSorted = true
        let base = UnsafeRawPointer(bytes)
        let common = commonPrefixCount(base)
        entries.withUnsafeMutableBufferPointer { entries in
            for index in entries.indices {
                entries[index].prefix = SortRecord(start: base + entries[index].offset).prefix(skipping: common)
            }
            entries.sort { left, right in
                if left.prefix != right.prefix { return left.prefix < right.prefix }
                let order = SortRecord(start: base + left.offset).compareKey(to: SortRecord(start: base + right.offset))
                return order != 0 ? order < 0 : left.offset < right.offset
            }
        }
    }

    /// Calls `body` with the records in their present order.
    func forEach(_ body: (SortRecord) throws(RekeyError) -> Void) throws(RekeyError) {
        guard let bytes else { return }
        for entry in entries { try body(SortRecord(start: UnsafeRawPointer(bytes) + entry.offset)) }
    }

    /// Forgets the records and keeps the memory.
    mutating func removeAll() {
        used = 0
        entries.removeAll(keepingCapacity: true)
        isSorted = true
    }

    /// Forgets the records and gives the memory back.
    mutating func release() {
        free(bytes)
        bytes = nil
        capacity = 0
        used = 0
        entries = []
        isSorted = true
    }

    /// How many bytes all keys begin with alike, so that the prefixes can be taken where keys begin to differ.
    private func commonPrefixCount(_ base: UnsafeRawPointer) -> Int {
        guard let first = entries.first else { return 0 }
        let model = SortRecord(start: base + first.offset).key
        var common = model.count
        for entry in entries.dropFirst() where common > 0 {
            let key = SortRecord(start: base + entry.offset).key
            common = min(common, key.count)
            if memcmp(model.baseAddress!, key.baseAddress!, common) == 0 { continue }
            var equal = 0
            while model[equal] == key[equal] { equal += 1 }
            common = equal
        }
        return common
    }

    private mutating func grow(to needed: Int) {
        let larger = max(needed, min(max(capacity * 2, 64 << 10), memoryLimit))
        // The system moves large blocks without holding both.
        guard let moved = realloc(bytes, larger) else { fatalError("out of memory") }
        bytes = moved
        capacity = larger
    }
}
