/// The items of a single-table design as an online algorithm judge has it. Identifiers are text, so that the stream
/// can leave them open.
struct SampleContent {
    var random: SampleRandom

    init(seed: UInt64) { random = SampleRandom(seed: seed) }

    /// A subscription plan: the items that the Plan migration moves. `id` 1, 2 and 3 are Free, Pro and Admin.
    mutating func plan(id: String, tier: Int, micros: String) -> Attributes {
        let (name, description, price): (String, String, String)
        switch tier {
        case 0: (name, description, price) = ("Free", "무료 요금제: 하루에 힌트 5개", "0")
        case 1: (name, description, price) = ("Pro", "프로 요금제: 힌트와 문제를 제한 없이 ✨", "9.90")
        default: (name, description, price) = ("Admin", "관리자 전용 \"내부\" 요금제", "0.00")
        }
        let unlimited = tier > 0
        return [
            "PK": .s("PLAN#\(id)"), "SK": .s("META"), "tp": .s("plan"),
            "dat": .m([
                "nm": .s(name), "desc": .s(description),
                "max_hints": .n(unlimited ? "-1" : "5"), "max_probs": .n(tier > 1 ? "-1" : unlimited ? "100" : "5"),
                "can_view_all": .bool(unlimited), "can_reg_prob": .bool(tier > 1),
                "price": .n(price), "isact": .bool(true),
            ]),
            "crt": .n("1763900000.\(micros)"), "upd": .n("1763903\(random.digits(3)).\(micros)"),
        ]
    }

    /// A user, who names a plan by its number.
    mutating func user(id: String, plan: String, micros: String) -> Attributes {
        let (family, familyLatin) = random.pick(Words.familyNames)
        let (given, givenLatin) = random.pick(Words.givenNames)
        let email = "\(givenLatin).\(familyLatin)\(id)@example.com"
        var details: Attributes = [
            "em": .s(email), "nm": .s(family + given), "plan_id": .n(plan), "isact": .bool(random.below(20) > 0),
        ]
        if random.below(3) == 0 { details["bio"] = .s(random.pick(Words.sentences)) }
        if random.below(4) == 0 { details["pic"] = .null }
        if random.below(4) == 0 { details["langs"] = .ss(random.shuffled(Words.languages).prefixArray(2)) }
        return [
            "PK": .s("USR#\(id)"), "SK": .s("META"), "tp": .s("usr"), "dat": .m(details),
            "crt": .n("175\(random.digits(7)).\(micros)"), "GSI1PK": .s("EMAIL#\(email)"), "GSI1SK": .s("USR#\(id)"),
        ]
    }

    /// A problem of one of the judges.
    mutating func problem(slug: String, micros: String) -> Attributes {
        let title = random.pick(Words.titles)
        return [
            "PK": .s("PROB#\(slug)"), "SK": .s("META"), "tp": .s("prob"),
            "tags": .ss(random.shuffled(Words.tags).prefixArray(2 + random.below(3))),
            "dat": .m([
                "tit": .s(title), "diff": .n("\(1 + random.below(30))"), "rate": .n("0.\(random.digits(4))1"),
                "cons": .s("1 <= n <= 10^5\n-10^9 <= a[i] <= 10^9"),
                "lims": .m(["ms": .n("2000"), "mb": .n("256")]),
            ]),
            "upd": .n("175\(random.digits(7)).\(micros)"), "GSI2PK": .s("PROB#ALL"), "GSI2SK": .s("\(slug)#\(title)"),
        ]
    }

    /// A test case of a problem: bytes without a pattern, as compressed ones are.
    mutating func testCase(slug: String, id: String) -> Attributes {
        let input = random.bytes(40 + random.below(60))
        let output = random.bytes(8 + random.below(16))
        return [
            "PK": .s("PROB#\(slug)"), "SK": .s("TC#\(id)"), "tp": .s("tc"),
            "dat": .m(["inp": .b(input), "out": .b(output)]),
        ]
    }

    /// What a user handed in.
    mutating func submission(user: String, id: String, micros: String) -> Attributes {
        let passed = random.below(4) > 0
        let results = (0..<3).map { (number: Int) -> Value in
            .m([
                "no": .n("\(number + 1)"), "ok": .bool(passed), "ms": .n("\(random.below(900)).\(random.below(9) + 1)"),
            ])
        }
        return [
            "PK": .s("USR#\(user)"), "SK": .s("SUBM#1763\(random.digits(6))#\(id)"), "tp": .s("subm"),
            "dat": .m([
                "code": .s(random.pick(Words.programs)), "lang": .s(random.pick(Words.languages)),
                "ok": .bool(passed), "res": .l(results), "err": passed ? .null : .s(random.pick(Words.sentences)),
            ]),
            "crt": .n("1763\(random.digits(6)).\(micros)"),
        ]
    }

    /// What a user looked for; carries a time to live in the year 2100.
    mutating func search(user: String, id: String, micros: String) -> Attributes {
        [
            "PK": .s("USR#\(user)"), "SK": .s("SHIST#1763\(random.digits(6))#\(id)"), "tp": .s("shist"),
            "dat": .m([
                "q": .s(random.pick(Words.titles)),
                "note": .s(random.below(3) == 0 ? "" : random.pick(Words.sentences)),
                "hits": .l(random.below(3) == 0 ? [] : [.s(random.pick(Words.slugs)), .n("\(random.below(99))")]),
                "filter": .m([:]),
            ]),
            "crt": .n("1763\(random.digits(6)).\(micros)"), "ttl": .n("4102\(random.digits(6))"),
        ]
    }

    /// How far a user came with a problem: sets of every type and numbers of full precision.
    mutating func progress(user: String, id: String, micros: String) -> Attributes {
        let first = 1 + random.below(50)
        return [
            "PK": .s("USR#\(user)"), "SK": .s("PROG#\(id)"), "tp": .s("prog"),
            "days": .ns(["\(first)", "-\(first).25", "\(first + 1).\(random.digits(12))1"]),
            "marks": .bs([[UInt8(first)], random.bytes(6)]),
            "dat": .m([
                "elo": .n("\(1 + random.below(9))\(random.digits(20)).\(random.digits(16))7"),
                "last": .n("1763\(random.digits(6)).\(micros)"), "done": .bool(random.below(2) == 0),
                "todo": .l([.null, .s(random.pick(Words.slugs)), .l([.n("0"), .m(["k": .s("v")])])]),
            ]),
        ]
    }
}

extension Array {
    /// The first `count` elements, or all.
    func prefixArray(_ count: Int) -> [Element] { Array(prefix(count)) }
}
