import Items

/// The digest of a stream while it passes: items by their canonical form, deletions as `-` and the canonical form of their keys.
struct StreamDigest: ~Copyable {
    private(set) var digest = Digest()
    private var canonicalizer = Canonicalizer()
    private var deletion = ByteWriter(capacity: 256)

    init() {}

    /// Adds a record that was scanned from `line`.
    mutating func add(_ record: Record, in line: UnsafeRawBufferPointer) {
        if let image = record.image {
            digest.add(canonical: canonicalizer.canonical(UnsafeRawBufferPointer(rebasing: line[image])))
        } else if let keys = record.keys {
            let canonical = canonicalizer.canonical(UnsafeRawBufferPointer(rebasing: line[keys]))
            deletion.removeAll()
            deletion.append(UInt8(ascii: "-"))
            deletion.append(canonical)
            digest.add(canonical: deletion.bytes)
        }
    }

    /// Adds a record whose image `view` is.
    mutating func add(_ record: Record, in line: UnsafeRawBufferPointer, _ view: ItemView) {
        guard let image = record.image, record.kind != .change else { return add(record, in: line) }
        digest.add(canonical: canonicalizer.canonical(image, of: view))
    }

    /// Adds an item by its typed JSON.
    mutating func add(item: UnsafeRawBufferPointer) { digest.add(canonical: canonicalizer.canonical(item)) }

    /// The digest so far; the next one begins from nothing.
    mutating func take() -> Digest {
        defer { digest = Digest() }
        return digest
    }

    /// Adds the digest of other items.
    mutating func combine(_ other: Digest) { digest.combine(other) }

    var seal: Seal { Seal(count: digest.count, digest: digest.hex) }
}
