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
        let sorter = ExternalSorter(directory: temporaryDirectory, memoryLimit: 12 << 20)
        let (oldNeedsSeal, newNeedsSeal) = (try needsSeal(old), try needsSeal(new))
        guard !options.requiresSeal || oldNeedsSeal || newNeedsSeal else {
            throw RekeyError(.usage, "--sealed is for streams, and neither OLD nor NEW is one")
        }
        try await readOld(requiresSeal: oldNeedsSeal, into: &result, sorter)
        try await readNew(requiresSeal: newNeedsSeal, into: &result, sorter)
        if differences != nil || result.expected != result.found { try compare(sorter, &result) }
        result.requiresOldGone = requiresOldGone
        return result
    }

    /// A table or an export has no end to seal; its side is not asked for one.
    private func needsSeal(_ location: Location) throws(RekeyError) -> Bool {
        guard options.requiresSeal else { return false }
        switch location {
        case .standardStream, .file: return true
        case .s3: return try openExport(location, services: options.services) == nil
        case .directory, .local, .table: return false
        }
    }

    private func readOld(
        requiresSeal: Bool, into result: inout VerifyResult, _ sorter: ExternalSorter
    ) async throws(RekeyError) {
        var options = options
        options.requiresSeal = requiresSeal
        let feed = try await openFeed(old, options: options)
        let found = try await read(feed, isOld: true, sorter)
        result.expected = found.digest
        result.moved = found.matched
        result.comparesNothing = found.digest.count == 0 && !everything
        if let rejection = feed.rejection { throw rejection }
    }

    private func readNew(
        requiresSeal: Bool, into result: inout VerifyResult, _ sorter: ExternalSorter
    ) async throws(RekeyError) {
        let feed = try await openFeed(
            new,
            options: StreamOptions(requiresSeal: requiresSeal, jobs: options.jobs, services: options.services))
        let found = try await read(feed, isOld: false, sorter)
        result.found = found.digest
        result.oldLeft = found.matched
    }

    private func read(
        _ feed: RecordFeed, isOld: Bool, _ sorter: ExternalSorter
    ) async throws(RekeyError) -> (digest: Digest, matched: Int) {
        var digest = Digest()
        var matched = 0
        let (rules, everything) = (rules, everything)
        try await feed.process({ VerifyWorker(rules, everything: everything, isOld: isOld) }) {
            (output) throws(RekeyError) in
            digest.combine(output.digest)
            matched += output.matched
            try sorter.add(output.records.bytes)
        }
        return (digest, matched)
    }

    /// Merges both sides by key.
    private func compare(_ sorter: ExternalSorter, _ result: inout VerifyResult) throws(RekeyError) {
        let sink = try differences.map { path throws(RekeyError) in try openSink(path) }
        var key: [UInt8] = []
        var hashes: [[UInt8]] = [[], []]
        var tally = (equal: 0, missing: 0, extra: 0, different: 0)
        func close() throws(RekeyError) {
            guard !key.isEmpty else { return }
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
            try sink?.write(utf8: "\(mark) \(ItemKey(sortable: key)?.description ?? "unknown")\n")
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
    /// The rules concern no item of OLD: equal sides would prove nothing.
    package var comparesNothing = false
    var requiresOldGone = false

    /// Nothing missing, extra or different, no old item where none may be, and something that was compared.
    package var isEqual: Bool { expected == found && !comparesNothing && (!requiresOldGone || oldLeft == 0) }
}

/// What a block has to compare.
private final class VerifyOutput: BlockOutput {
    var digest = Digest()
    /// Items that a rule moves.
    var matched = 0
    /// For the sorter: by key, the side and the hash.
    var records = ByteWriter(capacity: 1 << 10)

    func begin(_ lines: UnsafeRawBufferPointer) {
        digest = Digest()
        matched = 0
        records.removeAll()
    }
}

/// One side of a comparison, item by item.
private struct VerifyWorker: RecordWorker, ~Copyable {
    private var rekeyer: Rekeyer
    private var canonicalizer = Canonicalizer()
    private var rewritten = ByteWriter(capacity: 4096)
    /// Sortable bytes of the key of the item at hand.
    private var key = ByteWriter()
    private let everything: Bool
    private let isOld: Bool

    init(_ rules: RuleSet, everything: Bool, isOld: Bool) {
        self.everything = everything
        self.isOld = isOld
        rekeyer = Rekeyer(rules)
    }

    mutating func take(
        _ line: UnsafeRawBufferPointer, _ record: Record, _ view: ItemView, _ output: VerifyOutput
    ) throws(ItemError) -> Bool {
        guard let image = record.image else { throw ItemError("a deletion cannot be compared", at: 0) }
        let isProduced: Bool
        if isOld {
            rewritten.removeAll()
            switch try rekeyer.place(view, range: image, from: image.lowerBound, into: &rewritten) {
            case .moved:
                output.matched += 1
                key.removeAll()
                rekeyer.appendNewKey(to: &key)
                add(canonicalizer.canonical(rewritten.bytes), output)
                return false
            case .produced: isProduced = true
            case .elsewhere: isProduced = false
            }
        } else {
            if try rekeyer.match(view) != nil {
                output.matched += 1
                return false
            }
            isProduced = try rekeyer.produces(view)
        }
        guard everything || isProduced else { return false }
        key.removeAll()
        try rekeyer.appendOldKey(view, to: &key)
        add(canonicalizer.canonical(image, of: view), output)
        return false
    }

    /// Adds an item by its canonical form under the key in `key`.
    private func add(_ canonical: UnsafeRawBufferPointer, _ output: VerifyOutput) {
        var one = Digest()
        one.add(canonical: canonical)
        output.digest.combine(one)
        let side: UInt8 = isOld ? 0 : 1
        output.records.appendSortRecord { writer in
            writer.append(key.bytes)
        } value: { writer in
            writer.append(side)
            one.append(to: &writer)
        }
    }
}
