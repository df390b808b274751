import ByteStreams
import Foundation
import TestServers
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The error that `body` throws; a test issue where it throws none or another.
func failure<R>(sourceLocation: SourceLocation = #_sourceLocation, of body: () throws -> R) -> RekeyError? {
    do {
        _ = try body()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
    } catch let error as RekeyError {
        return error
    } catch {
        Issue.record("thrown: \(error)", sourceLocation: sourceLocation)
    }
    return nil
}

/// Writes a file as it stands, by other means than those under test.
func put(_ bytes: [UInt8], at path: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
}

/// A file's bytes, by other means than those under test.
func get(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

/// What a directory holds, by other means than those under test.
func names(_ directory: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
}

/// Runs a system command with input from a file; its exit status and standard output.
func run(_ command: [String], input: String = "/dev/null") throws -> (status: Int32, output: [UInt8]) {
    let ending = try runProgram(command, input: input)
    return (ending.status, ending.output)
}

/// The system's `gzip` over these bytes.
func systemGzip(_ bytes: [UInt8], in directory: String, level: Int = 6) throws -> [UInt8] {
    let path = "\(directory)/system-\(UInt32.random(in: 0 ... .max))"
    try put(bytes, at: path)
    return try run(["gzip", "-\(level)", "-c"], input: path).output
}

/// A pipe's two ends.
func makePipe() -> (read: Int32, write: Int32) {
    var ends: [Int32] = [-1, -1]
    #expect(pipe(&ends) == 0)
    return (ends[0], ends[1])
}

/// A write to a pipe without a reader must fail, not end the test process.
func ignoreBrokenPipes() { _ = signal(SIGPIPE, SIG_IGN) }

/// Runs `body` on a thread of its own, so that it may block.
func inThread(_ body: @escaping @Sendable () -> Void) { Thread.detachNewThread(body) }

/// All bytes of a source.
func contents(_ source: any ByteSource) throws -> [UInt8] { try readWhole(source, limit: .max) }

/// Bytes that come in pieces of a given size at most, as from a slow pipe.
final class ChoppedSource: ByteSource {
    let name = "chopped"
    private let bytes: [UInt8]
    private var position = 0
    private let nextPiece: () -> Int

    init(_ bytes: [UInt8], pieces: @escaping () -> Int) {
        self.bytes = bytes
        nextPiece = pieces
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(RekeyError) -> Int {
        let count = min(buffer.count, bytes.count - position, max(1, nextPiece()))
        for index in 0..<count { buffer[index] = bytes[position + index] }
        position += count
        return count
    }
}

/// One line as a reader reports it.
struct Line: Equatable, CustomStringConvertible {
    var bytes: [UInt8]
    var number: Int
    var offset: Int
    var isOversized = false

    var description: String {
        "#\(number)@\(offset)\(isOversized ? "!" : "") \(String(decoding: bytes, as: UTF8.self))"
    }
}

/// The lines as `forEachLine` gives them.
func lines(_ reader: LineReader) throws -> [Line] {
    var result: [Line] = []
    try reader.forEachLine { (bytes, number, offset, isOversized) throws(RekeyError) in
        result.append(Line(bytes: Array(bytes), number: number, offset: offset, isOversized: isOversized))
    }
    return result
}

/// The lines as `nextBlock` gives them.
func linesOfBlocks(_ reader: LineReader) throws -> [Line] {
    var result: [Line] = []
    while let block = try reader.nextBlock() {
        var number = block.firstLine
        var offset = block.offset
        if block.isOversizedLine {
            result.append(Line(bytes: Array(block.bytes), number: number, offset: offset, isOversized: true))
            continue
        }
        var pieces = block.bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map(Array.init)
        if block.bytes.last == 0x0A { pieces.removeLast() }
        for piece in pieces {
            result.append(Line(bytes: piece, number: number, offset: offset))
            number += 1
            offset += piece.count + 1
        }
    }
    return result
}

/// The lines by the plainest means: what the reader is measured against.
func modelLines(_ bytes: [UInt8], maximum: Int) -> [Line] {
    var pieces = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map(Array.init)
    if pieces.last == [] { pieces.removeLast() }
    var offset = 0
    return pieces.enumerated().map { index, piece in
        defer { offset += piece.count + 1 }
        let isOversized = piece.count > maximum
        return Line(
            bytes: isOversized ? Array(piece.prefix(min(256, maximum + 1))) : piece, number: index + 1, offset: offset,
            isOversized: isOversized)
    }
}
