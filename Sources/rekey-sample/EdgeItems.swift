/// Items that every sample table has: neighbours of the plans that must stay where they are, and attributes at the
/// limits of what DynamoDB stores.
enum EdgeItems {
    static let all: [Attributes] = neighbours + values

    /// Keys that look like a plan's but are none.
    static let neighbours: [Attributes] = [
        ["PK": .s("PLANNER#1"), "SK": .s("META"), "tp": .s("planner"), "dat": .m(["nm": .s("플래너")])],
        ["PK": .s("plan#1"), "SK": .s("META"), "tp": .s("plan"), "dat": .m(["nm": .s("lower case")])],
        ["PK": .s("XPLAN#1"), "SK": .s("META"), "tp": .s("plan"), "dat": .m(["nm": .s("letter in front")])],
        ["PK": .s("PLAN-1"), "SK": .s("META"), "tp": .s("plan"), "dat": .m(["nm": .s("other separator")])],
        ["PK": .s("PLAN\u{FF03}1"), "SK": .s("META"), "tp": .s("plan"), "dat": .m(["nm": .s("full-width #")])],
        ["PK": .s("PLANS"), "SK": .s("META#1"), "tp": .s("plan"), "dat": .m(["nm": .s("near the new key")])],
        ["PK": .s("USR#1"), "SK": .s("PLAN#1"), "tp": .s("bill"), "dat": .m(["nm": .s("plan in the sort key")])],
        ["PK": .s("COUNTER#PLAN#1"), "SK": .s("META"), "tp": .s("cnt"), "cnt": .n("3")],
    ]

    private static let values: [Attributes] = [
        [
            "PK": .s("EDGE#numbers"), "SK": .s("META"), "tp": .s("edge"),
            "zero": .n("0"), "least": .n("0." + String(repeating: "0", count: 129) + "1"),
            "most": .n(String(repeating: "9", count: 38) + String(repeating: "0", count: 88)),
            "big": .n("1" + String(repeating: "0", count: 125)),
            "precise": .n("12345678901234567890123456789012345678"),
            "fraction": .n("-0.00012345678901234567890123456789012345678"), "double": .n("9007199254740993"),
            "set": .ns(["0", "-1", "1.5", "100", "0.1", "12345678901234567890123456789012345678"]),
        ],
        [
            "PK": .s("EDGE#strings"), "SK": .s("META"), "tp": .s("edge"), "empty": .s(""),
            "escapes": .s("\"\\/\u{8}\u{C}\n\r\t\u{0}\u{1}\u{1F}\u{7F}"), "markup": .s("<a href='x'>&amp;</a>"),
            "emoji": .s("😀👨‍👩‍👧‍👦🇰🇷"), "한글": .s("안녕하세요"), "composed": .s("\u{E9}"), "decomposed": .s("e\u{301}"),
            "dat.plan_id": .s("a name with a dot"), "a \"quoted\" name": .bool(false), " ": .s(" "),
            "set": .ss(["", "b", "a", "\u{E9}", "e\u{301}"]), "json": .s("{\"Item\":{\"PK\":{\"S\":\"PLAN#1\"}}}\n"),
        ],
        [
            "PK": .s("EDGE#binary"), "SK": .s("META"), "tp": .s("edge"), "empty": .b([]), "one": .b([0]),
            "two": .b([0xFF, 0xFE]), "all": .b(Array(0...255)), "set": .bs([[], [0], [0, 0], [255]]),
        ],
        [
            "PK": .s("EDGE#documents"), "SK": .s("META"), "tp": .s("edge"), "null": .null, "list": .l([]),
            "map": .m([:]), "deep": nested(30),
            "mixed": .l([.null, .bool(true), .s(""), .n("-1"), .b([1]), .ss(["x"]), .l([.m(["L": .l([])])])]),
            "S": .m(["S": .s("a map that looks like a value"), "M": .m(["N": .n("1")])]),
        ],
        // Keys that sort one way by UTF-8 bytes and another by UTF-16 units or by character.
        ["PK": .s("EDGE#\u{E9}"), "SK": .s("composed"), "tp": .s("edge")],
        ["PK": .s("EDGE#e\u{301}"), "SK": .s("decomposed"), "tp": .s("edge")],
        ["PK": .s("EDGE#\u{FF5E}"), "SK": .s("sorts after in UTF-16"), "tp": .s("edge")],
        ["PK": .s("EDGE#😀"), "SK": .s("sorts after in UTF-8"), "tp": .s("edge")],
        ["PK": .s("EDGE#\"key\"\\\n\t"), "SK": .s("\u{1} {\"S\":\"x\"} 한글"), "tp": .s("edge")],
        ["PK": .s("EDGE#long"), "SK": .s(String(repeating: "k", count: 1024)), "tp": .s("edge")],
    ]

    /// A leaf inside `depth` lists and maps, in turn.
    private static func nested(_ depth: Int) -> Value {
        (0..<depth).reduce(.s("leaf")) { inner, level in level % 2 == 0 ? .l([inner]) : .m(["d": inner]) }
    }
}
