package import ByteStreams
package import Items

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
        if origin == .produced { produced += 1 }
        var value = ByteWriter(capacity: 256)
        value.append(origin.rawValue)
        let texts = [Array(key.description.utf8), Array(oldKey.description.utf8)]
        for text in texts {
            value.append(UInt8(truncatingIfNeeded: text.count >> 16))
            value.append(UInt8(truncatingIfNeeded: text.count >> 8))
            value.append(UInt8(truncatingIfNeeded: text.count))
            value.append(text)
        }
        value.append(content)
        try key.sortableBytes.withRawBytes { key throws(RekeyError) in
            try sorter.add(key: key, value: value.bytes)
        }
    }

    private struct Entry {
        var origin: Origin
        var key: String
        var oldKey: String
        var content: [UInt8]

        init(_ bytes: UnsafeRawBufferPointer) {
            origin = Origin(rawValue: bytes[0]) ?? .present
            var position = 1
            func text() -> String {
                let count = Int(bytes[position]) << 16 | Int(bytes[position + 1]) << 8 | Int(bytes[position + 2])
                defer { position += 3 + count }
                return String(decoding: bytes[position + 3..<position + 3 + count], as: UTF8.self)
            }
            key = text()
            oldKey = text()
            content = Array(bytes[position...])
        }
    }

    /// Calls `body` with each finding, by key.
    package func forEachFinding(_ body: (Finding) throws(RekeyError) -> Void) throws(RekeyError) {
        guard produced > 0 else { return }
        var current: [UInt8] = []
        // Of one key only what a finding needs is kept, however many items have it.
        var moved: [Entry] = []
        var there: Entry?
        func close() throws(RekeyError) {
            guard let first = moved.first else { return }
            func finding(_ kind: Finding.Kind) -> Finding {
                Finding(kind: kind, key: first.key, sortableKey: current, oldKeys: moved.map(\.oldKey))
            }
            if moved.count > 1 {
                try body(finding(.severalProduced))
            } else if let there {
                try body(finding(there.content == first.content ? .takenByEqual : .takenByDifferent))
            }
        }
        try sorter.forEach { key, value throws(RekeyError) in
            if !key.elementsEqual(current) {
                try close()
                moved.removeAll()
                there = nil
                current = Array(key)
            }
            switch Origin(rawValue: value[0]) {
            case .produced: if moved.count < 3 { moved.append(Entry(value)) }
            default: if there == nil { there = Entry(value) }
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
