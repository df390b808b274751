import ByteStreams
import Items

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What a stage makes of the records of one block. Used again for another block when it was consumed.
protocol BlockOutput: AnyObject {
    init()
    /// Forgets what it holds. `lines` is the block that comes now, and stays where it is until the output was consumed.
    func begin(_ lines: UnsafeRawBufferPointer)
}

/// What a stage does with each record; several workers take blocks in turn, each on a thread of its own.
///
/// What a record comes to goes into the output, never elsewhere: outputs are consumed in the order of the blocks.
protocol RecordWorker: ~Copyable {
    associatedtype Output: BlockOutput
    /// Takes one record; true if it changed it. An error makes the record a bad one, of which nothing may be in the output then.
    mutating func take(
        _ line: UnsafeRawBufferPointer, _ record: Record, _ view: ItemView, _ output: Output
    ) throws(ItemError) -> Bool
}

/// Some lines of a file on their way through a stage, and what became of them.
final class RecordBlock<Output: BlockOutput> {
    /// A record that is bad, inside the block.
    struct BadRecord {
        var line: UnsafeRawBufferPointer
        var error: ItemError
        /// Lines of the block before it.
        var number: Int
        /// Bytes of the stream before it.
        var offset: Int
        var isCut = false
    }

    /// What the block is.
    enum Content {
        case lines
        /// The beginning of a line that is longer than allowed.
        case oversizedLine
        /// The end of the file, and how many records a manifest says it has.
        case fileEnd(expected: Int?)
    }

    var content = Content.lines
    /// The file's name.
    var source = ""
    var storage = LineBuffer()
    var bytes = UnsafeRawBufferPointer(start: nil, count: 0)
    var offset = 0

    let output = Output()
    // Used by one thread at a time; a check at each use would be paid for each line.
    @exclusivity(unchecked) var lineCount = 0
    @exclusivity(unchecked) var passed = 0
    @exclusivity(unchecked) var changed = 0
    var bad: [BadRecord] = []
    var digest = Digest()
    @exclusivity(unchecked) var seal: Seal?
    /// Records were judged; whether a seal stands before them in the stream decides if they are good.
    var recordCount: Int { passed + changed + bad.count }

    func begin() {
        lineCount = 0
        passed = 0
        changed = 0
        bad.removeAll(keepingCapacity: true)
        digest = Digest()
        seal = nil
        output.begin(bytes)
    }
}

/// Judges the records of blocks, one after the other. One per worker.
final class BlockJudge<Worker: RecordWorker & ~Copyable> {
    typealias Block = RecordBlock<Worker.Output>

    private var worker: Worker
    private let wantsDigest: Bool
    private let stopsAtBad: Bool
    private var state = State()

    /// Apart from the worker, so that both can be changed at a time; a variable of the class would be checked at each use.
    private struct State: ~Copyable {
        var scanner = RecordScanner()
        var digest = StreamDigest()
    }

    /// - Parameter stopsAtBad: whether the first bad record ends the stage, so that what follows it is not looked at.
    init(_ worker: consuming Worker, wantsDigest: Bool, stopsAtBad: Bool) {
        self.worker = worker
        self.wantsDigest = wantsDigest
        self.stopsAtBad = stopsAtBad
    }

    /// Judges a block.
    ///
    /// - Parameter seal: what stands in the stream before the block; then no record may follow.
    func judge(_ block: Block, after seal: Seal? = nil) {
        block.begin()
        block.seal = seal
        switch block.content {
        case .fileEnd: return
        case .oversizedLine:
            block.lineCount = 1
            block.bad.append(
                Block.BadRecord(
                    line: block.bytes, error: ItemError("the line is longer than 16 MiB", at: 0), number: 0,
                    offset: block.offset, isCut: true))
        case .lines: judgeLines(block, &worker, &state)
        }
        if wantsDigest { block.digest = state.digest.take() }
    }

    private func judgeLines(_ block: Block, _ worker: inout Worker, _ state: inout State) {
        let bytes = block.bytes
        guard let base = bytes.baseAddress else { return }
        var start = 0
        while start < bytes.count {
            let end =
                memchr(base + start, 0x0A, bytes.count &- start).map { UnsafeRawPointer($0) - base } ?? bytes.count
            let line = UnsafeRawBufferPointer(start: base + start, count: end &- start)
            do throws(ItemError) {
                try take(line, block, &worker, &state)
            } catch {
                block.bad.append(
                    Block.BadRecord(line: line, error: error, number: block.lineCount, offset: block.offset + start))
                if stopsAtBad { return }
            }
            block.lineCount &+= 1
            start = end &+ 1
        }
    }

    @inline(__always)
    private func take(
        _ line: UnsafeRawBufferPointer, _ block: Block, _ worker: inout Worker, _ state: inout State
    ) throws(ItemError) {
        let record = try state.scanner.scan(line)
        if let found = record.seal {
            guard block.seal == nil else { throw ItemError("a second seal stands in the stream", at: 0) }
            block.seal = found
            return
        }
        if block.seal != nil { throw ItemError("a record stands after the seal", at: 0) }
        let view = state.scanner.view(of: line)
        if try worker.take(line, record, view, block.output) { block.changed &+= 1 } else { block.passed &+= 1 }
        if wantsDigest { state.digest.add(record, in: line, view) }
    }
}
