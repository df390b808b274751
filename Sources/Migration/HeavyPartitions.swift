import Items

/// The partition keys that take most of the units, in bounded memory (Misra and Gries, "Finding repeated elements", 1982, with
/// weights).
///
/// What is found for a key is at most its real sum and falls short of it by at most the total divided by `capacity`.
struct HeavyPartitions {
    private let capacity: Int
    private var units: [KeyValue: Int] = [:]

    init(capacity: Int = 1024) { self.capacity = capacity }

    mutating func add(_ partition: KeyValue, units weight: Int) {
        if let have = units[partition] {
            units[partition] = have + weight
            return
        }
        if units.count < capacity {
            units[partition] = weight
            return
        }
        let less = min(weight, units.values.min() ?? 0)
        units = units.compactMapValues { $0 > less ? $0 - less : nil }
        if weight > less { units[partition] = weight - less }
    }

    /// The heaviest key and the least that it takes.
    var heaviest: (partition: KeyValue, units: Int)? {
        units.max { ($0.value, $1.key.description) < ($1.value, $0.key.description) }.map { ($0.key, $0.value) }
    }
}
