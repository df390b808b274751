import Items

/// The lines a stage writes for one block: runs of the block's own lines, and others between them.
final class BlockText: BlockOutput {
    /// Of the records written, where the stage was told to keep it.
    @exclusivity(unchecked) var digest = Digest()
    // Used by one thread at a time, like all of a block; a check at each use would be paid for each line.
    @exclusivity(unchecked) private var text = ByteWriter(capacity: 1 << 10)
    /// Lines of the block that follow each other there and are not in `text` yet.
    @exclusivity(unchecked) private var run = UnsafeRawBufferPointer(start: nil, count: 0)
    @exclusivity(unchecked) private var blockEnd: UnsafeRawPointer?

    func begin(_ lines: UnsafeRawBufferPointer) {
        digest = Digest()
        text.removeAll()
        run = UnsafeRawBufferPointer(start: nil, count: 0)
        blockEnd = lines.baseAddress.map { $0 + lines.count }
    }

    /// Writes a line as it is; it stays where it is until the output is consumed.
    @inline(__always)
    func pass(_ line: UnsafeRawBufferPointer) {
        if let start = run.baseAddress, let next = line.baseAddress, start + run.count == next {
            run = UnsafeRawBufferPointer(start: start, count: run.count + line.count)
        } else {
            settle()
            run = line
        }
        // Behind a line of the block stands its newline, but for the last line of a file that lacks it.
        if let end = blockEnd, let start = run.baseAddress, start + run.count < end {
            run = UnsafeRawBufferPointer(start: start, count: run.count + 1)
        } else {
            settle()
            text.append(0x0A)
        }
    }

    /// Writes another line, given without its newline.
    @inline(__always)
    func write(_ line: UnsafeRawBufferPointer) {
        settle()
        text.append(line)
        text.append(0x0A)
    }

    @inline(__always)
    private func settle() {
        guard run.count > 0 else { return }
        text.append(run)
        run = UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// All of it, valid until the next block.
    var bytes: UnsafeRawBufferPointer {
        if text.count == 0 { return run }
        settle()
        return text.bytes
    }
}
