package import ByteStreams
import Items
package import Rekeying
import Snapshots
import Tables

/// Looks at the keys of a location and drafts a rule file.
package struct Init: Sendable {
    package var from: Location
    /// The key attributes; nil to take a table's or snapshot's own, or else `PK` and `SK` in the items' own spelling.
    package var keyNames: KeyNames?
    /// Items to read at most; nil for all.
    package var limit: Int?
    /// Only shapes whose partition keys begin so are drafted.
    package var prefix: String?
    /// Of the draft.
    package var name = "new-keys"
    package var options: StreamOptions

    package init(
        from: Location, keyNames: KeyNames? = nil, limit: Int? = 100_000, prefix: String? = nil,
        options: StreamOptions = StreamOptions()
    ) {
        self.from = from
        self.keyNames = keyNames
        self.limit = limit
        self.prefix = prefix
        self.options = options
    }

    package struct Outcome: Sendable {
        package var draft: RuleDraft
        /// Items that were looked at.
        package var read: Int
        /// Whether that was all there are.
        package var isWhole: Bool
        package var yaml: String
    }

    /// Reads until the limit is reached. Deletions of incremental exports are passed over.
    ///
    /// - Throws: `.badInput` where an item lacks the key; as `openFeed`.
    package func run() async throws(RekeyError) -> Outcome {
        var names = try await knownNames()
        let feed = try await openFeed(from, options: options)
        var shapes = KeyShapes()
        var looked = 0
        var isWhole = true
        let limit = self.limit ?? .max
        while try await feed.nextBlock({ _, record, view in
            guard record.image != nil else { return false }
            guard looked < limit else {
                isWhole = false
                return false
            }
            let found = try names ?? Self.guess(view)
            names = found
            let key = try view.key(view.inferredSchema(partition: found.partition, sort: found.sort))
            shapes.add(key, view)
            looked += 1
            return false
        }), isWhole {}
        let found = names ?? KeyNames()
        let draft = RuleDraft(
            shapes: shapes.finish(), partition: found.partition, sort: found.sort, name: name, prefix: prefix)
        let share = isWhole ? "all \(looked) items" : "the first \(looked) items that came, not all"
        let heading = ["Drafted by rekey init from \(displayText(from.text.utf8)): \(share)."]
        return Outcome(draft: draft, read: looked, isWhole: isWhole, yaml: draft.yaml(heading: heading))
    }

    /// What the user says, or what the location knows of its key.
    private func knownNames() async throws(RekeyError) -> KeyNames? {
        if let keyNames { return keyNames }
        switch from {
        case .local, .table:
            let schema = try await openTable(from, services: options.services).schema
            return KeyNames(partition: schema.partition.name, sort: schema.sort?.name)
        case .directory(let path):
            return try Export.open(path).metadata.map {
                KeyNames(partition: $0.keySchema.partition.name, sort: $0.keySchema.sort?.name)
            }
        case .standardStream, .file, .s3: return nil
        }
    }

    /// `PK` and `SK`, in capitals or not.
    private static func guess(_ view: ItemView) throws(ItemError) -> KeyNames {
        for (partition, sort) in [("PK", "SK"), ("pk", "sk"), ("Pk", "Sk")]
        where view.find(Array(partition.utf8)) != nil {
            return KeyNames(partition: partition, sort: view.find(Array(sort.utf8)) == nil ? nil : sort)
        }
        let names = view.attributes.prefix(12).map { displayText(view.bytes($0.name)) }.joined(separator: ", ")
        throw ItemError("no attribute is called PK; name the key attributes with --key, out of \(names)", at: 0)
    }
}
