/// Expands gzip: any number of members one after the other, then nothing but zero bytes.
///
/// Memory is bounded, the ratio of expansion is not. Damage throws `.badInput` with the offset in the *compressed* bytes;
/// what was expanded before it is handed out first.
package final class GzipSource: ByteSource {
    private enum State {
        case inMember
        case betweenMembers
        case padding
    }

    package var name: String { source.name }

    private let source: any ByteSource
    private let inflater = Inflater()
    private let input: UnsafeMutableRawBufferPointer
    /// The bytes of `input` not used yet.
    private var pending = 0..<0
    /// Compressed bytes before `input`'s first.
    private var inputOffset = 0
    private var sourceEnded = false
    private var state = State.inMember
    private var memberStart = 0
    private var failure: RekeyError?

    /// - Parameter source: compressed bytes, from the first member's first byte.
    package init(_ source: any ByteSource) {
        self.source = source
        input = .allocate(byteCount: 128 << 10, alignment: 16)
    }

    deinit { input.deallocate() }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(RekeyError) -> Int {
        var produced = 0
        do throws(RekeyError) {
            if let failure { throw failure }
            while produced < buffer.count, failure == nil {
                if pending.isEmpty {
                    // What is there goes out before a read that may wait.
                    if produced > 0 { break }
                    guard try refill() else { break }
                }
                switch state {
                case .inMember:
                    produced += try inflate(into: UnsafeMutableRawBufferPointer(rebasing: buffer[produced...]))
                case .betweenMembers:
                    try beginMemberOrPadding()
                case .padding:
                    try skipPadding()
                }
            }
        } catch {
            failure = error
            if produced == 0 { throw error }
        }
        return produced
    }

    private var position: Int { inputOffset + pending.lowerBound }

    /// Reads more compressed bytes; false at a good end.
    private func refill() throws(RekeyError) -> Bool {
        if !sourceEnded {
            inputOffset += pending.upperBound
            pending = 0..<0
            let count = try source.read(into: input)
            pending = 0..<count
            sourceEnded = count == 0
        }
        guard sourceEnded else { return true }
        if case .inMember = state {
            throw bad(
                "the compressed file ends inside the gzip member that begins at its byte \(memberStart) (it was cut); "
                    + "fetch or write it again", at: position)
        }
        return false
    }

    private func inflate(into buffer: UnsafeMutableRawBufferPointer) throws(RekeyError) -> Int {
        let step = inflater.step(UnsafeRawBufferPointer(rebasing: input[pending]), into: buffer)
        pending = pending.lowerBound + step.consumed..<pending.upperBound
        switch step.outcome {
        case .more: break
        case .memberEnd: state = .betweenMembers
        case .wrongHeader where memberStart > 0:
            failure = trailingGarbage(at: memberStart)
        case .wrongHeader:
            failure = bad("this is no gzip data; its first bytes are not 1f 8b", at: memberStart)
        case .wrongChecksum:
            failure = bad(
                "the gzip member that begins at byte \(memberStart) of the compressed file has a wrong CRC-32: "
                    + "its data is damaged; fetch or write it again", at: position - 4)
        case .wrongLength:
            failure = bad(
                "the gzip member that begins at byte \(memberStart) of the compressed file has a wrong length field: "
                    + "its data is damaged; fetch or write it again", at: position - 4)
        case .damaged(let reason):
            failure = bad(
                "the gzip member that begins at byte \(memberStart) of the compressed file is damaged (\(reason)); "
                    + "fetch or write it again", at: position)
        case .outOfMemory:
            failure = RekeyError(.unexpected, "zlib cannot expand: out of memory", source: name)
        }
        if let failure, step.produced == 0 { throw failure }
        return step.produced
    }

    private func beginMemberOrPadding() throws(RekeyError) {
        switch input[pending.lowerBound] {
        case 0: state = .padding
        case 0x1f:
            memberStart = position
            inflater.reset()
            state = .inMember
        default: throw trailingGarbage(at: position)
        }
    }

    private func skipPadding() throws(RekeyError) {
        if let other = pending.first(where: { input[$0] != 0 }) {
            throw trailingGarbage(at: inputOffset + other)
        }
        pending = pending.upperBound..<pending.upperBound
    }

    private func trailingGarbage(at offset: Int) -> RekeyError {
        bad(
            "other bytes follow the last gzip member of the compressed file; "
                + "cut them off there if they do not belong to it, or fetch it again", at: offset)
    }

    private func bad(_ message: String, at offset: Int) -> RekeyError {
        RekeyError(.badInput, message, source: name, byte: offset)
    }
}
