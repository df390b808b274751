import Items

/// Where an item stands in an embedded table: the order of its rows is the order of a scan.
struct RowPosition: Sendable, Hashable, Comparable {
    /// 0 to 2^63 - 1, from the partition key alone: spreads partitions evenly over segments.
    let hash: Int64
    /// The partition key's sortable bytes.
    let partition: [UInt8]
    /// The sort key's sortable bytes; empty if the table has no sort key.
    let sort: [UInt8]

    init(_ key: ItemKey) {
        partition = ItemKey.sortableBytes(of: key.partition)
        sort = key.sort.map { ItemKey.sortableBytes(of: $0) } ?? []
        hash = Self.hash(partition)
    }

    /// The last place before every row whose hash is not below `hash`.
    init(before hash: Int64) {
        self.hash = hash
        partition = []
        sort = []
    }

    static func < (left: RowPosition, right: RowPosition) -> Bool {
        if left.hash != right.hash { return left.hash < right.hash }
        if left.partition != right.partition { return left.partition.lexicographicallyPrecedes(right.partition) }
        return left.sort.lexicographicallyPrecedes(right.sort)
    }

    /// FNV-1a and the finalizer of MurmurHash3, without the sign. Part of the file format: never change it.
    static func hash(_ bytes: [UInt8]) -> Int64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        hash = (hash ^ (hash >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        hash = (hash ^ (hash >> 33)) &* 0xC4CE_B9FE_1A85_EC53
        return Int64(bitPattern: (hash ^ (hash >> 33)) >> 1)
    }

    /// The hashes of one of `total` segments of equal width.
    static func hashes(ofSegment segment: Int, of total: Int) -> ClosedRange<Int64> {
        func start(_ segment: Int) -> UInt64 {
            let product = UInt64(segment).multipliedFullWidth(by: 1 << 63)
            return UInt64(total).dividingFullWidth((product.high, product.low)).quotient
        }
        // The end of the last segment is 2^63, one above the largest hash.
        return segment + 1 == total
            ? Int64(start(segment))...Int64.max : Int64(start(segment))...Int64(start(segment + 1) - 1)
    }
}

/// The sortable bytes of all strings or binaries that begin with a prefix.
struct PrefixRange: Sendable {
    /// The first one's.
    let lower: [UInt8]
    /// Those of the first value after them; nil if there is none.
    let upper: [UInt8]?

    /// The values of a type that begin with a prefix; nil for numbers, which have no prefixes.
    init?(_ prefix: [UInt8], of type: KeyType) {
        // The next prefix of the same length or shorter; its bytes need not be UTF-8, only their order counts.
        var next = prefix
        while next.last == 0xFF { next.removeLast() }
        if let last = next.popLast() { next.append(last + 1) }
        switch type {
        case .number: return nil
        case .string:
            lower = ItemKey.sortableBytes(of: .string(prefix))
            upper = next.isEmpty ? nil : ItemKey.sortableBytes(of: .string(next))
        case .binary:
            lower = ItemKey.sortableBytes(of: .binary(prefix))
            upper = next.isEmpty ? nil : ItemKey.sortableBytes(of: .binary(next))
        }
    }

    /// Whether a value's sortable bytes are in the range.
    func contains(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if bytes.lexicographicallyPrecedes(lower) { return false }
        guard let upper else { return true }
        return bytes.lexicographicallyPrecedes(upper)
    }
}
