package import ByteStreams
package import Items

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Puts and deletes on their way to a table: each is checked and measured once, where it is added, and stands here in the words
/// of a BatchWriteItem request.
///
/// Of several requests for one item the last one wins; the others are void and are not sent.
///
/// Unchecked: one task adds requests; once the batch is handed to a table it is only read, until the table has answered.
package final class WriteBatch: @unchecked Sendable {
    /// A request's place.
    private struct Entry {
        /// In `json`.
        var start: Int
        var end: Int
        /// In `keys`.
        var keyStart: Int
        var keyEnd: Int
        var hash: UInt64
        /// DynamoDB's size of the item; 0 for a deletion.
        var size: Int
        var isDeletion: Bool
        var isVoid = false
    }

    /// What was added last, for the one who added it.
    package struct Added {
        /// DynamoDB's size of the item; 0 for a deletion.
        package var size: Int
        package var isDeletion: Bool
        /// Of `key`: equal for equal keys, on every machine.
        package var keyHash: UInt64
    }

    private static let putHead: StaticString = "{\"PutRequest\":{\"Item\":"
    private static let deletionHead: StaticString = "{\"DeleteRequest\":{\"Key\":"

    private let finder: KeyFinder
    private let checks: RequestChecks
    /// `{"PutRequest":{"Item":{…}}},{"DeleteRequest":{"Key":{…}}},…`
    @exclusivity(unchecked) private var json = ByteWriter(capacity: 64 << 10)
    /// Sortable bytes of each request's key, one after the other.
    @exclusivity(unchecked) private var keys = ByteWriter(capacity: 4 << 10)
    @exclusivity(unchecked) private var entries: [Entry] = []
    /// Open addressing by hash: numbers of entries, the last one of each key; -1 is free. Its count is a power of two.
    @exclusivity(unchecked) private var places: [Int32] = []
    /// Requests that a later one for the same item has made void.
    private var voidCount = 0
    /// Write units of the requests that stand, indexes not included, with 1 for a delete.
    package private(set) var units = 0.0
    /// Where set, each request is sent once, and none later than so long after the first: what was not done comes back as unprocessed, also
    /// after an error that another try could mend. For writes that rest on what was read just before. Nil: sent again until done or given up.
    package var freshness: Duration?

    package init(schema: KeySchema) {
        finder = KeyFinder(schema)
        checks = RequestChecks(schema: schema, limits: TableLimits())
        places = [Int32](repeating: -1, count: 256)
    }

    package var schema: KeySchema { finder.schema }

    /// Requests added.
    package var count: Int { entries.count }

    package var isEmpty: Bool { entries.isEmpty }

    /// Bytes of JSON.
    package var byteCount: Int { json.count }

    /// DynamoDB's size of all items added.
    package var storedBytes: Int { entries.reduce(0) { $0 + $1.size } }

    /// Sortable bytes of the key of what was added last; valid until the next change.
    package var lastKey: UnsafeRawBufferPointer {
        guard let last = entries.last else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return key(last)
    }

    /// Forgets all requests and keeps the memory.
    package func removeAll() {
        json.removeAll()
        keys.removeAll()
        entries.removeAll(keepingCapacity: true)
        for index in places.indices { places[index] = -1 }
        voidCount = 0
        units = 0
    }

    // MARK: Adding

    /// Adds what a record that was just scanned asks for. Throws, and adds nothing, where DynamoDB would not take it: a bad key, a deletion
    /// that names other attributes besides, or an item over 409,600 bytes.
    @discardableResult
    package func add(
        _ record: Record, of line: UnsafeRawBufferPointer, _ view: ItemView
    ) throws(ItemError) -> Added {
        let keyStart = keys.count
        do throws(ItemError) {
            try finder.appendSortable(of: view, to: &keys)
            guard let image = record.image else {
                let key = try view.key(schema)
                guard view.attributes.count == schema.names.count else {
                    throw ItemError(
                        "a deletion names more than the table's key (\(schema.names.joined(separator: ", "))), which DynamoDB refuses",
                        at: record.keys?.lowerBound ?? 0)
                }
                appendDeletion(key)
                return added(keyStart, size: 0, isDeletion: true)
            }
            let size = view.storedSize
            guard size <= CapacityUnits.maximumItemBytes else {
                throw ItemError(
                    "the item has \(size) bytes, DynamoDB takes \(CapacityUnits.maximumItemBytes)",
                    at: image.lowerBound)
            }
            appendPut(UnsafeRawBufferPointer(rebasing: line[image]))
            return added(keyStart, size: size, isDeletion: false)
        } catch {
            keys.truncate(to: keyStart)
            throw error
        }
    }

    /// Adds a request.
    ///
    /// - Throws: `.badInput` as `RequestChecks.check`; nothing is added then.
    package func add(_ request: WriteRequest) throws(RekeyError) {
        let keyStart = keys.count
        switch request {
        case .put(let item):
            let size = try measured(item)
            item.json.withUnsafeBytes { appendPut($0) }
            added(keyStart, size: size, isDeletion: false)
        case .delete(let key):
            try checks.check(key)
            keys.append(key.sortableBytes)
            appendDeletion(key)
            added(keyStart, size: 0, isDeletion: true)
        }
    }

    /// Appends an item's key and returns its size.
    private func measured(_ item: Item) throws(RekeyError) -> Int {
        let keyStart = keys.count
        do {
            return try item.withView { (view) throws in
                try finder.appendSortable(of: view, to: &keys)
                guard view.storedSize <= CapacityUnits.maximumItemBytes else {
                    throw RekeyError(.badInput, "Item size has exceeded the maximum allowed size")
                }
                return view.storedSize
            }
        } catch {
            keys.truncate(to: keyStart)
            // In the words of the check that finds it again.
            try checks.check(item)
            throw RekeyError(.badInput, "\(error)")
        }
    }

    private func appendPut(_ item: UnsafeRawBufferPointer) {
        if json.count > 0 { json.append(UInt8(ascii: ",")) }
        json.append(Self.putHead)
        json.append(item)
        json.append("}}" as StaticString)
    }

    private func appendDeletion(_ key: ItemKey) {
        if json.count > 0 { json.append(UInt8(ascii: ",")) }
        json.append(Self.deletionHead)
        json.append(key.json(schema))
        json.append("}}" as StaticString)
    }

    @discardableResult
    private func added(_ keyStart: Int, size: Int, isDeletion: Bool) -> Added {
        let start = entries.isEmpty ? 0 : entries[entries.count - 1].end + 1
        var entry = Entry(
            start: start, end: json.count, keyStart: keyStart, keyEnd: keys.count, hash: 0, size: size,
            isDeletion: isDeletion)
        entry.hash = Self.hash(key(entry))
        note(entry)
        units += CapacityUnits.write(size)
        return Added(size: size, isDeletion: isDeletion, keyHash: entry.hash)
    }

    /// Makes an earlier request for the same item void.
    private func note(_ entry: Entry) {
        let number = Int32(entries.count)
        entries.append(entry)
        if entries.count * 2 > places.count { return growPlaces() }
        insert(number)
    }

    private func insert(_ number: Int32) {
        let hash = entries[Int(number)].hash
        let mask = places.count - 1
        var place = Int(truncatingIfNeeded: hash) & mask
        while places[place] >= 0 {
            let other = Int(places[place])
            if entries[other].hash == hash, areEqual(key(entries[other]), key(entries[Int(number)])) {
                entries[other].isVoid = true
                voidCount += 1
                units -= CapacityUnits.write(entries[other].size)
                break
            }
            place = (place + 1) & mask
        }
        places[place] = number
    }

    private func growPlaces() {
        places = [Int32](repeating: -1, count: places.count * 4)
        for index in entries.indices where !entries[index].isVoid { insert(Int32(index)) }
    }

    private func key(_ entry: Entry) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: keys.bytes[entry.keyStart..<entry.keyEnd])
    }

    private func areEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        guard left.count == right.count, let first = left.baseAddress, let second = right.baseAddress else {
            return left.count == right.count
        }
        return memcmp(first, second, left.count) == 0
    }

    /// FNV-1a and the finalizer of MurmurHash3.
    private static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        hash = (hash ^ (hash >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        hash = (hash ^ (hash >> 33)) &* 0xC4CE_B9FE_1A85_EC53
        return hash ^ (hash >> 33)
    }

    // MARK: Reading

    /// The requests that stand, in parts of at most `maximumCount` requests and, but for a single larger one, `maximumBytes` of JSON.
    package func parts(of maximumCount: Int, maximumBytes: Int = CapacityUnits.maximumBatchBytes - 4096) -> [Part] {
        var parts: [Part] = []
        parts.reserveCapacity((entries.count + maximumCount - 1) / maximumCount)
        var part = Part(entries: 0..<0, count: 0, byteCount: 0)
        for (index, entry) in entries.enumerated() where !entry.isVoid {
            let size = entry.end - entry.start + 1
            if part.count == maximumCount || (part.count > 0 && part.byteCount + size > maximumBytes) {
                parts.append(part)
                part = Part(entries: index..<index, count: 0, byteCount: 0)
            }
            if part.count == 0 { part.entries = index..<index }
            part.entries = part.entries.lowerBound..<index + 1
            part.count += 1
            part.byteCount += size
        }
        if part.count > 0 { parts.append(part) }
        return parts
    }

    /// Some neighbouring requests; between them may be void ones.
    package struct Part: Sendable {
        fileprivate var entries: Range<Int>
        /// Requests that stand.
        package fileprivate(set) var count: Int
        /// At most so many bytes are appended for it.
        package fileprivate(set) var byteCount: Int
    }

    /// Appends a part's requests, with commas between them.
    package func append(_ part: Part, to writer: inout ByteWriter) {
        guard let first = part.entries.first, let last = part.entries.last else { return }
        if voidCount == 0 {
            writer.append(UnsafeRawBufferPointer(rebasing: json.bytes[entries[first].start..<entries[last].end]))
            return
        }
        var isFirst = true
        for index in part.entries where !entries[index].isVoid {
            if !isFirst { writer.append(UInt8(ascii: ",")) }
            isFirst = false
            writer.append(UnsafeRawBufferPointer(rebasing: json.bytes[entries[index].start..<entries[index].end]))
        }
    }

    /// The requests of a part that stand, apart.
    package func requests(of part: Part) throws(RekeyError) -> [WriteRequest] { try requests(part.entries) }

    /// All requests, apart and in their order, the void ones too.
    package var allRequests: [WriteRequest] {
        get throws(RekeyError) { try requests(entries.indices, isWhole: true) }
    }

    private func requests(_ range: Range<Int>, isWhole: Bool = false) throws(RekeyError) -> [WriteRequest] {
        var requests: [WriteRequest] = []
        requests.reserveCapacity(range.count)
        for index in range where isWhole || !entries[index].isVoid {
            let entry = entries[index]
            let head = entry.isDeletion ? Self.deletionHead.utf8CodeUnitCount : Self.putHead.utf8CodeUnitCount
            let item = Item(trusted: Array(json.bytes[entry.start + head..<entry.end - 2]))
            requests.append(entry.isDeletion ? .delete(try item.requiredKey(schema)) : .put(item))
        }
        return requests
    }
}

extension Table {
    /// As `bulkWrite` of the requests one by one.
    package func bulkWrite(_ batch: WriteBatch) async throws(RekeyError) -> BatchWriteResult {
        try await bulkWrite(try batch.allRequests)
    }
}
