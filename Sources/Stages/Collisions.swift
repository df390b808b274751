package import ByteStreams
package import Items

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Finds keys that several items would have, in bounded memory: past the bound, keys spill to disk.
///
/// Remembered are only the keys that rules produce and those that stand in the range of what they produce.
package final class Collisions {
    /// How an item comes to its key.
    package enum Origin: UInt8, Sendable {
        /// A rule moves it there.
        case produced = 0
        /// It stands there already.
        case present = 1
    }

    /// What was found under one key.
    package struct Finding: Sendable, Equatable {
        package enum Kind: Sendable, Equatable {
            /// Two or more old keys become this one.
            case severalProduced
            /// An equal item is there already: it was migrated before.
            case takenByEqual
            /// A different item is there already.
            case takenByDifferent
        }
        package var kind: Kind
        package var key: String
        /// The key by its `sortableBytes`, for comparing.
        package var sortableKey: [UInt8]
        /// The old keys concerned, at most three.
        package var oldKeys: [String]
    }

    private let sorter: ExternalSorter
    private var produced = 0

    package init(temporaryDirectory: String, memoryLimit: Int = 16 << 20) {
        sorter = ExternalSorter(directory: temporaryDirectory, memoryLimit: memoryLimit)
    }

    /// Remembers an item's key. `content` stands for the item's value, such as its canonical form or a hash of it.
    package func add(
        _ origin: Origin, key: ItemKey, oldKey: ItemKey, content: UnsafeRawBufferPointer
    ) throws(RekeyError) {
        var keys = CollisionKeys()
        var old = ByteWriter()
        oldKey.appendSortable(to: &old)
        keys.add(origin, oldKey: old.bytes, content: content) { key.appendSortable(to: &$0) }
        try add(keys)
    }

    /// Remembers the keys of several items.
    func add(_ keys: borrowing CollisionKeys) throws(RekeyError) {
        produced += keys.produced
        try sorter.add(keys.records.bytes)
    }

    /// What stands behind one key in the sorter.
    private struct Entry {
        var oldKey: String
        var content: [UInt8]

        init(_ bytes: UnsafeRawBufferPointer) {
            let start = 5
            let end = start + Int(bytes.loadUnaligned(fromByteOffset: 1, as: UInt32.self))
            oldKey = Collisions.text(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
            content = Array(bytes[end...])
        }
    }

    /// A key for a person, by its sortable bytes.
    private static func text(_ sortable: UnsafeRawBufferPointer) -> String {
        ItemKey(sortable: Array(sortable))?.description ?? "unknown"
    }

    /// Calls `body` with each finding, by key.
    package func forEachFinding(_ body: (Finding) throws(RekeyError) -> Void) throws(RekeyError) {
        guard produced > 0 else { return }
        var current = ByteWriter(capacity: 256)
        // Of one key only what a finding needs is kept, however many items have it; entries are read when there is one.
        var first = ByteWriter(capacity: 256)
        var moved = 0
        var others: [Entry] = []
        var there: Entry?
        func close() throws(RekeyError) {
            guard moved > 0, moved > 1 || there != nil else { return }
            let entry = Entry(first.bytes)
            func finding(_ kind: Finding.Kind) -> Finding {
                Finding(
                    kind: kind, key: Self.text(current.bytes), sortableKey: current.array,
                    oldKeys: ([entry] + others).map(\.oldKey))
            }
            if moved > 1 {
                try body(finding(.severalProduced))
            } else if let there {
                try body(finding(there.content == entry.content ? .takenByEqual : .takenByDifferent))
            }
        }
        try sorter.forEach { key, value throws(RekeyError) in
            if !isSame(key, current.bytes) {
                try close()
                moved = 0
                others.removeAll()
                there = nil
                current.removeAll()
                current.append(key)
            }
            guard Origin(rawValue: value[0]) == .produced else {
                if there == nil { there = Entry(value) }
                return
            }
            moved += 1
            if moved == 1 {
                first.removeAll()
                first.append(value)
            } else if moved < 4 {
                others.append(Entry(value))
            }
        }
        try close()
    }
}

extension Collisions.Finding: CustomStringConvertible {
    /// One sentence.
    package var description: String {
        switch kind {
        case .severalProduced: "\(oldKeys.joined(separator: " and ")) would both become \(key)"
        case .takenByEqual: "\(oldKeys.joined()) stands under its new key \(key) already"
        case .takenByDifferent: "\(oldKeys.joined()) would become \(key), where a different item stands"
        }
    }
}

/// The keys of some items as a sorter takes them, for a `Collisions` to remember.
struct CollisionKeys: ~Copyable {
    /// How many of them a rule produced.
    private(set) var produced = 0
    private(set) var records = ByteWriter(capacity: 1 << 10)

    mutating func removeAll() {
        produced = 0
        records.removeAll()
    }

    /// Adds an item's key, as `Collisions.add`; `key` appends its sortable bytes, `oldKey` are those of the old one.
    mutating func add(
        _ origin: Collisions.Origin, oldKey: UnsafeRawBufferPointer,
        content: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0),
        key: (inout ByteWriter) -> Void
    ) {
        if origin == .produced { produced += 1 }
        records.appendSortRecord(key: key) { writer in
            writer.append(origin.rawValue)
            writer.appendInteger(UInt32(truncatingIfNeeded: oldKey.count))
            writer.append(oldKey)
            writer.append(content)
        }
    }
}

private func isSame(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    guard a.count == b.count else { return false }
    guard let first = a.baseAddress, let second = b.baseAddress else { return true }
    return memcmp(first, second, a.count) == 0
}
