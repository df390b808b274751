package import ByteStreams
import Items
package import Rekeying
import Tables

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
        let out = try RecordOutput(output, options: options)
        let gone = try deletes.map { path throws(RekeyError) in try RecordOutput(path, options: options) }
        let targets = try targetKeys.map { path throws(RekeyError) in
            try RecordOutput(path, options: options, writesSeal: false)
        }
        do throws(RekeyError) {
            let collisions = Collisions(temporaryDirectory: temporaryDirectory)
            let (rules, options) = (rules, options)
            try await feed.process({
                TransformWorker(
                    rules, writesDeletions: gone != nil, writesTargets: targets != nil, wantsDigest: options.writesSeal,
                    hasOldImages: feed.hasOldImages)
            }) { (output) throws(RekeyError) in
                try out.write(output.lines)
                try gone?.write(output.deletions)
                try targets?.write(output.targets)
                try collisions.add(output.keys)
            }
            try requireNoCollisions(collisions, source: feed.name)
            try targets?.finish()
            try out.finish()
            // Last: whoever has the deletions must have what stands in for the deleted items.
            try gone?.finish()
        } catch {
            out.abandon()
            gone?.abandon()
            targets?.abandon()
            throw error
        }
        return StageResult(counts: feed.counts, digest: feed.digest, rejection: feed.rejection)
    }

    /// Throws where two records of the stream came to one key.
    private func requireNoCollisions(_ collisions: Collisions, source: String) throws(RekeyError) {
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

/// What a block of records is turned into.
final class TransformOutput: BlockOutput {
    let lines = BlockText()
    let deletions = BlockText()
    /// `{"Key":{…}}` of each item whose key lies in the range of a rule's `to`; equal keys are equal bytes.
    let targets = BlockText()
    /// The keys that come out, as far as they may collide.
    // Used by one thread at a time, like all of a block; a check at each use would be paid for each item.
    @exclusivity(unchecked) var keys = CollisionKeys()

    func begin(_ block: UnsafeRawBufferPointer) {
        lines.begin(block)
        deletions.begin(UnsafeRawBufferPointer(start: nil, count: 0))
        targets.begin(UnsafeRawBufferPointer(start: nil, count: 0))
        keys.removeAll()
    }
}

/// Rewrites one record after the other and remembers the keys that come out.
struct TransformWorker: RecordWorker, ~Copyable {
    private let rules: RuleSet
    private let writesDeletions: Bool
    private let writesTargets: Bool
    private let wantsDigest: Bool
    /// Whether a change without an OldImage is known to be of a new item.
    private let hasOldImages: Bool
    private var rekeyer: Rekeyer
    private var scanner = RecordScanner()
    private var digest = StreamDigest()
    private var rewritten = ByteWriter(capacity: 4096)
    /// Sortable bytes of the key that an item had.
    private var oldKey = ByteWriter()
    /// A request or a key on its way out.
    private var deletion = ByteWriter(capacity: 256)
    /// A part of a change, rewritten.
    private var part = ByteWriter(capacity: 256)

    init(_ rules: RuleSet, writesDeletions: Bool, writesTargets: Bool, wantsDigest: Bool, hasOldImages: Bool) {
        self.rules = rules
        self.writesDeletions = writesDeletions
        self.writesTargets = writesTargets
        self.wantsDigest = wantsDigest
        self.hasOldImages = hasOldImages
        rekeyer = Rekeyer(rules)
    }

    mutating func take(
        _ line: UnsafeRawBufferPointer, _ record: Record, _ view: ItemView, _ output: TransformOutput
    ) throws(ItemError) -> Bool {
        if record.kind == .change || record.kind == .deleteRequest {
            return try takeChange(line, record, view, output)
        }
        guard let image = record.image else { return false }
        rewritten.removeAll()
        switch try rekeyer.place(view, range: image, from: 0, into: &rewritten) {
        case .moved: break
        case .produced:
            try notePresent(view, output)
            return pass(line, record, view, output)
        case .elsewhere: return pass(line, record, view, output)
        }
        try requireItemSize(
            UnsafeRawBufferPointer(rebasing: rewritten.bytes[image.lowerBound...]), at: image.lowerBound)
        rewritten.append(UnsafeRawBufferPointer(rebasing: line[image.upperBound...]))
        oldKey.removeAll()
        try rekeyer.appendOldKey(view, to: &oldKey)
        try write(output)
        if writesTargets { try writeTarget(rekeyer.newKey, try schema(view), output) }
        output.keys.add(.produced, oldKey: oldKey.bytes) { rekeyer.appendNewKey(to: &$0) }
        if writesDeletions { try writeDeletion(of: try rekeyer.oldKey(view), try schema(view), output) }
        return true
    }

    /// Remembers an item that stands where the rules move others.
    private mutating func notePresent(_ view: ItemView, _ output: TransformOutput) throws(ItemError) {
        oldKey.removeAll()
        try rekeyer.appendOldKey(view, to: &oldKey)
        if writesTargets { try writeTarget(try rekeyer.oldKey(view), try schema(view), output) }
        output.keys.add(.present, oldKey: oldKey.bytes) { $0.append(oldKey.bytes) }
    }

    /// Remembers an item of a change that was moved and written.
    private mutating func noteMoved(
        from old: ItemKey, to new: ItemKey, _ view: ItemView, _ output: TransformOutput
    ) throws(ItemError) {
        if writesTargets { try writeTarget(new, try schema(view), output) }
        oldKey.removeAll()
        old.appendSortable(to: &oldKey)
        output.keys.add(.produced, oldKey: oldKey.bytes) { new.appendSortable(to: &$0) }
        if writesDeletions { try writeDeletion(of: old, try schema(view), output) }
    }

    private mutating func writeDeletion(
        of key: ItemKey, _ schema: KeySchema, _ output: TransformOutput
    ) throws(ItemError) {
        deletion.removeAll()
        deletion.append("{\"DeleteRequest\":{\"Key\":" as StaticString)
        deletion.append(key.json(schema))
        deletion.append("}}" as StaticString)
        output.deletions.write(deletion.bytes)
        if wantsDigest { output.deletions.digest.combine(try digest(of: deletion.bytes)) }
    }

    /// Refuses an item that no table would take under its new key.
    ///
    /// - Parameter item: typed JSON, which is never shorter than what DynamoDB counts for it.
    private func requireItemSize(_ item: UnsafeRawBufferPointer, at offset: Int) throws(ItemError) {
        guard item.count > CapacityUnits.maximumItemBytes else { return }
        let size = storedSize(item)
        guard size <= CapacityUnits.maximumItemBytes else {
            throw ItemError(
                "the item would have \(size) bytes under its new key, and DynamoDB takes \(CapacityUnits.maximumItemBytes)",
                at: offset)
        }
    }

    private func schema(_ view: ItemView) throws(ItemError) -> KeySchema {
        try view.inferredSchema(partition: rules.partition, sort: rules.sort)
    }

    private mutating func writeTarget(
        _ key: ItemKey, _ schema: KeySchema, _ output: TransformOutput
    ) throws(ItemError) {
        deletion.removeAll()
        deletion.append("{\"Key\":" as StaticString)
        deletion.append(key.json(schema))
        deletion.append(UInt8(ascii: "}"))
        output.targets.write(deletion.bytes)
    }

    private mutating func pass(
        _ line: UnsafeRawBufferPointer, _ record: Record, _ view: ItemView, _ output: TransformOutput
    ) -> Bool {
        output.lines.pass(line)
        if wantsDigest {
            digest.add(record, in: line, view)
            output.lines.digest.combine(digest.take())
        }
        return false
    }

    /// Writes the record that was rewritten.
    private mutating func write(_ output: TransformOutput) throws(ItemError) {
        if wantsDigest { output.lines.digest.combine(try digest(of: rewritten.bytes)) }
        output.lines.write(rewritten.bytes)
    }

    private mutating func digest(of line: UnsafeRawBufferPointer) throws(ItemError) -> Digest {
        let record = try scanner.scan(line)
        digest.add(record, in: line, scanner.view(of: line))
        return digest.take()
    }

    /// A line of an incremental export, or a deletion: every image in it moves alike, or the line is bad.
    private mutating func takeChange(
        _ line: UnsafeRawBufferPointer, _ record: Record, _ image: ItemView, _ output: TransformOutput
    ) throws(ItemError) -> Bool {
        guard let keys = record.keys else { return pass(line, record, image, output) }
        let images = [record.oldImage, record.image].compactMap { $0 }
        if images.isEmpty { return try takeKey(keys, of: line, record, image, output) }
        if record.oldImage == nil, !hasOldImages {
            try rekeyer.requireOldImage(of: try scan(keys, of: line), at: keys.lowerBound)
        }
        var parts: [(range: Range<Int>, text: [UInt8])] = []
        var moved: (old: ItemKey, new: ItemKey)?
        for (number, range) in images.enumerated() {
            let view = try scan(range, of: line)
            part.removeAll()
            let (_, newKey) = try rekeyer.rewrite(view, range: range, from: range.lowerBound, into: &part)
            guard number == 0 || (newKey == nil) == (moved == nil) else {
                throw ItemError(
                    "the change takes the item in or out of the rule's `where`; apply it by hand", at: range.lowerBound)
            }
            guard let newKey else { continue }
            let oldKey = try rekeyer.oldKey(view)
            guard moved.map({ $0.old == oldKey }) ?? true else {
                throw ItemError("the change's OldImage and NewImage have different keys", at: range.lowerBound)
            }
            guard moved.map({ $0.new == newKey }) ?? true else {
                throw ItemError("the change gives the item another new key; apply it by hand", at: range.lowerBound)
            }
            if range == record.image { try requireItemSize(part.bytes, at: range.lowerBound) }
            moved = (oldKey, newKey)
            parts.append((range, part.array))
        }
        guard let moved else {
            if let image = record.image {
                let view = try scan(image, of: line)
                if try rekeyer.produces(view) { try notePresent(view, output) }
            }
            return pass(line, record, image, output)
        }
        let view = try scan(keys, of: line)
        guard try rekeyer.oldKey(view) == moved.old else {
            throw ItemError("the change's Keys are not the key of its image", at: keys.lowerBound)
        }
        part.removeAll()
        try rekeyer.replaceKey(view, range: keys, from: keys.lowerBound, by: moved.new, into: &part)
        parts.append((keys, part.array))
        var position = 0
        rewritten.removeAll()
        for (range, text) in parts.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
            rewritten.append(UnsafeRawBufferPointer(rebasing: line[position..<range.lowerBound]))
            rewritten.append(text)
            position = range.upperBound
        }
        rewritten.append(UnsafeRawBufferPointer(rebasing: line[position...]))
        try write(output)
        if record.image != nil { try noteMoved(from: moved.old, to: moved.new, try scan(keys, of: line), output) }
        return true
    }

    /// A deletion that names its key and nothing else.
    private mutating func takeKey(
        _ keys: Range<Int>, of line: UnsafeRawBufferPointer, _ record: Record, _ image: ItemView,
        _ output: TransformOutput
    ) throws(ItemError) -> Bool {
        let view = try scan(keys, of: line)
        guard try rekeyer.movesKey(view, at: keys.lowerBound) else { return pass(line, record, image, output) }
        rewritten.removeAll()
        try rekeyer.rewriteKey(view, range: keys, from: 0, into: &rewritten)
        rewritten.append(UnsafeRawBufferPointer(rebasing: line[keys.upperBound...]))
        try write(output)
        return true
    }

    /// One of the typed objects of a line; valid until the next scan.
    private mutating func scan(_ range: Range<Int>, of line: UnsafeRawBufferPointer) throws(ItemError) -> ItemView {
        _ = try scanner.scanItem(line, at: range.lowerBound)
        return ItemView(line: line, attributes: scanner.attributes)
    }
}
