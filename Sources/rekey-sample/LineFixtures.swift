/// Lines that are wrong in one way each, and lines that look wrong but are not.
enum LineFixtures {
    /// A good line.
    static func good(_ number: Int) -> [UInt8] {
        Array(
            "{\"Item\":{\"PK\":{\"S\":\"PLAN#\(number)\"},\"SK\":{\"S\":\"META\"},\"n\":{\"N\":\"\(number)\"}}}\n".utf8)
    }

    /// By what is wrong: the bytes of a file whose second line is bad between two good ones, unless the name says else.
    static let bad: [(name: String, lines: [UInt8])] =
        badAttributes.map { name, attribute in
            (name, between("{\"Item\":{\"PK\":{\"S\":\"PLAN#2\"},\"SK\":{\"S\":\"META\"},\(attribute)}}"))
        }
        + badLines.map { name, line in (name, between(line)) }
        + [
            ("utf-8-broken", good(1) + withBytes([0xC3, 0x28]) + good(3)),
            ("utf-8-overlong", good(1) + withBytes([0xC0, 0xAF]) + good(3)),
            ("utf-8-surrogate", good(1) + withBytes([0xED, 0xA0, 0x80]) + good(3)),
            ("control-raw", good(1) + withBytes([0x01]) + good(3)),
            ("last-line-cut", good(1) + good(2).dropLast(12)),
            ("byte-order-mark", [0xEF, 0xBB, 0xBF] + good(1)),
            ("seal-wrong-count", good(1) + seal(count: 2)),
            ("seal-not-last", good(1) + seal(count: 1) + good(2)),
        ]

    /// What stands in an item of its own beside good keys.
    private static let badAttributes: [(String, String)] = [
        ("number-39-digits", "\"n\":{\"N\":\"123456789012345678901234567890123456789\"}"),
        ("number-overflow", "\"n\":{\"N\":\"1E126\"}"),
        ("number-underflow", "\"n\":{\"N\":\"1E-131\"}"),
        ("number-zero-overflow", "\"n\":{\"N\":\"0e126\"}"),
        ("number-nan", "\"n\":{\"N\":\"NaN\"}"),
        ("number-hex", "\"n\":{\"N\":\"0x10\"}"),
        ("number-space", "\"n\":{\"N\":\" 1\"}"),
        ("number-empty", "\"n\":{\"N\":\"\"}"),
        ("number-bare", "\"n\":{\"N\":1}"),
        ("number-underscore", "\"n\":{\"N\":\"1_000\"}"),
        ("base64-unpadded", "\"b\":{\"B\":\"QQ\"}"),
        ("base64-alphabet", "\"b\":{\"B\":\"Q_==\"}"),
        ("null-false", "\"x\":{\"NULL\":false}"),
        ("bool-text", "\"x\":{\"BOOL\":\"true\"}"),
        ("set-empty", "\"x\":{\"SS\":[]}"),
        ("set-twice", "\"x\":{\"SS\":[\"a\",\"b\",\"a\"]}"),
        ("set-twice-by-value", "\"x\":{\"NS\":[\"1\",\"1.0\"]}"),
        ("set-mixed", "\"x\":{\"NS\":[\"1\",\"a\"]}"),
        ("type-unknown", "\"x\":{\"Q\":\"a\"}"),
        ("type-missing", "\"x\":{}"),
        ("type-twice", "\"x\":{\"S\":\"a\",\"N\":\"1\"}"),
        ("value-untyped", "\"x\":\"a\""),
        ("name-twice", "\"x\":{\"S\":\"a\"},\"x\":{\"S\":\"a\"}"),
        ("name-twice-escaped", "\"x\":{\"S\":\"a\"},\"\\u0078\":{\"S\":\"a\"}"),
        ("name-twice-nested", "\"x\":{\"M\":{\"y\":{\"N\":\"1\"},\"y\":{\"N\":\"2\"}}}"),
        ("nested-too-deep", "\"x\":\(wrapped(40))"),
        ("escape-unknown", "\"x\":{\"S\":\"\\x41\"}"),
        ("surrogate-alone", "\"x\":{\"S\":\"\\ud83d\"}"),
    ]

    /// Whole lines.
    private static let badLines: [(String, String)] = [
        ("empty-line", ""),
        ("not-json", "PLAN#2 META"),
        ("array", "[{\"Item\":{}}]"),
        ("item-not-object", "{\"Item\":[]}"),
        ("item-empty", "{\"Item\":{}}"),
        ("cut", "{\"Item\":{\"PK\":{\"S\":\"PLAN#2\"},\"SK\":{\"S\":\"ME"),
        ("two-on-a-line", "{\"Item\":{\"PK\":{\"S\":\"A\"},\"SK\":{\"S\":\"B\"}}} {\"Item\":{}}"),
        ("trailing-comma", "{\"Item\":{\"PK\":{\"S\":\"PLAN#2\"},\"SK\":{\"S\":\"META\"},}}"),
        ("key-missing", "{\"Item\":{\"PK\":{\"S\":\"PLAN#2\"}}}"),
        ("key-wrong-type", "{\"Item\":{\"PK\":{\"S\":\"PLAN#2\"},\"SK\":{\"N\":\"1\"}}}"),
        ("key-empty", "{\"Item\":{\"PK\":{\"S\":\"\"},\"SK\":{\"S\":\"META\"}}}"),
        ("key-too-long", "{\"Item\":{\"PK\":{\"S\":\"P\"},\"SK\":{\"S\":\"\(String(repeating: "k", count: 1025))\"}}}"),
        ("request-without-item", "{\"PutRequest\":{}}"),
        ("change-without-keys", "{\"Metadata\":{},\"NewImage\":{\"PK\":{\"S\":\"A\"},\"SK\":{\"S\":\"B\"}}}"),
    ]

