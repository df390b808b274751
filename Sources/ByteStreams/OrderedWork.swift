/// Work on blocks by several threads, handed on in the order of the blocks.
///
///     produce (one thread)  →  work (`jobs` threads)  →  consume (the caller's thread)
///
/// At most `jobs` and two blocks are under way, and no more than `budget` bytes of them, one block apart. Blocks are used again.
/// With one job, or a single block, everything happens on the caller's thread.
package struct OrderedWork {
    /// Blocks under way at a time.
    private let limit: Int
    private let jobs: Int
    private let budget: Int

    /// - Parameters:
    ///   - jobs: threads that work, 1 or more.
    ///   - budget: bytes under way.
    package init(jobs: Int, budget: Int = 16 << 20) {
        precondition(jobs > 0)
        self.jobs = jobs
        limit = jobs + 2
        self.budget = budget
    }

    /// Runs until `produce` gives no more blocks.
    ///
    /// A failure of `produce` is thrown when all blocks before it are consumed; one of `consume` ends everything at once. A thread that
    /// is waiting for input then is left behind, for its end may never come.
    ///
    /// - Parameters:
    ///   - produce: fills the given block, which was used before, or a new one; nil at the end. `weight` is its size in bytes.
    ///   - makeWorker: called on the caller's thread, once for each thread that works.
    ///   - mayFork: whether other threads may begin; until then, and for the first block, the caller's works alone.
    package func run<Block: AnyObject>(
        produce: @escaping (_ used: Block?) throws(RekeyError) -> (block: Block, weight: Int)?,
        makeWorker: () -> (Block) -> Void,
        mayFork: () -> Bool = { true },
        consume: (Block) throws(RekeyError) -> Void
    ) throws(RekeyError) {
        let work = makeWorker()
        var used: Block?
        var isFirst = true
        while let (block, weight) = try produce(used) {
            if jobs > 1, !isFirst, mayFork() {
                return try fork(from: (block, weight), produce: produce, makeWorker: makeWorker, consume: consume)
            }
            isFirst = false
            work(block)
            try consume(block)
            used = weight <= OrderedBlocks<Block>.largestKept ? block : nil
        }
    }

    private func fork<Block: AnyObject>(
        from first: (block: Block, weight: Int),
        produce: @escaping (_ used: Block?) throws(RekeyError) -> (block: Block, weight: Int)?,
        makeWorker: () -> (Block) -> Void,
        consume: (Block) throws(RekeyError) -> Void
    ) throws(RekeyError) {
        let blocks = OrderedBlocks<Block>(limit: limit, budget: budget)
        defer { blocks.cancel() }
        _ = blocks.admit(first.block, first.weight)
        for _ in 0..<jobs {
            let work = Unchecked(makeWorker())
            try startThread { blocks.workLoop(work.value) }
        }
        let producer = Unchecked(produce)
        try startThread { blocks.produceLoop(producer.value) }
        while let block = try blocks.next() {
            try consume(block)
            blocks.finished(block)
        }
    }
}

/// What one thread hands to another and does not touch again.
struct Unchecked<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}

/// The blocks under way, in the order in which they were made.
final class OrderedBlocks<Block: AnyObject>: @unchecked Sendable {
    private struct Entry {
        var block: Block
        var weight: Int
        var isDone = false
    }

    /// A block that grew larger than this is not kept for another use.
    static var largestKept: Int { 2 << 20 }

    private let lock = Lock()
    private let hasRoom = Condition()
    private let hasWork = Condition()
    private let hasResult = Condition()
    private let limit: Int
    private let budget: Int
    // Guarded by the lock, all of them.
    private var entries: [Entry?]
    /// Blocks produced, begun and consumed so far; the entry of block n is at n modulo the limit.
    private var produced = 0
    private var begun = 0
    private var consumed = 0
    private var weight = 0
    private var spare: [Block] = []
    private var hasEnded = false
    private var isCancelled = false
    private var failure: RekeyError?

    init(limit: Int, budget: Int) {
        self.limit = limit
        self.budget = budget
        entries = Array(repeating: nil, count: limit)
    }

    /// Whether `admit` would have to wait for its place.
    var isFull: Bool { underWay == limit }
    var isEmpty: Bool { underWay == 0 }

    private var underWay: Int {
        lock.lock()
        defer { lock.unlock() }
        return produced - consumed
    }

    /// A block that was consumed, to be used again.
    func takeSpare() -> Block? {
        lock.lock()
        defer { lock.unlock() }
        return spare.popLast()
    }

    func produceLoop(_ produce: (Block?) throws(RekeyError) -> (block: Block, weight: Int)?) {
        while true {
            do throws(RekeyError) {
                guard let (block, size) = try produce(takeSpare()) else { return end(nil) }
                if !admit(block, size) { return }
            } catch {
                return end(error)
            }
        }
    }

    /// Waits for room; false when all is given up.
    func admit(_ block: Block, _ size: Int) -> Bool {
        lock.lock()
        defer { lock.unlock() }
        while !isCancelled, produced - consumed == limit || (produced > consumed && weight + size > budget) {
            hasRoom.wait(lock)
        }
        if isCancelled { return false }
        entries[produced % limit] = Entry(block: block, weight: size)
        produced += 1
        weight += size
        hasWork.signal()
        return true
    }

    /// No more blocks come; `error` is thrown when those under way are consumed.
    func end(_ error: RekeyError?) {
        lock.lock()
        defer { lock.unlock() }
        hasEnded = true
        failure = error
        hasWork.broadcast()
        hasResult.signal()
    }

    func workLoop(_ work: (Block) -> Void) {
        while true {
            lock.lock()
            while begun == produced, !hasEnded, !isCancelled { hasWork.wait(lock) }
            guard begun < produced, !isCancelled, let block = entries[begun % limit]?.block else {
                return lock.unlock()
            }
            let number = begun
            begun += 1
            lock.unlock()
            work(block)
            lock.lock()
            entries[number % limit]?.isDone = true
            if number == consumed { hasResult.signal() }
            lock.unlock()
        }
    }

    /// The next block whose work is done; nil at the end.
    func next() throws(RekeyError) -> Block? {
        lock.lock()
        defer { lock.unlock() }
        while true {
            if consumed < produced {
                if let entry = entries[consumed % limit], entry.isDone { return entry.block }
            } else if hasEnded {
                if let failure { throw failure }
                return nil
            }
            hasResult.wait(lock)
        }
    }

    /// The block that `next` gave is consumed.
    func finished(_ block: Block) {
        lock.lock()
        defer { lock.unlock() }
        let size = entries[consumed % limit]?.weight ?? 0
        entries[consumed % limit] = nil
        consumed += 1
        weight -= size
        if size <= Self.largestKept, spare.count < limit { spare.append(block) }
        hasRoom.signal()
    }

    /// Gives all up: threads end as soon as they look.
    func cancel() {
        lock.lock()
        defer { lock.unlock() }
        isCancelled = true
        hasWork.broadcast()
        hasRoom.broadcast()
    }
}
