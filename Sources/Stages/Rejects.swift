import ByteStreams
import Items

/// The file of records that were set aside: one JSON object a line with place, reason and the record itself.
final class Rejects {
    private let sink: any ByteSink
    private var writer = ByteWriter(capacity: 4096)

    init(_ path: String) throws(RekeyError) { sink = try openSink(path) }

    /// Writes one record down. A record that is not UTF-8 goes as base64, so that nothing of it is lost.
    func add(
        _ record: UnsafeRawBufferPointer, reason: String, source: String, line: Int, byte: Int, isCut: Bool
    ) throws(RekeyError) {
        writer.removeAll()
        writer.append("{\"source\":\"" as StaticString)
        Array(source.utf8).withUnsafeBytes { appendEscaped($0, to: &writer) }
        writer.append(Array("\",\"line\":\(line),\"byte\":\(byte),\"reason\":\"".utf8))
        Array(reason.utf8).withUnsafeBytes { appendEscaped($0, to: &writer) }
        writer.append("\"," as StaticString)
        if isCut { writer.append("\"cut\":true," as StaticString) }
        if String(validating: record, as: UTF8.self) != nil {
            writer.append("\"record\":\"" as StaticString)
            appendEscaped(record, to: &writer)
        } else {
            writer.append("\"recordBase64\":\"" as StaticString)
            writer.append(base64(Array(record)))
        }
        writer.append("\"}\n" as StaticString)
        try sink.write(writer.bytes)
    }

    func finish() throws(RekeyError) { try sink.finish() }

    /// The error a stage ends with, after all was written and said, where records were set aside: it names the command that takes them
    /// out again, to be copied as it is.
    ///
    /// - Parameter path: as given with `--rejects`.
    static func rejection(_ counts: StageCounts, in path: String, source: String) -> RekeyError {
        let said = "\(counts.rejected) of \(counts.read) records were bad and "
        // What stands in no text, in `recordBase64`, is printed so: it is no record either, and set aside again unless it is mended.
        let jq = "jq -r '.record // .recordBase64'"
        if path == "-" || namedDescriptor(path) != nil {
            return RekeyError(
                .badInput,
                "\(said)went to \(path == "-" ? "standard output" : path) with their reasons; \(jq) prints them, to be mended and run again",
                source: source)
        }
        let file = shellWord(path)
        let command = path.utf8.suffix(3).elementsEqual(".gz".utf8) ? "gzip -dc \(file) | \(jq)" : "\(jq) \(file)"
        return RekeyError(
            .badInput,
            "\(said)stand in \(path) with their reasons; \(command) prints them, to be mended and run again",
            source: source)
    }

    /// A path as one word of a shell's command line, and no option.
    private static func shellWord(_ path: String) -> String {
        let path = path.hasPrefix("-") ? "./" + path : path
        let isPlain = path.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
                || "/._-+=,:@%".utf8.contains(byte)
        }
        return isPlain
            ? path : "'" + path.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
