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
}
