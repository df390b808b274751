/// Compresses into one gzip member and hands it to another sink.
///
/// The input is cut into blocks of 256 KiB that are compressed each on its own, by several threads if there are; each may refer to the
/// 32 KiB before it and all but the last end with a sync flush, so that any reader of gzip reads them as one stream.
///
/// The header holds no name and no time and says "unknown" (255) for the system: the same bytes in, written in whatever
/// pieces but without `flush`, give the same bytes out, however many threads compress.
package final class GzipSink: ByteSink {
    package var name: String { sink.name }

    private let sink: any ByteSink
    private let level: Int
    private let jobs: Int
    private var current: GzipBlock
    /// Blocks on other threads; nil until there are two blocks, or with one job.
    private var blocks: OrderedBlocks<GzipBlock>?
    private var deflater: Deflater?
    private var checksum = Checksum32()
    private var count = 0
    private var hasHeader = false
    private var failure: RekeyError?

    /// - Parameters:
    ///   - sink: where the compressed bytes go; finished and abandoned with this one.
    ///   - level: 0 (store) to 9 (smallest).
    ///   - jobs: threads that compress; with 1 it happens on the caller's.
    package init(over sink: any ByteSink, level: Int = 6, jobs: Int = 1) {
        self.sink = sink
        self.level = level
        self.jobs = jobs
        current = GzipBlock()
    }

    deinit { blocks?.cancel() }

    package func write(_ bytes: UnsafeRawBufferPointer) throws(RekeyError) {
        try attempt { () throws(RekeyError) in
            var rest = bytes
            while !rest.isEmpty {
                if current.room == 0 { try next(isLast: false) }
                rest = UnsafeRawBufferPointer(rebasing: rest[current.append(rest)...])
            }
        }
    }

    /// Makes all that was written readable at a small cost in size.
    package func flush() throws(RekeyError) {
        try attempt { () throws(RekeyError) in
            if current.count > 0 { try next(isLast: false) }
            try drain()
            try sink.flush()
        }
    }

    package func finish() throws(RekeyError) {
        try attempt { () throws(RekeyError) in
            try next(isLast: true)
            try drain()
            blocks?.end(nil)
            var trailer: [UInt8] = []
            for value in [checksum.value, UInt32(truncatingIfNeeded: count)] {
                for shift in stride(from: UInt32(0), to: 32, by: 8) {
                    trailer.append(UInt8(truncatingIfNeeded: value >> shift))
                }
            }
            try sink.write(trailer)
            try sink.finish()
        }
    }

    package func abandon() {
        blocks?.cancel()
        sink.abandon()
    }

    /// Gives the current block away to be compressed, and begins another.
    private func next(isLast: Bool) throws(RekeyError) {
        let block = current
        block.isLast = isLast
        guard jobs > 1, blocks != nil || !isLast else {
            let deflater = deflater ?? Deflater(level: level)
            self.deflater = deflater
            block.compress(deflater)
            try write(block)
            let following = block.following ?? GzipBlock()
            following.begin(after: block)
            block.following = nil
            following.following = block
            current = following
            return
        }
        let blocks: OrderedBlocks<GzipBlock>
        if let running = self.blocks { blocks = running } else { blocks = try startThreads() }
        if blocks.isFull { try takeOne(blocks) }
        let following = blocks.takeSpare() ?? GzipBlock()
        following.begin(after: block)
        _ = blocks.admit(block, 0)
        current = following
    }

    private func startThreads() throws(RekeyError) -> OrderedBlocks<GzipBlock> {
        let blocks = OrderedBlocks<GzipBlock>(limit: jobs + 2, budget: .max)
        let level = level
        for _ in 0..<jobs {
            try startThread {
                let deflater = Deflater(level: level)
                blocks.workLoop { $0.compress(deflater) }
            }
        }
        self.blocks = blocks
        return blocks
    }

    /// Waits for the first block under way and writes it.
    private func takeOne(_ blocks: OrderedBlocks<GzipBlock>) throws(RekeyError) {
        guard let block = try blocks.next() else { return }
        try write(block)
        blocks.finished(block)
    }

    private func drain() throws(RekeyError) {
        guard let blocks else { return }
        while !blocks.isEmpty { try takeOne(blocks) }
    }

    private func write(_ block: GzipBlock) throws(RekeyError) {
        guard let compressed = block.compressed else {
            throw RekeyError(.unexpected, "zlib cannot compress: out of memory")
        }
        if !hasHeader {
            hasHeader = true
            // Magic, deflate, no flags, no time, the level's mark, no system. RFC 1952, section 2.3.
            try sink.write([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, level == 9 ? 2 : level == 1 ? 4 : 0, 255])
        }
        try sink.write(compressed)
        checksum.append(block.checksum, count: block.count)
        count += block.count
    }

    /// Does the work unless an earlier one failed: then the stream is torn, and that failure is thrown again.
    private func attempt(_ work: () throws(RekeyError) -> Void) throws(RekeyError) {
        if let failure { throw failure }
        do throws(RekeyError) {
            try work()
        } catch {
            failure = error.at(source: name)
            throw error.at(source: name)
        }
    }
}

/// A block of input with what stands before it, and what it is compressed to.
///
///     storage: [ window | input .......... | free ]
///              0        window   window + count
private final class GzipBlock {
    static let size = 256 << 10

    private let storage = UnsafeMutableRawBufferPointer.allocate(byteCount: Deflater.window + size, alignment: 16)
    /// Bytes before the input, at the end of the window.
    private var before = 0
    private(set) var count = 0
    var isLast = false
    /// The block to go on with, where one thread does it all.
    var following: GzipBlock?

    private var output = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    /// Nil where zlib failed.
    private(set) var compressed: UnsafeRawBufferPointer?
    private(set) var checksum = Checksum32()

    deinit {
        storage.deallocate()
        output.deallocate()
    }

    var room: Int { Self.size - count }

    private var input: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(storage)[Deflater.window..<Deflater.window + count])
    }

    /// Empties the block and takes the window's bytes from the one before it.
    func begin(after block: GzipBlock) {
        // Of a block shorter than the window, which a flush makes, the bytes before it are not kept: their distance is legal to lack.
        before = min(block.count, Deflater.window)
        count = 0
        let end = Deflater.window + block.count
        if before > 0 {
            UnsafeMutableRawBufferPointer(rebasing: storage[(Deflater.window - before)..<Deflater.window]).copyMemory(
                from: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(block.storage)[(end - before)..<end]))
        }
    }

    /// Takes as many bytes as there is room for.
    func append(_ bytes: UnsafeRawBufferPointer) -> Int {
        let taken = min(bytes.count, room)
        let start = Deflater.window + count
        UnsafeMutableRawBufferPointer(rebasing: storage[start..<start + taken]).copyMemory(
            from: UnsafeRawBufferPointer(rebasing: bytes[..<taken]))
        count += taken
        return taken
    }

    func compress(_ deflater: Deflater) {
        let bound = deflater.bound(count)
        if output.count < bound {
            output.deallocate()
            output = .allocate(byteCount: bound, alignment: 16)
        }
        checksum = Checksum32(input)
        let window = UnsafeRawBufferPointer(storage)[(Deflater.window - before)..<Deflater.window]
        let made = deflater.compress(
            input, after: UnsafeRawBufferPointer(rebasing: window), isLast: isLast, room: output)
        compressed = made.map { UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(output)[..<$0]) }
    }
}
