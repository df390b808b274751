package import ByteStreams
package import Items

/// What a plain backup looks like: which array in it holds the items, and what makes one of them an item.
package struct PlainBackupForm: Sendable {
    /// The names that the array may have.
    package var arrayNames: [String]
    /// Names of the table's key attributes, partition key first; empty where they are not known and nothing is held to them.
    package var keyNames: [String]
    /// How a user names another array, for messages, such as `--noun`.
    package var nounSource: String

    /// `plans`, which the script in the migration guide writes, `items`, which `exportBoto3` writes of items without a noun, and the
    /// array of a noun.
    package init(noun: String? = nil, keyNames: [String] = [], nounSource: String = "--noun") {
        arrayNames = ["plans", "items"]
        if let name = noun.map(Self.arrayName), !arrayNames.contains(name) { arrayNames.append(name) }
        self.keyNames = keyNames
        self.nounSource = nounSource
    }

    /// The array of some items: `plans` for `plan`.
    static func arrayName(noun: String) -> String { noun.hasSuffix("s") ? noun : noun + "s" }

    /// What is taken, as a sentence says it.
    fileprivate var taken: String {
        let objects = arrayNames.map { "{\"\($0)\":[…]}" }.joined(separator: " or ")
        return
            "a plain backup is \(objects), beside the array no other and no key attribute, or the array alone (\(nounSource) names another array)"
    }
}

/// Reads the plain JSON that backup scripts for boto3 write: `{"plans":[{…},…]}` with notes beside it, such as the time, or an array
/// alone. Values become typed: strings S, numbers N with their text kept, true and false BOOL, null NULL, arrays L, objects M.
///
/// Other JSON is refused, not searched for something to take. The items come in the file's order. The file is held in memory, at most
/// 1 GiB.
///
/// - Throws: `.badInput` where it is no such file, or a value is none of DynamoDB's, naming the item; as `openSource`.
package func readPlainBackup(
    _ path: String, form: PlainBackupForm = PlainBackupForm()
) throws(RekeyError) -> [Item] {
    try readPlainBackup(openSource(path), form: form)
}

/// The same of a source, expanded.
package func readPlainBackup(
    _ source: any ByteSource, form: PlainBackupForm = PlainBackupForm()
) throws(RekeyError) -> [Item] {
    let path = source.name
    let bytes = try readWhole(source, limit: 1 << 30)
    var reader = JSONReader(bytes, source: path)
    let items: [Item]
    switch reader.next {
    case UInt8(ascii: "["): items = try readPlainItems(&reader, path, form)
    case UInt8(ascii: "{"): items = try readPlainObject(&reader, path, form)
    default: throw RekeyError(.badInput, "is no JSON object and no array; \(form.taken)", source: path)
    }
    let end = reader.position
    guard reader.next == 0, reader.position == bytes.count else {
        throw RekeyError(
            .badInput,
            "more stands behind its first JSON value, which is no typed item either; \(form.taken); lines of plain JSON go through rekey convert --plain",
            source: path, byte: end)
    }
    return items
}

private func readPlainObject(
    _ reader: inout JSONReader, _ path: String, _ form: PlainBackupForm
) throws(RekeyError) -> [Item] {
    var items: [Item]?
    var others: [String] = []
    var arrays: [String] = []
    try reader.object { (reader, name) throws(RekeyError) in
        let start = reader.position
        let name = String(decoding: name, as: UTF8.self)
        if form.keyNames.contains(name) {
            let isTyped = reader.next == UInt8(ascii: "{")
            throw RekeyError(
                .badInput,
                isTyped
                    ? "is a JSON object whose key attribute \(displayText(name.utf8)) holds no typed value such as {\"S\":\"text\"}, and no plain one; mend the item, a line of its own"
                    : "is a JSON object with the key attribute \(displayText(name.utf8)), so an item itself; \(form.taken); lines of plain items go through rekey convert --plain",
                source: path, byte: start)
        }
        guard reader.next == UInt8(ascii: "[") else {
            others.append(name)
            _ = try reader.value()
            return
        }
        arrays.append(name)
        if items == nil, form.arrayNames.contains(name) {
            items = try readPlainItems(&reader, path, form)
        } else {
            _ = try reader.value()
        }
    }
    guard let items, arrays.count == 1 else {
        func list(_ names: [String], _ one: String, _ several: String) -> String {
            let shown = names.prefix(5).map { displayText($0.utf8) }.joined(separator: ", ")
            return "\(names.count == 1 ? one : several) \(shown)\(names.count > 5 ? ", …" : "")"
        }
        let seen =
            !arrays.isEmpty
            ? list(arrays, "the array", "the arrays")
            : others.isEmpty ? "nothing in it" : "no array in it but " + list(others, "the member", "the members")
        throw RekeyError(.badInput, "is a JSON object with \(seen); \(form.taken)", source: path)
    }
    return items
}

private func readPlainItems(
    _ reader: inout JSONReader, _ path: String, _ form: PlainBackupForm
) throws(RekeyError) -> [Item] {
    var items: [Item] = []
    try reader.array { (reader) throws(RekeyError) in
        _ = reader.next
        let start = reader.position
        func bad(_ reason: String) -> RekeyError {
            RekeyError(.badInput, "item \(items.count + 1): \(reason)", source: path, byte: start)
        }
        guard case .object(let members) = try reader.value() else { throw bad("is no object with attributes") }
        for name in form.keyNames {
            guard let key = members.first(where: { $0.name.elementsEqual(name.utf8) }) else {
                throw bad("the item has no key attribute \(name)")
            }
            if case .object = key.value {
                throw bad(
                    "its key attribute \(name) holds an object, as in typed JSON, where a plain item has a text or a number; typed items are read as lines, one item a line: jq -c '.[]' makes them of an array"
                )
            }
        }
        let json = JSONTree.object(members.map(typedMember)).compact
        do throws(ItemError) { items.append(try Item(validating: json)) } catch { throw bad(error.reason) }
    }
    return items
}

private func typedMember(_ member: JSONTree.Member) -> JSONTree.Member {
    JSONTree.Member(name: member.name, value: typedValue(member.value))
}

private func typedValue(_ value: JSONTree) -> JSONTree {
    switch value {
    case .string: .members(["S": value])
    case .number(let text): .members(["N": .string(text)])
    case .boolean: .members(["BOOL": value])
    case .null: .members(["NULL": .boolean(true)])
    case .array(let elements): .members(["L": .array(elements.map(typedValue))])
    case .object(let members): .members(["M": .object(members.map(typedMember))])
    }
}
