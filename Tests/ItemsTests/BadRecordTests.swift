import Items
import Testing

/// A line and what is wrong with it; `▼` marks the culprit and is no part of the line.
struct BadRecord: Sendable, CustomTestStringConvertible {
    var line: [UInt8]
    var offset: Int
    var reason: String

    init(_ marked: String, _ reason: String) {
        let bytes = Array(marked.utf8)
        let mark = Array("▼".utf8)
        let place = bytes.indices.first { bytes[$0...].starts(with: mark) }
        offset = place ?? -1
        line = place.map { Array(bytes[..<$0] + bytes[($0 + mark.count)...]) } ?? bytes
        self.reason = reason
    }

    /// For lines that are no UTF-8.
    init(_ line: [UInt8], at offset: Int, _ reason: String) {
        self.line = line
        self.offset = offset
        self.reason = reason
    }

    var testDescription: String { String(decoding: line.prefix(80), as: UTF8.self) }
}

@Suite("Bad records")
struct BadRecordTests {
    private static let thirtyNine = String(repeating: "1", count: 39)
    private static let notBase64 = "a binary value is not standard base64 with padding: "
    private static let tooLarge =
        "a number is beyond DynamoDB's largest magnitude, 9.9999999999999999999999999999999999999E+125"

    /// `wrappers` lists around a leaf.
    private static func nested(_ wrappers: Int, leaf: String) -> String {
        "{\"Item\":{\"a\":" + String(repeating: "{\"L\":[", count: wrappers) + leaf
            + String(repeating: "]}", count: wrappers) + "}}"
    }

