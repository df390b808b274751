#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Reads the records of the stream, one line at a time, over storage that is used again for each.
///
/// Not thread-safe: one per worker.
package struct RecordScanner: ~Copyable {
    private var scanner = ValueScanner()
    /// Whether the record scanned last went the quick way, so that its item's notes are there.
    private var isCompact = false

    package init() {}

    /// The top-level attributes of the item scanned last: a record's image, or the keys of a deletion. Valid until the next scan.
    package var attributes: UnsafeBufferPointer<AttributeSlot> {
        UnsafeBufferPointer(start: scanner.slots, count: scanner.slotCount)
    }

    /// DynamoDB's size of that item; nil where only `ItemView.storedSize` can tell.
    package var itemSize: Int? { isCompact ? scanner.notes.view.storedSize : scanner.itemSize }

    /// That item, in the line that was scanned. Valid until the next scan.
    @inline(__always)
    package func view(of line: UnsafeRawBufferPointer) -> ItemView {
        isCompact
            ? ItemView(line: line, attributes: attributes, notes: scanner.notes.view)
            : ItemView(line: line, attributes: attributes, size: scanner.itemSize)
    }

    /// Checks one line and says what it is. Ranges and slots are offsets into `line`.
    package mutating func scan(_ line: UnsafeRawBufferPointer) throws(ItemError) -> Record {
        guard line.count <= Int(Int32.max) else { throw ItemError("a record is longer than 2 GiB", at: 0) }
        if let record = scanCompact(line) {
            isCompact = true
            return record
        }
        isCompact = false
        scanner.begin(line)
        var record: Record
        do {
            record = try scanRecord()
        } catch {
            // `{"Item":{"M":…}}` may also be an item whose one attribute is called Item; only one reading is ever valid.
            scanner.begin(line)
            do { record = Record(.bare, image: try scanner.item(noting: true)) } catch let bareError {
                // The reading that came further is the one that was meant.
                throw bareError.offset > error.offset ? bareError : error
            }
            guard scanner.slotCount > 0 else { throw error }
        }
        scanner.cursor.skipWhitespace()
        guard scanner.cursor.position == line.count else { throw scanner.cursor.unexpected("the end of the line") }
        return record
    }

    /// Reads a line as AWS and rekey write it; nil where the line has to be read with care.
    @inline(__always)
    private mutating func scanCompact(_ line: UnsafeRawBufferPointer) -> Record? {
        let wrapper: (Record.Kind, start: Int, braces: Int)
        // `{"Item":`, `{"PutReq` and `uest":{"Item":`.
        guard line.count > 24 else { return nil }
        func eight(_ position: Int) -> UInt64 {
            line.loadUnaligned(fromByteOffset: position, as: UInt64.self).littleEndian
        }
        switch eight(0) {
        case 0x3A22_6D65_7449_227B: wrapper = (.item, 8, 1)
        case 0x7165_5274_7550_227B
        where eight(8) == 0x227B_3A22_7473_6575 && eight(14) == 0x3A22_6D65_7449_227B:
            wrapper = (.putRequest, 22, 2)
        default: return nil
        }
        guard line[wrapper.start] == UInt8(ascii: "{") else { return nil }
        let end = scanner.compactItem(line, at: wrapper.start)
        guard end > 0, end &+ wrapper.braces == line.count else { return nil }
        for place in end..<line.count where line[place] != UInt8(ascii: "}") { return nil }
        return Record(wrapper.0, image: Range(uncheckedBounds: (wrapper.start, end)))
    }

    /// Checks a typed item with nothing around it.
    package mutating func scanItem(_ bytes: UnsafeRawBufferPointer, at start: Int = 0) throws(ItemError) -> Range<Int> {
        isCompact = false
        scanner.begin(bytes, at: start)
        return try scanner.item(noting: true)
    }

    private mutating func scanRecord() throws(ItemError) -> Record {
        scanner.cursor.skipWhitespace()
        let start = scanner.cursor.position
        guard start < scanner.cursor.end else {
            throw ItemError("the line is empty; it must hold one record", at: start)
        }
        try scanner.cursor.expect(UInt8(ascii: "{"), "a record such as {\"Item\":{}}")
        if scanner.cursor.take(UInt8(ascii: "}")) { throw ItemError("the record is empty", at: start) }
        let name = try scanner.cursor.string("an attribute name")
        if isNamed(name, "Item") { return try wrapped(.item, inner: nil) }
        if isNamed(name, "PutRequest") { return try wrapped(.putRequest, inner: "Item") }
        if isNamed(name, "DeleteRequest") { return try wrapped(.deleteRequest, inner: "Key") }
        if isNamed(name, "Rekey") { return try seal() }
        if isNamed(name, "Metadata") || isNamed(name, "Keys") || isNamed(name, "NewImage") || isNamed(name, "OldImage")
        {
            return try change(first: name)
        }
        scanner.begin(UnsafeRawBufferPointer(start: scanner.cursor.base, count: scanner.cursor.end))
        return Record(.bare, image: try scanner.item(noting: true))
    }

    @inline(__always)
    private func isNamed(_ token: StringToken, _ name: StaticString) -> Bool {
        if token.hasEscape { return isNamedEscaped(token, name) }
        return token.count == name.utf8CodeUnitCount
            && memcmp(scanner.cursor.base + token.start, name.utf8Start, token.count) == 0
    }

    private func isNamedEscaped(_ token: StringToken, _ name: StaticString) -> Bool {
        var plain = ByteWriter()
        appendUnescaped(
            UnsafeRawBufferPointer(start: scanner.cursor.base + token.start, count: token.count), to: &plain)
        return plain.count == name.utf8CodeUnitCount && memcmp(plain.base, name.utf8Start, plain.count) == 0
    }

    /// Steps over the brace that ends a record's wrapper, which has one member.
    private mutating func close(_ what: StaticString) throws(ItemError) {
        scanner.cursor.skipWhitespace()
        if scanner.cursor.current == UInt8(ascii: ",") {
            throw ItemError("\(what) has a second member; it must have exactly one", at: scanner.cursor.position)
        }
        try scanner.cursor.expect(UInt8(ascii: "}"), "'}'")
    }

    private mutating func wrapped(_ kind: Record.Kind, inner: StaticString?) throws(ItemError) -> Record {
        try scanner.cursor.expect(UInt8(ascii: ":"), "':'")
        if let inner {
            try scanner.cursor.expect(UInt8(ascii: "{"), "'{'")
            let name = try scanner.cursor.string(inner)
            guard isNamed(name, inner) else {
                throw ItemError("a request has another member than \(inner)", at: name.start)
            }
            try scanner.cursor.expect(UInt8(ascii: ":"), "':'")
        }
        let item = try scanner.item(noting: true)
        if inner != nil { try close("a request") }
        try close("a record")
        return kind == .deleteRequest ? Record(kind, keys: item) : Record(kind, image: item)
    }

    /// A line of an incremental export. The members come in AWS's order or any other.
    private mutating func change(first: StringToken) throws(ItemError) -> Record {
        var record = Record(.change)
        var name = first
        var hasMetadata = false
        while true {
            try scanner.cursor.expect(UInt8(ascii: ":"), "':'")
            if isNamed(name, "Metadata"), !hasMetadata {
                hasMetadata = true
                try scanner.anyJSON()
            } else if isNamed(name, "Keys"), record.keys == nil {
                record.keys = try scanner.item(noting: record.image == nil)
            } else if isNamed(name, "OldImage"), record.oldImage == nil {
                record.oldImage = try scanner.item(noting: false)
            } else if isNamed(name, "NewImage"), record.image == nil {
                record.image = try scanner.item(noting: true)
            } else {
                throw ItemError(
                    "a change record has an unknown or repeated member; it may have Metadata, Keys, OldImage and NewImage",
                    at: name.start)
            }
            guard scanner.cursor.take(UInt8(ascii: ",")) else { break }
            name = try scanner.cursor.string("a member name")
        }
        try scanner.cursor.expect(UInt8(ascii: "}"), "',' or '}'")
        guard record.keys != nil else {
            throw ItemError("a change record ends without its Keys", at: scanner.cursor.position - 1)
        }
        return record
    }

    private mutating func seal() throws(ItemError) -> Record {
        try scanner.cursor.expect(UInt8(ascii: ":"), "':'")
        try scanner.cursor.expect(UInt8(ascii: "{"), "'{'")
        let name = try scanner.cursor.string("\"Seal\"")
        guard isNamed(name, "Seal") else { throw ItemError("a Rekey record holds no Seal", at: name.start) }
        try scanner.cursor.expect(UInt8(ascii: ":"), "':'")
        scanner.cursor.skipWhitespace()
        let start = scanner.cursor.position
        try scanner.cursor.expect(UInt8(ascii: "{"), "'{'")
        var count: Int?
        var digest: String?
        repeat {
            let member = try scanner.cursor.string("a member of the seal")
            try scanner.cursor.expect(UInt8(ascii: ":"), "':'")
            scanner.cursor.skipWhitespace()
            if isNamed(member, "count"), count == nil {
                count = try integer()
            } else if isNamed(member, "digest"), digest == nil {
                digest = try digestText()
            } else {
                throw ItemError("a seal has an unknown or repeated member", at: member.start)
            }
        } while scanner.cursor.take(UInt8(ascii: ","))
        for _ in 0..<3 { try scanner.cursor.expect(UInt8(ascii: "}"), "'}'") }
        guard let count, let digest else { throw ItemError("a seal needs a count and a digest", at: start) }
        var record = Record(.seal)
        record.seal = Seal(count: count, digest: digest)
        return record
    }

    private mutating func digestText() throws(ItemError) -> String {
        let text = try scanner.cursor.string("the digest")
        let bytes = UnsafeRawBufferPointer(start: scanner.cursor.base + text.start, count: text.count)
        guard bytes.count == 64,
            bytes.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else { throw ItemError("a seal's digest must be 64 lower-case hexadecimal digits", at: text.start) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A count: a JSON integer of at most 18 digits, so that it fits.
    private mutating func integer() throws(ItemError) -> Int {
        let start = scanner.cursor.position
        var value = 0
        while scanner.cursor.current &- 0x30 <= 9, scanner.cursor.position - start < 18 {
            value = value * 10 + Int(scanner.cursor.current - 0x30)
            scanner.cursor.position += 1
        }
        let length = scanner.cursor.position - start
        guard length > 0 else { throw scanner.cursor.unexpected("a count") }
        guard length == 1 || scanner.cursor.base[start] != 0x30, scanner.cursor.current &- 0x30 > 9 else {
            throw ItemError("a seal's count must be an integer of at most 18 digits without leading zeros", at: start)
        }
        return value
    }
}
