// The only file that knows zlib.
import CZlib

/// One step of expanding gzip data.
struct InflateStep {
    /// How the step ended.
    enum Outcome: Equatable {
        /// It goes on: more input or more room is needed.
        case more
        /// The member ended and its CRC and length are right.
        case memberEnd
        case wrongHeader
        case wrongChecksum
        case wrongLength
        /// zlib's words for any other damage.
        case damaged(String)
        case outOfMemory
    }

    /// Bytes of input used up.
    var consumed: Int
    /// Bytes of output made.
    var produced: Int
    var outcome: Outcome
}

/// Expands gzip members; zlib's state stands at one heap address, as zlib asks.
final class Inflater {
    private let stream: UnsafeMutablePointer<z_stream>
    private let isReady: Bool

    init() {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        isReady = inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Begins a new member.
    func reset() { inflateReset(stream) }

    /// Expands from `input` into `output`; neither may be empty.
    func step(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> InflateStep {
        guard isReady else { return InflateStep(consumed: 0, produced: 0, outcome: .outOfMemory) }
        let inputCount = min(input.count, 1 << 30)
        let outputCount = min(output.count, 1 << 30)
        // zlib's interface lacks the const; it does not write to its input.
        stream.pointee.next_in = UnsafeMutableRawPointer(mutating: input.baseAddress!).assumingMemoryBound(
            to: Bytef.self)
        stream.pointee.avail_in = uInt(inputCount)
        stream.pointee.next_out = output.baseAddress!.assumingMemoryBound(to: Bytef.self)
        stream.pointee.avail_out = uInt(outputCount)
        let status = inflate(stream, Z_NO_FLUSH)
        return InflateStep(
            consumed: inputCount - Int(stream.pointee.avail_in),
            produced: outputCount - Int(stream.pointee.avail_out),
            outcome: outcome(of: status))
    }

    private func outcome(of status: Int32) -> InflateStep.Outcome {
        switch status {
        case Z_OK, Z_BUF_ERROR: return .more
        case Z_STREAM_END: return .memberEnd
        case Z_MEM_ERROR: return .outOfMemory
        default:
            let reason = stream.pointee.msg.map { String(cString: $0) } ?? "zlib status \(status)"
            switch reason {
            case "incorrect header check": return .wrongHeader
            case "incorrect data check": return .wrongChecksum
            case "incorrect length check": return .wrongLength
            default: return .damaged(reason)
            }
        }
    }
}

/// Compresses pieces of one deflate stream, each on its own; one per thread.
final class Deflater {
    private let stream: UnsafeMutablePointer<z_stream>
    private let isReady: Bool

    /// Bytes before a piece that it may refer to.
    static let window = 32 << 10

    /// - Parameter level: 0 (store) to 9 (smallest).
    init(level: Int) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // No wrapper: header, checksum and length belong to the whole, not to a piece.
        isReady =
            deflateInit2_(
                stream, Int32(level), Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size)) == Z_OK
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    /// The most bytes that `compress` makes of so many.
    func bound(_ count: Int) -> Int { Int(deflateBound(stream, uLong(count))) + 16 }

    /// Compresses one piece. It ends on a byte, so that another may follow, or, the last one, with the end of the stream.
    ///
    /// - Parameters:
    ///   - before: what stands before the piece, as far as the window reaches.
    ///   - room: `bound` bytes at least.
    /// - Returns: how many bytes it made; nil where zlib is out of memory.
    func compress(
        _ piece: UnsafeRawBufferPointer, after before: UnsafeRawBufferPointer, isLast: Bool,
        room: UnsafeMutableRawBufferPointer
    ) -> Int? {
        guard isReady, deflateReset(stream) == Z_OK else { return nil }
        if !before.isEmpty {
            let dictionary = before.baseAddress!.assumingMemoryBound(to: Bytef.self)
            guard deflateSetDictionary(stream, dictionary, uInt(before.count)) == Z_OK else { return nil }
        }
        stream.pointee.next_in = piece.baseAddress.map {
            UnsafeMutableRawPointer(mutating: $0).assumingMemoryBound(to: Bytef.self)
        }
        stream.pointee.avail_in = uInt(piece.count)
        stream.pointee.next_out = room.baseAddress!.assumingMemoryBound(to: Bytef.self)
        stream.pointee.avail_out = uInt(room.count)
        let status = deflate(stream, isLast ? Z_FINISH : Z_SYNC_FLUSH)
        guard status == (isLast ? Z_STREAM_END : Z_OK), stream.pointee.avail_in == 0, stream.pointee.avail_out > 0
        else {
            return nil
        }
        return room.count - Int(stream.pointee.avail_out)
    }
}

/// The CRC-32 of gzip (RFC 1952), of parts that can be put together.
struct Checksum32 {
    private(set) var value: UInt32 = 0

    init() {}

    init(_ bytes: UnsafeRawBufferPointer) {
        let start = bytes.baseAddress?.assumingMemoryBound(to: Bytef.self)
        value = UInt32(truncatingIfNeeded: crc32(0, start, uInt(bytes.count)))
    }

    /// Adds the checksum of the `count` bytes that follow.
    mutating func append(_ next: Checksum32, count: Int) {
        value = UInt32(truncatingIfNeeded: crc32_combine(uLong(value), uLong(next.value), count))
    }
}
