/// Changes of some top-level attributes of a line, applied so that every other byte stays as it was.
///
/// Attributes are set to a string, added at the end of the item, or removed with one comma.
package struct Splice: ~Copyable {
    private struct Edit {
        var range: Range<Int>
        /// The replacement inside `text`.
        var text: Range<Int>
    }

    private var text = ByteWriter(capacity: 512)
    private var edits: [Edit] = []

    package init() {}

    package var isEmpty: Bool { edits.isEmpty }

    package mutating func removeAll() {
        text.removeAll()
        edits.removeAll(keepingCapacity: true)
    }

    /// Replaces the string between the quotes of an attribute's value.
    package mutating func setString(_ slot: AttributeSlot, to value: UnsafeRawBufferPointer) {
        let start = text.count
        appendEscaped(value, to: &text)
        edits.append(
            Edit(range: Int(slot.content.lowerBound)..<Int(slot.content.upperBound), text: start..<text.count))
    }

    /// Adds a string attribute behind the last one of the item that ends at `itemEnd` (after its closing brace).
    package mutating func add(
        name: [UInt8], value: UnsafeRawBufferPointer, after last: AttributeSlot?, itemEnd: Int
    ) {
        let start = text.count
        if last != nil { text.append(UInt8(ascii: ",")) }
        text.append(UInt8(ascii: "\""))
        name.withUnsafeBytes { appendEscaped($0, to: &text) }
        text.append("\":{\"S\":\"" as StaticString)
        appendEscaped(value, to: &text)
        text.append("\"}" as StaticString)
        let place = last.map { Int($0.value.upperBound) } ?? itemEnd - 1
        edits.append(Edit(range: place..<place, text: start..<text.count))
    }

    /// Removes the attribute at `index` with the comma before it, or after it for the first of several.
    package mutating func remove(_ index: Int, of attributes: UnsafeBufferPointer<AttributeSlot>) {
        let slot = attributes[index]
        let range: Range<Int>
        if index > 0 {
            range = Int(attributes[index - 1].value.upperBound)..<Int(slot.value.upperBound)
        } else if attributes.count > 1 {
            range = Int(slot.name.lowerBound) - 1..<Int(attributes[1].name.lowerBound) - 1
        } else {
            range = Int(slot.name.lowerBound) - 1..<Int(slot.value.upperBound)
        }
        edits.append(Edit(range: range, text: 0..<0))
    }

    /// Appends `line[range]` with the edits made; edits lie inside `range`.
    package mutating func apply(
        to line: UnsafeRawBufferPointer, range: Range<Int>, into writer: inout ByteWriter
    ) {
        // Equal places keep the order in which they were added.
        edits.sort { $0.range.lowerBound < $1.range.lowerBound }
        var position = range.lowerBound
        for edit in edits {
            let start = max(edit.range.lowerBound, position)
            writer.append(UnsafeRawBufferPointer(rebasing: line[position..<start]))
            writer.append(UnsafeRawBufferPointer(rebasing: text.bytes[edit.text]))
            position = max(edit.range.upperBound, start)
        }
        writer.append(UnsafeRawBufferPointer(rebasing: line[position..<range.upperBound]))
    }
}
