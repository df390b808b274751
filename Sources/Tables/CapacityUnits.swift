/// DynamoDB's capacity units, from item sizes in bytes (`Item.size`).
package enum CapacityUnits {
    /// A page of a scan or query holds items of at most so many bytes.
    package static let pageBytes = 1 << 20
    /// The largest item, names and keys included.
    package static let maximumItemBytes = 409_600
    /// The largest `batchWrite` or `batchGet` request or answer.
    package static let maximumBatchBytes = 16 << 20
    /// The largest transaction, all items together.
    package static let maximumTransactionBytes = 4 << 20

    /// What it costs to put or delete an item of this size: a unit a started KiB, at least 1. In a transaction twice.
    package static func write(_ size: Int, transactional: Bool = false) -> Double {
        Double(max(1, (size + 1023) / 1024)) * (transactional ? 2 : 1)
    }

    /// What it costs to replace an item of one size by one of another; 0 for none.
    package static func replace(_ old: Int, by new: Int, transactional: Bool = false) -> Double {
        write(max(old, new), transactional: transactional)
    }

    /// What it costs to read so many bytes, a single item or a whole page: a unit a started 4 KiB, at least 1; half of
    /// it if eventually consistent.
    package static func read(_ size: Int, consistent: Bool) -> Double {
        Double(max(1, (size + 4095) / 4096)) * (consistent ? 1 : 0.5)
    }
}
