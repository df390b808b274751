package import Items

/// What the scanner sees otherwise than the reference, or nil.
package func scannerDifference(
    _ bytes: [UInt8], _ expected: ReferenceRecord?, _ scanner: inout RecordScanner
) -> String? {
    // A copy of the exact size on the heap: reading past it is found by the address sanitizer.
    let exact = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer { exact.deallocate() }
    exact.copyBytes(from: bytes)
    let line = UnsafeRawBufferPointer(exact)
    let record: Record
    do { record = try scanner.scan(line) } catch {
        if expected != nil { return "refused a valid record (\(error.reason), byte \(error.offset))" }
        return error.offset >= 0 && error.offset <= bytes.count ? nil : "an offset outside the line"
    }
    guard let expected else { return "accepted a bad record" }
    var attributes: [ReferenceAttribute]?
    var range: Range<Int>?
    switch (expected, record.kind) {
    case (.item(let tree), .item), (.putRequest(let tree), .putRequest), (.bare(let tree), .bare):
        (attributes, range) = (tree, record.image)
        if record.keys != nil || record.isDeletion { return "an item has keys" }
    case (.deleteRequest(let tree), .deleteRequest):
        (attributes, range) = (tree, record.keys)
        if !record.isDeletion { return "a DeleteRequest is no deletion" }
    case (.change(let keys, let image), .change):
        if record.isDeletion != (image == nil) { return "a change is a deletion or not" }
        guard let place = record.keys, same(line, place, keys) else { return "the keys differ" }
        (attributes, range) = (image ?? keys, record.image ?? record.keys)
    case (.seal(let count, let digest), .seal):
        return record.seal == Seal(count: count, digest: digest) ? nil : "the seal differs"
    default: return "the kind is \(record.kind)"
    }
    guard let attributes, let range, same(line, range, attributes) else { return "the item differs" }
    return slots(ItemView(line: line, attributes: scanner.attributes), attributes)
}

private func same(_ line: UnsafeRawBufferPointer, _ range: Range<Int>, _ tree: [ReferenceAttribute]) -> Bool {
    guard let json = ReferenceJSON.parse(Array(line[range])),
        let parsed = ReferenceRecord.attributes(json, level: 1)
    else { return false }
    return referenceCanonical(parsed) == referenceCanonical(tree)
}

private func slots(_ view: ItemView, _ tree: [ReferenceAttribute]) -> String? {
    guard view.attributes.count == tree.count else { return "\(view.attributes.count) attributes" }
    for (slot, expected) in zip(view.attributes, tree) {
        guard slot.type.tag == expected.value.tag, view.find(expected.name)?.value == slot.value else {
            return "attribute \(expected.name) is not found"
        }
        let text = view.withText(slot) { Array($0) }
        switch expected.value {
        case .string(let wanted), .binary(let wanted): if text != wanted { return "the text of a slot" }
        case .number(let wanted): if text != Array(wanted.utf8) { return "the number of a slot" }
        case .boolean(let flag): if text != Array("\(flag)".utf8) { return "the boolean of a slot" }
        case .null: if text != Array("true".utf8) { return "the null of a slot" }
        default: if text.first.map({ "[{".utf8.contains($0) }) != true { return "the content of a slot" }
        }
    }
    return nil
}
