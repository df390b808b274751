import ByteStreams
import Items
import Tables

/// What a load has to write and has written.
struct LoadTally: ~Copyable {
    var puts = 0
    var deletions = 0
    var bytes = 0
    var plannedUnits = 0
    var units = 0.0
    var written = 0
    /// Hash and sortable bytes of the key of each request, and for a deletion a byte as its value; nil where nobody asks whether a key came
    /// twice.
    private let keys: ExternalSorter?
    private var entry = ByteWriter()

    /// - Parameter remembersKeys: whether `requireDistinctKeys` will be asked.
    init(temporaryDirectory: String, remembersKeys: Bool = true) {
        keys = remembersKeys ? ExternalSorter(directory: temporaryDirectory, memoryLimit: 16 << 20) : nil
    }

    /// Adds what a record asks for to a batch, and counts it. An `ItemError` says that no table takes it.
    mutating func take(
        _ record: Record, of line: UnsafeRawBufferPointer, _ view: ItemView, into batch: WriteBatch,
        _ changes: inout ChangeCheck
    ) throws {
        if record.kind == .change { try changes.check(record, of: line, view, batch.schema) }
        try note(try batch.add(record, of: line, view), key: batch.lastKey)
    }

    private mutating func note(_ added: WriteBatch.Added, key: UnsafeRawBufferPointer) throws(RekeyError) {
        plannedUnits += max(1, (added.size + 1023) / 1024)
        if added.isDeletion { deletions += 1 } else { puts += 1 }
        bytes += added.size
        guard let keys else { return }
        // Sorting by the hash first leaves few bytes of keys to be compared.
        entry.removeAll()
        withUnsafeBytes(of: added.keyHash.bigEndian) { entry.append($0) }
        entry.append(key)
        try withUnsafeBytes(of: UInt8(1)) { (mark) throws(RekeyError) in
            try keys.add(key: entry.bytes, value: UnsafeRawBufferPointer(rebasing: mark[..<(added.isDeletion ? 1 : 0)]))
        }
    }

    /// Throws where one key came with several puts, of which a table can hold only the last, or with a put and a deletion, of which the
    /// order decides: files of an export and streams put together have none that is told.
    func requireDistinctKeys(source: String, isWritten: Bool) throws(RekeyError) {
        guard let keys else { return }
        var last: [UInt8] = []
        var current = (puts: 0, deletions: 0)
        var repeated = 0
        var undecided = 0
        var shown: [[UInt8]] = []
        func close() {
            guard current.puts > 1 || (current.puts == 1 && current.deletions > 0) else { return }
            if current.puts > 1 { repeated += current.puts - 1 } else { undecided += 1 }
            if shown.count < 5 { shown.append(Array(last.dropFirst(8))) }
        }
        try keys.forEach { entry, mark throws(RekeyError) in
            if !entry.elementsEqual(last) {
                close()
                last.removeAll(keepingCapacity: true)
                last.append(contentsOf: entry)
                current = (0, 0)
            }
            if mark.isEmpty { current.puts += 1 } else { current.deletions += 1 }
        }
        close()
        guard repeated + undecided > 0 else { return }
        let names = shown.sorted { $0.lexicographicallyPrecedes($1) }.map {
            ItemKey(sortable: $0)?.description ?? "unknown"
        }.joined(separator: ", ")
        let what =
            repeated > 0
            ? "\(repeated) item\(repeated == 1 ? "" : "s") came under a key that another item of the stream has"
            : "\(undecided) key\(undecided == 1 ? "" : "s") came with an item and with a deletion"
        throw RekeyError(
            .badInput,
            "\(what): \(names); \(isWritten ? "the table holds the last of each" : "loading would keep only the last of each"); mend the stream",
            source: source)
    }

    /// What the input asks for: puts, deletions, bytes.
    var requests: [Int] { [puts, deletions, bytes] }

    func result(feed: RecordFeed, execute: Bool, willCreate: Bool) -> StageResult {
        var result = StageResult(counts: feed.counts, digest: feed.digest, rejection: feed.rejection)
        result.facts = [
            ("executed", .boolean(execute)), ("puts", .integer(puts)), ("deletes", .integer(deletions)),
            ("bytes", .integer(bytes)), ("writeUnits", .integer(execute ? Int(units.rounded(.up)) : plannedUnits)),
            ("newTable", .boolean(willCreate)),
        ]
        return result
    }
}

/// Holds changes to what they say of themselves.
struct ChangeCheck: ~Copyable {
    private var scanner = RecordScanner()

    /// Throws where a change's NewImage stands under another key than its Keys name: which of them to write, nobody can tell.
    mutating func check(
        _ record: Record, of line: UnsafeRawBufferPointer, _ view: ItemView, _ schema: KeySchema
    ) throws(ItemError) {
        guard record.image != nil, let keys = record.keys else { return }
        _ = try scanner.scanItem(line, at: keys.lowerBound)
        guard try ItemView(line: line, attributes: scanner.attributes).key(schema) == view.key(schema) else {
            throw ItemError("the change's Keys are not the key of its NewImage", at: keys.lowerBound)
        }
    }
}