    static let values = [
        BadRecord(#"{"Item":{"a":{"▼X":"1"}}}"#, "'X' is no type; use one of S, N, B, BOOL, NULL, M, L, SS, NS, BS"),
        BadRecord(#"{"Item":{"a":{"▼s":"1"}}}"#, "'s' is no type; use one of S, N, B, BOOL, NULL, M, L, SS, NS, BS"),
        BadRecord(
            #"{"Item":{"a":{"S":"1"▼,"N":"1"}}}"#, "a value has more than one type; it must have exactly one"),
        BadRecord(#"{"Item":{"a":▼"1"}}"#, #"found '"' where a typed value such as {"S":"text"} should be"#),
        BadRecord(#"{"Item":{"a":▼7}}"#, #"found '7' where a typed value such as {"S":"text"} should be"#),
        BadRecord(#"{"Item":{"a":{▼}}}"#, #"found '}' where a type such as "S" should be"#),
        BadRecord(#"{"Item":{"a":{"N":▼1}}}"#, "found '1' where a string should be"),
        BadRecord(#"{"Item":{"a":{"N":"▼"}}}"#, "a number (N) must be a decimal such as 12, -1.5 or 2E+3: "),
        BadRecord(#"{"Item":{"a":{"N":"▼ 1"}}}"#, "a number (N) must be a decimal such as 12, -1.5 or 2E+3:  1"),
        BadRecord(#"{"Item":{"a":{"N":"▼1_0"}}}"#, "a number (N) must be a decimal such as 12, -1.5 or 2E+3: 1_0"),
        BadRecord(#"{"Item":{"a":{"N":"▼0x1F"}}}"#, "a number (N) must be a decimal such as 12, -1.5 or 2E+3: 0x1F"),
        BadRecord(#"{"Item":{"a":{"N":"▼NaN"}}}"#, "a number (N) must be a decimal such as 12, -1.5 or 2E+3: NaN"),
        BadRecord(
            #"{"Item":{"a":{"N":"▼\#(thirtyNine)"}}}"#,
            "a number has more than the 38 significant digits that DynamoDB keeps: \(thirtyNine)"),
        BadRecord(#"{"Item":{"a":{"N":"▼1E126"}}}"#, tooLarge + ": 1E126"),
        BadRecord(#"{"Item":{"a":{"N":"▼0e126"}}}"#, tooLarge + ": 0e126"),
        BadRecord(#"{"Item":{"a":{"N":"▼1e99999999999999999999999"}}}"#, tooLarge + ": 1e99999999999999999999999"),
        BadRecord(
            #"{"Item":{"a":{"N":"▼1E-131"}}}"#, "a number is below DynamoDB's smallest magnitude, 1E-130: 1E-131"),
        BadRecord(
            #"{"Item":{"a":{"N":"▼0e-131"}}}"#, "a number is below DynamoDB's smallest magnitude, 1E-130: 0e-131"),
        BadRecord(#"{"Item":{"a":{"SS":[▼]}}}"#, "a set is empty; DynamoDB wants at least one member"),
        BadRecord(#"{"Item":{"a":{"NS":["1","2","▼1.0"]}}}"#, "a member of a set stands twice: 1.0"),
        BadRecord(#"{"Item":{"a":{"SS":["x","▼\u0078"]}}}"#, #"a member of a set stands twice: \u0078"#),
        BadRecord(#"{"Item":{"a":{"BS":["QQ==","▼QQ=="]}}}"#, "a member of a set stands twice: QQ=="),
        BadRecord(#"{"Item":{"a":{"SS":["x",▼1]}}}"#, "found '1' where a member of a set should be"),
        BadRecord(#"{"Item":{"a":{"B":"▼QQ"}}}"#, notBase64 + "QQ"),
        BadRecord(#"{"Item":{"a":{"B":"▼QR=="}}}"#, notBase64 + "QR=="),
        BadRecord(#"{"Item":{"a":{"B":"▼QQF="}}}"#, notBase64 + "QQF="),
        BadRecord(#"{"Item":{"a":{"B":"▼Q==="}}}"#, notBase64 + "Q==="),
        BadRecord(#"{"Item":{"a":{"B":"▼Q-_="}}}"#, notBase64 + "Q-_="),
        BadRecord(#"{"Item":{"a":{"NULL":▼false}}}"#, "NULL is false; it must be true"),
        BadRecord(#"{"Item":{"a":{"BOOL":▼"true"}}}"#, #"found '"' where true or false, without quotes, should be"#),
        BadRecord(
            nested(32, leaf: #"▼{"S":""}"#), "a value is nested deeper than DynamoDB's 32 levels"),
        BadRecord(
            nested(32, leaf: #" ▼{"M":{}}"#), "a value is nested deeper than DynamoDB's 32 levels"),
    ]

    static let records = [
        BadRecord("▼", "the line is empty; it must hold one record"),
        BadRecord(" ▼", "the line is empty; it must hold one record"),
        BadRecord("▼{}", "the record is empty"),
        BadRecord("▼[]", #"found '[' where a record such as {"Item":{}} should be"#),
        BadRecord(
            "▼\u{FEFF}{}",
            #"found a byte order mark where a record such as {"Item":{}} should be: save it as UTF-8 without one"#),
        BadRecord(
            #"{"Item":{"▼":{"S":"x"}}}"#, "an attribute has an empty name; DynamoDB wants at least one byte"),
        BadRecord(#"{"a":{"S":"x"},"b":{"S":""},"▼a":{"S":"x"}}"#, "an attribute stands twice: a"),
        BadRecord(#"{"Item":{"m":{"M":{"a":{"S":"x"},"▼\u0061":{"N":"1"}}}}}"#, #"an attribute stands twice: \u0061"#),
        BadRecord(#"{"\u0061":{"S":"x"},"▼a":{"S":"x"}}"#, "an attribute stands twice: a"),
        BadRecord(#"{"Item":{"a":{"S":"x"}}} ▼x"#, "found 'x' where the end of the line should be"),
        BadRecord(#"{"a":{"S":"x"}}▼{"a":{"S":"x"}}"#, "found '{' where the end of the line should be"),
        BadRecord(#"{"a":{"S":"x"}▼"#, "the record ends where ',' or '}' should be"),
        BadRecord(#"{"a":{"S":"x▼"#, "the record ends inside a string"),
        BadRecord(#"{"a":{"S":"x"},▼}"#, "found '}' where an attribute name should be"),
        BadRecord(
            #"{"Item":{"a":{"S":"x"}}▼,"b":{"S":"x"}}"#, "a record has a second member; it must have exactly one"),
        BadRecord(#"{"Item":{"S":"x"},"n":{"N":"▼x"}}"#, "a number (N) must be a decimal such as 12, -1.5 or 2E+3: x"),
        BadRecord(#"{"PutRequest":{"▼Items":{"a":{"S":"x"}}}}"#, "a request has another member than Item"),
        BadRecord(#"{"DeleteRequest":{"▼Item":{"a":{"S":"x"}}}}"#, "a request has another member than Key"),
        BadRecord(#"{"Metadata":{"a":1},"NewImage":{"a":{"S":"x"}}▼}"#, "a change record ends without its Keys"),
        BadRecord(
            #"{"Keys":{"a":{"S":"x"}},"▼Keys":{"a":{"S":"x"}}}"#,
            "a change record has an unknown or repeated member; it may have Metadata, Keys, OldImage and NewImage"),
        BadRecord(#"{"Metadata":▼01,"Keys":{}}"#, "a JSON number is malformed"),
        BadRecord(
            "{\"a\":{\"S\":\"x▼\u{1}\"}}", "byte 0x01 is a control character, which must be escaped in a string"),
        BadRecord(#"{"a":{"S":"x▼\uD800"}}"#, "an escaped surrogate has no partner, so it is no character"),
        BadRecord(#"{"a":{"S":"x▼\uD800\u0041"}}"#, "an escaped surrogate has no partner, so it is no character"),
        BadRecord(#"{"a":{"S":"x▼\uDC00"}}"#, "an escaped surrogate has no partner, so it is no character"),
        BadRecord(#"{"a":{"S":"x▼\u12G4"}}"#, #"\u is not followed by four hexadecimal digits"#),
        BadRecord(#"{"a":{"S":"x▼\x"}}"#, "a backslash begins no JSON escape"),
        BadRecord(
            Array(#"{"a":{"S":"/"#.utf8) + [0xC0, 0xAF] + Array(#""}}"#.utf8), at: 12, "a string is not valid UTF-8"),
        BadRecord(
            Array(#"{"a":{"S":"/"#.utf8) + [0xED, 0xA0, 0x80] + Array(#""}}"#.utf8), at: 12,
            "a string is not valid UTF-8"),
        BadRecord(
            Array(#"{"a":{"S":"/"#.utf8) + [0xE2, 0x82] + Array(#""}}"#.utf8), at: 12, "a string is not valid UTF-8"),
        BadRecord(
            Array(#"{"a":{"S":"/"#.utf8) + [0xF4, 0x90, 0x80, 0x80] + Array(#""}}"#.utf8), at: 12,
            "a string is not valid UTF-8"),
    ]

    private static let zeros = String(repeating: "0", count: 64)

    static let seals = [
        BadRecord(#"{"Rekey":{"Seal":▼{"count":1}}}"#, "a seal needs a count and a digest"),
        BadRecord(
            #"{"Rekey":{"Seal":{"count":1,"digest":"▼12"}}}"#,
            "a seal's digest must be 64 lower-case hexadecimal digits"),
        BadRecord(
            #"{"Rekey":{"Seal":{"count":1,"digest":"▼\#(zeros.dropLast())A"}}}"#,
            "a seal's digest must be 64 lower-case hexadecimal digits"),
        BadRecord(
            #"{"Rekey":{"Seal":{"count":▼01,"digest":"\#(zeros)"}}}"#,
            "a seal's count must be an integer of at most 18 digits without leading zeros"),
        BadRecord(
            #"{"Rekey":{"Seal":{"count":▼1234567890123456789,"digest":"\#(zeros)"}}}"#,
            "a seal's count must be an integer of at most 18 digits without leading zeros"),
        BadRecord(#"{"Rekey":{"Seal":{"count":▼-1,"digest":"\#(zeros)"}}}"#, "found '-' where a count should be"),
        BadRecord(#"{"Rekey":{"Seal":{"count":1▼.0,"digest":"\#(zeros)"}}}"#, "found '.' where '}' should be"),
        BadRecord(#"{"Rekey":{"Seal":{"▼items":1}}}"#, "a seal has an unknown or repeated member"),
        BadRecord(#"{"Rekey":{"▼Sea":{"count":1}}}"#, "a Rekey record holds no Seal"),
        BadRecord(
            #"{"Rekey":{"Seal":{"count":1,"digest":"\#(zeros)"}}▼,"a":1}"#, "found ',' where '}' should be"),
    ]

    @Test("The reason names the fault and the offset the culprit", arguments: values + records + seals)
    func reasonAndOffset(bad: BadRecord) {
        var scanner = RecordScanner()
        let error = #expect(throws: ItemError.self) {
            try bad.line.withRawBytes { bytes throws(ItemError) in try scanner.scan(bytes) }
        }
        #expect(error == ItemError(bad.reason, at: bad.offset))
    }

    @Test("31 wrappers around a leaf are accepted")
    func deepest() throws {
        #expect(try scanned(Self.nested(31, leaf: #"{"S":""}"#)).kind == .item)
        #expect(try scanned(Self.nested(31, leaf: #"{"M":{}}"#)).kind == .item)
    }

    @Test("A repeated name is found in a large map too, and the first repeat is named")
    func largeGroups() {
        let many = (0..<100).map { "\"n\($0)\":{\"S\":\"\"}," }.joined()
        for bad in [
            BadRecord(
                "{\"Item\":{\(many)\"▼n50\":{\"S\":\"\"},\"n1\":{\"S\":\"\"}}}", "an attribute stands twice: n50"),
            BadRecord(
                "{\"a\":{\"NS\":[" + (1..<60).map { "\"\($0)\"," }.joined() + "\"▼3E1\"]}}",
                "a member of a set stands twice: 3E1"),
        ] {
            reasonAndOffset(bad: bad)
        }
    }

    @Test("An item by itself may have no other bytes around it than white space")
    func itemAlone() throws {
        #expect(
            try Item(validating: Array(" {\"a\":{\"S\":\"x\"}}\n".utf8)).json == Array("{\"a\":{\"S\":\"x\"}}".utf8))
        let error = #expect(throws: ItemError.self) { try Item(validating: Array("{\"a\":{\"S\":\"x\"}} 1".utf8)) }
        #expect(error == ItemError("found '1' where the end of the item should be", at: 16))
    }
}
