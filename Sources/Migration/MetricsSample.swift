package import ByteStreams
import Foundation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// One line of `metrics.ndjson`: what a process had done for a run up to a moment.
package struct MetricsSample: Sendable, Equatable, Codable {
    /// Milliseconds since 1970.
    package var time: Int
    /// The first of a process: its counts begin here.
    package var first: Bool
    package var step: String
    /// Of the step.
    package var items: Int
    /// Since the process began.
    package var readUnits: Double
    package var writeUnits: Double
    package var requests: Int
    package var retries: Int
    package var throttled: Int
    /// Milliseconds within which a half, and 99 of 100, of the requests since the sample before were answered; nil where there were none.
    package var p50: Double?
    package var p99: Double?

    init(_ reading: ProgressCounters.Reading, since last: ProgressCounters.Reading, isFirst: Bool) {
        var clock = timespec()
        clock_gettime(CLOCK_REALTIME, &clock)
        time = clock.tv_sec * 1000 + clock.tv_nsec / 1_000_000
        first = isFirst
        step = reading.step ?? ""
        items = reading.items
        readUnits = reading.readUnits
        writeUnits = reading.writeUnits
        requests = reading.requests
        retries = reading.retries
        throttled = reading.throttled
        let latency = reading.latency.since(last.latency)
        p50 = latency.quantile(0.5)
        p99 = latency.quantile(0.99)
    }

    var line: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return (try? encoder.encode(self)).map { Array($0) + [0x0A] } ?? []
    }

    /// The samples of a run, in the order written. A line that is not whole is left out.
    package static func read(_ path: String) throws(RekeyError) -> [MetricsSample] {
        guard fileExists(path) else { return [] }
        let decoder = JSONDecoder()
        return try readWhole(path, limit: 256 << 20).split(separator: 0x0A).compactMap {
            try? decoder.decode(MetricsSample.self, from: Data($0))
        }
    }
}

/// Adds a line to a file, which it makes where it is missing, in one write.
func appendLine(_ line: [UInt8], to path: String) throws(RekeyError) {
    let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
        throw RekeyError(.cannotCreate, "cannot be written: \(String(cString: strerror(errno)))", source: path)
    }
    let sink = FileDescriptorSink(descriptor, name: path, closes: true)
    try sink.write(line)
    try sink.finish()
}
