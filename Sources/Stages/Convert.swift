package import ByteStreams
import Items

/// Items of a location in another form.
package struct Convert: Sendable {
    package enum Form: String, Sendable, CaseIterable {
        /// `{"Item":{…}}` lines, as in an AWS export.
        case export
        /// Typed items with nothing around them, as `aws dynamodb scan` prints them.
        case items
        /// Plain JSON objects.
        case json
        /// A table for looking at.
        case csv
    }

    package var from: Location
    package var form: Form
    package var output: String
    /// The input is plain JSON, an object a line.
    package var isPlain = false
    /// Write sets and binaries to plain JSON although their types are lost.
    package var isLossy = false
    /// The columns of CSV; nil for the attributes of the first items.
    package var columns: [String]?
    package var options: StreamOptions

    package init(from: Location, form: Form, output: String = "-", options: StreamOptions = StreamOptions()) {
        self.from = from
        self.form = form
        self.output = output
        self.options = options
    }

    /// Runs the stage. The sentences say what the output does not hold.
    package func run() async throws(RekeyError) -> (result: StageResult, losses: [String]) {
        if columns != nil, form != .csv { throw RekeyError(.usage, "--columns is for --to csv") }
        if isLossy, form != .json {
            throw RekeyError(.usage, "--lossy is for --to json; the other forms say what they lose, or lose nothing")
        }
        if isPlain { return try convertPlain() }
        let feed = try await openFeed(from, options: options)
        let sink = try openOutput(output, services: options.services)
        let writer = ItemWriter(form: form, isLossy: isLossy, columns: columns)
        do throws(RekeyError) {
            while try await feed.nextBlock({ line, record, view in
                guard let image = record.image else {
                    throw ItemError("a deletion is no item; rekey load takes it as it is", at: 0)
                }
                try writer.append(UnsafeRawBufferPointer(rebasing: line[image]), view)
                if writer.isFull { try writer.flush(to: sink) }
                // Lines of an export pass as they are.
                return form != .export || record.kind != .item
            }) {}
            writer.end()
            try writer.flush(to: sink)
            try sink.finish()
        } catch {
            sink.abandon()
            throw error
        }
        var result = StageResult(counts: feed.counts, rejection: feed.rejection)
        result.facts = writer.facts
        return (result, writer.sentences)
    }

    private func convertPlain() throws(RekeyError) -> (result: StageResult, losses: [String]) {
        switch from {
        case .file, .standardStream: break
        default: throw RekeyError(.usage, "--plain reads a file or standard input", source: from.text)
        }
        guard form == .export || form == .items else {
            throw RekeyError(.usage, "--plain gives types to plain JSON; choose --to export or --to items")
        }
        guard !options.requiresSeal else {
            throw RekeyError(.usage, "--sealed is for streams of records; plain JSON has no seal")
        }
        let source = try openSource(from.text)
        let rejects = try options.rejects.map { path throws(RekeyError) in try Rejects(path) }
        let sink = try openOutput(output, services: options.services)
        let writer = ItemWriter(form: form, isLossy: isLossy, columns: nil)
        var counts = StageCounts()
        do throws(RekeyError) {
            try LineReader(source).forEachLine { (line, number, offset, isOversized) throws(RekeyError) in
                do throws(ItemError) {
                    guard !isOversized else { throw ItemError("the line is longer than 16 MiB", at: 0) }
                    let tree: JSONTree
                    do throws(RekeyError) { tree = try JSONReader.parse(Array(line), source: "") } catch {
                        throw ItemError(error.message, at: error.byte ?? 0)
                    }
                    guard !isSeal(tree) else {
                        throw ItemError(
                            "this is the seal of a stream of records, not plain JSON; leave out --plain", at: 0)
                    }
                    let item = try typedItem(ofPlain: tree)
                    try item.withView { view throws(ItemError) in try writer.append(view.line, view) }
                } catch {
                    guard let rejects else {
                        throw RekeyError(
                            .badInput, "\(error.reason); mend the record, or set it aside with --rejects FILE",
                            source: source.name, line: number, byte: offset + error.offset)
                    }
                    try rejects.add(
                        line, reason: error.reason, source: source.name, line: number, byte: offset + error.offset,
                        isCut: isOversized)
                    counts.read += 1
                    counts.rejected += 1
                    return
                }
                counts.read += 1
                counts.changed += 1
                if writer.isFull { try writer.flush(to: sink) }
            }
            try counts.check()
            try rejects?.finish()
            try writer.flush(to: sink)
            try sink.finish()
        } catch {
            sink.abandon()
            throw error
        }
        var result = StageResult(counts: counts)
        if counts.rejected > 0, let path = options.rejects {
            result.rejection = Rejects.rejection(counts, in: path, source: source.name)
        }
        return (result, [])
    }
}

/// Whether a line of plain JSON is rekey's own last line of a stream: it would become an item of its own.
private func isSeal(_ tree: JSONTree) -> Bool {
    guard case .object(let members) = tree, members.count == 1, case .object? = tree["Rekey"]?["Seal"] else {
        return false
    }
    return true
}
