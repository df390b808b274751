import CScan

/// One value of an item, as noted in one pass over it. Positions are offsets into the text.
struct ItemNote {
    private let note: rekey_note

    @inline(__always)
    init(_ note: rekey_note) { self.note = note }

    /// The quote before the name; of a member of a list its brace.
    @inline(__always) var start: Int { Int(note.start) }
    /// The name between its quotes; without meaning for members of lists.
    @inline(__always) var nameStart: Int { Int(note.start) &+ 1 }
    @inline(__always) var nameEnd: Int { Int(note.name_end) }
    /// What stands behind the type: strings, numbers and binaries without their quotes.
    @inline(__always) var content: Int { Int(note.content) }
    @inline(__always) var contentEnd: Int { Int(note.content_end) }
    /// Behind the value's brace.
    @inline(__always) var end: Int { Int(note.end) }
    /// The number of the first note that is not part of this value.
    @inline(__always) var next: Int { Int(note.next) }
    @inline(__always) var type: AttributeType { AttributeType(rawValue: note.type).unsafelyUnwrapped }
    /// The text has escapes.
    @inline(__always) var hasEscape: Bool { has(rekey_has_escape) }
    /// It has some that the canonical form spells in another way.
    @inline(__always) var isRespelled: Bool { has(rekey_respelled) }
    /// A number that is its own canonical form: an integer without zeros at its ends.
    @inline(__always) var isCanonical: Bool { has(rekey_canonical) }
    /// Numbers of unusual form, binaries and sets, which are still to be checked.
    @inline(__always) var isUnchecked: Bool { has(rekey_unchecked) }

    /// The attribute as a slot; it is one of the item's own.
    @inline(__always)
    var slot: AttributeSlot {
        AttributeSlot(
            name: Range(uncheckedBounds: (note.start &+ 1, note.name_end)), nameHasEscape: false, type: type,
            value: Range(uncheckedBounds: (note.name_end &+ 2, note.end)),
            content: Range(uncheckedBounds: (note.content, note.content_end)),
            contentHasEscape: hasEscape && note.type <= AttributeType.binary.rawValue)
    }

    @inline(__always)
    private func has(_ flag: rekey_note_flag) -> Bool { note.flags & UInt8(flag.rawValue) != 0 }
}

/// A marked text and the notes of an item in it; a view, which belongs to an `ItemNotes`.
struct NotedText {
    let base: UnsafePointer<UInt8>
    let end: Int
    let count: Int
    /// `end / 64 + 1` words; the bit behind the last byte is set, so that a search always ends.
    private let marks: UnsafePointer<UInt64>
    private let notes: UnsafePointer<rekey_note>
    /// DynamoDB's size of the item, but for what numbers, binaries and their sets hold.
    private let size: Int

    @inline(__always)
    fileprivate init(_ item: rekey_item) {
        base = item.base
        end = item.end
        count = Int(item.count)
        marks = item.marks
        notes = UnsafePointer(item.notes)
        size = item.size
    }

    @inline(__always)
    subscript(_ index: Int) -> ItemNote { ItemNote(notes[index]) }

    /// The first quote, backslash, control character or byte above 0x7F from `start` on, or `end`.
    @inline(__always)
    func nextSpecial(_ start: Int) -> Int { rekey_next_special(marks, start) }

    /// DynamoDB's size of the item; nil where numbers or binaries of sets have escapes. The item must have been checked.
    var storedSize: Int? {
        var size = size
        for index in 0..<count {
            let note = self[index]
            let length = note.contentEnd &- note.content
            switch note.type {
            case .number where note.isCanonical:
                // Nothing but digits, and a sign.
                let sign = base[note.content] == UInt8(ascii: "-") ? 1 : 0
                size &+= 1 &+ (length &- sign &+ 1) / 2 &+ sign
            case .number: size &+= numberSize(base + note.content, count: length)
            case .binary: size &+= base64Size(base + note.content, count: length)
            case .numberSet:
                if note.hasEscape { return nil }
                forEachMember(of: note) { size += numberSize(base + $0, count: $1) }
            case .binarySet:
                if note.hasEscape { return nil }
                forEachMember(of: note) { size += base64Size(base + $0, count: $1) }
            default: break
            }
        }
        return size
    }

    private func numberSize(_ text: UnsafePointer<UInt8>, count: Int) -> Int {
        (try? DecimalNumber(text, count: count).storedSize) ?? 0
    }

    /// Calls `body` with each member of a set without escapes, given without its quotes.
    @inline(__always)
    func forEachMember(of set: ItemNote, _ body: (_ start: Int, _ count: Int) -> Void) {
        var position = set.content + 1
        while position < set.contentEnd {
            // Text above 0x7F is special too.
            var end = nextSpecial(position + 1)
            while base[end] != UInt8(ascii: "\"") { end = nextSpecial(end + 1) }
            body(position + 1, end - position - 1)
            position = end + 2
        }
    }
}

/// One item in the compact form that AWS and rekey write, marked and noted in one pass; see item.h. The storage is used again.
///
/// The notes point into the text they were made of, which must stay where it is as long as they are used.
struct ItemNotes: ~Copyable {
    private var item = rekey_item()
    private var capacity = 0
    private var marks: UnsafeMutablePointer<UInt64>?

    /// Longer texts go the careful way, so that notes stay small: DynamoDB's items end at 400 KB.
    static let maximumText = 1 << 20

    init() {}

    deinit {
        item.notes?.deallocate()
        marks?.deallocate()
    }

    /// Notes the item whose brace is at `start` of a text; where it ends, or -1 where it has to be read with care.
    ///
    /// It accepts only valid items, provided that those notes are valid that are unchecked.
    mutating func scan(_ text: UnsafeRawBufferPointer, at start: Int) -> Int {
        guard text.count <= Self.maximumText, start < text.count, let base = text.baseAddress else { return -1 }
        if text.count > capacity { grow(text.count) }
        item.base = base.assumingMemoryBound(to: UInt8.self)
        item.end = text.count
        rekey_mark_special_bytes(item.base, text.count, marks)
        return rekey_scan_item(&item, start)
    }

    var view: NotedText { NotedText(item) }

    var hasUnchecked: Bool { item.unchecked > 0 }

    private mutating func grow(_ needed: Int) {
        item.notes?.deallocate()
        marks?.deallocate()
        capacity = max(needed, capacity * 2, 1024)
        // A value takes nine bytes at least.
        item.notes = .allocate(capacity: capacity / 8 + 2)
        let words = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity / 64 + 1)
        marks = words
        item.marks = UnsafePointer(words)
    }
}
