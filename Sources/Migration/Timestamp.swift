#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A moment in seconds since 1970, printed in UTC.
package struct Timestamp: Sendable, Equatable {
    package var seconds: Int

    package init(seconds: Int) { self.seconds = seconds }

    package static func now() -> Timestamp { Timestamp(seconds: time(nil)) }

    /// `2026-11-23T21:15:00Z` or `2026-11-23T21:15Z` (RFC 3339, in UTC); nil for all else.
    package init?(text: String) {
        guard text.hasSuffix("Z") else { return nil }
        let parts = text.dropLast().split(separator: "T", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let numbers = (parts[0].split(separator: "-") + parts[1].split(separator: ":")).compactMap { Int32($0) }
        guard numbers.count == 5 || numbers.count == 6 else { return nil }
        var fields = tm()
        fields.tm_year = numbers[0] &- 1900
        fields.tm_mon = numbers[1] &- 1
        fields.tm_mday = numbers[2]
        fields.tm_hour = numbers[3]
        fields.tm_min = numbers[4]
        fields.tm_sec = numbers.count == 6 ? numbers[5] : 0
        seconds = Int(timegm(&fields))
        // What is no such day or hour is taken for a later one, and other spellings read the same.
        guard self.text.hasPrefix(text.dropLast()) else { return nil }
    }

    private var fields: tm {
        var moment = time_t(seconds)
        var fields = tm()
        gmtime_r(&moment, &fields)
        return fields
    }

    private func padded(_ value: Int32, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// `20261123_211500`, for names.
    package var compact: String {
        let f = fields
        return padded(f.tm_year + 1900, 4) + padded(f.tm_mon + 1, 2) + padded(f.tm_mday, 2) + "_"
            + padded(f.tm_hour, 2) + padded(f.tm_min, 2) + padded(f.tm_sec, 2)
    }

    /// `2026-11-23T21:15:00Z` (RFC 3339).
    package var text: String {
        let f = fields
        return padded(f.tm_year + 1900, 4) + "-" + padded(f.tm_mon + 1, 2) + "-" + padded(f.tm_mday, 2) + "T"
            + padded(f.tm_hour, 2) + ":" + padded(f.tm_min, 2) + ":" + padded(f.tm_sec, 2) + "Z"
    }
}
