package import ByteStreams
import Items
package import Rekeying

/// Items out of a location as NDJSON, as they are.
package struct Extract: Sendable {
    package var from: Location
    package var prefix: String?
    /// Only the items that these rules move.
    package var rules: RuleSet?
    /// The partition key's attribute where no rules name it.
    package var partitionName: String
    /// Only this segment of the location.
    package var segment: Segment?
    package var output: String
    package var options: StreamOptions

    package init(
        from: Location, prefix: String? = nil, rules: RuleSet? = nil, partitionName: String = "PK",
        segment: Segment? = nil, output: String = "-", options: StreamOptions = StreamOptions()
    ) {
        self.from = from
        self.prefix = prefix
        self.rules = rules
        self.partitionName = partitionName
        self.segment = segment
        self.output = output
        self.options = options
    }

    /// Runs the stage. Counts say how many records were read, and how many passed; those left out count as passed over.
    package func run() async throws(RekeyError) -> StageResult {
        let prefixBytes = prefix.map { Array($0.utf8) }
        let feed = try await openFeed(
            from,
            selection: Selection(
                partitionPrefix: prefixBytes, partition: rules?.literalPartition, segment: segment),
            options: options)
        let out = try RecordOutput(output, options: options)
        var written = 0
        do throws(RekeyError) {
            let (rules, partitionName, wantsDigest) = (rules, partitionName, options.writesSeal)
            try await feed.process({
                ExtractWorker(
                    ItemFilter(
                        prefix: prefixBytes, rules: rules, partitionName: partitionName,
                        hasOldImages: feed.hasOldImages),
                    wantsDigest: wantsDigest)
            }) { (output) throws(RekeyError) in
                try out.write(output.lines)
                written += output.count
            }
            try out.finish()
        } catch {
            out.abandon()
            throw error
        }
        var result = StageResult(counts: feed.counts, digest: feed.digest, rejection: feed.rejection)
        result.facts = [("written", .integer(written)), ("leftOut", .integer(feed.counts.passed - written))]
        if let segment { result.facts.append(("segment", .text(segment.text))) }
        return result
    }
}

/// The lines of a block that are wanted.
private final class ExtractOutput: BlockOutput {
    let lines = BlockText()
    var count = 0

    func begin(_ block: UnsafeRawBufferPointer) {
        lines.begin(block)
        count = 0
    }
}

private struct ExtractWorker: RecordWorker, ~Copyable {
    private var filter: ItemFilter
    private let wantsDigest: Bool
    private var digest = StreamDigest()

    init(_ filter: consuming ItemFilter, wantsDigest: Bool) {
        self.filter = filter
        self.wantsDigest = wantsDigest
    }

    mutating func take(
        _ line: UnsafeRawBufferPointer, _ record: Record, _ view: ItemView, _ output: ExtractOutput
    ) throws(ItemError) -> Bool {
        guard try filter.accepts(record, in: line, view) else { return false }
        output.lines.pass(line)
        output.count += 1
        if wantsDigest {
            digest.add(record, in: line)
            output.lines.digest.combine(digest.take())
        }
        return false
    }
}

/// Decides by key, and what else rules ask for, which items a stage takes.
struct ItemFilter: ~Copyable {
    private let prefix: [UInt8]?
    private let partitionName: [UInt8]
    private let partitionText: String
    private let hasRules: Bool
    private let hasOldImages: Bool
    private var rekeyer: Rekeyer?
    private var scanner = RecordScanner()

    /// - Parameter hasOldImages: whether a change without an OldImage is known to be of a new item.
    init(prefix: [UInt8]?, rules: RuleSet?, partitionName: String, hasOldImages: Bool = false) {
        self.prefix = prefix
        self.hasOldImages = hasOldImages
        partitionText = rules?.partition ?? partitionName
        self.partitionName = Array(partitionText.utf8)
        hasRules = rules != nil
        if let rules { rekeyer = Rekeyer(rules) }
    }

    mutating func accepts(_ view: ItemView) throws(ItemError) -> Bool {
        guard try hasPrefix(view) else { return false }
        guard hasRules else { return true }
        return try rekeyer!.match(view) != nil
    }

    /// As `accepts`, for every kind of record: a change counts where the rules move what was before it or what is after it, a
    /// deletion where they move its key.
    ///
    /// - Throws: where a deletion names only its key, or a change only what its item is now, and the rules look at other attributes too.
    mutating func accepts(
        _ record: Record, in line: UnsafeRawBufferPointer, _ view: ItemView
    ) throws(ItemError) -> Bool {
        guard hasRules, let keys = record.keys else { return try accepts(view) }
        guard try hasPrefix(view) else { return false }
        guard record.image != nil || record.oldImage != nil else {
            return try rekeyer!.movesKey(view, at: keys.lowerBound)
        }
        if record.oldImage == nil, !hasOldImages {
            try rekeyer!.requireOldImage(of: try scan(keys, of: line), at: keys.lowerBound)
        }
        if record.image != nil, try rekeyer!.match(view) != nil { return true }
        guard let old = record.oldImage else { return false }
        return try rekeyer!.match(try scan(old, of: line)) != nil
    }

    /// One of the typed objects of a line; valid until the next scan.
    private mutating func scan(_ range: Range<Int>, of line: UnsafeRawBufferPointer) throws(ItemError) -> ItemView {
        _ = try scanner.scanItem(line, at: range.lowerBound)
        return ItemView(line: line, attributes: scanner.attributes)
    }

    private func hasPrefix(_ view: ItemView) throws(ItemError) -> Bool {
        guard let prefix else { return true }
        guard let slot = view.find(partitionName) else {
            throw ItemError("the item has no key attribute \(partitionText); name it with --key", at: 0)
        }
        guard slot.type == .string else {
            throw ItemError(
                "\(partitionText) has type \(slot.type.tag), and --prefix is for keys that are strings",
                at: Int(slot.value.lowerBound))
        }
        return view.withText(slot) { $0.starts(with: prefix) }
    }
}
