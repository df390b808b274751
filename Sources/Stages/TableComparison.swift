import ByteStreams
import Items
import Tables

/// What a load would meet in its table: each key is read, with eventual consistency. Used by one task at a time.
final class TableComparison {
    private let table: any Table
    private var puts: [ItemKey: Item] = [:]
    private var deletions: Set<ItemKey> = []
    /// Puts over an item that is not equal.
    private var replacing = 0
    /// Puts over an equal one.
    private var equal = 0
    /// Puts where no item is.
    private var adding = 0
    /// Deletions of an item that is there.
    private var deleting = 0

    init(_ table: any Table) { self.table = table }

    /// Takes a record that a write would take.
    func note(_ record: Record, of line: UnsafeRawBufferPointer, _ view: ItemView) throws(ItemError) {
        let key = try view.key(table.schema)
        if let image = record.image {
            puts[key] = Item(trusted: Array(line[image]))
            deletions.remove(key)
        } else {
            puts[key] = nil
            deletions.insert(key)
        }
    }

    /// Looks up what was noted since the last time.
    func settle() async throws(RekeyError) {
        let keys = Array(puts.keys) + Array(deletions)
        for start in stride(from: 0, to: keys.count, by: table.limits.batchGet) {
            let asked = Array(keys[start..<min(start + table.limits.batchGet, keys.count)])
            let answer = try await table.batchGet(asked, consistent: false)
            guard answer.unprocessed.isEmpty else {
                throw RekeyError(.serviceGaveUp, "items could not be read; try again later", source: table.name)
            }
            for item in answer.items {
                guard let key = try? item.key(table.schema) else { continue }
                if let wanted = puts.removeValue(forKey: key) {
                    if wanted.isEqual(to: item) { equal += 1 } else { replacing += 1 }
                } else {
                    deleting += 1
                }
            }
        }
        adding += puts.count
        puts.removeAll(keepingCapacity: true)
        deletions.removeAll(keepingCapacity: true)
    }

    var facts: [(name: String, value: FactValue)] {
        [
            ("replacing", .integer(replacing)), ("equal", .integer(equal)), ("adding", .integer(adding)),
            ("deleting", .integer(deleting)),
        ]
    }
}
