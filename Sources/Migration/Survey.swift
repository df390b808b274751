package import ByteStreams
package import Items
package import Rekeying
import Stages
package import Tables

/// What one full read of a table found: what rules move, what stands at new keys, what collides, which references resolve.
package struct Survey: Sendable {
    /// Count and digest of the whole table.
    package var table = Digest()
    /// Items under old keys.
    package var old = Digest()
    /// What the old items become.
    package var expected = Digest()
    /// Items in the range of new keys.
    package var new = Digest()
    /// Bytes of the old items, by DynamoDB's size rule.
    package var oldBytes = 0
    /// Old items with more attributes than the table compares in a conditional write.
    package var wide = 0
    /// Write units of all puts and of all deletes, without indexes.
    package var putUnits = 0
    package var deleteUnits = 0
    package var weights = MoveWeights()
    /// The first old items, to show: key, label, new key.
    package var samples: [Sample] = []
    /// The first new items, where there are no old ones to show.
    package var newSamples: [Sample] = []
    /// Items whose keys are as in a rule's `from`, but which no rule moves for what their other attributes are; the first of them.
    package var notMoved = 0
    package var notMovedSample: ItemKey?
    /// Old items whose equal is under the new key already.
    package var alreadyPresent = 0
    /// Findings that stop a run, the first of them as sentences.
    package var collisions = 0
    package var collisionSentences: [String] = []
    package var references = References()
    /// The new partition key that takes most write units of all puts, and the least that it takes.
    package var heaviestPartition: HeavyPartition?
    /// Items whose partition key begins with a prefix that was asked for.
    package var counts: [PrefixCount] = []

    package struct Sample: Sendable, Equatable {
        package var key: ItemKey
        package var label: String
        package var newKey: ItemKey?
    }

    package struct HeavyPartition: Sendable, Equatable {
        package var partition: String
        package var units: Int
    }

    package struct PrefixCount: Sendable, Equatable {
        package var prefix: String
        package var count: Int
    }

    /// Items that name others.
    package struct References: Sendable, Equatable {
        /// Items that hold a reference.
        package var items = 0
        /// Values that name no item, now.
        package var unresolvedNow = 0
        /// Values that would name no item after the move.
        package var unresolvedAfter = 0
        package var examples: [String] = []
    }

    /// Reads the whole table once.
    ///
    /// - Parameters:
    ///   - prefixes: of partition keys whose items are counted too.
    ///   - indexes: of the table, for what they take on top.
    ///   - progress: told of what is read.
    ///   - onOld: called with each old item and its key.
    ///   - onStanding: called with each key in the range of new keys that holds an item.
    ///   - onPresent: called with each new key that holds an equal item already.
    package static func of(
        _ table: any Table, rules: RuleSet, temporaryDirectory: String, counting prefixes: [String] = [],
        indexes: [IndexDescription] = [], progress: ProgressCounters? = nil,
        onOld: ((_ item: UnsafeRawBufferPointer, _ key: ItemKey) throws(RekeyError) -> Void)? = nil,
        onStanding: ((_ key: ItemKey) throws(RekeyError) -> Void)? = nil,
        onPresent: ((_ key: String, _ sortableKey: [UInt8]) throws(RekeyError) -> Void)? = nil
    ) async throws(RekeyError) -> Survey {
        var reader = SurveyReader(
            rules: rules, table: table, temporaryDirectory: temporaryDirectory, prefixes: prefixes,
            indexes: indexes)
        let feed = try openFeed(table, options: StreamOptions(progress: progress), wantsDigest: true)
        while try await feed.nextBlock({ line, record, view in
            guard let image = record.image else { return false }
            switch try reader.take(line, image, view) {
            case .old(let key): try onOld?(UnsafeRawBufferPointer(rebasing: line[image]), key)
            case .new(let key): try onStanding?(key)
            case .other: break
            }
            return false
        }) {}
        var survey = try reader.finish(table: feed.digest ?? Digest(), onPresent: onPresent)
        survey.weights.scanUnits = feed.readUnits
        return survey
    }
}

/// Takes a table's items one by one.
private struct SurveyReader: ~Copyable {
    private var survey = Survey()
    private var rekeyer: Rekeyer
    private var canonicalizer = Canonicalizer()
    private var rewritten = ByteWriter(capacity: 4096)
    private let rules: RuleSet
    private let schema: KeySchema
    private let comparedAttributes: Int
    private let collisions: Collisions
    private var references: ReferenceCheck
    private var partitions = HeavyPartitions()
    private static let sampleLimit = 20

    init(
        rules: RuleSet, table: any Table, temporaryDirectory: String, prefixes: [String],
        indexes: [IndexDescription]
    ) {
        survey.weights = MoveWeights(indexes: indexes)
        survey.counts = prefixes.map { Survey.PrefixCount(prefix: $0, count: 0) }
        self.rules = rules
        schema = table.schema
        let keys = schema.sort == nil ? 1 : 2
        comparedAttributes =
            table.limits.comparedAttributes.addingReportingOverflow(keys).overflow
            ? .max : table.limits.comparedAttributes + keys
        rekeyer = Rekeyer(rules)
        collisions = Collisions(temporaryDirectory: temporaryDirectory)
        references = ReferenceCheck(rules: rules, temporaryDirectory: temporaryDirectory)
    }

