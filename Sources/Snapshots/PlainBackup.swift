package import ByteStreams
package import Items

/// Reads the plain JSON that backup scripts for boto3 write: `{"plans":[{…},…]}`, or an object with any one array in it, or an
/// array. Values become typed: strings S, numbers N with their text kept, true and false BOOL, null NULL, arrays L, objects M.
///
/// The items come in the file's order. The file is held in memory, at most 1 GiB.
///
/// - Throws: `.badInput` where it is no such file, or a value is none of DynamoDB's, naming the item; as `openSource`.
package func readPlainBackup(_ path: String) throws(RekeyError) -> [Item] {
    try readPlainBackup(openSource(path))
}

/// The same of a source, expanded.
package func readPlainBackup(_ source: any ByteSource) throws(RekeyError) -> [Item] {
    let path = source.name
    let bytes = try readWhole(source, limit: 1 << 30)
    var reader = JSONReader(bytes, source: path)
    var items: [Item]?
    if reader.next == UInt8(ascii: "[") {
        items = try readPlainItems(&reader, path)
    } else {
        try reader.object { (reader, name) throws(RekeyError) in
            guard reader.next == UInt8(ascii: "[") else {
                _ = try reader.value()
                return
            }
            guard items == nil else {
                throw RekeyError(
                    .badInput,
                    "holds several arrays, the second named \(displayText(name)); leave only that of the items",
                    source: path, byte: reader.position)
            }
            items = try readPlainItems(&reader, path)
        }
    }
    try reader.end()
    guard let items else {
        throw RekeyError(.badInput, "holds no array of items; a plain backup looks like {\"plans\":[…]}", source: path)
    }
    return items
}

private func readPlainItems(_ reader: inout JSONReader, _ path: String) throws(RekeyError) -> [Item] {
    var items: [Item] = []
    try reader.array { (reader) throws(RekeyError) in
        _ = reader.next
        let start = reader.position
        func bad(_ reason: String) -> RekeyError {
            RekeyError(.badInput, "item \(items.count + 1): \(reason)", source: path, byte: start)
        }
        guard case .object(let members) = try reader.value() else { throw bad("is no object with attributes") }
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
