package import ByteStreams
import Crypto
import Foundation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The append-only record of what a run has done. Each line is synced before the step after it begins.
///
/// A line is `{"time":…,"step":…,…,"check":"…"}`; the check is the first 16 hexadecimal digits of the SHA-256 of the text before it. A
/// torn last line, without its newline, is what a crash leaves and counts as not written; any other bad line means the file was damaged.
package final class Ledger {
    /// A finished step, by its name in the file.
    package enum Step: String, Sendable, CaseIterable {
        case started
        case snapshot
        case put
        case verified
        case deleted
        /// The hook ended well.
        case hook
        /// Items that the run moves and its snapshot does not hold as they are were written to `delta.ndjson`.
        case delta
        case finished
        case rollbackStarted = "rollback started"
        case restored
        case newDeleted = "new deleted"
        case rolledBack = "rolled back"
        case failed
    }

    /// One line of the ledger.
    package struct Entry: Sendable {
        package var step: Step
        package var time: String
        package var facts: [String: String]
    }

    package private(set) var entries: [Entry] = []
    /// Of the file, in bytes: it is read whole.
    package static let mostFileBytes = 256 << 20
    private let path: String
    private let limit: Int
    /// The length of the lines that are whole.
    private var wholeBytes = 0

    /// Opens or makes a ledger.
    ///
    /// - Parameter limit: of the file, in bytes; nothing is written past it.
    package init(_ path: String, limit: Int = mostFileBytes) throws(RekeyError) {
        self.path = path
        self.limit = limit
        guard fileExists(path) else { return }
        let bytes = try readWhole(path, limit: limit)
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        // What follows the last newline was torn by a crash; it is cut off before the next line is written.
        for (number, line) in lines.dropLast().enumerated() {
            guard let entry = Self.parse(Array(line)) else {
                throw RekeyError(
                    .badInput, "the ledger is damaged; restore the run directory from a copy", source: path,
                    line: number + 1)
            }
            entries.append(entry)
            wholeBytes += line.count + 1
        }
    }

    /// Whether a step was finished since the last start or rollback.
    package func has(_ step: Step) -> Bool { entries.contains { $0.step == step } }

    package func facts(of step: Step) -> [String: String]? { entries.last { $0.step == step }?.facts }

    /// Why a run stops before its records are longer than what is read of them.
    static func full(_ path: String, limit: Int) -> RekeyError {
        RekeyError(
            .stoppedResumable,
            "so many items changed while they were moved that the run's record of them is full (\(limit) bytes); stop the writers and resume, or go back and use --strategy transact",
            source: path)
    }

    /// Writes a line and syncs it. The last sixteenth of the file is for other steps than `delta`, so that the way back has room.
    ///
    /// - Throws: `.stoppedResumable` where the line could not be read back; then nothing was written.
    package func append(_ step: Step, _ facts: [(String, String)] = []) throws(RekeyError) {
        let time = Timestamp.now().text
        var text = "{\"time\":\(quoted(time)),\"step\":\(quoted(step.rawValue))"
        for (name, value) in facts { text += ",\(quoted(name)):\(quoted(value))" }
        let line = Array("\(text),\"check\":\"\(Self.check(text))\"}\n".utf8)
        guard wholeBytes + line.count <= (step == .delta ? limit - limit / 16 : limit) else {
            throw Self.full(path, limit: limit)
        }
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw RekeyError(
                .cannotCreate, "cannot write the ledger: \(String(cString: strerror(errno)))", source: path)
        }
        guard ftruncate(descriptor, off_t(wholeBytes)) == 0 else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw RekeyError(.inputOutput, "cannot cut off a torn line of the ledger: \(reason)", source: path)
        }
        let sink = FileDescriptorSink(descriptor, name: path, closes: true)
        try sink.write(line)
        try sink.flush()
        try sink.sync()
        try sink.finish()
        if entries.isEmpty { try syncDirectory(parentDirectory(path)) }
        wholeBytes += line.count
        entries.append(Entry(step: step, time: time, facts: Dictionary(facts) { _, last in last }))
    }

    private static func check(_ text: String) -> String {
        SHA256.hash(data: Array(text.utf8)).prefix(8).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }

    private static func parse(_ line: [UInt8]) -> Entry? {
        let text = String(decoding: line, as: UTF8.self)
        guard let range = text.range(of: ",\"check\":\"", options: .backwards), text.hasSuffix("\"}"),
            text[range.upperBound...].dropLast(2) == check(String(text[..<range.lowerBound]))[...],
            let object = try? JSONSerialization.jsonObject(with: Data(line)) as? [String: String],
            let step = object["step"].flatMap(Step.init(rawValue:)), let time = object["time"]
        else { return nil }
        var facts = object
        for name in ["step", "time", "check"] { facts[name] = nil }
        return Entry(step: step, time: time, facts: facts)
    }
}

/// A JSON string.
func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case let other where other.value < 0x20:
            let digits = String(other.value, radix: 16)
            result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
