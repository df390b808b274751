extension CompactCanonicalizer {
    /// Appends the canonical form of a decimal without an exponent; others by `DecimalNumber`.
    @inline(never)
    mutating func number(_ base: UnsafePointer<UInt8>, count length: Int) {
        var first = 0
        var last = length
        var point = -1
        let isNegative = base[0] == UInt8(ascii: "-")
        if isNegative { first &+= 1 }
        for place in first..<last {
            let byte = base[place]
            if byte &- 0x30 <= 9 { continue }
            guard byte == UInt8(ascii: ".") else { return anyNumber(base, count: length) }
            point = place
        }
        if point >= 0 {
            while base[last &- 1] == UInt8(ascii: "0") { last &-= 1 }
            if last == point &+ 1 {
                last = point
                point = -1
            }
        }
        let integerEnd = point < 0 ? last : point
        while first < integerEnd, base[first] == UInt8(ascii: "0") { first &+= 1 }
        if first == last { return append(UInt8(ascii: "0")) }
        if isNegative { append(UInt8(ascii: "-")) }
        guard point >= 0 else {
            var significant = last
            while base[significant &- 1] == UInt8(ascii: "0") { significant &-= 1 }
            copy(UnsafeRawPointer(base + first), significant &- first)
            if significant < last {
                append(UInt8(ascii: "E"))
                exponent(last &- significant)
            }
            return
        }
        if first == point {
            // No integer part: zeros behind the point lead too, and the last digit is none.
            first &+= 1
            while base[first] == UInt8(ascii: "0") { first &+= 1 }
            copy(UnsafeRawPointer(base + first), last &- first)
        } else {
            copy(UnsafeRawPointer(base + first), point &- first)
            copy(UnsafeRawPointer(base + (point &+ 1)), last &- point &- 1)
        }
        append(UInt8(ascii: "E"))
        append(UInt8(ascii: "-"))
        exponent(last &- point &- 1)
    }

    private mutating func anyNumber(_ base: UnsafePointer<UInt8>, count length: Int) {
        var writer = ByteWriter(capacity: 64)
        guard let number = try? DecimalNumber(base, count: length) else { return }
        number.appendCanonical(of: base, to: &writer)
        (output + count).update(from: writer.base, count: writer.count)
        count &+= writer.count
    }

    /// Appends a number of at most three digits.
    private mutating func exponent(_ value: Int) {
        if value >= 100 { append(UInt8(truncatingIfNeeded: 0x30 + value / 100)) }
        if value >= 10 { append(UInt8(truncatingIfNeeded: 0x30 + value / 10 % 10)) }
        append(UInt8(truncatingIfNeeded: 0x30 + value % 10))
    }
}
