import Items
package import Tables

/// How large the items that move are, and what writing and reading them costs in capacity units.
package struct MoveWeights: Sendable, Equatable {
    /// Items by size: class n holds those up to `SizeClass.limits[n]` bytes.
    package var sizes = [Int](repeating: 0, count: SizeClass.limits.count)
    /// The largest old item, in bytes.
    package var largest = 0
    /// Bytes of what the items become, and of what stands under new keys already.
    package var newBytes = 0
    package var presentBytes = 0
    /// Units of reading each old and each new item by its key, consistently.
    package var oldReadUnits = 0
    package var newReadUnits = 0

    /// Read units of `--strategy batch` for so many items, beside the scans of the table: to put, each new key is asked for and each
    /// old item read; to verify, each new item is read back; before the deletion it is asked for once more, and a live table for the old item.
    package func batchReads(of count: Int, isLive: Bool) -> Int {
        count + oldReadUnits + 2 * newReadUnits + (isLive ? oldReadUnits : 0)
    }

    /// Units of one consistent scan of the whole table, as the table told them.
    package var scanUnits = 0.0
    /// What each global index takes on top.
    package var indexes: [IndexWeight] = []

    /// The items that an index holds, and the units of its writes.
    ///
    /// Source: Amazon DynamoDB Developer Guide, "Using Global Secondary Indexes", provisioned throughput considerations. The entry of an
    /// index that includes some attributes is taken to be as large as the item, so the units are at most these.
    package struct IndexWeight: Sendable, Equatable, Codable {
        package var name: String
        package var putItems = 0
        package var putUnits = 0
        package var deleteItems = 0
        package var deleteUnits = 0
    }

    /// Size classes for people.
    package enum SizeClass {
        /// Bytes, each the most of its class; the last is DynamoDB's limit of an item.
        package static let limits =
            [128, 256, 512].map { $0 } + (0...8).map { 1024 << $0 } + [CapacityUnits.maximumItemBytes]
    }

    private var descriptions: [IndexDescription] = []

    package init(indexes: [IndexDescription] = []) {
        descriptions = indexes.filter { $0.kind == .global }
        self.indexes = descriptions.map { IndexWeight(name: $0.name) }
    }

    /// Takes an item that moves.
    mutating func add(old: UnsafeRawBufferPointer, oldSize: Int, new: UnsafeRawBufferPointer, newSize: Int) {
        sizes[SizeClass.limits.firstIndex { oldSize <= $0 } ?? sizes.count - 1] += 1
        largest = max(largest, oldSize)
        newBytes += newSize
        oldReadUnits += (oldSize + 4095) / 4096
        newReadUnits += (newSize + 4095) / 4096
        guard !descriptions.isEmpty else { return }
        let (before, after) = (Item(trusted: Array(old)), Item(trusted: Array(new)))
        for (place, index) in descriptions.enumerated() {
            if let units = Self.entryUnits(before, size: oldSize, index) {
                indexes[place].deleteItems += 1
                indexes[place].deleteUnits += units
            }
            if let units = Self.entryUnits(after, size: newSize, index) {
                indexes[place].putItems += 1
                indexes[place].putUnits += units
            }
        }
    }

    /// Write units of an item's entry in an index; nil where the index does not hold it.
    private static func entryUnits(_ item: Item, size: Int, _ index: IndexDescription) -> Int? {
        var keyBytes = 0
        for key in [index.schema.partition, index.schema.sort].compactMap({ $0 }) {
            guard let value = item.attribute(key.name), value.type.tag == key.type.rawValue else { return nil }
            keyBytes += key.name.utf8.count + value.text.count
        }
        // The table's own key, of 3 KiB at most, comes with it; an item is never smaller than its key.
        let bytes = index.projection == "KEYS_ONLY" ? min(size, keyBytes + 3072) : size
        return max(1, (bytes + 1023) / 1024)
    }
}
