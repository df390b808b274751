import ByteStreams
import Items

/// Reads data files whole and holds them against their manifests; storage is used again from file to file. One per thread.
final class DataFileReader {
    struct Result: Sendable {
        var findings: [RekeyError] = []
        /// Good lines.
        var count = 0
        /// Of the items of a full export.
        var digest = Digest()
        /// The sortable keys of the first and the last item, where order is checked.
        var firstKey: [UInt8]?
        var lastKey: [UInt8]?
    }

    /// Bad lines of one file that are told apart; more are only counted.
    private static let reportedLines = 10

    private let export: Export
    private let sha256s: [String: String]
    private var scanner = RecordScanner()
    private var canonicalizer = Canonicalizer()

    init(_ export: Export) {
        self.export = export
        sha256s = Dictionary(export.metadata?.files.map { ($0.path, $0.sha256) } ?? []) { first, _ in first }
    }

    /// Reads one data file: its hashes, its gzip, its lines, their number, and the items' order where rekey wrote them.
    ///
    /// - Throws: only what keeps the file from being read at all: `.inputMissing`, `.permission`, `.inputOutput`.
    func read(_ path: String, index: Int) throws(RekeyError) -> Result {
        let file = export.dataFiles[index]
        var result = Result()
        let source = ChecksumSource(try export.location.store.open(path))
        var lines = 0
        var badLines = 0
        do throws(RekeyError) {
            try LineReader(try openSource(source)).forEachLine {
                (line, number, offset, isOversized) throws(RekeyError) in
                lines += 1
                do throws(ItemError) {
                    guard !isOversized else { throw ItemError("the line is longer than 16 MiB", at: 0) }
                    try take(line, &result)
                } catch {
                    badLines += 1
                    guard badLines <= Self.reportedLines else { return }
                    result.findings.append(
                        RekeyError(.badInput, error.reason, source: path, line: number, byte: offset + error.offset))
                }
            }
        } catch  where error.code == .badInput {
            result.findings.append(error)
        }
        if badLines > Self.reportedLines {
            result.findings.append(
                RekeyError(.badInput, "has \(badLines - Self.reportedLines) more bad lines", source: path))
        }
        if lines != file.itemCount {
            result.findings.append(
                RekeyError(
                    .badInput, "has \(lines) lines but \(file.itemCount) items in \(ExportLocation.filesName)",
                    source: path))
        }
        try source.drain()
        compare(source.checksums, with: file, path, &result)
        return result
    }

    private func compare(_ checksums: Checksums, with file: ExportDataFile, _ path: String, _ result: inout Result) {
        func differs(_ what: String, _ list: String) {
            result.findings.append(
                RekeyError(.badInput, "differs from its \(what) in \(list); fetch or restore the file", source: path))
        }
        if let md5 = file.md5, md5 != checksums.md5Base64 { differs("MD5", ExportLocation.filesName) }
        if let etag = file.etag, checksums.contradicts(etag: etag) { differs("etag", ExportLocation.filesName) }
        if let sha256 = sha256s[file.key], sha256 != checksums.sha256 { differs("SHA-256", RekeyMetadata.fileName) }
    }

    /// Checks one line and counts it in.
    private func take(_ line: UnsafeRawBufferPointer, _ result: inout Result) throws(ItemError) {
        let record = try scanner.scan(line)
        let expected: Record.Kind = export.summary.isIncremental ? .change : .item
        guard record.kind == expected else {
            throw ItemError(
                expected == .item
                    ? "the line is no {\"Item\":…}, as every line of a full export is"
                    : "the line is no change with Metadata and Keys, as every line of an incremental export is", at: 0)
        }
        result.count += 1
        guard expected == .item, let image = record.image else { return }
        let view = scanner.view(of: line)
        result.digest.add(canonical: canonicalizer.canonical(image, of: view))
        guard let schema = export.metadata?.keySchema else { return }
        let key = try view.key(schema)
        let sortable = key.sortableBytes
        let previous = result.lastKey
        result.firstKey = result.firstKey ?? sortable
        result.lastKey = sortable
        guard let previous, !previous.lexicographicallyPrecedes(sortable) else { return }
        throw ItemError(
            previous == sortable
                ? "the key \(key) stands twice" : "the item \(key) is not in the order of the keys",
            at: image.lowerBound)
    }
}
