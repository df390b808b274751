/// Changes of some top-level attributes of a line, applied so that every other byte stays as it was.
///
/// Attributes are set to a string, added at the end of the item, or removed with one comma. The changes may be stated in any order and
/// mixed; of two values for one attribute the later stands, and an attribute that is removed and set is removed.
package struct Splice: ~Copyable {
    private struct Edit {
        var range: Range<Int>
        /// The replacement inside `text`.
        var text: Range<Int>
    }

    private struct Removal {
        var index: Int
        /// From the quote before the name to after the value.
        var member: Range<Int>
        /// Where the attribute before ends, or -1.
        var previousEnd: Int
        /// Where the attribute behind begins, or -1.
        var nextStart: Int
    }

    private var text = ByteWriter(capacity: 512)
    private var edits: [Edit] = []
    private var additions: [Edit] = []
    private var removals: [Removal] = []
    /// Attributes of the item before the changes, as far as an addition or a removal has told.
    private var hasAttributes = false

    package init() {}

    package var isEmpty: Bool { edits.isEmpty && additions.isEmpty && removals.isEmpty }

    package mutating func removeAll() {
        text.removeAll()
        edits.removeAll(keepingCapacity: true)
        additions.removeAll(keepingCapacity: true)
        removals.removeAll(keepingCapacity: true)
        hasAttributes = false
    }

    /// Makes an attribute the string `value` (its bytes without escapes). The tag of a string stays as written; a value of another type
    /// becomes `{"S":"…"}`.
    package mutating func setString(_ slot: AttributeSlot, to value: UnsafeRawBufferPointer) {
        let start = text.count
        let range: Range<Int32>
        if slot.type == .string {
            range = slot.content
            appendEscaped(value, to: &text)
        } else {
            range = slot.value
            text.append("{\"S\":\"" as StaticString)
            appendEscaped(value, to: &text)
            text.append("\"}" as StaticString)
        }
        let edit = Edit(range: Int(range.lowerBound)..<Int(range.upperBound), text: start..<text.count)
        if let earlier = edits.firstIndex(where: { $0.range == edit.range }) {
            edits[earlier] = edit
        } else {
            edits.append(edit)
        }
    }

    /// Adds a string attribute behind the last one of the item that ends at `itemEnd` (after its closing brace). The item must have no
    /// attribute of this name.
    package mutating func add(
        name: [UInt8], value: UnsafeRawBufferPointer, after last: AttributeSlot?, itemEnd: Int
    ) {
        let start = text.count
        text.append(UInt8(ascii: "\""))
        name.withUnsafeBytes { appendEscaped($0, to: &text) }
        text.append("\":{\"S\":\"" as StaticString)
        appendEscaped(value, to: &text)
        text.append("\"}" as StaticString)
        if last != nil { hasAttributes = true }
        let place = last.map { Int($0.value.upperBound) } ?? itemEnd - 1
        additions.append(Edit(range: place..<place, text: start..<text.count))
    }

    /// Removes the attribute at `index` with the comma before it, or after it when none stays before it.
    package mutating func remove(_ index: Int, of attributes: UnsafeBufferPointer<AttributeSlot>) {
        guard !removals.contains(where: { $0.index == index }) else { return }
        let slot = attributes[index]
        removals.append(
            Removal(
                index: index, member: Int(slot.name.lowerBound) - 1..<Int(slot.value.upperBound),
                previousEnd: index > 0 ? Int(attributes[index - 1].value.upperBound) : -1,
                nextStart: index + 1 < attributes.count ? Int(attributes[index + 1].name.lowerBound) - 1 : -1))
        hasAttributes = true
    }

    /// Appends `line[range]` with the changes made; they lie inside `range`.
    package mutating func apply(
        to line: UnsafeRawBufferPointer, range: Range<Int>, into writer: inout ByteWriter
    ) {
        let isEmptied = resolveRemovals()
        edits.sort { $0.range.lowerBound < $1.range.lowerBound }
        var position = range.lowerBound
        for edit in edits where edit.range.lowerBound >= position {
            writer.append(UnsafeRawBufferPointer(rebasing: line[position..<edit.range.lowerBound]))
            writer.append(UnsafeRawBufferPointer(rebasing: text.bytes[edit.text]))
            position = edit.range.upperBound
        }
        if let place = additions.first?.range.lowerBound {
            if place > position {
                writer.append(UnsafeRawBufferPointer(rebasing: line[position..<place]))
                position = place
            }
            var needsComma = hasAttributes && !isEmptied
            for addition in additions {
                if needsComma { writer.append(UInt8(ascii: ",")) }
                needsComma = true
                writer.append(UnsafeRawBufferPointer(rebasing: text.bytes[addition.text]))
            }
        }
        writer.append(UnsafeRawBufferPointer(rebasing: line[position..<range.upperBound]))
    }

    /// Turns each run of neighbours that are removed into one edit with the right commas; true when no attribute stays.
    private mutating func resolveRemovals() -> Bool {
        guard !removals.isEmpty else { return false }
        removals.sort { $0.index < $1.index }
        var isEmptied = false
        var first = 0
        while first < removals.count {
            var last = first
            while last + 1 < removals.count, removals[last + 1].index == removals[last].index + 1 { last += 1 }
            let lower: Int
            var upper = removals[last].member.upperBound
            if removals[first].previousEnd >= 0 {
                lower = removals[first].previousEnd
            } else {
                lower = removals[first].member.lowerBound
                if removals[last].nextStart >= 0 { upper = removals[last].nextStart } else { isEmptied = true }
            }
            edits.append(Edit(range: lower..<upper, text: 0..<0))
            first = last + 1
        }
        removals.removeAll(keepingCapacity: true)
        return isEmptied
    }
}
