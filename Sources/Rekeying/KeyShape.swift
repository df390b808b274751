package import Items

/// The shape of a key: what all its keys have in common, and what varies.
package struct KeyShape: Sendable, Equatable {
    /// A run of bytes that varies, by what its values look like.
    package enum Variable: String, Sendable, Hashable, CaseIterable {
        case int
        case uuid
        case ulid
        case time
        case date
        case hex
        case text
        /// A key value of type number or binary, as a whole.
        case number
        case binary
    }

    package enum Part: Sendable, Hashable {
        case literal([UInt8])
        case variable(Variable)
    }

    package var partition: [Part]
    /// nil in a table without a sort key.
    package var sort: [Part]?
    /// How many keys have the shape.
    package var count = 0
    /// The first of them by key.
    package var example: ItemKey
    /// String attributes that have one and the same value in all items of the shape, by name.
    package var constants: [(name: String, value: String)] = []
    /// The names of the items' attributes, the first by their bytes.
    package var attributes: [String] = []

    package static func == (a: KeyShape, b: KeyShape) -> Bool {
        a.partition == b.partition && a.sort == b.sort && a.count == b.count && a.example == b.example
            && a.attributes == b.attributes && a.constants.map(\.name) == b.constants.map(\.name)
            && a.constants.map(\.value) == b.constants.map(\.value)
    }

    /// `PLAN#{int}`.
    package var partitionText: String { Self.text(partition) }
    package var sortText: String? { sort.map(Self.text) }

    /// `PLAN#{int} / META`.
    package var text: String { sortText.map { "\(partitionText) / \($0)" } ?? partitionText }

    private static func text(_ parts: [Part]) -> String {
        parts.map { part in
            switch part {
            case .literal(let bytes): displayText(bytes)
            case .variable(let kind): "{\(kind.rawValue)}"
            }
        }.joined()
    }
}

/// The bytes between which keys are usually put together of parts.
private let separators = Set("#/:|".utf8)

/// One step of a key value: separators and words stand still, unless there are too many words.
enum KeyToken: Hashable {
    case separator(UInt8)
    case word([UInt8])
    case variable(KeyShape.Variable)
    /// Between partition key and sort key.
    case boundary

    /// Cuts a key value into tokens.
    static func tokens(of value: KeyValue) -> [KeyToken] {
        let bytes: [UInt8]
        switch value {
        case .string(let text): bytes = text
        case .number: return [.variable(.number)]
        case .binary: return [.variable(.binary)]
        }
        var tokens: [KeyToken] = []
        var rest = bytes[...]
        while let byte = rest.first {
            if separators.contains(byte) {
                tokens.append(.separator(byte))
                rest.removeFirst()
                continue
            }
            // A time holds colons, so it is looked for before the end of the word.
            let long = rest.prefix { $0 != UInt8(ascii: "#") && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "|") }
            if isTime(long) {
                tokens.append(.variable(.time))
                rest = rest.dropFirst(long.count)
                continue
            }
            let word = rest.prefix { !separators.contains($0) }
            tokens += classify(word)
            rest = rest.dropFirst(word.count)
        }
        return tokens
    }

    private static func classify(_ word: ArraySlice<UInt8>) -> [KeyToken] {
        if word.allSatisfy(isDigit) { return [.variable(.int)] }
        if matches(word, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh") { return [.variable(.uuid)] }
        if matches(word, "dddd-dd-dd") { return [.variable(.date)] }
        let hasDigit = word.contains(where: isDigit)
        let isCrockford = word.allSatisfy { byte in
            isDigit(byte) || (isUpper(byte) && !"ILOU".utf8.contains(byte))
        }
        if word.count == 26, hasDigit, isCrockford { return [.variable(.ulid)] }
        if word.count >= 16, hasDigit, word.allSatisfy(isHex) { return [.variable(.hex)] }
        // PLAN-12 and v3: letters that stay and a number.
        let digits = word.reversed().prefix(while: isDigit).count
        let stem = word.dropLast(digits)
        let isStem = stem.allSatisfy { byte in
            isUpper(byte) || (0x61...0x7A).contains(byte) || "-_.".utf8.contains(byte)
        }
        if digits > 0, isStem { return [.word(Array(stem)), .variable(.int)] }
        return [.word(Array(word))]
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    private static func isUpper(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) }
    private static func isHex(_ byte: UInt8) -> Bool {
        isDigit(byte) || (0x61...0x66).contains(byte) || (0x41...0x46).contains(byte)
    }

    /// `d` stands for a digit, `h` for a hexadecimal digit, all else for itself.
    private static func matches(_ word: ArraySlice<UInt8>, _ pattern: StaticString) -> Bool {
        guard word.count == pattern.utf8CodeUnitCount else { return false }
        return zip(word, UnsafeBufferPointer(start: pattern.utf8Start, count: pattern.utf8CodeUnitCount)).allSatisfy {
            switch $1 {
            case UInt8(ascii: "d"): isDigit($0)
            case UInt8(ascii: "h"): isHex($0)
            default: $0 == $1
            }
        }
    }

    /// `2026-11-24T09:00:00Z`, with or without seconds, fractions and an offset.
    private static func isTime(_ word: ArraySlice<UInt8>) -> Bool {
        guard word.count >= 16, matches(word.prefix(10), "dddd-dd-dd") else { return false }
        let rest = word.dropFirst(10)
        guard let mark = rest.first, mark == UInt8(ascii: "T") || mark == UInt8(ascii: " ") else { return false }
        guard matches(rest.dropFirst().prefix(5), "dd:dd") else { return false }
        return rest.dropFirst(6).allSatisfy { isDigit($0) || ":.+-Z".utf8.contains($0) }
    }
}