    /// Numbers written in ways that DynamoDB accepts but an export never holds; `plain` is the stored form.
    static let oddNumbers: [UInt8] = {
        let numbers = [
            ("1E+2", "100"), ("1e2", "100"), ("1.50", "1.5"), ("0042.1200", "42.12"), ("+7", "7"), ("-0", "0"),
            ("-0.0", "0"), ("0e125", "0"), (".5", "0.5"), ("5.", "5"), ("1.5E2", "150"), ("15E-1", "1.5"),
            ("1E-1", "0.1"),
            ("-1.0e-3", "-0.001"), ("9007199254740993.0", "9007199254740993"), ("0.10", "0.1"), ("1E0", "1"),
            ("100E-2", "1"), ("0.1e1", "1"), ("00000000000000000000000000000000000000000001", "1"),
            ("12345678901234567890123456789012345678.000", "12345678901234567890123456789012345678"),
            ("1.2345678901234567890123456789012345678E+37", "12345678901234567890123456789012345678"),
            ("1E125", "1" + String(repeating: "0", count: 125)),
            ("1E-130", "0." + String(repeating: "0", count: 129) + "1"),
            (
                "-9.9999999999999999999999999999999999999E+125",
                "-" + String(repeating: "9", count: 38) + String(repeating: "0", count: 88)
            ),
        ]
        return numbers.enumerated().flatMap { index, number in
            let item: Attributes = [
                "PK": .s("ODD#\(padded(index + 1, 2))"), "SK": .s("META"), "n": .n(number.0), "plain": .s(number.1),
                "set": .ns([number.0, "1234.5"]), "deep": .l([.m(["n": .n(number.0)])]),
            ]
            return ordered(item)
        }
    }()

    /// Good records that are written in ways a careless reader trips over.
    static let oddText = Array(
        #"""
        {"Item":{"PK":{"S":"ODD#escaped-slash"},"SK":{"S":"META"},"x":{"S":"a\/b"}}}
        {"Item":{"PK":{"S":"ODD#\u0065scaped-key"},"SK":{"S":"\u004dETA"},"x":{"S":"\uD55C\uAE00"}}}
        {"Item":{"PK":{"S":"ODD#surrogates"},"SK":{"S":"META"},"x":{"S":"\ud83d\ude00 \uD83C\uDDF0"}}}
        {"Item":{"\u0050K":{"S":"ODD#escaped-name"},"SK":{"S":"META"}}}
         { "Item" : { "PK" : { "S" : "ODD#spaces" } , "SK" : { "S" : "META" } , "x" : { "L" : [ ] } } } 
        {"Item":{"x":{"M":{"PK":{"S":"PLAN#1"},"SK":{"S":"META"}}},"SK":{"S":"META"},"PK":{"S":"ODD#keys-inside"}}}
        {"Item":{"PK":{"S":"ODD#quote-before-brace"},"SK":{"S":"META"},"x":{"S":"\\"},"y":{"S":"}\"{"}}}
        {"Item":{"PK":{"S":"ODD#nul"},"SK":{"S":"META"},"x":{"S":"\u0000"}}}
        {"PutRequest":{"Item":{"PK":{"S":"ODD#put"},"SK":{"S":"META"}}}}
        {"DeleteRequest":{"Key":{"PK":{"S":"ODD#delete"},"SK":{"S":"META"}}}}
        {"PK":{"S":"ODD#bare"},"SK":{"S":"META"},"Item":{"S":"an attribute of this name"}}
        {"Item":{"PK":{"S":"ODD#crlf"},"SK":{"S":"META"}}}\#r
        {"Item":{"PK":{"S":"ODD#no-newline-after"},"SK":{"S":"META"}}}
        """#.utf8)

    private static func between(_ line: String) -> [UInt8] { good(1) + Array("\(line)\n".utf8) + good(3) }

    private static func withBytes(_ bytes: [UInt8]) -> [UInt8] {
        Array("{\"Item\":{\"PK\":{\"S\":\"PLAN#2\"},\"SK\":{\"S\":\"META\"},\"x\":{\"S\":\"".utf8) + bytes
            + Array("\"}}}\n".utf8)
    }

    private static func seal(count: Int) -> [UInt8] {
        let digest = String(repeating: "0", count: 64)
        return Array("{\"Rekey\":{\"Seal\":{\"count\":\(count),\"digest\":\"\(digest)\"}}}\n".utf8)
    }

    private static func wrapped(_ depth: Int) -> String {
        String(repeating: "{\"L\":[", count: depth) + "{\"N\":\"1\"}" + String(repeating: "]}", count: depth)
    }

    private static func ordered(_ item: Attributes) -> [UInt8] {
        var writer = TypedJSONWriter(orderSeed: nil)
        writer.raw("{\"Item\":")
        writer.append(item)
        writer.raw("}\n")
        return writer.bytes
    }
}
