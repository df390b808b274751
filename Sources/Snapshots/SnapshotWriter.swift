package import ByteStreams
package import Items

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What a snapshot says of its items' origin. All of it goes into the files: the same information and items give the same bytes.
package struct SnapshotInformation: Sendable {
    package var tableARN: String
    package var tableID: String
    package var keySchema: KeySchema
    package var rules: SnapshotRules?
    /// The version of rekey, such as `rekey 1.0.0`.
    package var tool: String
    /// The times of the export that the items come from, ISO 8601 in UTC with milliseconds. The time at which the snapshot itself
    /// is made stands nowhere in it but in its name.
    package var startTime: String
    package var endTime: String
    package var exportTime: String

    /// The time that stands for none.
    package static let noTime = "1970-01-01T00:00:00.000Z"

    package init(
        tableARN: String, tableID: String, keySchema: KeySchema, rules: SnapshotRules? = nil, tool: String,
        startTime: String = noTime, endTime: String = noTime, exportTime: String = noTime
    ) {
        self.tableARN = tableARN
        self.tableID = tableID
        self.keySchema = keySchema
        self.rules = rules
        self.tool = tool
        self.startTime = startTime
        self.endTime = endTime
        self.exportTime = exportTime
    }
}

/// What was written.
package struct SnapshotSummary: Sendable, Equatable {
    package var path: String
    package var count: Int
    /// 64 hexadecimal digits.
    package var digest: String
    /// Of all files together.
    package var bytes: Int
}

