import ByteStreams

/// What a progress line says: pure, so that it can be tested without a clock and a terminal.
struct ProgressLine {
    /// Readings of the last few seconds, the oldest first, with the seconds at which they were taken.
    private var readings: [(second: Double, reading: ProgressCounters.Reading)] = []
    /// Over how many seconds a rate is taken.
    private static let window = 5.0

    /// Takes a reading and says the line; nil while there is nothing to say.
    ///
    /// - Parameter second: since the command began.
    mutating func text(_ reading: ProgressCounters.Reading, at second: Double, verb: String) -> String? {
        // Another step counts from 0.
        if let last = readings.last?.reading, last.step != reading.step || last.items > reading.items {
            readings.removeAll()
        }
        readings.append((second, reading))
        while readings.count > 2, second - readings[1].second >= Self.window { readings.removeFirst() }
        guard reading.step != nil || reading.items > 0 || reading.bytes > 0 else { return nil }
        let (start, first) = readings[0]
        let span = max(second - start, 0.001)
        func rate(_ now: Int, _ then: Int) -> Double { Double(now - then) / span }
        let items = rate(reading.items, first.items)
        let bytes = rate(reading.bytes, first.bytes)

        var parts = [reading.step.map { "\(verb): \($0)" } ?? verb]
        parts.append(
            Self.grouped(reading.items) + (reading.totalItems.map { " of \(Self.grouped($0))" } ?? "") + " items")
        if let share = Self.share(reading) { parts.append("\(Int(share * 100)) %") }
        // Before all that a narrow terminal cuts off.
        if let left = Self.left(reading, items: items, bytes: bytes) { parts.append("ETA \(Self.duration(left))") }
        if reading.bytes > 0 { parts.append(Self.bytes(Double(reading.bytes))) }
        if span >= 0.5 {
            parts.append("\(Self.grouped(Int(items.rounded())))/s")
            if bytes > 0 { parts.append("\(Self.bytes(bytes))/s") }
        }
        for (name, now, then) in [
            ("RCU", reading.readUnits, first.readUnits), ("WCU", reading.writeUnits, first.writeUnits),
        ] where now > 0 {
            let perSecond =
                span >= 0.5 && now > then ? " (\(Self.grouped(Int(((now - then) / span).rounded())))/s)" : ""
            parts.append("\(name) \(Self.grouped(Int(now.rounded())))\(perSecond)")
        }
        if reading.retries > 0 { parts.append("\(Self.grouped(reading.retries)) retries") }
        if reading.throttled > 0 { parts.append("\(Self.grouped(reading.throttled)) throttled") }
        if reading.rejected > 0 { parts.append("\(Self.grouped(reading.rejected)) bad") }
        return parts.joined(separator: "  ")
    }

    /// How much of the step is done, 0 to 1, where that is known.
    private static func share(_ reading: ProgressCounters.Reading) -> Double? {
        for (done, total) in [(reading.items, reading.totalItems), (reading.bytes, reading.totalBytes)] {
            if let total, total > 0 { return min(1, Double(done) / Double(total)) }
        }
        return nil
    }

    private static func left(_ reading: ProgressCounters.Reading, items: Double, bytes: Double) -> Double? {
        if let total = reading.totalItems, items > 0 { return max(0, Double(total - reading.items) / items) }
        if let total = reading.totalBytes, bytes > 0 { return max(0, Double(total - reading.bytes) / bytes) }
        return nil
    }

    /// `1,234,567`.
    static func grouped(_ value: Int) -> String {
        var text = String(abs(value))
        var place = text.count - 3
        while place > 0 {
            text.insert(",", at: text.index(text.startIndex, offsetBy: place))
            place -= 3
        }
        return (value < 0 ? "-" : "") + text
    }

    /// `1.2 GiB`.
    static func bytes(_ value: Double) -> String {
        var value = value
        var unit = 0
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        while value >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        let tenths = Int((value * 10).rounded())
        return unit == 0 || tenths >= 1000
            ? "\(tenths / 10) \(units[unit])" : "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }

    /// `0:07`, `12:30`, `3:05:00`.
    static func duration(_ seconds: Double) -> String {
        guard seconds < 1e8 else { return "unknown" }
        let whole = Int(seconds.rounded(.up))
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return whole < 3600
            ? "\(whole / 60):\(two(whole % 60))" : "\(whole / 3600):\(two(whole / 60 % 60)):\(two(whole % 60))"
    }
}
