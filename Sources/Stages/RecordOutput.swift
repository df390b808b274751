package import ByteStreams
import Items

/// The records a stage writes, ended by a seal where one is asked for.
package final class RecordOutput {
    private let sink: any ByteSink
    private let writesSeal: Bool
    private var streamDigest = StreamDigest()
    private var scanner = RecordScanner()
    private var buffer = ByteWriter(capacity: 1 << 16)

    /// - Parameter path: `-` is standard output; a file or an object in S3 appears under its name only when the stage has finished.
    package init(_ path: String, writesSeal: Bool, services: LiveServices? = nil) throws(RekeyError) {
        sink = try openOutput(path, services: services)
        self.writesSeal = writesSeal
    }

    /// Writes one line that is a valid record, and a newline.
    package func write(_ line: UnsafeRawBufferPointer) throws {
        if writesSeal { streamDigest.add(try scanner.scan(line), in: line) }
        buffer.append(line)
        buffer.append(0x0A)
        if buffer.count >= 1 << 16 { try flush() }
    }

    private func flush() throws(RekeyError) {
        try sink.write(buffer.bytes)
        buffer.removeAll()
    }

    /// Ends the stream whole: the seal, then everything to its place.
    package func finish() throws(RekeyError) {
        if writesSeal { buffer.append(Array(streamDigest.seal.line.utf8)) }
        try flush()
        try sink.finish()
    }

    /// Ends the stream without a seal, so that the next stage can tell; a file is removed.
    package func abandon() {
        try? flush()
        sink.abandon()
    }
}
