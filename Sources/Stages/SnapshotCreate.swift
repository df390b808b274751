package import ByteStreams
import Items
package import Rekeying
package import Snapshots
import Tables

/// Items of a location into a snapshot: sorted, reproducible to the byte, checked by reading it back.
package struct SnapshotCreate: Sendable {
    package var from: Location
    package var path: String
    package var prefix: String?
    package var rules: RuleSet?
    package var rulesText: String?
    package var keyNames: KeyNames
    package var tool: String
    package var options: StreamOptions
    package var temporaryDirectory: String

    package init(
        from: Location, path: String, prefix: String? = nil, keyNames: KeyNames = KeyNames(), tool: String,
        options: StreamOptions = StreamOptions(), temporaryDirectory: String = "/tmp"
    ) {
        self.from = from
        self.path = path
        self.prefix = prefix
        self.keyNames = keyNames
        self.tool = tool
        self.options = options
        self.temporaryDirectory = temporaryDirectory
    }

    /// Runs the stage; the snapshot exists, whole, when it returns.
    package func run() async throws(RekeyError) -> (result: StageResult, summary: SnapshotSummary) {
        let origin = try await describeOrigin()
        let feed = try await openFeed(
            from, selection: Selection(partitionPrefix: prefix.map { Array($0.utf8) }), options: options)
        let names = keyNames
        var schema = origin.schema
        let (prefixBytes, rules, partitionName) = (
            prefix.map { Array($0.utf8) }, rules, schema?.partition.name ?? names.partition
        )
        var writer: SnapshotWriter?
        do throws(RekeyError) {
            // Where nothing says what the table's key is, the first item does; then all workers know.
            try await feed.process(
                {
                    SnapshotWorker(
                        ItemFilter(prefix: prefixBytes, rules: rules, partitionName: partitionName), schema: schema,
                        names: names)
                }, mayFork: { schema != nil }
            ) { (output) throws(RekeyError) in
                guard let known = output.schema else { return }
                schema = known
                let target: SnapshotWriter
                if let writer { target = writer } else { target = try makeWriter(origin, known) }
                writer = target
                try target.add(records: output.records.bytes)
            }
        } catch {
            writer?.abandon()
            throw error
        }
        let target: SnapshotWriter
        if let writer { target = writer } else { target = try makeWriter(origin, schema ?? KeySchema.standard) }
        let summary = try target.finish()
        let store = try fileStore(of: summary.path, services: options.services)
        let check = try checkSnapshot(summary.path, in: store, level: .readData)
        guard check.isSound, check.digest?.hex == summary.digest, check.digest?.count == summary.count else {
            throw RekeyError(
                .differences,
                "the snapshot read back is not what was written: \(check.findings.first?.description ?? "its digest differs")",
                source: summary.path)
        }
        return (StageResult(counts: feed.counts, rejection: feed.rejection), summary)
    }

    /// What is known of the table that the items come from.
    private struct Origin {
        var arn = ""
        var id = ""
        var schema: KeySchema?
        var startTime = SnapshotInformation.noTime
        var endTime = SnapshotInformation.noTime
        var exportTime = SnapshotInformation.noTime
    }

    private func describeOrigin() async throws(RekeyError) -> Origin {
        var origin = Origin()
        switch from {
        case .local, .table:
            let description = try await openTable(from, services: options.services).describe()
            origin.arn = description.arn
            origin.id = description.id
            origin.schema = description.schema
        case .directory, .s3:
            guard let export = try openExport(from, services: options.services) else { break }
            guard !export.summary.isIncremental else {
                throw RekeyError(
                    .badInput,
                    "is an incremental export, which holds changes and no table; load it into a table with rekey load and make a snapshot of that",
                    source: export.location.directory)
            }
            origin.arn = export.summary.tableARN
            origin.id = export.summary.tableID
            origin.schema = export.metadata?.keySchema
            origin.startTime = export.summary.startTime
            origin.endTime = export.summary.endTime
            if case .full(let time) = export.summary.kind { origin.exportTime = time }
        case .standardStream, .file: break
        }
        return origin
    }

    private func makeWriter(_ origin: Origin, _ schema: KeySchema) throws(RekeyError) -> SnapshotWriter {
        var snapshotRules: SnapshotRules?
        if let rules, let rulesText { snapshotRules = SnapshotRules(name: rules.name, text: rulesText) }
        let information = SnapshotInformation(
            tableARN: origin.arn, tableID: origin.id, keySchema: schema, rules: snapshotRules, tool: tool,
            startTime: origin.startTime, endTime: origin.endTime, exportTime: origin.exportTime)
        if let files = try fileStore(of: path, services: options.services) as? S3Files {
            return SnapshotWriter(
                to: try S3SnapshotTarget(files, path: path), information: information,
                temporaryDirectory: temporaryDirectory)
        }
        return try SnapshotWriter(path: path, information: information, temporaryDirectory: temporaryDirectory)
    }
}

/// The items of a block as a snapshot's writer takes them.
private final class SnapshotOutput: BlockOutput {
    var records = ByteWriter(capacity: 1 << 10)
    /// The key's attributes, from the first item on.
    var schema: KeySchema?

    func begin(_ lines: UnsafeRawBufferPointer) {
        records.removeAll()
        schema = nil
    }
}

private struct SnapshotWorker: RecordWorker, ~Copyable {
    private var filter: ItemFilter
    private var finder: KeyFinder?
    private let names: KeyNames
    /// Sortable bytes of the key of the item at hand.
    private var key = ByteWriter()

    init(_ filter: consuming ItemFilter, schema: KeySchema?, names: KeyNames) {
        self.filter = filter
        finder = schema.map(KeyFinder.init)
        self.names = names
    }

    mutating func take(
        _ line: UnsafeRawBufferPointer, _ record: Record, _ view: ItemView, _ output: SnapshotOutput
    ) throws(ItemError) -> Bool {
        guard record.kind != .change, let image = record.image else {
            throw ItemError(
                "a \(record.kind == .change ? "change" : "deletion") has no place in a snapshot; load the changes into a table first",
                at: 0)
        }
        guard try filter.accepts(view) else { return false }
        let finder: KeyFinder
        if let known = self.finder {
            finder = known
        } else {
            finder = KeyFinder(try view.inferredSchema(partition: names.partition, sort: names.sort))
            self.finder = finder
        }
        key.removeAll()
        try finder.appendSortable(of: view, to: &key)
        if output.schema == nil { output.schema = finder.schema }
        SnapshotWriter.append(UnsafeRawBufferPointer(rebasing: line[image]), to: &output.records) {
            $0.append(key.bytes)
        }
        return false
    }
}
