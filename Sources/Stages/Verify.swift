package import ByteStreams
package import Items
package import Rekeying

/// Compares what rules should have made of OLD with what stands in NEW: counts, digests, and item by item where asked.
package struct Verify: Sendable {
    package var old: Location
    package var new: Location
    package var rules: RuleSet
    /// Where one line an item goes: `=` equal, `-` missing in NEW, `+` only in NEW, `*` different.
    package var differences: String?
    /// Compare the items that no rule concerns too.
    package var everything: Bool
    /// Fail where items stand under old keys in NEW.
    package var requiresOldGone: Bool
    package var options: StreamOptions
    package var temporaryDirectory: String

    package init(
        old: Location, new: Location, rules: RuleSet, differences: String? = nil, everything: Bool = false,
        requiresOldGone: Bool = false, options: StreamOptions = StreamOptions(), temporaryDirectory: String = "/tmp"
    ) {
        self.old = old
        self.new = new
        self.rules = rules
        self.differences = differences
        self.everything = everything
        self.requiresOldGone = requiresOldGone
        self.options = options
        self.temporaryDirectory = temporaryDirectory
    }

    /// Runs the stage. The result says whether all is equal; nothing is thrown for a difference.
    package func run() async throws(RekeyError) -> VerifyResult {
        var result = VerifyResult()
        let sorter = ExternalSorter(directory: temporaryDirectory)
        try await readOld(into: &result, sorter)
        try await readNew(into: &result, sorter)
        if differences != nil || result.expected != result.found { try compare(sorter, &result) }
        result.requiresOldGone = requiresOldGone
        return result
    }

    private func readOld(into result: inout VerifyResult, _ sorter: ExternalSorter) async throws(RekeyError) {
        let feed = try await openFeed(old, options: options)
        var side = Side(rules: rules, everything: everything, tag: 0)
        var counts = VerifyResult()
        while try await feed.nextBlock({ line, record, view in
            try side.takeOld(line, record, view, sorter, &counts)
            return false
        }) {}
        result.expected = side.digest
        result.moved = counts.moved
        if let rejection = feed.rejection { throw rejection }
    }

    private func readNew(into result: inout VerifyResult, _ sorter: ExternalSorter) async throws(RekeyError) {
        let feed = try await openFeed(new, options: StreamOptions(services: options.services))
        var side = Side(rules: rules, everything: everything, tag: 1)
        var counts = VerifyResult()
        while try await feed.nextBlock({ line, record, view in
            try side.takeNew(line, record, view, sorter, &counts)
            return false
        }) {}
        result.found = side.digest
        result.oldLeft = counts.oldLeft
    }

    /// Merges both sides by key.
    private func compare(_ sorter: ExternalSorter, _ result: inout VerifyResult) throws(RekeyError) {
        let sink = try differences.map { path throws(RekeyError) in try openSink(path) }
        var key: [UInt8] = []
        var name: [UInt8] = []
        var hashes: [[UInt8]] = [[], []]
        var tally = (equal: 0, missing: 0, extra: 0, different: 0)
        func close() throws(RekeyError) {
            guard !name.isEmpty else { return }
            let mark: String
            if hashes[0].isEmpty {
                mark = "+"
                tally.extra += 1
            } else if hashes[1].isEmpty {
                mark = "-"
                tally.missing += 1
            } else if hashes[0] == hashes[1] {
                mark = "="
                tally.equal += 1
            } else {
                mark = "*"
                tally.different += 1
            }
            try sink?.write(utf8: "\(mark) \(String(decoding: name, as: UTF8.self))\n")
        }
        do {
            try sorter.forEach { next, value throws(RekeyError) in
                if !next.elementsEqual(key) {
                    try close()
                    key = Array(next)
                    hashes = [[], []]
                }
                // A key that came twice is no key of a table: such a side is equal to none that has it once.
                hashes[Int(value[0])] += value[1..<33]
                name = Array(value[33...])
            }
            try close()
            try sink?.finish()
        } catch {
            sink?.abandon()
            throw error
        }
        result.equal = tally.equal
        result.missing = tally.missing
        result.extra = tally.extra
        result.different = tally.different
    }
}

/// What a comparison found.
package struct VerifyResult: Sendable {
    /// Count and digest of what should be there.
    package var expected = Digest()
    /// Count and digest of what is there.
    package var found = Digest()
    /// Items of OLD that a rule moves.
    package var moved = 0
    /// Items of NEW that still stand under an old key.
    package var oldLeft = 0
    package var equal = 0
    package var missing = 0
    package var extra = 0
    package var different = 0
    var requiresOldGone = false

    /// Nothing missing, extra or different, and no old item where none may be.
    package var isEqual: Bool { expected == found && (!requiresOldGone || oldLeft == 0) }
}

/// One side of a comparison, item by item.
private struct Side: ~Copyable {
    private var rekeyer: Rekeyer
    private var scanner = RecordScanner()
    private var stream = StreamDigest()
    private var canonicalizer = Canonicalizer()
    private var rewritten = ByteWriter(capacity: 4096)
    private let rules: RuleSet
    private let everything: Bool
    private let tag: UInt8

    var digest: Digest { stream.digest }

    init(rules: RuleSet, everything: Bool, tag: UInt8) {
        self.rules = rules
        self.everything = everything
        self.tag = tag
        rekeyer = Rekeyer(rules)
    }

    mutating func takeOld(
        _ line: UnsafeRawBufferPointer, _ record: Record, _ view: ItemView, _ sorter: ExternalSorter,
        _ counts: inout VerifyResult
    ) throws {
        guard let image = record.image else { throw ItemError("a deletion cannot be compared", at: 0) }
        rewritten.removeAll()
        let (outcome, newKey) = try rekeyer.rewrite(view, range: image, from: image.lowerBound, into: &rewritten)
        if case .moved = outcome, let newKey {
            counts.moved += 1
            return try add(rewritten.array, newKey, sorter)
        }
        if try everything || rekeyer.produces(view) { try add(Array(line[image]), try key(of: view), sorter) }
    }

    mutating func takeNew(
        _ line: UnsafeRawBufferPointer, _ record: Record, _ view: ItemView, _ sorter: ExternalSorter,
        _ counts: inout VerifyResult
    ) throws {
        guard let image = record.image else { throw ItemError("a deletion cannot be compared", at: 0) }
        if try rekeyer.match(view) != nil {
            counts.oldLeft += 1
            return
        }
        if try everything || rekeyer.produces(view) { try add(Array(line[image]), try key(of: view), sorter) }
    }

    private func key(of view: ItemView) throws(ItemError) -> ItemKey {
        try view.key(try view.inferredSchema(partition: rules.partition, sort: rules.sort))
    }

    private mutating func add(_ item: [UInt8], _ key: ItemKey, _ sorter: ExternalSorter) throws(RekeyError) {
        var one = Digest()
        item.withRawBytes { one.add(canonical: canonicalizer.canonical($0)) }
        stream.combine(one)
        var value: [UInt8] = [tag]
        value += one.bytes
        value += Array(key.description.utf8)
        try key.sortableBytes.withRawBytes { key throws(RekeyError) in
            try value.withRawBytes { value throws(RekeyError) in try sorter.add(key: key, value: value) }
        }
    }
}
