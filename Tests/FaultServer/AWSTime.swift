#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A moment in the two forms that AWS uses in headers.
struct AWSTime: Sendable {
    /// Seconds since 1970, UTC.
    var seconds: Int

    init(_ seconds: Int) { self.seconds = seconds }

    /// Of `20261124T050349Z`; nil for another form.
    init?(basic text: String) {
        guard let match = text.wholeMatch(of: /(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/)?.output else { return nil }
        var parts = tm()
        parts.tm_year = Int32(match.1)! - 1900
        parts.tm_mon = Int32(match.2)! - 1
        parts.tm_mday = Int32(match.3)!
        parts.tm_hour = Int32(match.4)!
        parts.tm_min = Int32(match.5)!
        parts.tm_sec = Int32(match.6)!
        seconds = timegm(&parts)
    }

    /// This machine's time, so many seconds ahead.
    static func now(ahead: Int = 0) -> AWSTime { AWSTime(time(nil) + ahead) }

    /// `20261124T050349Z`.
    var basic: String { text("%Y%m%dT%H%M%SZ") }

    /// `Tue, 24 Nov 2026 05:03:49 GMT`.
    var header: String { text("%a, %d %b %Y %H:%M:%S GMT") }

    private func text(_ format: String) -> String {
        var seconds = time_t(seconds)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 64)
        let count = strftime(&buffer, buffer.count, format, &parts)
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
