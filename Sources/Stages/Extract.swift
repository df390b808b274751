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
        let out = try RecordOutput(output, writesSeal: options.writesSeal, services: options.services)
        var written = 0
        do {
            var filter = ItemFilter(prefix: prefixBytes, rules: rules, partitionName: partitionName)
            while try await feed.nextBlock({ line, record, view in
                if try filter.accepts(view) {
                    try out.write(line)
                    written += 1
                }
                return false
            }) {}
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

/// Decides by key which items a stage takes.
struct ItemFilter: ~Copyable {
    private let prefix: [UInt8]?
    private let partitionName: [UInt8]
    private let partitionText: String
    private let hasRules: Bool
    private var rekeyer: Rekeyer?

    init(prefix: [UInt8]?, rules: RuleSet?, partitionName: String) {
        self.prefix = prefix
        partitionText = rules?.partition ?? partitionName
        self.partitionName = Array(partitionText.utf8)
        hasRules = rules != nil
        if let rules { rekeyer = Rekeyer(rules) }
    }

    mutating func accepts(_ view: ItemView) throws(ItemError) -> Bool {
        if let prefix {
            guard let slot = view.find(partitionName) else {
                throw ItemError("the item has no key attribute \(partitionText); name it with --key", at: 0)
            }
            guard slot.type == .string, view.withText(slot, { $0.starts(with: prefix) }) else { return false }
        }
        guard hasRules else { return true }
        return try rekeyer!.match(view) != nil
    }
}
