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
        var fields = tm()
        var isWhole = false
        for form in ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%MZ"] where !isWhole {
            fields = tm()
            isWhole = text.withCString { start in strptime(start, form, &fields).map { $0.pointee == 0 } ?? false }
        }
        guard isWhole else { return nil }
        seconds = Int(timegm(&fields))
        // 31 February is taken for a day of March.
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
