package import ByteStreams
package import Items
package import Snapshots
package import Tables

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// One file of records, opened when its turn comes.
package enum FeedSource: Sendable {
    /// A path, or `-` for standard input.
    case path(String)
    /// A data file of an export, by its number in the manifest.
    case dataFile(Export, Int)
    /// Lines in memory.
    case bytes([UInt8], name: String)

    /// How many records a manifest says it has.
    var expectedCount: Int? {
        if case .dataFile(let export, let number) = self { export.dataFiles[number].itemCount } else { nil }
    }

    /// The length of a plain file; nil for what expands, and for a stream.
    var plainBytes: Int? {
        guard case .path(let path) = self else { return nil }
        var status = stat()
        guard (path == "-" ? fstat(0, &status) : stat(path, &status)) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return nil
        }
        return path.hasSuffix(".gz") ? nil : Int(status.st_size)
    }

    func open() throws(RekeyError) -> any ByteSource {
        switch self {
        case .path(let path): try openSource(path)
        case .dataFile(let export, let number): try export.openDataFile(number)
        case .bytes(let bytes, let name): MemorySource(bytes, name: name)
        }
    }
}

/// The records of a location, one block or page after another, checked as they come.
///
/// It counts, sets bad records aside, and checks the seal. Used by one task at a time.
package final class RecordFeed {
    /// What messages call the location.
    package let name: String
    package private(set) var counts = StageCounts()
    /// What the pages of a table have cost so far.
    package private(set) var readUnits = 0.0
    /// The sum over all records read; nil where nobody asked and no seal can come.
    package var digest: Digest? { wantsDigest ? streamDigest.digest : nil }

    private let options: StreamOptions
    private let rejects: Rejects?
    private var wantsDigest: Bool
    private var streamDigest = StreamDigest()
    private var scanner = RecordScanner()
    private var sources: Sources
    private var seal: Seal?
    /// Records read before the current file, and what a manifest says of the file.
    private var fileStart = 0
    private var fileCount: Int?
    /// What a manifest says of the number of records.
    private let expectedCount: Int?
    private var pageLine = ByteWriter(capacity: 4096)

    private enum Sources {
        case files([FeedSource], current: LineReader?)
        case scan(SegmentedScan)
        case query(any Table, QueryRequest?)
    }

    /// Reads sources one after the other; each is opened when the one before it has ended.
    package init(
        name: String, sources: [FeedSource], options: StreamOptions, wantsDigest: Bool,
        expectedCount: Int? = nil
    ) throws(RekeyError) {
        self.expectedCount = expectedCount
        self.name = name
        self.options = options
        self.wantsDigest = wantsDigest
        self.sources = .files(sources.reversed(), current: nil)
        options.progress?.expect(items: expectedCount, bytes: sources.count == 1 ? sources[0].plainBytes : nil)
        rejects = try options.rejects.map { path throws(RekeyError) in try Rejects(path) }
    }

    /// Reads a table by a scan, in as many segments at once as the table takes best.
    package init(table: any Table, scan: ScanRequest, options: StreamOptions, wantsDigest: Bool) throws(RekeyError) {
        name = table.name
        expectedCount = nil
        self.options = options
        self.wantsDigest = wantsDigest
        sources = .scan(SegmentedScan(table, scan, segments: table.limits.scanSegments))
        rejects = try options.rejects.map { path throws(RekeyError) in try Rejects(path) }
    }

    /// Reads one partition of a table.
    package init(table: any Table, query: QueryRequest, options: StreamOptions, wantsDigest: Bool) throws(RekeyError) {
        name = table.name
        expectedCount = nil
        self.options = options
        self.wantsDigest = wantsDigest
        sources = .query(table, query)
        rejects = try options.rejects.map { path throws(RekeyError) in try Rejects(path) }
    }

    /// Calls `body` with each record of the next block; false at the end, after the seal was checked.
    ///
    /// `body` returns true for a record it changed. An `ItemError` it throws makes the record a bad one; all else ends the stage.
    package func nextBlock(
        _ body: (_ line: UnsafeRawBufferPointer, _ record: Record, _ view: ItemView) throws -> Bool
    ) async throws(RekeyError) -> Bool {
        switch sources {
        case .scan(let scan):
            guard let page = try await scan.nextPage() else { return try end() }
            try take(page, body)
            return true
        case .query(let table, let request):
            guard let request else { return try end() }
            let page = try await table.query(request)
            try take(page, body)
            var next = request
            next.startKey = page.lastEvaluatedKey
            sources = .query(table, page.lastEvaluatedKey == nil ? nil : next)
            return true
        case .files(var waiting, let current):
            guard let reader = current else {
                guard let next = waiting.popLast() else { return try end() }
                fileStart = counts.read
                fileCount = next.expectedCount
                sources = .files(waiting, current: LineReader(try next.open()))
                return true
            }
            if let block = try reader.nextBlock() {
                try take(block, of: reader.name, body)
            } else {
                if let fileCount, fileCount != counts.read - fileStart {
                    throw RekeyError(
                        .badInput,
                        "the manifest says \(fileCount) items for this file, it holds \(counts.read - fileStart); fetch both again",
                        source: reader.name)
                }
                sources = .files(waiting, current: nil)
            }
            return true
        }
    }

    /// Calls `body` with every record.
    package func forEach(
        _ body: (_ line: UnsafeRawBufferPointer, _ record: Record, _ view: ItemView) throws -> Bool
    ) async throws(RekeyError) {
        while try await nextBlock(body) {}
    }

    private func take(
        _ page: Page, _ body: (UnsafeRawBufferPointer, Record, ItemView) throws -> Bool
    ) throws(RekeyError) {
        let before = counts
        var bytes = 0
        defer { tell(since: before, bytes: bytes) }
        readUnits += page.consumedReadUnits
        for item in page.items {
            bytes += item.json.count
            pageLine.removeAll()
            pageLine.append("{\"Item\":" as StaticString)
            pageLine.append(item.json)
            pageLine.append(UInt8(ascii: "}"))
            try takeLine(pageLine.bytes, of: name, number: counts.read + 1, offset: 0, body)
        }
    }

    private func take(
        _ block: LineBlock, of source: String, _ body: (UnsafeRawBufferPointer, Record, ItemView) throws -> Bool
    ) throws(RekeyError) {
        let before = counts
        defer { tell(since: before, bytes: block.bytes.count) }
        if block.isOversizedLine {
            counts.read += 1
            try reject(
                block.bytes, ItemError("the line is longer than 16 MiB", at: 0), of: source, number: block.firstLine,
                offset: block.offset, isCut: true)
            return
        }
        var start = 0
        var number = block.firstLine
        let bytes = block.bytes
        while start < bytes.count, let base = bytes.baseAddress {
            let rest = bytes.count - start
            let end = memchr(base + start, 0x0A, rest).map { UnsafeRawPointer($0) - base } ?? bytes.count
            try takeLine(
                UnsafeRawBufferPointer(rebasing: bytes[start..<end]), of: source, number: number,
                offset: block.offset + start, body)
            number += 1
            start = end + 1
        }
    }

    private func tell(since before: StageCounts, bytes: Int) {
        options.progress?.add(
            items: counts.read - before.read, bytes: bytes, rejected: counts.rejected - before.rejected)
    }

    private func takeLine(
        _ line: UnsafeRawBufferPointer, of source: String, number: Int, offset: Int,
        _ body: (UnsafeRawBufferPointer, Record, ItemView) throws -> Bool
    ) throws(RekeyError) {
        do {
            let record = try scanner.scan(line)
            if let found = record.seal {
                guard seal == nil else { throw ItemError("a second seal stands in the stream", at: 0) }
                seal = found
                return
            }
            if seal != nil { throw ItemError("a record stands after the seal", at: 0) }
            let view = ItemView(line: line, attributes: scanner.attributes)
            let isChanged = try body(line, record, view)
            if wantsDigest { streamDigest.add(record, in: line) }
            counts.read += 1
            if isChanged { counts.changed += 1 } else { counts.passed += 1 }
        } catch let error as ItemError {
            counts.read += 1
            try reject(line, error, of: source, number: number, offset: offset, isCut: false)
        } catch let error as RekeyError {
            // A failure that names its own place, such as the output's, did not happen on this line.
            throw error.source == nil ? error.at(source: source, line: number) : error
        } catch {
            throw RekeyError(.unexpected, "\(error)", source: source, line: number)
        }
    }

    private func reject(
        _ line: UnsafeRawBufferPointer, _ error: ItemError, of source: String, number: Int, offset: Int, isCut: Bool
    ) throws(RekeyError) {
        guard let rejects else {
            throw RekeyError(
                .badInput,
                "\(error.reason); mend the record\(options.offersRejects ? ", or set it aside with --rejects FILE" : "")",
                source: source,
                line: number, byte: offset + error.offset)
        }
        counts.rejected += 1
        try rejects.add(
            line, reason: error.reason, source: source, line: number, byte: offset + error.offset, isCut: isCut)
    }

    /// Checks the seal at the end; returns false, for `nextBlock`.
    private func end() throws(RekeyError) -> Bool {
        try counts.check()
        try rejects?.finish()
        if let expectedCount, expectedCount != counts.read {
            throw RekeyError(
                .badInput,
                "the manifest says \(expectedCount) items, the data files hold \(counts.read): the export is not whole; fetch it again",
                source: name)
        }
        guard let seal else {
            if options.requiresSeal {
                throw RekeyError(
                    .badInput,
                    "the stream ended without a seal after \(counts.read) record\(counts.read == 1 ? "" : "s"): the stage before did not finish; run it again",
                    source: name)
            }
            return false
        }
        guard seal.count == counts.read else {
            throw RekeyError(
                .badInput,
                "the seal says \(seal.count) records, \(counts.read) came: part of the stream is lost; run the stage before again",
                source: name)
        }
        // Records that were set aside were counted, but have no digest.
        if counts.rejected == 0, wantsDigest, seal.digest != streamDigest.digest.hex {
            throw RekeyError(
                .badInput,
                "the seal's digest is \(seal.digest), the records have \(streamDigest.digest.hex): the stream was changed on its way; run the stage before again",
                source: name)
        }
        return false
    }

    /// The error a stage ends with, after all was written and said, where records were set aside.
    package var rejection: RekeyError? {
        guard counts.rejected > 0, let path = options.rejects else { return nil }
        return RekeyError(
            .badInput,
            "\(counts.rejected) of \(counts.read) records were bad and stand in \(path) with their reasons; mend them there and run them again",
            source: name)
    }
}
