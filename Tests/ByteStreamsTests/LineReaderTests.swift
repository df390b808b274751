import ByteStreams
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

@Suite struct LineReaderTests {
    private func bothWays(_ text: String, maximum: Int = 1 << 20, block: Int = 64) throws -> [Line] {
        let bytes = Array(text.utf8)
        let walked = try lines(LineReader(MemorySource(bytes), maximumLineLength: maximum, blockSize: block))
        let blocked = try linesOfBlocks(LineReader(MemorySource(bytes), maximumLineLength: maximum, blockSize: block))
        #expect(walked == blocked)
        return walked
    }

    @Test func wholeLinesWithNumbersAndOffsets() throws {
        let expected = [
            Line(bytes: Array("a".utf8), number: 1, offset: 0), Line(bytes: [], number: 2, offset: 2),
            Line(bytes: Array("bc".utf8), number: 3, offset: 3),
        ]
        #expect(try bothWays("a\n\nbc\n") == expected)
        #expect(try bothWays("a\n\nbc") == expected)
    }

    @Test func emptyStreamHasNoLine() throws {
        #expect(try bothWays("") == [])
        #expect(try bothWays("\n") == [Line(bytes: [], number: 1, offset: 0)])
    }

    @Test func carriageReturnAndZeroByteStay() throws {
        #expect(
            try bothWays("a\r\nb\0c\r\n") == [
                Line(bytes: Array("a\r".utf8), number: 1, offset: 0),
                Line(bytes: Array("b\0c\r".utf8), number: 2, offset: 3),
            ])
    }

    @Test func lineLongerThanABlockGrowsTheBuffer() throws {
        let long = String(repeating: "x", count: 10_000)
        #expect(try bothWays("a\n\(long)\nb\n", block: 16).map(\.bytes.count) == [1, 10_000, 1])
        #expect(try bothWays(long, block: 16).map(\.bytes.count) == [10_000])
    }

    @Test func longestAllowedLineIsNoOversizedOne() throws {
        for ending in ["\n", "", "\nz\n"] {
            let exact = try bothWays(String(repeating: "x", count: 100) + ending, maximum: 100, block: 4096)
            #expect(exact[0] == Line(bytes: Array(repeating: 0x78, count: 100), number: 1, offset: 0))
            let over = try bothWays(String(repeating: "x", count: 101) + ending, maximum: 100, block: 4096)
            #expect(over[0] == Line(bytes: Array(repeating: 0x78, count: 101), number: 1, offset: 0, isOversized: true))
            #expect(exact.count == over.count)
        }
    }

    @Test func oversizedLineIsReportedOnceAndSkipped() throws {
        let text = "a\n" + String(repeating: "y", count: 5000) + "\nb\n" + String(repeating: "z", count: 3000)
        #expect(
            try bothWays(text, maximum: 1000) == [
                Line(bytes: [0x61], number: 1, offset: 0),
                Line(bytes: Array(repeating: 0x79, count: 256), number: 2, offset: 2, isOversized: true),
                Line(bytes: [0x62], number: 3, offset: 5003),
                Line(bytes: Array(repeating: 0x7A, count: 256), number: 4, offset: 5005, isOversized: true),
            ])
    }

    /// A gibibyte in one line passes in the memory of one block.
    @Test func oversizedLineDoesNotGrowMemory() throws {
        let source = EndlessLine(count: 1 << 30)
        let found = try lines(LineReader(source, maximumLineLength: 1 << 20))
        #expect(found.map(\.isOversized) == [true])
        #expect(source.largestRead <= (1 << 20) + 1)
    }

    @Test func failureOfTheBodyEndsTheWalk() throws {
        let reader = LineReader(MemorySource(Array("a\nb\nc\n".utf8)))
        var seen = 0
        let error = failure {
            try reader.forEachLine { (_, number, _, _) throws(RekeyError) in
                seen = number
                if number == 2 { throw RekeyError(.badInput, "enough") }
            }
        }
        #expect(seen == 2)
        #expect(error == RekeyError(.badInput, "enough"))
    }

    @Test func failureOfTheSourceFollowsItsLines() throws {
        let reader = LineReader(FailingSource(Array("a\nb".utf8)))
        var seen: [[UInt8]] = []
        let error = failure {
            try reader.forEachLine { (line, _, _, _) throws(RekeyError) in seen.append(Array(line)) }
        }
        #expect(seen == [[0x61]])
        #expect(error?.code == .inputOutput)
    }

    /// Random lines, block sizes, maxima and read sizes against the plain model.
    @Test func anyBlockSizeGivesTheSameLines() throws {
        let seed = testSeed("anyBlockSizeGivesTheSameLines")
        var random = SeededGenerator(seed: seed)
        for round in 0..<400 {
            let maximum = Int.random(in: 1...600, using: &random)
            let block = Int.random(in: 1...700, using: &random)
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 0...40, using: &random) {
                let scale = [3, 30, 300, 1500].randomElement(using: &random)!
                let length = Bool.random(using: &random) ? Int.random(in: 0...scale, using: &random) : maximum
                for _ in 0..<length {
                    bytes.append([0, 0x0D, 0x61, 0x62, 0xFF].randomElement(using: &random)!)
                }
                bytes.append(0x0A)
            }
            if Bool.random(using: &random), !bytes.isEmpty { bytes.removeLast() }
            let expected = modelLines(bytes, maximum: maximum)
            var pieces = SeededGenerator(seed: UInt64(round))
            let chopped = { ChoppedSource(bytes) { Int.random(in: 1...900, using: &pieces) } }
            let walked = try lines(LineReader(chopped(), maximumLineLength: maximum, blockSize: block))
            let blocked = try linesOfBlocks(LineReader(chopped(), maximumLineLength: maximum, blockSize: block))
            #expect(walked == expected, "round \(round): block \(block), maximum \(maximum)")
            #expect(blocked == expected, "round \(round): block \(block), maximum \(maximum)")
            if walked != expected || blocked != expected { return }
        }
    }
}

/// One line of `x` without end, made as it is read.
private final class EndlessLine: ByteSource {
    let name = "endless"
    private var left: Int
    private(set) var largestRead = 0

    init(count: Int) { left = count }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(RekeyError) -> Int {
        let count = min(left, buffer.count)
        memset(buffer.baseAddress!, 0x78, count)
        left -= count
        largestRead = max(largestRead, buffer.count)
        return count
    }
}

/// Some bytes, then a failing disk.
private final class FailingSource: ByteSource {
    let name = "failing"
    private let good: MemorySource

    init(_ bytes: [UInt8]) { good = MemorySource(bytes) }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(RekeyError) -> Int {
        let count = try good.read(into: buffer)
        if count == 0 { throw RekeyError(.inputOutput, "reading failed: Input/output error", source: name) }
        return count
    }
}
