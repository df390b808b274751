import ByteStreams

/// The first two bytes choose the longest line and the block; the rest is the stream.
func readLines(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= 2 else { return }
    let longest = Int(bytes[0]) + 1
    let block = Int(bytes[1]) % 64 + 1
    let stream = Array(bytes[2...])
    let expected = stream.split(separator: 0x0A, omittingEmptySubsequences: false).map(Array.init)
    let lineCount = stream.last == 0x0A || stream.isEmpty ? expected.count - 1 : expected.count
    var count = 0
    var offset = 0
    do {
        try LineReader(PieceSource(stream, by: block), maximumLineLength: longest, blockSize: block).forEachLine {
            line, number, place, isOversized in
            require(count < lineCount, "more lines than there are")
            let whole = expected[count]
            count += 1
            require(number == count && place == offset, "a line at another place")
            require(isOversized == (whole.count > longest), "a line of \(whole.count) bytes, \(longest) allowed")
            require(
                isOversized ? whole.starts(with: line) && line.count <= 256 : line.elementsEqual(whole),
                "another line than was written")
            offset += whole.count + 1
        }
    } catch {
        violated("lines in memory cannot be read: \(error)")
    }
    require(count == lineCount, "\(count) lines of \(lineCount)")
    var whole: [UInt8] = []
    let reader = LineReader(PieceSource(stream, by: block), maximumLineLength: longest, blockSize: block)
    while let next = try? reader.nextBlock() { if !next.isOversizedLine { whole += next.bytes } }
    var wanted: [UInt8] = []
    for (index, line) in expected.prefix(lineCount).enumerated() where line.count <= longest {
        wanted += line
        if index + 1 < expected.count { wanted.append(0x0A) }
    }
    require(whole == wanted, "blocks that are not the lines")
}

/// Bytes in memory, a few at a time.
final class PieceSource: ByteSource {
    let name = "memory"
    private let bytes: [UInt8]
    private let size: Int
    private var position = 0

    init(_ bytes: [UInt8], by size: Int) {
        self.bytes = bytes
        self.size = size
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(buffer.count, size, bytes.count - position)
        buffer.copyBytes(from: bytes[position..<position + count])
        position += count
        return count
    }
}
