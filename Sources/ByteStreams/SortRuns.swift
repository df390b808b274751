#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Where sorted runs wait to be merged: a temporary file that has no name any more, so that it goes with the process.
final class SpillFile {
    private let descriptor: Int32
    private let directory: String
    /// Bytes in the file.
    private(set) var count = 0

    /// - Throws: `.cannotCreate`.
    init(directory: String) throws(RekeyError) {
        let place = try PartialPath("\(directory)/rekey-sort")
        TemporaryPaths.register(place.partial)
        defer { TemporaryPaths.forget(place.partial) }
        descriptor = retryingInterrupted {
            open(place.partial, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        }
        self.directory = directory
        guard descriptor >= 0 else {
            throw RekeyError(
                .cannotCreate, "no temporary file for sorting can be made: \(systemText(errno))", source: directory)
        }
        _ = unlink(place.partial)
    }

    deinit { if descriptor >= 0 { _ = close(descriptor) } }

    /// Writes at the end.
    func append(_ bytes: UnsafeRawBufferPointer) throws(RekeyError) {
        var rest = bytes
        while !rest.isEmpty {
            let written = retryingInterrupted { pwrite(descriptor, rest.baseAddress, rest.count, off_t(count)) }
            guard written > 0 else {
                throw RekeyError(
                    .inputOutput, "writing a temporary file for sorting failed: \(systemText(errno))", source: directory
                )
            }
            count += written
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
    }

    /// Fills `buffer` from `offset` on; all of it must be in the file.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(RekeyError) {
        var filled = 0
        while filled < buffer.count {
            let got = retryingInterrupted {
                pread(descriptor, buffer.baseAddress! + filled, buffer.count - filled, off_t(offset + filled))
            }
            guard got > 0 else {
                let reason = got == 0 ? "it is shorter than what was written" : systemText(errno)
                throw RekeyError(
                    .inputOutput, "reading a temporary file for sorting failed: \(reason)", source: directory)
            }
            filled += got
        }
    }
}

/// Appends sorted records to a spill file as one run.
struct RunWriter: ~Copyable {
    private let file: SpillFile
    private let start: Int
    private let buffer: UnsafeMutableRawBufferPointer
    private var used = 0

    init(_ file: SpillFile, bufferSize: Int) {
        self.file = file
        start = file.count
        buffer = .allocate(byteCount: bufferSize, alignment: 16)
    }

    deinit { buffer.deallocate() }

    mutating func append(_ record: SortRecord) throws(RekeyError) {
        let bytes = record.bytes
        if used + bytes.count > buffer.count {
            try flush()
            if bytes.count > buffer.count { return try file.append(bytes) }
        }
        UnsafeMutableRawBufferPointer(rebasing: buffer[used...]).copyMemory(from: bytes)
        used += bytes.count
    }

    /// The run's bytes in the file.
    mutating func finish() throws(RekeyError) -> Range<Int> {
        try flush()
        return start..<file.count
    }

    private mutating func flush() throws(RekeyError) {
        try file.append(UnsafeRawBufferPointer(rebasing: buffer[..<used]))
        used = 0
    }
}

/// Reads one run, a record at a time, through a buffer that grows to the largest record.
final class RunReader {
    private let file: SpillFile
    /// The run's bytes not in the buffer yet.
    private var unread: Range<Int>
    private var buffer: UnsafeMutableRawBufferPointer
    private var start = 0
    private var end = 0
    /// The first eight key bytes of `record`.
    private(set) var prefix: UInt64 = 0

    init(_ file: SpillFile, run: Range<Int>, bufferSize: Int) {
        self.file = file
        unread = run
        buffer = .allocate(byteCount: bufferSize, alignment: 16)
    }

    deinit { buffer.deallocate() }

    /// The record at hand, valid until the next `load` or `advance`.
    var record: SortRecord { SortRecord(start: UnsafeRawPointer(buffer.baseAddress!) + start) }

    /// Goes past the record at hand to the next one; false at the run's end.
    func advance() throws(RekeyError) -> Bool {
        start += record.count
        return try load()
    }

    /// Brings the record at `start` wholly into the buffer; false at the run's end.
    func load() throws(RekeyError) -> Bool {
        if start == end, unread.isEmpty { return false }
        if end - start < SortRecord.headerSize { try refill(SortRecord.headerSize) }
        if end - start < record.count { try refill(record.count) }
        prefix = record.prefix()
        return true
    }

    private func refill(_ needed: Int) throws(RekeyError) {
        let kept = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[start..<end])
        if needed > buffer.count {
            let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: needed, alignment: 16)
            larger.copyMemory(from: kept)
            buffer.deallocate()
            buffer = larger
        } else {
            buffer.copyMemory(from: kept)
        }
        end -= start
        start = 0
        let count = min(unread.count, buffer.count - end)
        try file.read(at: unread.lowerBound, into: UnsafeMutableRawBufferPointer(rebasing: buffer[end..<end + count]))
        unread = unread.lowerBound + count..<unread.upperBound
        end += count
    }
}

/// Merges runs, given oldest first, into one order: by key, equal keys from the older run first.
func mergeRuns(
    _ runs: ArraySlice<Range<Int>>, of file: SpillFile, bufferSize: Int,
    _ body: (SortRecord) throws(RekeyError) -> Void
) throws(RekeyError) {
    var readers: [RunReader] = []
    for run in runs {
        let reader = RunReader(file, run: run, bufferSize: bufferSize)
        if try reader.load() { readers.append(reader) }
    }
    /// Whether the record at hand of one reader stands before that of another.
    func precedes(_ left: Int, _ right: Int) -> Bool {
        let (leftReader, rightReader) = (readers[left], readers[right])
        if leftReader.prefix != rightReader.prefix { return leftReader.prefix < rightReader.prefix }
        let order = leftReader.record.compareKey(to: rightReader.record)
        return order != 0 ? order < 0 : left < right
    }
    /// A binary heap of readers, the first record's reader on top.
    var heap = Array(readers.indices)
    func sink(_ from: Int) {
        var place = from
        while true {
            var least = place
            let (left, right) = (2 * place + 1, 2 * place + 2)
            if left < heap.count, precedes(heap[left], heap[least]) { least = left }
            if right < heap.count, precedes(heap[right], heap[least]) { least = right }
            if least == place { return }
            heap.swapAt(place, least)
            place = least
        }
    }
    for place in heap.indices.reversed() { sink(place) }
    while let top = heap.first {
        try body(readers[top].record)
        if try !readers[top].advance() {
            heap[0] = heap[heap.count - 1]
            heap.removeLast()
        }
        sink(0)
    }
}
