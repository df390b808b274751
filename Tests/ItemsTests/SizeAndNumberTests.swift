import Items
import ReferenceItems
import TestSupport
import Testing

@Suite("Item sizes and numbers")
struct SizeAndNumberTests {
    private func size(_ json: String) throws -> Int { try Item(validating: Array(json.utf8)).size }

    private static let digits38 = String(repeating: "9", count: 38)

    /// Bytes of numbers as measured in DynamoDB.
    @Test(
        "Numbers have the measured sizes",
        arguments: [
            ("0", 1), ("-0", 1), ("0.0", 1), ("1", 2), ("12", 2), ("123", 3), ("1010", 3), ("1.5", 3), ("15", 2),
            ("3.14159", 5),
            ("123456", 4), ("100.5", 4), ("0.0000001", 2), ("1E125", 2), ("-42", 3), (digits38, 20),
        ])
    func numberSize(text: String, bytes: Int) throws {
        #expect(try size("{\"a\":{\"N\":\"\(text)\"}}") == 1 + bytes)
    }

    @Test(
        "Each type has its size",
        arguments: [
            (#"{"é\n":{"S":"\u00e9a"}}"#, 3 + 3), (#"{"a":{"B":"QUJD"}}"#, 1 + 3), (#"{"a":{"B":"QQ=="}}"#, 1 + 1),
            (#"{"a":{"B":"QUI\u003d"}}"#, 1 + 2), (#"{"a":{"BOOL":false}}"#, 1 + 1), (#"{"a":{"NULL":true}}"#, 1 + 1),
            (#"{"a":{"M":{}}}"#, 1 + 3), (#"{"a":{"M":{"bc":{"S":"d"}}}}"#, 1 + 3 + 1 + 2 + 1),
            (#"{"a":{"L":[]}}"#, 1 + 3),
            (#"{"a":{"L":[{"S":"bc"},{"NULL":true}]}}"#, 1 + 3 + 1 + 2 + 1 + 1),
            (#"{"a":{"SS":["b","cd",""]}}"#, 1 + 3),
            (#"{"a":{"NS":["1","-123"]}}"#, 1 + 2 + 4), (#"{"a":{"BS":["QQ==","QUI="]}}"#, 1 + 3),
        ])
    func typeSize(json: String, bytes: Int) throws { #expect(try size(json) == bytes) }

    @Test("The limit of 409,600 bytes is met to the byte")
    func limit() throws {
        let text = String(repeating: "é", count: 204_798)
        #expect(try size("{\"PK\":{\"S\":\"a\(text)b\"}}") == 409_600)
        #expect(try size("{\"PK\":{\"S\":\"a\(text)bc\"}}") == 409_601)
    }

    @Test("Random items have the size their tree adds up to")
    func randomSizes() throws {
        let seed = testSeed("sizes")
        var generator = RecordGenerator(seed: seed)
        for number in 0..<2_000 {
            let item = generator.item()
            var json: [UInt8] = []
            generator.write(item, &json)
            if try Item(validating: json).size != referenceSize(item) {
                Issue.record("seed \(seed), item \(number): \(String(decoding: json, as: UTF8.self))")
                return
            }
        }
    }

    @Test("The scanner's size of a random item is that of a walk over it, or none")
    func scannedSizes() throws {
        let seed = testSeed("scanned sizes")
        var generator = RecordGenerator(seed: seed)
        var scanner = RecordScanner()
        var known = 0
        for number in 0..<2_000 {
            let item = generator.item()
            var json: [UInt8] = []
            generator.write(item, &json)
            let isRight = try json.withRawBytes { (bytes) throws(ItemError) in
                _ = try scanner.scanItem(bytes)
                let size = scanner.itemSize
                if size != nil { known += 1 }
                let view = ItemView(line: bytes, attributes: scanner.attributes)
                return view.storedSize == referenceSize(item) && size ?? view.storedSize == view.storedSize
            }
            if !isRight {
                Issue.record("seed \(seed), item \(number): \(String(decoding: json, as: UTF8.self))")
                return
            }
        }
        #expect(known > 500)
    }

    @Test("Keys come back from their sortable bytes, and a key finder gives the same bytes as the key")
    func sortableKeysReadBack() throws {
        var generator = RecordGenerator(seed: testSeed("sortable keys"))
        func value() throws -> KeyValue {
            switch generator.below(3) {
            case 0: .string((0..<generator.below(4) + 1).map { _ in generator.pick([0, 1, 0x61, 0x7F]) })
            case 1: .binary((0..<generator.below(4) + 1).map { _ in generator.pick([0, 1, 0x61, 0xFF]) })
            default: try key(generator.pick(["0", "7", "-12.5", "1E125", "-1e-130", "100", "0.001", "-38"]))
            }
        }
        for _ in 0..<500 {
            let key = ItemKey(partition: try value(), sort: generator.chance(70) ? try value() : nil)
            let bytes = key.sortableBytes
            #expect(ItemKey(sortable: bytes) == key)
            #expect(ItemKey(sortable: Array(bytes.dropLast())) != key)
            let schema = KeySchema(
                partition: KeyAttribute(name: "PK", type: key.partition.type),
                sort: key.sort.map { KeyAttribute(name: "SK", type: $0.type) })
            let found = try Item(validating: key.json(schema)).withView { (view) throws(ItemError) in
                var writer = ByteWriter()
                try KeyFinder(schema).appendSortable(of: view, to: &writer)
                return writer.array
            }
            #expect(found == bytes)
        }
        #expect(ItemKey(sortable: []) == nil)
    }

    /// Texts and the forms DynamoDB returns, from its developer guide and measurements.
    @Test(
        "Numbers take DynamoDB's stored form, and nothing else changes",
        arguments: [
            ("0042.1200", "42.12"), ("1.0", "1"), ("1.5E2", "150"), ("-0", "0"), ("0e125", "0"), ("+7", "7"),
            ("1e-3", "0.001"),
            ("-120.50e-1", "-12.05"),
            ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
            ("1E125", "1" + String(repeating: "0", count: 125)),
            ("1E-130", "0." + String(repeating: "0", count: 129) + "1"),
        ])
    func storedForm(text: String, stored: String) throws {
        func json(_ number: String) -> [UInt8] {
            Array(#"{ "n" :{"M":{"x":{"L":[{"N": "\#(number)"},{"S":"1.0\/"}]}}},"s":{"NS":["\#(number)"]}}"#.utf8)
        }
        let item = try Item(validating: json(text))
        #expect(item.normalized().json == json(stored))
        #expect(item.isEqual(to: item.normalized()))
        #expect(plainNumber(Array(text.utf8)) == Array(stored.utf8))
    }

    private func key(_ number: String) throws -> KeyValue {
        let item = try Item(validating: Array("{\"k\":{\"N\":\"\(number)\"}}".utf8))
        return try item.key(KeySchema(partition: KeyAttribute(name: "k", type: .number))).partition
    }

    @Test("Numeric keys sort by value, and equal values are one key")
    func sortableNumbers() throws {
        let seed = testSeed("numeric keys")
        var generator = RecordGenerator(seed: seed)
        var numbers = [
            "0", "-0", "1", "1.0", "1E0", "-1", "9.99E125", "-9.99E125", "1E-130", "-1E-130", "1.01", "1.001", "-1.01",
        ]
        for _ in 0..<300 { numbers.append(generator.number()) }
        let keys = try numbers.map { text in
            let value = try key(text)
            return (text, try #require(ReferenceNumber(text)), value, ItemKey.sortableBytes(of: value))
        }
        for (a, x, first, left) in keys {
            for (b, y, second, right) in keys {
                let order = x.order(y)
                let isBelow = left.lexicographicallyPrecedes(right)
                if isBelow != (order < 0) || (left == right) != (order == 0) || (first == second) != (order == 0) {
                    Issue.record("seed \(seed): \(a) and \(b)")
                    return
                }
            }
        }
    }

    @Test("String and binary keys sort as bytes, zero bytes included, and the partition key before the sort key")
    func sortableTexts() throws {
        var generator = RecordGenerator(seed: testSeed("string keys"))
        func draw() -> [UInt8] {
            (0..<generator.below(4)).map { _ in generator.pick([0, 0, 1, 0x10, 0x61, 0xFE, 0xFF]) }
        }
        let texts = (0..<60).map { _ in draw() }
        for wrap in [KeyValue.string, KeyValue.binary] {
            for a in texts {
                for b in texts {
                    let (left, right) = (texts[generator.below(60)], texts[generator.below(60)])
                    let x = ItemKey(partition: wrap(a), sort: wrap(left)).sortableBytes
                    let y = ItemKey(partition: wrap(b), sort: wrap(right)).sortableBytes
                    let isBelow = a == b ? left.lexicographicallyPrecedes(right) : a.lexicographicallyPrecedes(b)
                    if x.lexicographicallyPrecedes(y) != isBelow || (x == y) != (a == b && left == right) {
                        Issue.record("\(a) / \(left) and \(b) / \(right)")
                        return
                    }
                }
            }
        }
    }

    @Test("A key's JSON reads back as the key")
    func keyJSON() throws {
        let schema = KeySchema(
            partition: KeyAttribute(name: "P\"K", type: .binary), sort: KeyAttribute(name: "SK", type: .number))
        let key = ItemKey(partition: .binary([0, 0xFF, 7, 9]), sort: .number(Array("15E-1".utf8)))
        let json = key.json(schema)
        #expect(String(decoding: json, as: UTF8.self) == #"{"P\"K":{"B":"AP8HCQ=="},"SK":{"N":"1.5"}}"#)
        #expect(try Item(validating: json).key(schema) == key)
        #expect(ItemKey(partition: KeyValue("a\u{1B}[2J"), sort: KeyValue("b")).description == "a\\u{1b}[2J / b")
    }

    @Test("A key attribute that is missing, of another type, empty or too long is refused")
    func badKeys() throws {
        func refusal(_ json: String) -> ItemError? {
            #expect(throws: ItemError.self) { try Item(validating: Array(json.utf8)).key(.standard) }
        }
        func text(_ count: Int) -> String { String(repeating: "x", count: count) }
        #expect(refusal(#"{"PK":{"S":"x"}}"#)?.reason == "the item has no key attribute SK")
        #expect(
            refusal(#"{"PK":{"S":"x"},"SK":{"N":"1"}}"#)
                == ItemError("key attribute SK has type N, the table's key has S", at: 21))
        #expect(refusal(#"{"PK":{"S":""},"SK":{"S":"x"}}"#) == ItemError("key attribute PK is empty", at: 6))
        #expect(
            refusal("{\"PK\":{\"S\":\"\(text(2049))\"},\"SK\":{\"S\":\"x\"}}")?.reason
                == "key attribute PK has 2049 bytes, DynamoDB takes 2048")
        #expect(
            refusal("{\"PK\":{\"S\":\"x\"},\"SK\":{\"S\":\"\(text(1025))\"}}")?.reason
                == "key attribute SK has 1025 bytes, DynamoDB takes 1024")
        let longest = "{\"PK\":{\"S\":\"\(text(2048))\"},\"SK\":{\"S\":\"\(text(1024))\"}}"
        #expect(throws: Never.self) { try Item(validating: Array(longest.utf8)).key(.standard) }
    }
}
