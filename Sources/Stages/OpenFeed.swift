package import ByteStreams
import Items
import Snapshots
package import Tables

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Which of a location's items are wanted.
package struct Selection: Sendable {
    /// Only partition keys that begin with these bytes.
    package var partitionPrefix: [UInt8]?
    /// Only this partition, by a query where the location is a table.
    package var partition: [UInt8]?
    /// Only what lies in this segment of a table, export or snapshot.
    package var segment: Segment?

    package init(partitionPrefix: [UInt8]? = nil, partition: [UInt8]? = nil, segment: Segment? = nil) {
        self.partitionPrefix = partitionPrefix
        self.partition = partition
        self.segment = segment
    }
}

/// Opens a location for reading.
///
/// - Parameter wantsDigest: whether the caller needs the digest of all that is read; where a seal may come it is kept anyhow.
package func openFeed(
    _ location: Location, selection: Selection = Selection(), options: StreamOptions = StreamOptions(),
    wantsDigest: Bool = false
) async throws(RekeyError) -> RecordFeed {
    switch location {
    case .standardStream, .file:
        if let segment = selection.segment { throw segment.refuse(location) }
        let path = location.text
        let seal = sealOutlook(path)
        return try RecordFeed(
            name: path == "-" ? "standard input" : path,
            sources: [.path(path)], options: options,
            wantsDigest: wantsDigest || options.requiresSeal || seal == .mayCome, canReadAgain: seal == .mayBeReadAgain)
    case .directory(let path):
        if options.requiresSeal { throw sealForExport(path) }
        return try openExportFeed(
            try Export.open(path), segment: selection.segment, options: options, wantsDigest: wantsDigest)
    case .s3:
        return try openS3Feed(location, segment: selection.segment, options: options, wantsDigest: wantsDigest)
    case .local, .table:
        if options.requiresSeal {
            throw RekeyError(.usage, "--sealed is for streams; a table has no end to seal", source: location.text)
        }
        let table = try await openTable(location, services: options.services)
        return try openFeed(table, selection: selection, options: options, wantsDigest: wantsDigest)
    }
}

/// Opens a table for reading, by a query where one partition is wanted and no segment.
package func openFeed(
    _ table: any Table, selection: Selection = Selection(), options: StreamOptions = StreamOptions(),
    wantsDigest: Bool = false
) throws(RekeyError) -> RecordFeed {
    let key = table.schema.partition
    if selection.partitionPrefix != nil, key.type != .string {
        throw RekeyError(
            .badInput, "\(key.name) has type \(key.type.rawValue), and --prefix is for keys that are strings",
            source: table.name)
    }
    if let partition = selection.partition, selection.segment == nil, table.schema.partition.type == .string {
        return try RecordFeed(
            table: table, query: QueryRequest(partition: .string(partition), consistent: true), options: options,
            wantsDigest: wantsDigest)
    }
    return try RecordFeed(
        table: table,
        scan: ScanRequest(
            segment: (selection.segment?.number ?? 1) - 1, totalSegments: selection.segment?.count ?? 1,
            consistent: true, partitionPrefix: selection.partitionPrefix),
        options: options, wantsDigest: wantsDigest)
}

/// What can be said of a seal before a stream is read.
private enum SealOutlook {
    /// The digest must be kept for it.
    case mayCome
    /// The file can be read a second time if one comes, so its digest need not be kept.
    case mayBeReadAgain
    case none
}

/// Looks at the end of a plain file; a compressed one hides it.
private func sealOutlook(_ path: String) -> SealOutlook {
    var status = stat()
    let given = path == "-" ? 0 : namedDescriptor(path)
    // Opening and closing a FIFO would end its writer.
    guard (given.map { fstat($0, &status) } ?? stat(path, &status)) == 0, status.st_mode & S_IFMT == S_IFREG else {
        return .mayCome
    }
    let descriptor = given.map { dup($0) } ?? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { return .mayCome }
    defer { close(descriptor) }
    var tail = [UInt8](repeating: 0, count: 512)
    let start = max(0, Int(status.st_size) - tail.count)
    let count = pread(descriptor, &tail, tail.count, off_t(start))
    guard count > 1 else { return count < 0 ? .mayCome : .none }
    var magic: [UInt8] = [0, 0]
    guard pread(descriptor, &magic, 2, 0) == 2, magic != [0x1F, 0x8B] else {
        return given == nil ? .mayBeReadAgain : .mayCome
    }
    // White space behind the seal may push it out of what was read.
    let text = tail[..<count].reversed().drop { $0 <= 0x20 }
    let mayCome =
        (start > 0 && text.count < 256) || String(decoding: tail[..<count], as: UTF8.self).contains("\"Rekey\"")
    // An escape may hide it.
    return mayCome ? .mayCome : given == nil ? .mayBeReadAgain : .none
}
