package import ByteStreams
import Items
package import Rekeying

/// NDJSON in, NDJSON out, keys rewritten; what a rule does not change passes byte for byte.
package struct Transform: Sendable {
    package var from: Location
    package var rules: RuleSet
    package var output: String
    /// Where the deletions of the old keys go, as `{"DeleteRequest":{"Key":…}}` lines.
    package var deletes: String?
    /// Where the keys go that lie in the range of a rule's `to`, moved items' and others', as `{"Key":…}` lines: a key that comes
    /// from two streams, or twice from one, would hold two items.
    package var targetKeys: String?
    package var options: StreamOptions
    package var temporaryDirectory: String

    package init(
        from: Location = .standardStream, rules: RuleSet, output: String = "-", deletes: String? = nil,
        targetKeys: String? = nil, options: StreamOptions = StreamOptions(), temporaryDirectory: String = "/tmp"
    ) {
        self.from = from
        self.rules = rules
        self.output = output
        self.deletes = deletes
        self.targetKeys = targetKeys
        self.options = options
        self.temporaryDirectory = temporaryDirectory
    }

    /// Runs the stage. Throws `.badInput` after the last record where two items came to the same key; no seal is written then.
    package func run() async throws(RekeyError) -> StageResult {
        let feed = try await openFeed(from, options: options)
        let out = try RecordOutput(output, writesSeal: options.writesSeal, services: options.services)
        let gone = try deletes.map { path throws(RekeyError) in
            try RecordOutput(path, writesSeal: options.writesSeal, services: options.services)
        }
        let targets = try targetKeys.map { path throws(RekeyError) in try RecordOutput(path, writesSeal: false) }
        do {
            var transformer = Transformer(rules: rules, temporaryDirectory: temporaryDirectory)
            while try await feed.nextBlock({ line, record, view in
                let isChanged = try transformer.transform(line, record, view)
                try out.write(transformer.line)
                if isChanged, let gone, let key = transformer.deletion { try key.withRawBytes { try gone.write($0) } }
                if let targets, let key = try transformer.targetKey(view) {
                    try key.withRawBytes { try targets.write($0) }
                }
                return isChanged
            }) {}
            try transformer.requireNoCollisions(source: feed.name)
            try gone?.finish()
            try targets?.finish()
            try out.finish()
        } catch {
            out.abandon()
            gone?.abandon()
            targets?.abandon()
            throw error
        }
        return StageResult(counts: feed.counts, digest: feed.digest, rejection: feed.rejection)
    }
}

/// Rewrites one record after the other and remembers the keys that come out.
struct Transformer: ~Copyable {
    private var rekeyer: Rekeyer
    private var scanner = RecordScanner()
    private var output = ByteWriter(capacity: 4096)
    private let collisions: Collisions
    private let rules: RuleSet
    /// The request that deletes the item under its old key, after a change.
    private(set) var deletion: [UInt8]?
    /// The key the item has now, where it lies in the range of a rule's `to`.
    private var target: ItemKey?

    init(rules: RuleSet, temporaryDirectory: String) {
        self.rules = rules
        rekeyer = Rekeyer(rules)
        collisions = Collisions(temporaryDirectory: temporaryDirectory)
    }

    /// The record rewritten last, without a newline; valid until the next call.
    var line: UnsafeRawBufferPointer { output.bytes }

    /// Rewrites a record; true when a rule changed it.
    mutating func transform(
        _ line: UnsafeRawBufferPointer, _ record: Record, _ view: ItemView
    ) throws -> Bool {
        output.removeAll()
        deletion = nil
        target = nil
        if record.kind == .change || record.kind == .deleteRequest { return try transformChange(line, record) }
        guard let image = record.image else { return false }
        let (outcome, newKey) = try rekeyer.rewrite(view, range: image, from: 0, into: &output)
        output.append(UnsafeRawBufferPointer(rebasing: line[image.upperBound...]))
        guard case .moved = outcome, let newKey else {
            if try rekeyer.produces(view) {
                let key = try key(of: view)
                target = key
                try collisions.add(
                    .present, key: key, oldKey: key, content: UnsafeRawBufferPointer(start: nil, count: 0))
            }
            return false
        }
        let schema = try view.inferredSchema(partition: rules.partition, sort: rules.sort)
        let oldKey = try view.key(schema)
        var request = Array("{\"DeleteRequest\":{\"Key\":".utf8)
        request += oldKey.json(schema)
        request += Array("}}".utf8)
        deletion = request
        target = newKey
        try collisions.add(
            .produced, key: newKey, oldKey: oldKey, content: UnsafeRawBufferPointer(start: nil, count: 0))
        return true
    }

