/// A DynamoDB number taken apart without loss: sign, up to 38 significant digits and a decimal exponent.
///
/// Grammar: optional sign, digits with at most one point, optional exponent. Range: 0, or a magnitude from 1E-130 to
/// 9.9999999999999999999999999999999999999E+125. Source: DynamoDB developer guide, Naming rules and data types, Number.
struct DecimalNumber {
    var isNegative = false
    /// Significant digits, as offsets into the text that was parsed; may contain one point. Empty for zero.
    var firstDigit = 0
    var lastDigit = -1
    /// How many significant digits, without the point.
    var digitCount = 0
    /// The value is `0.d1d2d3… × 10^magnitude` for non-zero numbers.
    var magnitude = 0

    static let maximumDigits = 38

    var isZero: Bool { digitCount == 0 }

    /// The exponent of the integer significand without trailing zeros.
    var exponent: Int { magnitude - digitCount }

    /// Why the text is no DynamoDB number.
    enum Problem: Error {
        case notANumber
        case tooManyDigits
        case overflow
        case underflow

        var reason: String {
            switch self {
            case .notANumber: "a number (N) must be a decimal such as 12, -1.5 or 2E+3"
            case .tooManyDigits: "a number has more than the 38 significant digits that DynamoDB keeps"
            case .overflow:
                "a number is beyond DynamoDB's largest magnitude, 9.9999999999999999999999999999999999999E+125"
            case .underflow: "a number is below DynamoDB's smallest magnitude, 1E-130"
            }
        }
    }

    init(_ p: UnsafePointer<UInt8>, count: Int) throws(Problem) {
        var i = 0
        if i < count, p[i] == UInt8(ascii: "-") || p[i] == UInt8(ascii: "+") {
            isNegative = p[i] == UInt8(ascii: "-")
            i += 1
        }
        var integerDigits = 0
        var fractionDigits = 0
        var point = -1
        var first = -1
        var last = -1
        while i < count {
            let byte = p[i]
            if byte &- 0x30 <= 9 {
                if point < 0 { integerDigits &+= 1 } else { fractionDigits &+= 1 }
                if byte != 0x30 {
                    if first < 0 { first = i }
                    last = i
                }
            } else if byte == UInt8(ascii: "."), point < 0 {
                point = i
            } else {
                break
            }
            i &+= 1
        }
        guard integerDigits + fractionDigits > 0 else { throw .notANumber }
        let mantissaEnd = i
        var exponent = 0
        if i < count {
            guard p[i] | 0x20 == UInt8(ascii: "e") else { throw .notANumber }
            i += 1
            var isNegativeExponent = false
            if i < count, p[i] == UInt8(ascii: "-") || p[i] == UInt8(ascii: "+") {
                isNegativeExponent = p[i] == UInt8(ascii: "-")
                i += 1
            }
            guard i < count else { throw .notANumber }
            while i < count {
                guard p[i] &- 0x30 <= 9 else { throw .notANumber }
                // The bound keeps the sum from overflowing; no text is long enough for its digits to make up for it.
                if exponent < 1_000_000_000_000 { exponent = exponent * 10 + Int(p[i] - 0x30) }
                i += 1
            }
            if isNegativeExponent { exponent = -exponent }
        }
        if first < 0 {
            // DynamoDB checks the range of a zero's exponent too: 0e126 is refused.
            let scale = exponent - fractionDigits
            if exponent > 125 { throw .overflow }
            if scale < -130 { throw .underflow }
            isNegative = false
            return
        }
        firstDigit = first
        lastDigit = last
        let pointPlace = point < 0 ? mantissaEnd : point
        digitCount = last - first + 1 - (point > first && point < last ? 1 : 0)
        // Digits before the point count up, zeros after it count down.
        let power = first < pointPlace ? pointPlace - first : pointPlace - first + 1
        magnitude = power + exponent
        guard digitCount <= Self.maximumDigits else { throw .tooManyDigits }
        guard magnitude <= 126 else { throw .overflow }
        guard magnitude >= -129 else { throw .underflow }
    }

    /// Appends the significant digits.
    @inline(__always)
    func appendDigits(of p: UnsafePointer<UInt8>, to writer: inout ByteWriter) {
        guard digitCount > 0 else { return }
        for i in firstDigit...lastDigit where p[i] != UInt8(ascii: ".") { writer.append(p[i]) }
    }

    /// Appends the digest's form: integer significand without trailing zeros, then `E` and the exponent when it is not 0.
    func appendCanonical(of p: UnsafePointer<UInt8>, to writer: inout ByteWriter) {
        if isZero { return writer.append(UInt8(ascii: "0")) }
        if isNegative { writer.append(UInt8(ascii: "-")) }
        appendDigits(of: p, to: &writer)
        if exponent != 0 {
            writer.append(UInt8(ascii: "E"))
            appendExponent(to: &writer)
        }
    }

    /// Appends the exponent's decimal text; it has at most three digits.
    private func appendExponent(to writer: inout ByteWriter) {
        if exponent < 0 { writer.append(UInt8(ascii: "-")) }
        let value = exponent.magnitude
        if value >= 100 { writer.append(UInt8(truncatingIfNeeded: 0x30 + value / 100)) }
        if value >= 10 { writer.append(UInt8(truncatingIfNeeded: 0x30 + value / 10 % 10)) }
        writer.append(UInt8(truncatingIfNeeded: 0x30 + value % 10))
    }

    /// Appends the form DynamoDB stores and returns: plain decimal, no exponent, no superfluous zeros.
    func appendPlain(of p: UnsafePointer<UInt8>, to writer: inout ByteWriter) {
        if isZero { return writer.append(UInt8(ascii: "0")) }
        if isNegative { writer.append(UInt8(ascii: "-")) }
        if magnitude <= 0 {
            writer.append(UInt8(ascii: "0"))
            writer.append(UInt8(ascii: "."))
            for _ in 0..<(-magnitude) { writer.append(UInt8(ascii: "0")) }
            appendDigits(of: p, to: &writer)
        } else {
            var written = 0
            for i in firstDigit...lastDigit where p[i] != UInt8(ascii: ".") {
                if written == magnitude { writer.append(UInt8(ascii: ".")) }
                writer.append(p[i])
                written += 1
            }
            while written < magnitude {
                writer.append(UInt8(ascii: "0"))
                written += 1
            }
        }
    }

    /// Appends bytes whose order under memcmp is the order of the values; self-delimiting.
    func appendSortable(of p: UnsafePointer<UInt8>, to writer: inout ByteWriter) {
        if isZero { return writer.append(0x02) }
        writer.append(isNegative ? 0x01 : 0x03)
        let flip: UInt8 = isNegative ? 0xFF : 0x00
        writer.append(UInt8(magnitude + 129) ^ flip)
        for i in firstDigit...lastDigit where p[i] != UInt8(ascii: ".") { writer.append((p[i] - 0x2F) ^ flip) }
        writer.append(flip)
    }

    /// Storage bytes of the number; measured rule in DynamoDB: one byte, and one for each pair of significant digits on either side
    /// of the point, and one for the sign.
    var storedSize: Int {
        if isZero { return 1 }
        let integer = max(0, min(magnitude, digitCount))
        // Zeros between the last significant digit and the point do not count; with a fraction, integer zeros do.
        let integerDigits = magnitude > 0 ? integer : 0
        let fractionDigits = digitCount - integerDigits
        return 1 + (integerDigits + 1) / 2 + (fractionDigits + 1) / 2 + (isNegative ? 1 : 0)
    }
}
