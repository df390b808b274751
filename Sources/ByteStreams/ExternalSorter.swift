/// Sorts more records than fit in memory, by the bytes of their keys.
///
/// Records gather in memory; past the limit they are sorted and spilled as a run to a temporary file without a name.
/// In the end the runs are merged, in passes where there are many. At most two files are open at a time.
package final class ExternalSorter {
    /// Records added.
    package private(set) var count = 0

    private let directory: String
    private let fanIn: Int
    private let bufferSize: Int
    private var arena: SortArena
    private var spill: SpillFile?
    /// Sorted runs in `spill`, in the order of insertion.
    private var runs: [Range<Int>] = []
    private var isWalking = false

    /// - Parameters:
    ///   - directory: where temporary files go if they are needed.
    ///   - memoryLimit: bytes for records and index. One record larger than that is still taken, and merging keeps at
    ///     least two buffers of 4 KiB and the records at hand.
    package init(directory: String, memoryLimit: Int = 24 << 20) {
        self.directory = directory
        fanIn = max(2, min(256, memoryLimit / (64 << 10)))
        bufferSize = max(4 << 10, min(256 << 10, memoryLimit / (2 * fanIn)))
        arena = SortArena(memoryLimit: memoryLimit)
    }

    /// Adds a record; both parts are copied and may be empty.
    ///
    /// - Throws: `.cannotCreate` or `.inputOutput` where a temporary file fails, `.badInput` where a part has 4 GiB.
    package func add(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) throws(RekeyError) {
        precondition(!isWalking, "add() inside forEach()")
        guard key.count <= UInt32.max, value.count <= UInt32.max else {
            throw RekeyError(.badInput, "a record of 4 GiB or more cannot be sorted")
        }
        if !arena.hasRoom(SortRecord.headerSize + key.count + value.count) { try spillArena() }
        arena.append(key: key, value: value)
        count += 1
    }

    /// Adds records that were put together before: of each the length of key and value, four bytes each in the machine's order, then
    /// both.
    ///
    /// - Throws: `.cannotCreate` or `.inputOutput` where a temporary file fails.
    package func add(_ records: UnsafeRawBufferPointer) throws(RekeyError) {
        precondition(!isWalking, "add() inside forEach()")
        var position = 0
        while position < records.count, let base = records.baseAddress {
            let record = SortRecord(start: base + position)
            if !arena.hasRoom(record.count) { try spillArena() }
            arena.append(record)
            count += 1
            position += record.count
        }
    }

    /// Calls `body` with each key and value by key bytes (a key before its longer continuation), equal keys in the order
    /// of insertion. The parts are valid during the call.
    ///
    /// It may be called again, also after further `add`.
    package func forEach(
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws(RekeyError) -> Void
    ) throws(RekeyError) {
        isWalking = true
        defer { isWalking = false }
        guard spill != nil else {
            arena.sort()
            return try arena.forEach { (record) throws(RekeyError) in try body(record.key, record.value) }
        }
        if arena.count > 0 { try spillArena() }
        arena.release()
        while runs.count > fanIn { try mergePass() }
        guard let spill else { return }
        try mergeRuns(runs[...], of: spill, bufferSize: bufferSize) { (record) throws(RekeyError) in
            try body(record.key, record.value)
        }
    }

    private func spillArena() throws(RekeyError) {
        let file: SpillFile
        if let spill {
            file = spill
        } else {
            file = try SpillFile(directory: directory)
            spill = file
        }
        arena.sort()
        var writer = RunWriter(file, bufferSize: bufferSize)
        try arena.forEach { (record) throws(RekeyError) in try writer.append(record) }
        runs.append(try writer.finish())
        arena.removeAll()
    }

    /// Merges neighbouring runs, `fanIn` at a time, into a new file.
    private func mergePass() throws(RekeyError) {
        guard let spill else { return }
        let file = try SpillFile(directory: directory)
        var merged: [Range<Int>] = []
        var rest = runs[...]
        while !rest.isEmpty {
            var writer = RunWriter(file, bufferSize: bufferSize)
            try mergeRuns(rest.prefix(fanIn), of: spill, bufferSize: bufferSize) { (record) throws(RekeyError) in
                try writer.append(record)
            }
            merged.append(try writer.finish())
            rest = rest.dropFirst(fanIn)
        }
        self.spill = file
        runs = merged
    }
}
