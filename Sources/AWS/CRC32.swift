/// The checksum of `x-amz-crc32` (ISO-HDLC, as in gzip), eight bytes at a time.
enum CRC32 {
    /// `tables[k][b]`: of byte `b` with `k` zero bytes behind it.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var value = UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
            tables[byte] = value
        }
        for index in 256..<(8 * 256) {
            let before = tables[index - 256]
            tables[index] = before >> 8 ^ tables[Int(before & 255)]
        }
        return tables
    }()

    static func of(_ bytes: [UInt8]) -> UInt32 {
        tables.withUnsafeBufferPointer { tables in
            bytes.withUnsafeBytes { bytes in
                var value = UInt32.max
                var position = 0
                while position + 8 <= bytes.count {
                    let word =
                        UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
                        ^ UInt64(value)
                    value = tables[1792 + Int(word & 255)]
                    for index in 1..<8 {
                        value ^= tables[(7 - index) * 256 + Int(word >> (8 * UInt64(index)) & 255)]
                    }
                    position += 8
                }
                while position < bytes.count {
                    value = value >> 8 ^ tables[Int(UInt8(truncatingIfNeeded: value) ^ bytes[position])]
                    position += 1
                }
                return ~value
            }
        }
    }
}