    enum Kind {
        case old(ItemKey)
        /// In the range of new keys.
        case new(ItemKey)
        case other
    }

    mutating func take(_ line: UnsafeRawBufferPointer, _ image: Range<Int>, _ view: ItemView) throws -> Kind {
        let item = UnsafeRawBufferPointer(rebasing: line[image])
        let key = try view.key(schema)
        count(key)
        rewritten.removeAll()
        let (outcome, newKey) = try rekeyer.rewrite(view, range: image, from: image.lowerBound, into: &rewritten)
        if case .moved = outcome, let newKey {
            guard newKey != key else {
                throw ItemError(
                    "the rules change attributes of \(key) but not its key; a migration moves items, use rekey transform and load",
                    at: 0)
            }
            let newItem = rewritten.bytes
            survey.old.add(canonical: canonicalizer.canonical(item))
            var one = Digest()
            one.add(canonical: canonicalizer.canonical(newItem))
            survey.expected.combine(one)
            let oldSize = storedSize(item)
            let newSize = storedSize(newItem)
            guard newSize <= 409_600 else {
                throw ItemError("the item would have \(newSize) bytes under its new key, DynamoDB takes 409600", at: 0)
            }
            survey.weights.add(old: item, oldSize: oldSize, new: newItem, newSize: newSize)
            survey.oldBytes += oldSize
            if view.attributes.count > comparedAttributes { survey.wide += 1 }
            survey.putUnits += (newSize + 1023) / 1024
            survey.deleteUnits += (oldSize + 1023) / 1024
            partitions.add(newKey.partition, units: (newSize + 1023) / 1024)
            if survey.samples.count < Self.sampleLimit {
                survey.samples.append(
                    Survey.Sample(key: key, label: label(of: item), newKey: newKey))
            }
            try one.bytes.withRawBytes { content throws(RekeyError) in
                try collisions.add(.produced, key: newKey, oldKey: key, content: content)
            }
            try references.add(key, isMoved: true)
            try references.add(newKey, isMoved: false, isAfter: true)
            try references.take(view)
            return .old(key)
        }
        let isNew = try rekeyer.produces(view)
        if isNew {
            var one = Digest()
            one.add(canonical: canonicalizer.canonical(item))
            survey.new.combine(one)
            survey.weights.presentBytes += storedSize(item)
            if survey.newSamples.count < Self.sampleLimit {
                survey.newSamples.append(Survey.Sample(key: key, label: label(of: item), newKey: nil))
            }
            try one.bytes.withRawBytes { content throws(RekeyError) in
                try collisions.add(.present, key: key, oldKey: key, content: content)
            }
        } else if rekeyer.looksAtAttributes, try rekeyer.matchesKey(view) {
            survey.notMoved += 1
            if survey.notMovedSample.map({ key.sortableBytes.lexicographicallyPrecedes($0.sortableBytes) }) ?? true {
                survey.notMovedSample = key
            }
        }
        try references.add(key, isMoved: false)
        try references.take(view)
        return isNew ? .new(key) : .other
    }

    private mutating func count(_ key: ItemKey) {
        guard !survey.counts.isEmpty, case .string(let partition) = key.partition else { return }
        for place in survey.counts.indices where partition.starts(with: survey.counts[place].prefix.utf8) {
            survey.counts[place].count += 1
        }
    }

    private func label(of item: UnsafeRawBufferPointer) -> String {
        guard let path = rules.label, let value = Item(trusted: Array(item)).value(at: path.names) else { return "" }
        return displayText(value.text.prefix(80))
    }

    mutating func finish(
        table: Digest, onPresent: ((String, [UInt8]) throws(RekeyError) -> Void)?
    ) throws(RekeyError) -> Survey {
        survey.table = table
        survey.heaviestPartition = partitions.heaviest.map {
            Survey.HeavyPartition(partition: "\($0.partition)", units: $0.units)
        }
        survey.samples.sort { $0.key.sortableBytes.lexicographicallyPrecedes($1.key.sortableBytes) }
        var found = (present: 0, bad: 0, sentences: [String]())
        try collisions.forEachFinding { finding throws(RekeyError) in
            if finding.kind == .takenByEqual {
                found.present += 1
                try onPresent?(finding.key, finding.sortableKey)
            } else {
                found.bad += 1
                if found.sentences.count < 10 { found.sentences.append(finding.description) }
            }
        }
        survey.alreadyPresent = found.present
        survey.collisions = found.bad
        survey.collisionSentences = found.sentences
        survey.references = try references.finish()
        return survey
    }
}
