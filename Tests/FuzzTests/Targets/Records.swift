import Items
import ReferenceItems

func readRecord(_ bytes: UnsafeRawBufferPointer) {
    var scanner = RecordScanner()
    let line = Array(bytes)
    if let complaint = scannerDifference(line, ReferenceRecord.parse(line), &scanner) { violated(complaint) }
    guard let record = try? scanner.scan(bytes), let range = record.image ?? record.keys else { return }
    // The canonical form is an item again, and its own canonical form.
    let canonical = Item(trusted: Array(bytes[range])).canonical()
    guard let again = try? Item(validating: canonical) else { violated("a canonical form that is no item") }
    require(again.canonical() == canonical, "a canonical form that is not its own")
    if let json = ReferenceJSON.parse(Array(bytes[range])), let tree = ReferenceRecord.attributes(json, level: 1) {
        require(Array(referenceCanonical(tree).utf8) == canonical, "another canonical form than the reference's")
    }
    // Added and taken away again, in any company, an item leaves the digest as it was.
    var digest = Digest()
    canonical.withUnsafeBytes { digest.add(canonical: $0) }
    let one = digest
    digest.combine(one)
    digest.subtract(one)
    require(digest == one && Digest(count: 1, hex: one.hex) == one, "a digest that does not add up")
    let stored = again.normalized()
    require(stored.canonical() == canonical, "a table would store another item")
}
