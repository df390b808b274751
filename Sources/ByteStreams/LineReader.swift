#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Some whole lines, valid until the reader is asked for the next block or is dropped.
package struct LineBlock {
    /// Whole lines with their `\n`; the last line of the file may lack it. Never empty.
    package let bytes: UnsafeRawBufferPointer
    /// The first line's number, from 1.
    package let firstLine: Int
    /// Bytes of the (decompressed) stream before this block.
    package let offset: Int
    /// The block stands for one line longer than the maximum; `bytes` are its beginning, 256 at most, without `\n`.
    package let isOversizedLine: Bool
}

/// The storage of a block of lines.
package final class LineBuffer {
    package private(set) var base: UnsafeMutableRawPointer
    package private(set) var capacity: Int

    package init(capacity: Int = 0) {
        self.capacity = capacity
        base = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { base.deallocate() }

    /// Makes sure of the capacity; what is in it is lost.
    func reserve(_ needed: Int) {
        if capacity >= needed { return }
        base.deallocate()
        capacity = needed
        base = .allocate(byteCount: needed, alignment: 16)
    }
}

/// Splits a source into lines, in blocks and without copying lines.
///
/// A line longer than the maximum is reported once, then skipped to its `\n` in bounded memory.
///
///     buffer: [ handed out | begin of a line ... | free ]
///             0            start                 end    capacity
package final class LineReader {
    /// What messages call the source.
    package var name: String { source.name }

    private let source: any ByteSource
    /// Never more than the longest allowed line and its `\n`, so that a full buffer without `\n` is an oversized line.
    private let maximumCapacity: Int
    private let blockSize: Int
    private var storage: LineBuffer
    private var buffer: UnsafeMutableRawPointer { storage.base }
    private var capacity: Int { storage.capacity }
    private var start = 0
    private var end = 0
    /// The number of the line at `start`.
    private var line = 1
    /// Bytes of the stream before `start`.
    private var offset = 0
    private var sourceEnded = false
    private var isSkipping = false

    /// - Parameters:
    ///   - maximumLineLength: bytes without the `\n`.
    ///   - blockSize: bytes to read at a time.
    package init(_ source: any ByteSource, maximumLineLength: Int = 16 << 20, blockSize: Int = 256 << 10) {
        precondition(maximumLineLength > 0 && blockSize > 0)
        self.source = source
        maximumCapacity = maximumLineLength + 1
        self.blockSize = min(blockSize, maximumCapacity)
        storage = LineBuffer(capacity: self.blockSize)
    }

    /// The next lines, as many as one read brought; nil at the end.
    package func nextBlock() throws(RekeyError) -> LineBlock? {
        guard let block = try fill() else { return nil }
        if !block.isOversizedLine {
            var rest = block.bytes[...]
            while let newline = firstNewline(UnsafeRawBufferPointer(rebasing: rest)) {
                line += 1
                rest = rest.dropFirst(newline + 1)
            }
            if !rest.isEmpty { line += 1 }
        }
        return block
    }

    /// As `nextBlock`, but the storage that the block lies in becomes the caller's, for another thread to work on.
    ///
    /// Lines are not counted: `firstLine` means nothing.
    ///
    /// - Parameter spare: storage for the reader to go on with; it may come from another reader of the same sizes.
    package func nextOwnedBlock(_ spare: LineBuffer) throws(RekeyError) -> (block: LineBlock, storage: LineBuffer)? {
        guard let block = try fill() else { return nil }
        if block.isOversizedLine {
            spare.reserve(block.bytes.count)
            spare.base.copyMemory(from: block.bytes.baseAddress!, byteCount: block.bytes.count)
            let bytes = UnsafeRawBufferPointer(start: spare.base, count: block.bytes.count)
            return (LineBlock(bytes: bytes, firstLine: 0, offset: block.offset, isOversizedLine: true), spare)
        }
        let full = storage
        spare.reserve(max(blockSize, end - start))
        spare.base.copyMemory(from: full.base + start, byteCount: end - start)
        storage = spare
        end -= start
        start = 0
        return (block, full)
    }

    /// Calls `body` with each line, its number from 1, the bytes before it, and whether it is longer than the maximum
    /// (then only its beginning is given, 256 bytes at most).
    ///
    /// The line comes without its `\n`; a `\r` before it stays. It is valid during the call.
    package func forEachLine(
        _ body: (_ line: UnsafeRawBufferPointer, _ number: Int, _ offset: Int, _ isOversized: Bool) throws(RekeyError)
            ->
            Void
    ) throws(RekeyError) {
        while let block = try fill() {
            if block.isOversizedLine {
                try body(block.bytes, block.firstLine, block.offset, true)
                continue
            }
            let base = block.bytes.baseAddress!
            let count = block.bytes.count
            var position = 0
            while position < count {
                let length: Int
                if let newline = memchr(base + position, 0x0A, count - position) {
                    length = base.distance(to: UnsafeRawPointer(newline)) - position
                } else {
                    length = count - position
                }
                let number = line
                line += 1
                try body(
                    UnsafeRawBufferPointer(start: base + position, count: length), number, block.offset + position,
                    false)
                position += length + 1
            }
        }
    }

    /// The next block. The caller counts its lines, unless it is an oversized one.
    private func fill() throws(RekeyError) -> LineBlock? {
        if isSkipping { try skipLine() }
        if start > 0 {
            memmove(buffer, buffer + start, end - start)
            end -= start
            start = 0
        }
        var searched = 0
        while true {
            if let newline = lastNewline(UnsafeRawBufferPointer(start: buffer + searched, count: end - searched)) {
                return take(searched + newline + 1)
            }
            searched = end
            if end == maximumCapacity { return takeOversized() }
            if sourceEnded { return end == 0 ? nil : take(end) }
            if end == capacity { grow() }
            try readMore()
        }
    }

    private func readMore() throws(RekeyError) {
        let count = try source.read(into: UnsafeMutableRawBufferPointer(start: buffer + end, count: capacity - end))
        sourceEnded = count == 0
        end += count
    }

    private func take(_ count: Int) -> LineBlock {
        let bytes = UnsafeRawBufferPointer(start: buffer, count: count)
        let block = LineBlock(bytes: bytes, firstLine: line, offset: offset, isOversizedLine: false)
        start = count
        offset += count
        return block
    }

    private func takeOversized() -> LineBlock {
        let bytes = UnsafeRawBufferPointer(start: buffer, count: min(256, end))
        let block = LineBlock(bytes: bytes, firstLine: line, offset: offset, isOversizedLine: true)
        isSkipping = true
        return block
    }

    /// Drops everything up to and with the next `\n`, or to the end.
    private func skipLine() throws(RekeyError) {
        while true {
            if let newline = firstNewline(UnsafeRawBufferPointer(start: buffer + start, count: end - start)) {
                start += newline + 1
                offset += newline + 1
                break
            }
            offset += end - start
            start = 0
            end = 0
            if sourceEnded { break }
            try readMore()
        }
        isSkipping = false
        line += 1
    }

    private func grow() {
        let larger = LineBuffer(capacity: min(capacity * 2, maximumCapacity))
        larger.base.copyMemory(from: buffer, byteCount: end)
        storage = larger
    }

    private func firstNewline(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard let base = bytes.baseAddress, let found = memchr(base, 0x0A, bytes.count) else { return nil }
        return base.distance(to: UnsafeRawPointer(found))
    }

    private func lastNewline(_ bytes: UnsafeRawBufferPointer) -> Int? {
        // memrchr is no part of POSIX; this walks half a line on average.
        guard let base = bytes.baseAddress else { return nil }
        var index = bytes.count - 1
        while index >= 0, base.load(fromByteOffset: index, as: UInt8.self) != 0x0A { index -= 1 }
        return index >= 0 ? index : nil
    }
}
