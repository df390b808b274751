/// The type of an attribute value: the one member name of its typed JSON object.
///
/// Source: Amazon DynamoDB API reference, AttributeValue.
package enum AttributeType: UInt8, Sendable, CaseIterable {
    case string
    case number
    case binary
    case boolean
    case null
    case map
    case list
    case stringSet
    case numberSet
    case binarySet

    /// The tag as it stands in typed JSON: `S`, `N`, …
    package var tag: String {
        switch self {
        case .string: "S"
        case .number: "N"
        case .binary: "B"
        case .boolean: "BOOL"
        case .null: "NULL"
        case .map: "M"
        case .list: "L"
        case .stringSet: "SS"
        case .numberSet: "NS"
        case .binarySet: "BS"
        }
    }

    /// The type whose tag is these bytes, or nil.
    @inline(__always)
    init?(tag p: UnsafePointer<UInt8>, count: Int) {
        switch count {
        case 1:
            switch p[0] {
            case UInt8(ascii: "S"): self = .string
            case UInt8(ascii: "N"): self = .number
            case UInt8(ascii: "M"): self = .map
            case UInt8(ascii: "L"): self = .list
            case UInt8(ascii: "B"): self = .binary
            default: return nil
            }
        case 2:
            guard p[1] == UInt8(ascii: "S") else { return nil }
            switch p[0] {
            case UInt8(ascii: "S"): self = .stringSet
            case UInt8(ascii: "N"): self = .numberSet
            case UInt8(ascii: "B"): self = .binarySet
            default: return nil
            }
        case 4:
            if p[0] == UInt8(ascii: "B"), p[1] == UInt8(ascii: "O"), p[2] == UInt8(ascii: "O"),
                p[3] == UInt8(ascii: "L")
            {
                self = .boolean
            } else if p[0] == UInt8(ascii: "N"), p[1] == UInt8(ascii: "U"), p[2] == UInt8(ascii: "L"),
                p[3] == UInt8(ascii: "L")
            {
                self = .null
            } else {
                return nil
            }
        default: return nil
        }
    }
}

/// Why a record is bad, and at which byte of its line.
package struct ItemError: Error, Sendable, Equatable {
    package var reason: String
    /// 0-based, from the start of the bytes that were scanned.
    package var offset: Int

    package init(_ reason: String, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }
}
