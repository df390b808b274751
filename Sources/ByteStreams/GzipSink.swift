/// Compresses into one gzip member and hands it to another sink.
///
/// The header holds no name and no time and says "unknown" (255) for the system: the same bytes in, written in whatever
/// pieces but without `flush`, give the same bytes out.
package final class GzipSink: ByteSink {
    package var name: String { sink.name }

    private let sink: any ByteSink
    private let deflater: Deflater
    private let room: UnsafeMutableRawBufferPointer
    private var failure: RekeyError?

    /// - Parameters:
    ///   - sink: where the compressed bytes go; finished and abandoned with this one.
    ///   - level: 0 (store) to 9 (smallest).
    package init(over sink: any ByteSink, level: Int = 6) {
        self.sink = sink
        deflater = Deflater(level: level)
        room = .allocate(byteCount: 64 << 10, alignment: 16)
    }

    deinit { room.deallocate() }

    package func write(_ bytes: UnsafeRawBufferPointer) throws(RekeyError) {
        try attempt { () throws(RekeyError) in try compress(bytes, .none) }
    }

    /// Makes all that was written readable at a small cost in size.
    package func flush() throws(RekeyError) {
        try attempt { () throws(RekeyError) in
            try compress(UnsafeRawBufferPointer(start: nil, count: 0), .sync)
            try sink.flush()
        }
    }

    package func finish() throws(RekeyError) {
        try attempt { () throws(RekeyError) in
            try compress(UnsafeRawBufferPointer(start: nil, count: 0), .finish)
            try sink.finish()
        }
    }

    package func abandon() { sink.abandon() }

    private func compress(_ bytes: UnsafeRawBufferPointer, _ flush: Deflater.Flush) throws(RekeyError) {
        try deflater.step(bytes, flush: flush, room: room) { (piece) throws(RekeyError) in try sink.write(piece) }
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
