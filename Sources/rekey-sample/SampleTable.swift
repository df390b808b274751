import ArgumentParser

/// How many items of which kind a sample table has.
struct SampleSize: ParsableArguments {
    @Option(help: "Seed of everything that is drawn.") var seed: UInt64 = 1
    @Option(help: "Items in all.") var items = 700
    @Option(help: "Plans among them.") var plans = 3
    @Option(help: "Users among them.") var users = 150
    @Option(help: "Problems among them.") var problems = 200

    func validate() throws {
        guard plans >= 1, users >= 1, problems >= 1 else {
            throw ValidationError("--plans, --users and --problems must be at least 1.")
        }
        guard items >= fixedCount else {
            throw ValidationError("--items must be at least \(fixedCount): plans, users, problems and the edge items.")
        }
    }

    private var fixedCount: Int { plans + users + problems + EdgeItems.all.count }
}

/// All items of a sample table, the same for the same size and seed.
struct SampleTable {
    private(set) var plans: [Attributes] = []
    private(set) var users: [Attributes] = []
    private(set) var others: [Attributes] = []
    /// Continues where the table ended: draws what is written later.
    private(set) var content: SampleContent

    init(_ size: SampleSize) {
        content = SampleContent(seed: size.seed)
        for number in 1...size.plans {
            plans.append(content.plan(id: "\(number)", tier: number - 1, micros: micros()))
        }
        for number in 1...size.users {
            users.append(user(number, plans: size.plans))
        }
        let slugs = (0..<size.problems).map(Self.slug)
        others = slugs.map { content.problem(slug: $0, micros: micros()) } + EdgeItems.all
        var number = 0
        while plans.count + users.count + others.count < size.items {
            number += 1
            let user = "\(1 + content.random.below(size.users))"
            switch number % 20 {
            case 0..<3: others.append(content.testCase(slug: slugs[number / 20 % slugs.count], id: "\(number)"))
            case 3..<12: others.append(content.submission(user: user, id: "\(number)", micros: micros()))
            case 12..<17: others.append(content.search(user: user, id: "\(number)", micros: micros()))
            default: others.append(content.progress(user: user, id: "\(number)", micros: micros()))
            }
        }
    }

    var all: [Attributes] { plans + users + others }

    /// A user whose plan is one of the first `plans`; most have the first.
    mutating func user(_ number: Int, plans: Int) -> Attributes {
        let plan = number == 1 ? min(3, plans) : 1 + content.random.below(4) / 3 * content.random.below(plans)
        return content.user(id: "\(number)", plan: "\(plan)", micros: micros())
    }

    /// Six digits, the last one never 0, as the stored form of a number has it.
    mutating func micros() -> String { content.random.digits(5) + "\(1 + content.random.below(9))" }

    private static func slug(_ number: Int) -> String {
        let platform = Words.platforms[number / Words.slugs.count % Words.platforms.count]
        let round = number / (Words.slugs.count * Words.platforms.count)
        return "\(platform)#\(Words.slugs[number % Words.slugs.count])" + (round == 0 ? "" : "-\(round + 1)")
    }
}
