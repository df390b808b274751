import ByteStreams
import CZlib

/// Output beyond this is not looked at: what a few bytes may expand to has no bound.
private let most = 1 << 20

/// The first byte chooses in what pieces the compressed bytes come; the rest are these.
func expand(_ bytes: UnsafeRawBufferPointer) {
    guard let first = bytes.first else { return }
    let compressed = Array(bytes.dropFirst())
    let expected = expandPlainly(compressed)
    var output: [UInt8] = []
    var isBad = false
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(first) * 16 + 1, alignment: 1)
    defer { room.deallocate() }
    do {
        let source = GzipSource(PieceSource(compressed, by: Int(first) + 1))
        while output.count < most {
            let count = try source.read(into: room)
            if count == 0 { break }
            output.append(contentsOf: room[..<count])
        }
    } catch {
        isBad = true
        require(error.code == .badInput && (error.byte ?? -1) >= 0, "a refusal without a place: \(error)")
        require(error.byte! <= compressed.count, "a place behind the end")
    }
    guard output.count < most, let expected else { return }
    require(isBad == expected.isBad, "zlib says \(expected.isBad ? "bad" : "good")")
    require(expected.output.starts(with: output) || isBad, "other bytes than zlib's")
    require(isBad || output.count == expected.output.count, "not all bytes")
}

/// Members one after the other, then zero bytes at most; nil where there is too much output to tell.
private func expandPlainly(_ bytes: [UInt8]) -> (output: [UInt8], isBad: Bool)? {
    var output: [UInt8] = []
    var rest = bytes[...]
    repeat {
        var stream = z_stream()
        guard inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return nil }
        defer { inflateEnd(&stream) }
        var input = Array(rest)
        var room = [UInt8](repeating: 0, count: most + 1)
        let status = input.withUnsafeMutableBufferPointer { input in
            room.withUnsafeMutableBufferPointer { room in
                stream.next_in = input.baseAddress
                stream.avail_in = uInt(input.count)
                stream.next_out = room.baseAddress
                stream.avail_out = uInt(room.count)
                return inflate(&stream, Z_FINISH)
            }
        }
        if stream.avail_out == 0 { return nil }
        output += room[..<(room.count - Int(stream.avail_out))]
        if output.count > most { return nil }
        guard status == Z_STREAM_END else { return (output, true) }
        rest = rest[(rest.endIndex - Int(stream.avail_in))...]
    } while rest.first == 0x1f
    return (output, rest.contains { $0 != 0 })
}
