/// A seeded generator (SplitMix64, Steele and others 2014): the same seed draws the same numbers on every machine.
struct SampleRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return mixed(state)
    }

    /// A number from 0 up to, not including, `bound`.
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    /// One element of a collection that is not empty.
    mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }

    /// `count` bytes.
    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }

    /// `count` decimal digits, zeros in front included.
    mutating func digits(_ count: Int) -> String { text(count, from: Array("0123456789")) }

    /// `count` characters of an alphabet.
    mutating func text(_ count: Int, from alphabet: [Character]) -> String {
        String((0..<count).map { _ in pick(alphabet) })
    }

    /// The elements in a drawn order; written out because the library does not promise its own stays the same.
    mutating func shuffled<T>(_ elements: [T]) -> [T] {
        var result = elements
        var last = result.count - 1
        while last > 0 {
            result.swapAt(last, below(last + 1))
            last -= 1
        }
        return result
    }
}

/// SplitMix64's finishing step: spreads near values over all 64 bits.
func mixed(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
}

/// A hash of text that is the same in every process (FNV-1a, then mixed), unlike the library's.
func stableHash(_ text: String, seed: UInt64) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ mixed(seed)
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return mixed(hash)
}
