import ByteStreams
import Items

/// Writes sorted items into gzipped data files of a fixed uncompressed size.
final class DataFileWriter {
    /// A data file that is finished.
    struct File {
        /// Relative to the snapshot.
        var path: String
        var itemCount: Int
        /// Compressed.
        var size: Int
        var md5: String
        var etag: String
        var sha256: String
    }

    private(set) var files: [File] = []
    private(set) var digest = Digest()
    /// The sum of the items' sizes as DynamoDB counts them.
    private(set) var itemSize = 0

    private let target: any SnapshotTarget
    private let fileSize: Int
    private var canonicalizer = Canonicalizer()
    private var buffer = ByteWriter(capacity: 256 << 10)
    private var output: (checksums: ChecksumSink, gzip: GzipSink)?
    private var countInFile = 0
    private var bytesInFile = 0

    /// - Parameter fileSize: uncompressed bytes a file may have before another begins; one larger item still goes in whole.
    init(target: any SnapshotTarget, fileSize: Int) {
        self.target = target
        self.fileSize = fileSize
    }

    /// Writes the item's line.
    func add(_ item: UnsafeRawBufferPointer) throws(RekeyError) {
        let lineSize = item.count + 10
        if countInFile > 0, bytesInFile + lineSize > fileSize { try finishFile() }
        buffer.append("{\"Item\":" as StaticString)
        buffer.append(item)
        buffer.append("}\n" as StaticString)
        countInFile += 1
        bytesInFile += lineSize
        let (canonical, size) = canonicalizer.measured(item)
        digest.add(canonical: canonical)
        itemSize += size
        if buffer.count >= 192 << 10 { try flush() }
    }

    /// Ends the last file. Where there was no item, there is one file without any.
    func finish() throws(RekeyError) {
        if countInFile > 0 || files.isEmpty { try finishFile() }
    }

    private var path: String {
        let number = "\(files.count)"
        return "data/" + String(repeating: "0", count: max(0, 5 - number.count)) + number + ".json.gz"
    }

    private func flush() throws(RekeyError) {
        let gzip: GzipSink
        if let output {
            gzip = output.gzip
        } else {
            let checksums = ChecksumSink(over: try target.create(path))
            gzip = GzipSink(over: checksums, jobs: availableProcessors())
            output = (checksums, gzip)
        }
        try gzip.write(buffer.bytes)
        buffer.removeAll()
    }

    private func finishFile() throws(RekeyError) {
        try flush()
        guard let (sink, gzip) = output else { return }
        try gzip.finish()
        let checksums = sink.checksums
        files.append(
            File(
                path: path, itemCount: countInFile, size: checksums.count, md5: checksums.md5Base64,
                etag: checksums.etag,
                sha256: checksums.sha256))
        output = nil
        countInFile = 0
        bytesInFile = 0
    }
}
