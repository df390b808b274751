import ByteStreams
import Items
import Tables

@testable import AWS

/// The first byte chooses a reader; the rest is a body or a head.
func readAnswers(_ bytes: [UInt8]) {
    guard let first = bytes.first else { return }
    let body = Array(bytes.dropFirst())
    switch first % 5 {
    case 0: body.withUnsafeBytes { walk($0) }
    case 1: readJSON(body)
    case 2: readXML(body)
    case 3:
        let error = ServiceError(HTTPResponse(status: 400, headers: [], body: body))
        require(!error.description.utf8.contains(0x0A) && error.message.utf8.count <= 8000, "a message of many lines")
    default: readHead(body)
    }
}

/// Reads an answer as a page of a scan, asking for each value by its first byte as the readers of operations do.
private func walk(_ bytes: UnsafeRawBufferPointer) {
    var items: [Item] = []
    func page(_ reader: inout AnswerReader) throws(ItemError) {
        try reader.members { (reader, name) throws(ItemError) in
            switch name.first {
            case UInt8(ascii: "I"):
                try reader.elements { (reader) throws(ItemError) in items.append(try reader.item()) }
            case UInt8(ascii: "L"):
                _ = try reader.key(KeySchema(partition: KeyAttribute(name: "PK", type: .string)))
            case UInt8(ascii: "S"): _ = Int(try reader.number())
            case UInt8(ascii: "C"): _ = try DynamoDBTable.units(&reader)
            case UInt8(ascii: "T"): _ = try reader.text()
            default: try reader.skip()
            }
        }
        try reader.end()
    }
    var reader = AnswerReader(bytes)
    do throws(ItemError) { try page(&reader) } catch {
        require(error.offset >= 0 && error.offset <= bytes.count, "a place outside of the answer")
    }
    for item in items {
        let canonical = item.canonical()
        require((try? Item(validating: canonical).canonical()) == canonical, "an item that is none")
    }
}

private func readJSON(_ body: [UInt8]) {
    guard let tree = try? JSONReader.parse(body, source: "the answer") else { return }
    require((try? JSONReader.parse(tree.compact, source: "written")) == tree, "other JSON than was written")
    require((try? JSONReader.parse(tree.pretty, source: "written")) == tree, "other JSON than was written")
    _ = try? DescriptionReader(tree, source: "t").description(name: "t", region: "us-east-1")
    _ = DescriptionReader.recovery(tree)
}

private func readXML(_ body: [UInt8]) {
    func depth(_ element: XMLElement) -> Int { 1 + (element.children.map(depth).max() ?? 0) }
    do {
        require(depth(try XMLElement.parse(body, source: "the answer")) <= 65, "XML that is too deep")
    } catch {
        require(error.code == .serviceGaveUp, "a refusal of another kind: \(error)")
    }
}

private func readHead(_ body: [UInt8]) {
    for header in HTTPResponse.headers(of: body) {
        require(!header.value.utf8.contains(0x0A), "a header of two lines")
        _ = HTTPDate.seconds(header.value)
        _ = InternetDate.seconds(header.value)
    }
}
