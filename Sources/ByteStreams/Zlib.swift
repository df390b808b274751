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

/// Makes one gzip member with no name and no time in its header, so that the same bytes in give the same bytes out.
final class Deflater {
    /// What to do after the given input.
    enum Flush {
        case none
        /// Everything given so far can be expanded by the reader.
        case sync
        case finish
    }

    private let stream: UnsafeMutablePointer<z_stream>
    private let header: UnsafeMutablePointer<gz_header>
    private let isReady: Bool

    /// - Parameter level: 0 (store) to 9 (smallest).
    init(level: Int) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        header = .allocate(capacity: 1)
        header.initialize(to: gz_header())
        header.pointee.os = 255
        isReady =
            deflateInit2_(
                stream, Int32(level), Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size)) == Z_OK && deflateSetHeader(stream, header) == Z_OK
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
        header.deallocate()
    }

    /// Compresses all of `input`, handing on what comes out through `room` in pieces.
    func step(
        _ input: UnsafeRawBufferPointer, flush: Flush, room: UnsafeMutableRawBufferPointer,
        _ output: (UnsafeRawBufferPointer) throws(RekeyError) -> Void
    ) throws(RekeyError) {
        guard isReady else { throw RekeyError(.unexpected, "zlib cannot compress: out of memory") }
        var rest = input
        while true {
            let piece = min(rest.count, 1 << 30)
            let isLast = piece == rest.count
            let mode: Int32 =
                switch flush {
                case .none: Z_NO_FLUSH
                case .sync: isLast ? Z_SYNC_FLUSH : Z_NO_FLUSH
                case .finish: isLast ? Z_FINISH : Z_NO_FLUSH
                }
            stream.pointee.next_in = rest.baseAddress.map {
                UnsafeMutableRawPointer(mutating: $0).assumingMemoryBound(to: Bytef.self)
            }
            stream.pointee.avail_in = uInt(piece)
            repeat {
                stream.pointee.next_out = room.baseAddress!.assumingMemoryBound(to: Bytef.self)
                stream.pointee.avail_out = uInt(room.count)
                let status = deflate(stream, mode)
                guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else {
                    throw RekeyError(.unexpected, "zlib cannot compress: status \(status)")
                }
                let made = room.count - Int(stream.pointee.avail_out)
                if made > 0 { try output(UnsafeRawBufferPointer(rebasing: room[..<made])) }
            } while stream.pointee.avail_out == 0
            rest = UnsafeRawBufferPointer(rebasing: rest[piece...])
            if isLast { return }
        }
    }
}