/// Writes items as a snapshot: the layout of an AWS export, sorted by key, the same bytes for the same items.
///
/// It appears under its name, whole and synced, only with `finish`. Memory is bounded: sorting spills to disk.
package final class SnapshotWriter {
    private let information: SnapshotInformation
    private let target: any SnapshotTarget
    private let sorter: ExternalSorter
    private let dataFileSize: Int

    /// - Parameters:
    ///   - path: the snapshot's directory, which may not exist yet.
    ///   - temporaryDirectory: where sorting spills to.
    ///   - memoryLimit: bytes for sorting.
    ///   - dataFileSize: uncompressed bytes after which another data file begins; another value gives other bytes.
    /// - Throws: `.cannotCreate`.
    package convenience init(
        path: String, information: SnapshotInformation, temporaryDirectory: String,
        memoryLimit: Int = 12 << 20,
        dataFileSize: Int = 64 << 20
    ) throws(RekeyError) {
        self.init(
            to: try DirectoryTarget(path), information: information,
            temporaryDirectory: temporaryDirectory,
            memoryLimit: memoryLimit, dataFileSize: dataFileSize)
    }

    /// - Parameter target: of this writer alone.
    package init(
        to target: any SnapshotTarget, information: SnapshotInformation, temporaryDirectory: String,
        memoryLimit: Int = 12 << 20, dataFileSize: Int = 64 << 20
    ) {
        self.information = information
        self.dataFileSize = dataFileSize
        self.target = target
        sorter = ExternalSorter(directory: temporaryDirectory, memoryLimit: memoryLimit)
    }

    /// Takes one item, in any order.
    ///
    /// - Parameters:
    ///   - item: typed JSON that a scanner has accepted, copied; it stays byte for byte.
    ///   - key: the item's key.
    package func add(line item: UnsafeRawBufferPointer, key: ItemKey) throws(RekeyError) {
        var record = ByteWriter(capacity: item.count + 128)
        Self.append(item, key: key, to: &record)
        try add(records: record.bytes)
    }

    /// Takes several items, as `append` put them together.
    package func add(records: UnsafeRawBufferPointer) throws(RekeyError) { try sorter.add(records) }

    /// Puts an item together for `add`; parameters as there. May be called on any thread.
    package static func append(_ item: UnsafeRawBufferPointer, key: ItemKey, to records: inout ByteWriter) {
        append(item, to: &records) { key.appendSortable(to: &$0) }
    }

    /// As the other one; `key` appends the key's sortable bytes.
    package static func append(
        _ item: UnsafeRawBufferPointer, to records: inout ByteWriter, key: (inout ByteWriter) -> Void
    ) {
        records.appendSortRecord(key: key) { writer in
            guard let base = item.baseAddress, memchr(base, 0x0A, item.count) != nil else { return writer.append(item) }
            // Outside strings, the only place where JSON allows it, a newline means as much as a space.
            writer.append(item.map { $0 == 0x0A ? 0x20 : $0 })
        }
    }

    /// Sorts, writes everything, syncs, and gives the directory its name.
    ///
    /// - Throws: `.badInput` where two items have one key, naming it; `.inputOutput`. Nothing is left then.
    package func finish() throws(RekeyError) -> SnapshotSummary {
        do throws(RekeyError) {
            return try write()
        } catch {
            target.abandon()
            throw error
        }
    }

    /// Gives up and removes what was written.
    package func abandon() { target.abandon() }

    private func write() throws(RekeyError) -> SnapshotSummary {
        let data = DataFileWriter(target: target, fileSize: dataFileSize)
        var previous = ByteWriter()
        try sorter.forEach { (key, item) throws(RekeyError) in
            // No key is empty.
            if previous.count == key.count, memcmp(previous.base, key.baseAddress!, key.count) == 0 {
                throw sameKey(Array(item))
            }
            previous.removeAll()
            previous.append(key)
            try data.add(item)
        }
        try data.finish()
        let manifests = manifests(data)
        let files = manifests.map { file in
            RekeyMetadata.File(
                path: file.name, size: file.bytes.count, sha256: Checksums.of(file.bytes).sha256)
        }
        var metadata = RekeyMetadata(
            tool: information.tool, tableARN: information.tableARN, tableID: information.tableID,
            keySchema: information.keySchema, rules: information.rules, digest: data.digest, files: files)
        metadata.files += data.files.map { RekeyMetadata.File(path: $0.path, size: $0.size, sha256: $0.sha256) }
        let json = metadata.json
        let checksum = RekeyMetadata.checksumLine(json)
        try writeFile(RekeyMetadata.fileName, json)
        try writeFile(RekeyMetadata.checksumName, checksum)
        // What is read first is written last.
        for file in manifests.reversed() { try writeFile(file.name, file.bytes) }
        try target.commit()
        return SnapshotSummary(
            path: target.path, count: data.digest.count, digest: data.digest.hex,
            bytes: metadata.files.reduce(json.count + checksum.count) { $0 + $1.size })
    }

    private func sameKey(_ item: [UInt8]) -> RekeyError {
        let key = (try? Item(trusted: item).key(information.keySchema)).map(\.description) ?? "a key"
        return RekeyError(.badInput, "two items have the key \(key); a table holds one, so one of them is wrong")
    }

    /// As AWS writes them, see `ExportSummary`; there is no bucket, so its fields are empty and keys are relative to the snapshot.
    private func manifests(_ data: DataFileWriter) -> [(name: String, bytes: [UInt8])] {
        let summary = JSONTree.members([
            "version": .text("2020-06-30"),
            "exportArn": .text(exportARN(data.digest)),
            "startTime": .text(information.startTime),
            "endTime": .text(information.endTime),
            "tableArn": .text(information.tableARN),
            "tableId": .text(information.tableID),
            "exportTime": .text(information.exportTime),
            "s3Bucket": .text(""),
            "s3Prefix": .null,
            "s3SseAlgorithm": .null,
            "s3SseKmsKeyId": .null,
            "manifestFilesS3Key": .text(ExportLocation.filesName),
            "billedSizeBytes": .integer(data.itemSize),
            "itemCount": .integer(data.digest.count),
            "outputFormat": .text("DYNAMODB_JSON"),
        ]).compact
        var lines = ByteWriter()
        for file in data.files {
            JSONTree.members([
                "itemCount": .integer(file.itemCount), "md5Checksum": .text(file.md5), "etag": .text(file.etag),
                "dataFileS3Key": .text(file.path),
            ]).append(to: &lines)
            lines.append(UInt8(ascii: "\n"))
        }
        return [("manifest-summary", summary), ("manifest-files", lines.array)].flatMap { name, bytes in
            [("\(name).json", bytes), ("\(name).md5", Array(Checksums.of(bytes).md5Base64.utf8))]
        }
    }

    /// The table's ARN, and an id in the form of AWS's: 14 digits of milliseconds and 8 hexadecimal ones, here of the export's
    /// time and the digest.
    private func exportARN(_ digest: Digest) -> String {
        let milliseconds = "\(UTCTime(iso: information.exportTime)?.milliseconds ?? 0)"
        let padded = String(repeating: "0", count: max(0, 14 - milliseconds.count)) + milliseconds
        return "\(information.tableARN)/export/\(padded)-\(digest.hex.prefix(8))"
    }

    private func writeFile(_ name: String, _ bytes: [UInt8]) throws(RekeyError) {
        let sink = try target.create(name)
        try sink.write(bytes)
        try sink.finish()
    }
}