    /// `{"Key":{…}}` of the item transformed last, where its key lies in the range of a rule's `to`; equal keys are equal bytes.
    func targetKey(_ view: ItemView) throws(ItemError) -> [UInt8]? {
        guard let target else { return nil }
        let schema = try view.inferredSchema(partition: rules.partition, sort: rules.sort)
        return Array("{\"Key\":".utf8) + target.json(schema) + [UInt8(ascii: "}")]
    }

    private func key(of view: ItemView) throws(ItemError) -> ItemKey {
        try view.key(try view.inferredSchema(partition: rules.partition, sort: rules.sort))
    }

    /// A line of an incremental export, or a deletion: every image in it moves alike, or the line is bad.
    private mutating func transformChange(_ line: UnsafeRawBufferPointer, _ record: Record) throws -> Bool {
        let ranges = [record.keys, record.oldImage, record.image].compactMap { $0 }.sorted {
            $0.lowerBound < $1.lowerBound
        }
        let images = [record.oldImage, record.image].compactMap { $0 }
        // Without an image, rules that look at more than the key cannot tell, unless no rule takes such a key.
        if images.isEmpty, rules.rules.contains(where: { !$0.conditions.isEmpty || !$0.sourceAttributes.isEmpty }) {
            _ = try scanner.scanItem(line, at: ranges[0].lowerBound)
            guard try rekeyer.matchesKey(ItemView(line: line, attributes: scanner.attributes)) else {
                output.append(line)
                return false
            }
            throw ItemError(
                "a deletion names only its key, but the rules look at other attributes too; export with NEW_AND_OLD_IMAGES",
                at: ranges[0].lowerBound)
        }
        var moved: Int?
        for (number, range) in images.enumerated() {
            _ = try scanner.scanItem(line, at: range.lowerBound)
            let rule = try rekeyer.match(ItemView(line: line, attributes: scanner.attributes))
            guard number == 0 || rule == moved else {
                throw ItemError(
                    "the change takes the item in or out of the rule's `where`; apply it by hand", at: range.lowerBound)
            }
            moved = rule
        }
        if !images.isEmpty, moved == nil {
            output.append(line)
            return false
        }
        var position = 0
        var isChanged = false
        let keyRules = images.isEmpty ? nil : moved
        for range in ranges {
            _ = try scanner.scanItem(line, at: range.lowerBound)
            let view = ItemView(line: line, attributes: scanner.attributes)
            let (outcome, _) =
                range == record.keys
                ? try rekeyer.rewriteKeys(view, range: range, from: position, rule: keyRules, into: &output)
                : try rekeyer.rewrite(view, range: range, from: position, into: &output)
            if case .moved = outcome { isChanged = true }
            position = range.upperBound
        }
        output.append(UnsafeRawBufferPointer(rebasing: line[position...]))
        return isChanged
    }

    /// Throws where two records of the stream came to one key.
    func requireNoCollisions(source: String) throws(RekeyError) {
        var count = 0
        var shown: [String] = []
        try collisions.forEachFinding { finding throws(RekeyError) in
            count += 1
            // Contents are not compared here: no table holds two items under one key, equal or not.
            let sentence =
                finding.kind == .severalProduced
                ? finding.description
                : "\(finding.oldKeys.joined()) would become \(finding.key), where an item of the stream stands already"
            if shown.count < 5 { shown.append(sentence) }
        }
        guard count > 0 else { return }
        throw RekeyError(
            .badInput,
            "\(count) key\(count == 1 ? "" : "s") would hold more than one item: \(shown.joined(separator: "; ")); change the rules or the items",
            source: source)
    }
}
