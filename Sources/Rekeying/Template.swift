package import Items

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A template ready to match and to render: a literal, then captures, each with the literal that follows it.
///
/// A capture ends at the first occurrence of the literal behind it, looked for from the capture's second byte on; the
/// last capture takes the rest. There is no backtracking, so a match takes one pass and has one outcome.
package struct Template: Sendable, Equatable {
    /// One capture and the literal behind it.
    struct Segment: Sendable, Equatable {
        /// Index into the rule's `captureNames`.
        var capture: Int
        /// The bytes the capture may hold.
        var allowed: ByteSet
        /// Where the following literal lies in `literals`; empty only in the last segment.
        var literal: Range<Int>
    }

    /// The leading literal and then each segment's, end to end.
    let literals: [UInt8]
    let prefixCount: Int
    let segments: [Segment]
    /// Length of the shortest text that matches.
    package let minimumCount: Int

    init(_ syntax: TemplateSyntax, capture: (String) -> (index: Int, allowed: ByteSet)) {
        var literals: [UInt8] = []
        var prefixCount = 0
        var segments: [Segment] = []
        for part in syntax.parts {
            switch part {
            case .literal(let bytes):
                literals += bytes
                if segments.isEmpty {
                    prefixCount = bytes.count
                } else {
                    segments[segments.count - 1].literal = (literals.count - bytes.count)..<literals.count
                }
            case .capture(let name, _):
                let (index, allowed) = capture(name)
                segments.append(
                    Segment(capture: index, allowed: allowed, literal: literals.count..<literals.count))
            }
        }
        self.literals = literals
        self.prefixCount = prefixCount
        self.segments = segments
        minimumCount = literals.count + segments.count
    }

    /// What every match begins with; the whole template if `isLiteral`.
    package var literalPrefix: [UInt8] { Array(literals[..<prefixCount]) }

    /// Whether there is no capture, so that the template stands for one text only.
    package var isLiteral: Bool { segments.isEmpty }

    /// Matches all of `bytes`. Captures that hold a value already must find the same bytes again.
    ///
    /// After false the table may hold some of the captures.
    package func match(_ bytes: UnsafeRawBufferPointer, into captures: inout CaptureTable) -> Bool {
        guard bytes.count >= minimumCount, let base = bytes.baseAddress else {
            return bytes.isEmpty && minimumCount == 0
        }
        return literals.withUnsafeBytes { literals in
            if prefixCount > 0, memcmp(base, literals.baseAddress!, prefixCount) != 0 { return false }
            var position = prefixCount
            for index in 0..<segments.count {
                let segment = segments[index]
                let end: Int
                if segment.literal.isEmpty {
                    end = bytes.count
                } else {
                    let literal = UnsafeRawBufferPointer(rebasing: literals[segment.literal])
                    guard let found = firstOccurrence(of: literal, in: bytes, from: position + 1) else { return false }
                    end = found
                }
                guard end > position else { return false }
                let value = UnsafeRawBufferPointer(rebasing: bytes[position..<end])
                guard segment.allowed.containsAll(value), captures.bind(segment.capture, to: value) else {
                    return false
                }
                position = end + segment.literal.count
            }
            return position == bytes.count
        }
    }

    /// Appends the text to `output`. Every capture of the template must hold a value.
    package func render(_ captures: borrowing CaptureTable, into output: inout [UInt8]) {
        output.append(contentsOf: literals[..<prefixCount])
        for segment in segments {
            output.append(contentsOf: captures[segment.capture]!)
            output.append(contentsOf: literals[segment.literal])
        }
    }

    /// As the other `render`.
    package func render(_ captures: borrowing CaptureTable, into output: inout ByteWriter) {
        literals.withUnsafeBytes { literals in
            output.append(UnsafeRawBufferPointer(rebasing: literals[..<prefixCount]))
            for index in 0..<segments.count {
                output.append(captures[segments[index].capture]!)
                output.append(UnsafeRawBufferPointer(rebasing: literals[segments[index].literal]))
            }
        }
    }

    /// As it was written, with the classes or without them.
    func syntax(names: [String], withClasses: Bool) -> TemplateSyntax {
        var parts: [TemplateSyntax.Part] = prefixCount > 0 ? [.literal(literalPrefix)] : []
        for segment in segments {
            let allowed = withClasses && !segment.allowed.isAny ? segment.allowed : nil
            parts.append(.capture(name: names[segment.capture], allowed: allowed))
            if !segment.literal.isEmpty { parts.append(.literal(Array(literals[segment.literal]))) }
        }
        return TemplateSyntax(parts: parts)
    }

    /// The captures, in order, with what this template demands of each.
    var places: [CapturePlace] {
        segments.map { segment in
            CapturePlace(capture: segment.capture, allowed: segment.allowed, literal: Array(literals[segment.literal]))
        }
    }
}

/// The index of the first `literal` in `bytes` that begins at `start` or later. `literal` is not empty.
func firstOccurrence(of literal: UnsafeRawBufferPointer, in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
    guard let base = bytes.baseAddress else { return nil }
    let first = Int32(literal[0])
    var position = start
    while position + literal.count <= bytes.count {
        guard let hit = memchr(base + position, first, bytes.count - literal.count - position + 1) else { return nil }
        position = base.distance(to: UnsafeRawPointer(hit))
        if memcmp(base + position, literal.baseAddress!, literal.count) == 0 { return position }
        position += 1
    }
    return nil
}

/// What one place in a template demands of the capture that stands there.
struct CapturePlace: Sendable, Equatable {
    let capture: Int
    let allowed: ByteSet
    /// What follows; empty if the capture takes the rest.
    let literal: [UInt8]
    /// `overlaps[s]`: a value that ends in the first `s` bytes of the literal would end there, too early.
    let overlaps: [Bool]

    init(capture: Int, allowed: ByteSet, literal: [UInt8]) {
        self.capture = capture
        self.allowed = allowed
        self.literal = literal
        var overlaps = Array(repeating: false, count: literal.count)
        let fallback = borders(of: literal)
        var border = fallback[literal.count]
        while border > 0 {
            overlaps[literal.count - border] = true
            border = fallback[border]
        }
        self.overlaps = overlaps
    }

    /// Whether a text rendered with `value` here is read back as `value`: not empty, within the class, and the literal
    /// that follows not found earlier.
    func readsBack(_ value: UnsafeRawBufferPointer) -> Bool {
        guard !value.isEmpty, allowed.containsAll(value) else { return false }
        guard !literal.isEmpty else { return true }
        return literal.withUnsafeBytes { literal in
            if firstOccurrence(of: literal, in: value, from: 1) != nil { return false }
            var shift = 1
            while shift < literal.count, shift < value.count {
                if overlaps[shift],
                    memcmp(value.baseAddress! + (value.count - shift), literal.baseAddress!, shift) == 0
                {
                    return false
                }
                shift += 1
            }
            return true
        }
    }
}

/// For each length of a start of `literal`, how long the longest shorter start is that it ends in (Knuth, Morris, Pratt).
func borders(of literal: [UInt8]) -> [Int] {
    var borders = literal.isEmpty ? [0] : [0, 0]
    for length in literal.indices.dropFirst() {
        var border = borders[length]
        while border > 0, literal[border] != literal[length] { border = borders[border] }
        borders.append(literal[border] == literal[length] ? border + 1 : 0)
    }
    return borders
}
