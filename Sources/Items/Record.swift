/// What one line of the stream says. Ranges are offsets into the line that was scanned.
package struct Record: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// `{"Item":{…}}`, as in a full export.
        case item
        /// `{"Metadata":…,"Keys":{…},"OldImage":{…},"NewImage":{…}}`, as in an incremental export.
        case change
        /// `{"PutRequest":{"Item":{…}}}`, as in BatchWriteItem.
        case putRequest
        /// `{"DeleteRequest":{"Key":{…}}}`, as in BatchWriteItem.
        case deleteRequest
        /// A typed item with nothing around it.
        case bare
        /// `{"Rekey":{"Seal":{…}}}`, rekey's own last line.
        case seal
    }

    package var kind: Kind
    /// The typed item to put; nil for a deletion and a seal.
    package var image: Range<Int>?
    /// The key attributes that a deletion names, or that a change repeats.
    package var keys: Range<Int>?
    /// The item before the change, where an incremental export has it.
    package var oldImage: Range<Int>?
    package var seal: Seal?

    /// A change without a new image, or a DeleteRequest.
    package var isDeletion: Bool { image == nil && keys != nil }

    init(_ kind: Kind, image: Range<Int>? = nil, keys: Range<Int>? = nil) {
        self.kind = kind
        self.image = image
        self.keys = keys
    }
}

/// The last line of a sealed stream: how many items it had and their digest.
package struct Seal: Sendable, Equatable {
    package var count: Int
    /// 64 lower-case hexadecimal digits.
    package var digest: String

    package init(count: Int, digest: String) {
        self.count = count
        self.digest = digest
    }

    /// The line, with its newline.
    package var line: String { "{\"Rekey\":{\"Seal\":{\"count\":\(count),\"digest\":\"\(digest)\"}}}\n" }
}

/// One top-level attribute of the item scanned last. Offsets into the scanned bytes.
package struct AttributeSlot: Sendable {
    /// The name between its quotes, as written.
    package var name: Range<Int32>
    package var nameHasEscape: Bool
    package var type: AttributeType
    /// The typed object, from `{` to after `}`.
    package var value: Range<Int32>
    /// What stands behind the type tag; strings, numbers and binaries without their quotes.
    package var content: Range<Int32>
    package var contentHasEscape: Bool
}
