package import ByteStreams
package import Items
package import Tables

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

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

    let options: StreamOptions
    private let rejects: Rejects?
    /// Bad records are counted and nothing more: the feed whose files these are sets them aside.
    private let passesOverBad: Bool
    let wantsDigest: Bool
    private var streamDigest = StreamDigest()
    private var scanner = RecordScanner()
    private var sources: Sources
    private(set) var seal: Seal?
    /// Records read before the current file, and what a manifest says of the file.
    private var fileStart = 0
    private var fileCount: Int?
    /// The number of the current file's next line.
    private var nextLine = 1
    /// What a manifest says of the number of records.
    private let expectedCount: Int?
    /// Whether a manifest, or else the user, says that a change without an OldImage is a new item.
    let hasOldImages: Bool
    /// What to read again for its digest where a seal came and nobody kept one.
    private let sealedFiles: [FeedSource]?
    private var pageText = ByteWriter(capacity: 4096)
    private var pageEnds: [Int] = []

    private enum Sources {
        case files([FeedSource], current: LineReader?)
        case scan(SegmentedScan)
        case query(any Table, QueryRequest?)
    }

    /// Reads sources one after the other; each is opened when the one before it has ended.
    package init(
        name: String, sources: [FeedSource], options: StreamOptions, wantsDigest: Bool,
        expectedCount: Int? = nil, hasOldImages: Bool? = nil, canReadAgain: Bool = false, passesOverBad: Bool = false
    ) throws(RekeyError) {
        self.expectedCount = expectedCount
        self.hasOldImages = hasOldImages ?? options.hasOldImages
        self.passesOverBad = passesOverBad
        sealedFiles = canReadAgain ? sources : nil
        self.name = name
        self.options = options
        self.wantsDigest = wantsDigest
        self.sources = .files(sources.reversed(), current: nil)
        rejects = try options.rejects.map { path throws(RekeyError) in try Rejects(path) }
        expectProgress()
    }

    /// Reads a table by a scan, in as many segments at once as the table takes best; one segment of it in one go.
    package init(table: any Table, scan: ScanRequest, options: StreamOptions, wantsDigest: Bool) throws(RekeyError) {
        name = table.name
        expectedCount = nil
        hasOldImages = false
        passesOverBad = false
        sealedFiles = nil
        self.options = options
        self.wantsDigest = wantsDigest
        let segments = scan.totalSegments > 1 ? 1 : table.limits.scanSegments
        sources = .scan(SegmentedScan(table, scan, segments: segments))
        rejects = try options.rejects.map { path throws(RekeyError) in try Rejects(path) }
    }

    /// Reads one partition of a table.
    package init(table: any Table, query: QueryRequest, options: StreamOptions, wantsDigest: Bool) throws(RekeyError) {
        name = table.name
        expectedCount = nil
        hasOldImages = false
        passesOverBad = false
        sealedFiles = nil
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
                fileCount = next.expectedCount
                sources = .files(waiting, current: LineReader(try next.open()))
                return true
            }
            if let block = try reader.nextBlock() {
                try take(block, of: reader.name, body)
            } else {
                try endFile(reader.name, expected: fileCount)
                sources = .files(waiting, current: nil)
            }
            return true
        }
    }

    /// The files to be read, in their order; nil for a table, and once reading has begun.
    var waitingFiles: [FeedSource]? {
        guard case .files(let waiting, nil) = sources else { return nil }
        return waiting.reversed()
    }

    /// A feed of the same files, which sets no bad record aside: where this one will, it passes over it, and where this one would throw,
    /// it throws.
    func sameFiles() throws(RekeyError) -> RecordFeed? {
        guard let files = waitingFiles else { return nil }
        var options = options
        options.rejects = nil
        return try RecordFeed(
            name: name, sources: files, options: options, wantsDigest: wantsDigest, expectedCount: expectedCount,
            hasOldImages: hasOldImages, canReadAgain: sealedFiles != nil, passesOverBad: rejects != nil)
    }

    /// Says how much there is to read, where it is known.
    func expectProgress() {
        guard let files = waitingFiles else { return }
        options.progress?.expect(items: expectedCount, bytes: files.count == 1 ? files[0].plainBytes : nil)
    }

    /// The files still to be read, for workers to read them; nil for a table.
    func takeFiles() -> [FeedSource]? {
        guard case .files(let waiting, nil) = sources else { return nil }
        sources = .files([], current: nil)
        return waiting.reversed()
    }

    /// Counts a block in that was judged, and sets its bad records aside.
    func settle<Output: BlockOutput>(_ block: RecordBlock<Output>) throws(RekeyError) {
        if case .fileEnd(let expected) = block.content { return try endFile(block.source, expected: expected) }
        let before = counts
        defer { tell(since: before, bytes: block.bytes.count) }
        for bad in block.bad {
            counts.read += 1
            try reject(
                bad.line, bad.error, of: block.source, number: nextLine + bad.number, offset: bad.offset,
                isCut: bad.isCut)
        }
        counts.read += block.passed + block.changed
        counts.passed += block.passed
        counts.changed += block.changed
        nextLine += block.lineCount
        seal = seal ?? block.seal
        if wantsDigest { streamDigest.combine(block.digest) }
    }

    /// Holds a file to what its manifest says, and makes ready for the next one.
    private func endFile(_ source: String, expected: Int?) throws(RekeyError) {
        let count = counts.read - fileStart
        if let expected, expected != count {
            throw RekeyError(
                .badInput,
                "the manifest says \(expected) items for this file, it holds \(count); fetch both again", source: source
            )
        }
        fileStart = counts.read
        nextLine = 1
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
        defer { tell(since: before, bytes: pageText.count) }
        readUnits += page.consumedReadUnits
        // All of the page first, so that its lines stay where they are until it is done with.
        pageText.removeAll()
        pageEnds.removeAll(keepingCapacity: true)
        for item in page.items {
            pageText.append("{\"Item\":" as StaticString)
            pageText.append(item.json)
            pageText.append(UInt8(ascii: "}"))
            pageEnds.append(pageText.count)
        }
        var start = 0
        for end in pageEnds {
            let line = UnsafeRawBufferPointer(rebasing: pageText.bytes[start..<end])
            try takeLine(line, of: name, number: counts.read + 1, offset: 0, body)
            start = end
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
            items: counts.read - before.read, bytes: bytes,
            rejected: passesOverBad ? 0 : counts.rejected - before.rejected)
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
            let view = scanner.view(of: line)
            let isChanged = try body(line, record, view)
            if wantsDigest { streamDigest.add(record, in: line, view) }
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
            if passesOverBad {
                counts.rejected += 1
                return
            }
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
    func end() throws(RekeyError) -> Bool {
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
        guard counts.rejected == 0 else { return false }
        var digest = streamDigest.digest
        if !wantsDigest {
            guard let sealedFiles else {
                throw RekeyError(
                    .badInput,
                    "a seal came where none was looked for, and it cannot be checked; write it without escapes, as --seal does, or read with --sealed",
                    source: name)
            }
            digest = try digestAgain(sealedFiles)
        }
        if seal.digest != digest.hex {
            throw RekeyError(
                .badInput,
                "the seal's digest is \(seal.digest), the records have \(digest.hex): the stream was changed on its way; run the stage before again",
                source: name)
        }
        return false
    }

    /// The error a stage ends with, after all was written and said, where records were set aside.
    package var rejection: RekeyError? {
        guard counts.rejected > 0, let path = options.rejects else { return nil }
        return Rejects.rejection(counts, in: path, source: name)
    }
}
