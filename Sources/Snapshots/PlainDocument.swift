package import ByteStreams

/// Whether a file is one document of plain JSON and not lines of records: it begins with an array, or with an object whose first
/// member is neither a record's wrapper nor a typed value.
///
/// Only so much is read as tells, however much white space stands before it. What is no JSON is left to the reader of lines, which
/// says where it is wrong.
package func isPlainDocument(_ source: any ByteSource) throws(RekeyError) -> Bool {
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    defer { block.deallocate() }
    var beginning = DocumentBeginning()
    while true {
        let count = try source.read(into: block)
        if count == 0 { return false }
        for byte in block[..<count] {
            if let verdict = beginning.take(byte) { return verdict }
        }
    }
}

/// The first bytes of a file, one after the other.
private struct DocumentBeginning {
    /// What comes next, white space aside.
    private enum Place {
        case value
        case outerName
        case inOuterName
        case colon
        case firstValue
        case innerName
        case inInnerName
    }

    private static let wrappers: Set<String> = [
        "Item", "Metadata", "Keys", "OldImage", "NewImage", "PutRequest", "DeleteRequest", "Rekey",
    ]
    private static let typeTags: Set<String> = ["S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"]
    /// No wrapper and no tag is longer.
    private static let longestName = 16

    private var place = Place.value
    private var isEscaped = false
    private var name: [UInt8] = []
    private var isWrapper = false

    /// Whether the file is a document; nil while that is open.
    mutating func take(_ byte: UInt8) -> Bool? {
        if place == .inOuterName || place == .inInnerName { return takeInName(byte) }
        if byte == 0x20 || (0x09...0x0D).contains(byte) { return nil }
        switch (place, byte) {
        case (.value, UInt8(ascii: "[")): return true
        case (.value, UInt8(ascii: "{")): place = .outerName
        case (.outerName, UInt8(ascii: "\"")): place = .inOuterName
        case (.colon, UInt8(ascii: ":")): place = .firstValue
        case (.firstValue, UInt8(ascii: "{")): place = .innerName
        case (.firstValue, _): return true
        case (.innerName, UInt8(ascii: "\"")): place = .inInnerName
        case (.innerName, UInt8(ascii: "}")): return !isWrapper
        default: return false
        }
        return nil
    }

    private mutating func takeInName(_ byte: UInt8) -> Bool? {
        guard byte == UInt8(ascii: "\""), !isEscaped else {
            isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
            if name.count <= Self.longestName { name.append(byte) }
            return nil
        }
        let text = String(decoding: name, as: UTF8.self)
        name.removeAll()
        if place == .inInnerName { return !isWrapper && !Self.typeTags.contains(text) }
        isWrapper = Self.wrappers.contains(text)
        place = .colon
        return nil
    }
}
