import Items
import ReferenceItems
import TestSupport
import Testing

@Suite("Splicing attributes")
struct SpliceTests {
    /// Scans `line`, lets `change` state its changes, and gives the line with them.
    private func spliced(
        _ line: [UInt8], _ change: (inout Splice, ItemView, Range<Int>) -> Void
    ) throws -> [UInt8] {
        var scanner = RecordScanner()
        var writer = ByteWriter()
        try line.withUnsafeBytes { bytes in
            let record = try scanner.scan(bytes)
            let range = try #require(record.image ?? record.keys)
            var splice = Splice()
            change(&splice, ItemView(line: bytes, attributes: scanner.attributes), range)
            splice.apply(to: bytes, range: range, into: &writer)
        }
        return writer.array
    }

    private func json(_ item: [UInt8]) -> [ReferenceAttribute]? {
        ReferenceJSON.parse(item).flatMap { ReferenceRecord.attributes($0, level: 1) }
    }

    @Test("Any mix of sets, additions and removals does what the tree does, and other bytes stay")
    func agreesWithTree() throws {
        let seed = testSeed("splice")
        var generator = RecordGenerator(seed: seed)
        for number in 0..<4_000 {
            let item = generator.attributes(generator.below(6))
            generator.noise = generator.pick([0, 30])
            var line = Array("{\"Item\":".utf8)
            generator.write(item, &line)
            line.append(UInt8(ascii: "}"))
            var expected: [ReferenceAttribute] = []
            let out = try spliced(line) { splice, view, range in
                var added: [ReferenceAttribute] = []
                for (index, attribute) in item.enumerated() {
                    switch generator.below(3) {
                    case 0: splice.remove(index, of: view.attributes)
                    case 1:
                        let text = generator.text()
                        text.withUnsafeBytes { splice.setString(view.attributes[index], to: $0) }
                        expected.append(ReferenceAttribute(name: attribute.name, value: .string(text)))
                    default: expected.append(attribute)
                    }
                }
                for extra in 0..<generator.below(3) {
                    let new = ReferenceAttribute(name: Array("new\"\(extra)".utf8), value: .string(generator.text()))
                    added.append(new)
                    guard case .string(let text) = new.value else { continue }
                    text.withUnsafeBytes {
                        splice.add(name: new.name, value: $0, after: view.attributes.last, itemEnd: range.upperBound)
                    }
                }
                expected += added
            }
            guard let tree = json(out), referenceCanonical(tree) == referenceCanonical(expected),
                tree.map(\.name) == expected.map(\.name)
            else {
                Issue.record(
                    "seed \(seed), item \(number): \(String(decoding: line, as: UTF8.self)) became \(String(decoding: out, as: UTF8.self))"
                )
                return
            }
        }
    }

    @Test("Setting a value and setting it back gives the same bytes")
    func inverse() throws {
        let line = Array(#"{"Item": { "PK" : {"S":"PLAN#1"},"n":{"N":"1.50"} , "SK":{"S" : "ME\/TA"}} }"#.utf8)
        func rekey(_ line: [UInt8], _ value: String) throws -> [UInt8] {
            try spliced(line) { splice, view, _ in
                if let slot = view.find(Array("PK".utf8)) {
                    Array(value.utf8).withUnsafeBytes { splice.setString(slot, to: $0) }
                }
            }
        }
        let moved = try rekey(line, "PLAN \"2\"")
        #expect(
            String(decoding: moved, as: UTF8.self)
                == #"{ "PK" : {"S":"PLAN \"2\""},"n":{"N":"1.50"} , "SK":{"S" : "ME\/TA"}}"#)
        #expect(try rekey(moved, "PLAN#1") == line.dropFirst(9).dropLast(2))
    }

    private static let removals: [(Set<Int>, String)] = [
        ([0], #"{"b":{"S":""} , "c":{"S":""},"x":{"S":"1"},"y":{"S":"1"}}"#),
        ([1], #"{"a":{"S":""} , "c":{"S":""},"x":{"S":"1"},"y":{"S":"1"}}"#),
        ([2], #"{"a":{"S":""} ,"b":{"S":""},"x":{"S":"1"},"y":{"S":"1"}}"#),
        ([0, 1], #"{"c":{"S":""},"x":{"S":"1"},"y":{"S":"1"}}"#),
        ([1, 2], #"{"a":{"S":""},"x":{"S":"1"},"y":{"S":"1"}}"#),
        ([0, 2], #"{"b":{"S":""},"x":{"S":"1"},"y":{"S":"1"}}"#),
        ([0, 1, 2], #"{"x":{"S":"1"},"y":{"S":"1"}}"#),
    ]

    @Test(
        "Commas are right whichever attributes go",
        arguments: removals)
    func commas(gone: Set<Int>, expected: String) throws {
        let out = try spliced(Array(#"{"a":{"S":""} ,"b":{"S":""} , "c":{"S":""}}"#.utf8)) { splice, view, range in
            for name in ["x", "y"] {
                [UInt8(ascii: "1")].withUnsafeBytes {
                    splice.add(
                        name: Array(name.utf8), value: $0, after: view.attributes.last, itemEnd: range.upperBound)
                }
            }
            for index in gone {
                splice.remove(index, of: view.attributes)
            }
        }
        #expect(String(decoding: out, as: UTF8.self) == expected)
    }

    @Test("Of two values for one attribute the later stands; a removed one stays removed; other types become strings")
    func precedence() throws {
        let out = try spliced(Array(#"{"a":{"S":"1"},"b":{"S":"2"},"c":{"M":{}}}"#.utf8)) { splice, view, _ in
            for text in ["x", "y"] {
                for slot in view.attributes { Array(text.utf8).withUnsafeBytes { splice.setString(slot, to: $0) } }
            }
            splice.remove(1, of: view.attributes)
        }
        #expect(String(decoding: out, as: UTF8.self) == #"{"a":{"S":"y"},"c":{"S":"y"}}"#)
    }
}
