package import ByteStreams
import Items

/// Writes a full export or a snapshot as plain JSON, `{"plans":[{…},…]}`: one member named by the noun, one item a line, which
/// scripts for boto3 read (with `parse_float=Decimal`) and hand to `put_item`.
///
/// Numbers keep their text where it is JSON; one that JSON cannot write so (`+5`, `.5`, `007`) stands as DynamoDB stores it.
/// Binaries and sets have no plain form.
///
/// - Parameters:
///   - noun: what an item is, in the singular, such as `plan`.
///   - isLossy: whether binaries become base64 strings and sets arrays, instead of being refused.
///   - sink: finished by the caller.
/// - Returns: how many items were written.
/// - Throws: `.badInput` for a value without a plain form, naming item and attribute, and for an incremental export or a bad line; also where the
///   manifests count other items than there are.
package func exportBoto3(
    _ export: Export, noun: String, isLossy: Bool = false, to sink: any ByteSink
) throws(RekeyError) -> Int {
    guard !export.summary.isIncremental else {
        throw RekeyError(
            .badInput, "is an incremental export: changes have no plain form; export the table in full",
            source: export.location.directory)
    }
    try export.requireCounts()
    let converter = PlainConverter(schema: export.metadata?.keySchema ?? .standard, isLossy: isLossy)
    var count = 0
    var text = ByteWriter()
    text.append(UInt8(ascii: "{"))
    JSONTree.appendQuoted(Array(PlainBackupForm.arrayName(noun: noun).utf8), to: &text)
    text.append(":[" as StaticString)
    try sink.write(text.bytes)
    for index in export.dataFiles.indices {
        let source = try export.openDataFile(index)
        let before = count
        try LineReader(source).forEachLine { (line, number, offset, isOversized) throws(RekeyError) in
            let plain: [UInt8]
            do throws(ItemError) {
                guard !isOversized else { throw ItemError("the line is longer than 16 MiB", at: 0) }
                plain = try converter.plain(line)
            } catch {
                throw RekeyError(
                    .badInput, error.reason, source: source.name, line: number, byte: offset + error.offset)
            }
            try sink.write(count == 0 ? [0x0A] : [0x2C, 0x0A])
            try sink.write(plain)
            count += 1
        }
        let expected = export.dataFiles[index].itemCount
        guard count - before == expected else {
            throw RekeyError(
                .badInput,
                "the manifest says \(expected) items for this file, it holds \(count - before); fetch both again",
                source: source.name)
        }
    }
    try sink.write(utf8: "\n]}\n")
    return count
}

/// Turns the lines of a full export into plain JSON.
private final class PlainConverter {
    private let schema: KeySchema
    private let isLossy: Bool
    private var scanner = RecordScanner()

    init(schema: KeySchema, isLossy: Bool) {
        self.schema = schema
        self.isLossy = isLossy
    }

    func plain(_ line: UnsafeRawBufferPointer) throws(ItemError) -> [UInt8] {
        let record = try scanner.scan(line)
        guard record.kind == .item, let image = record.image else {
            throw ItemError("the line is no {\"Item\":…}", at: 0)
        }
        let item = Array(line[image])
        let tree: JSONTree
        do throws(RekeyError) { tree = try JSONReader.parse(item, source: "") } catch {
            throw ItemError(error.message, at: image.lowerBound)
        }
        do throws(NoPlainForm) { return try plainMap(tree, path: "").compact } catch {
            let key = (try? Item(trusted: item).key(schema)).map(\.description) ?? "of this line"
            throw ItemError(
                "the item \(key) has \(error.what) in its attribute \(error.path), which has no plain form; "
                    + "write it with loss (--lossy), or keep the snapshot", at: image.lowerBound)
        }
    }

    private struct NoPlainForm: Error {
        var what: String
        var path: String
    }

    private func plainMap(_ tree: JSONTree, path: String) throws(NoPlainForm) -> JSONTree {
        guard case .object(let members) = tree else { return .null }
        var plain: [JSONTree.Member] = []
        for member in members {
            let name = displayText(member.name)
            let value = try plainValue(member.value, path: path.isEmpty ? name : "\(path).\(name)")
            plain.append(JSONTree.Member(name: member.name, value: value))
        }
        return .object(plain)
    }

    /// The value inside a typed one that the scanner accepted.
    private func plainValue(_ typed: JSONTree, path: String) throws(NoPlainForm) -> JSONTree {
        guard case .object(let members) = typed, let member = members.first else { return .null }
        switch String(decoding: member.name, as: UTF8.self) {
        case "N":
            guard case .string(let text) = member.value else { return .null }
            return .number(jsonNumber(text))
        case "NULL": return .null
        case "M": return try plainMap(member.value, path: path)
        case "L":
            var elements: [JSONTree] = []
            for (index, element) in (member.value.elements ?? []).enumerated() {
                elements.append(try plainValue(element, path: "\(path)[\(index)]"))
            }
            return .array(elements)
        case "B":
            guard isLossy else { throw NoPlainForm(what: "a binary", path: path) }
            return member.value
        case "SS", "BS":
            guard isLossy else { throw NoPlainForm(what: "a set", path: path) }
            return member.value
        case "NS":
            guard isLossy else { throw NoPlainForm(what: "a set", path: path) }
            return .array(
                (member.value.elements ?? []).map { element in
                    guard case .string(let text) = element else { return .null }
                    return .number(jsonNumber(text))
                })
        default: return member.value
        }
    }

    /// The text itself where JSON's grammar has it, else the form in which DynamoDB stores the number.
    private func jsonNumber(_ text: [UInt8]) -> [UInt8] {
        if case .number(let same)? = try? JSONReader.parse(text, source: "") { return same }
        let item = Item(trusted: Array("{\"n\":{\"N\":\"".utf8) + text + Array("\"}}".utf8))
        return item.normalized().attribute("n")?.text ?? text
    }
}
