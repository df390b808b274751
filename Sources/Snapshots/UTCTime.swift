#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A time in UTC, read from and written to the forms that names and manifests have.
package struct UTCTime: Sendable, Equatable, Comparable {
    /// Since 1970-01-01.
    package var milliseconds: Int

    /// Whole seconds since 1970-01-01.
    package var seconds: Int { milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000 }

    package init(milliseconds: Int) { self.milliseconds = milliseconds }

    package init(seconds: Int) { milliseconds = seconds * 1000 }

    /// Reads `2026-11-23T21:15:00.000Z`, the fraction optional; nil for everything else.
    package init?(iso text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z"), bytes[10] == UInt8(ascii: "T"),
            bytes[4] == 0x2D, bytes[7] == 0x2D, bytes[13] == 0x3A, bytes[16] == 0x3A
        else { return nil }
        var fraction = 0
        if bytes.count > 20 {
            let digits = Array(bytes[20..<bytes.count - 1])
            guard bytes[19] == UInt8(ascii: "."), let value = Self.number((digits + [0x30, 0x30]).prefix(3)),
                !digits.isEmpty, Self.number(digits.prefix(9)) != nil
            else { return nil }
            fraction = value
        }
        let fields = [bytes[0..<4], bytes[5..<7], bytes[8..<10], bytes[11..<13], bytes[14..<16], bytes[17..<19]]
        self.init(fields: fields.map(Self.number), fraction: fraction)
    }

    /// Reads the time at the end of a name, as in `plan_backup_20261123_211500`, held to be UTC; nil where there is none.
    package init?(nameStamp name: String) {
        let bytes = Array(name.utf8.suffix(16))
        guard bytes.count == 16, bytes[0] == UInt8(ascii: "_"), bytes[9] == UInt8(ascii: "_") else { return nil }
        let fields = [bytes[1..<5], bytes[5..<7], bytes[7..<9], bytes[10..<12], bytes[12..<14], bytes[14..<16]]
        self.init(fields: fields.map(Self.number), fraction: 0)
    }

    /// `20261123_211500`, for the end of a name.
    package var nameStamp: String {
        let f = fields
        return Self.padded(f[0], 4) + Self.padded(f[1]) + Self.padded(f[2]) + "_"
            + f[3...].map { Self.padded($0) }.joined()
    }

    /// `2026-11-23T21:15:00.000Z`.
    package var iso: String {
        let f = fields
        return "\(Self.padded(f[0], 4))-\(Self.padded(f[1]))-\(Self.padded(f[2]))T"
            + f[3...].map { Self.padded($0) }.joined(separator: ":")
            + ".\(Self.padded(milliseconds - seconds * 1000, 3))Z"
    }

    package static func < (a: UTCTime, b: UTCTime) -> Bool { a.milliseconds < b.milliseconds }

    private init?(fields: [Int?], fraction: Int) {
        let known = fields.compactMap(\.self)
        guard known.count == 6 else { return nil }
        var parts = tm()
        parts.tm_year = Int32(known[0] - 1900)
        parts.tm_mon = Int32(known[1] - 1)
        parts.tm_mday = Int32(known[2])
        parts.tm_hour = Int32(known[3])
        parts.tm_min = Int32(known[4])
        parts.tm_sec = Int32(known[5])
        self.init(seconds: Int(timegm(&parts)))
        milliseconds += fraction
        // The 31st of June would have become another day.
        guard self.fields == known else { return nil }
    }

    /// Year, month, day, hour, minute, second.
    private var fields: [Int] {
        var clock = time_t(seconds)
        var parts = tm()
        gmtime_r(&clock, &parts)
        return [
            Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1, Int(parts.tm_mday), Int(parts.tm_hour),
            Int(parts.tm_min), Int(parts.tm_sec),
        ]
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        digits.allSatisfy { (0x30...0x39).contains($0) } ? Int(String(decoding: digits, as: UTF8.self)) : nil
    }

    private static func padded(_ value: Int, _ width: Int = 2) -> String {
        let text = "\(value)"
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
