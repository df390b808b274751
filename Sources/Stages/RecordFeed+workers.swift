import ByteStreams
import Items

extension RecordFeed {
    /// Gives every record to workers, and what they make of each block to `consume`, in the order of the stream.
    ///
    /// However many work, the result is the same: the first bad record stops the stage after all records before it were consumed, and
    /// bad ones are set aside in order. Files are read by `options.jobs` workers, tables by one.
    ///
    /// - Parameter mayFork: whether more than one worker may begin, asked before each block until it says so.
    func process<Worker: RecordWorker & ~Copyable>(
        _ makeWorker: () -> Worker, mayFork: () -> Bool = { true },
        _ consume: (Worker.Output) throws(RekeyError) -> Void
    ) async throws(RekeyError) {
        guard let files = takeFiles() else { return try await processPages(makeWorker(), consume) }
        let stopsAtBad = options.rejects == nil
        let wantsDigest = wantsDigest
        func makeJudge() -> BlockJudge<Worker> {
            BlockJudge(makeWorker(), wantsDigest: wantsDigest, stopsAtBad: stopsAtBad)
        }
        // Looks at blocks again that turn out to stand behind the seal.
        var second: BlockJudge<Worker>?
        let reader = BlockReader<Worker.Output>(files)
        let jobs = options.jobs
        try OrderedWork(jobs: jobs).run(
            produce: { (used) throws(RekeyError) in try reader.next(used) },
            makeWorker: {
                let judge = makeJudge()
                return { judge.judge($0) }
            },
            mayFork: mayFork,
            consume: { (block) throws(RekeyError) in
                if let seal = self.seal, block.recordCount > 0 || block.seal != nil {
                    let judge = second ?? makeJudge()
                    second = judge
                    judge.judge(block, after: seal)
                } else {
                    try consume(block.output)
                }
                try self.settle(block)
            })
        _ = try end()
    }

    /// The digest of files that were read before without keeping it, and held no bad record.
    func digestAgain(_ files: [FeedSource]) throws(RekeyError) -> Digest {
        var digest = Digest()
        let reader = BlockReader<PassingWorker.Output>(files)
        try OrderedWork(jobs: options.jobs).run(
            produce: { (used) throws(RekeyError) in try reader.next(used) },
            makeWorker: {
                let judge = BlockJudge(PassingWorker(), wantsDigest: true, stopsAtBad: true)
                return { judge.judge($0) }
            },
            consume: { (block) throws(RekeyError) in digest.combine(block.digest) })
        return digest
    }

    /// The records of a table, page by page.
    private func processPages<Worker: RecordWorker & ~Copyable>(
        _ worker: consuming Worker, _ consume: (Worker.Output) throws(RekeyError) -> Void
    ) async throws(RekeyError) {
        var worker = worker
        let output = Worker.Output()
        var hasMore = true
        while hasMore {
            output.begin(UnsafeRawBufferPointer(start: nil, count: 0))
            do throws(RekeyError) {
                hasMore = try await nextBlock { line, record, view in
                    try worker.take(line, record, view, output)
                }
            } catch {
                try consume(output)
                throw error
            }
            try consume(output)
        }
    }
}

/// Reads files into blocks, each opened when the one before it has ended. Used by one thread at a time.
private final class BlockReader<Output: BlockOutput> {
    private var waiting: ArraySlice<FeedSource>
    private var current: (source: FeedSource, reader: LineReader)?

    init(_ files: [FeedSource]) { waiting = files[...] }

    func next(_ used: RecordBlock<Output>?) throws(RekeyError) -> (block: RecordBlock<Output>, weight: Int)? {
        if current == nil {
            guard let next = waiting.popFirst() else { return nil }
            current = (next, LineReader(try next.open()))
        }
        guard let (source, reader) = current else { return nil }
        let block = used ?? RecordBlock<Output>()
        block.source = reader.name
        guard let (lines, storage) = try reader.nextOwnedBlock(block.storage) else {
            current = nil
            block.content = .fileEnd(expected: source.expectedCount)
            block.bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return (block, 0)
        }
        block.content = lines.isOversizedLine ? .oversizedLine : .lines
        block.storage = storage
        block.bytes = lines.bytes
        block.offset = lines.offset
        return (block, storage.capacity)
    }
}
