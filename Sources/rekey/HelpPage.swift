/// The first help page: `rekey`, `rekey --help` and `rekey help`.
enum HelpPage {
    private typealias Group = (title: String, verbs: [(name: String, does: String)])

    /// The verbs by what a user wants, in the two columns of the page.
    private static let left: [Group] = [
        (
            "Look, and write rules",
            [
                ("init", "key shapes, drafted rules"), ("rules", "prove, invert, explain"),
                ("query", "the items of one partition"), ("digest", "count and checksum"),
                ("verify", "compare old and new"), ("convert", "plain JSON, CSV, and back"),
            ]
        ),
        (
            "Streams, in pipes",
            [
                ("extract", "items out as lines of JSON"), ("transform", "keys rewritten by rules"),
                ("load", "lines into a table"),
            ]
        ),
        ("Backups", [("snapshot", "make, check, list, prune"), ("restore", "into a table, read back")]),
    ]
    private static let right: [Group] = [
        (
            "Migrate",
            [
                ("rehearse", "all of it, on a copy"), ("preflight", "look at a table before"),
                ("migrate", "items to their new keys"), ("status", "where runs stand"),
                ("resume", "go on with a stopped run"), ("control", "slow, pause, stop a run"),
                ("report", "what a run did, as a page"), ("rollback", "take a run back"),
                ("monitor", "used and throttled units"),
            ]
        ),
        (
            "Help",
            [
                ("explain", "what a status means"), ("schema", "JSON Schema of --json"),
                ("completions", "for bash, zsh and fish"),
            ]
        ),
    ]

    /// Whether the arguments ask for this page and no other.
    static func isAsked(by arguments: ArraySlice<String>) -> Bool {
        arguments.isEmpty || (arguments.count == 1 && ["help", "--help", "-h"].contains(arguments.first))
    }

    static var text: String {
        """
        rekey moves DynamoDB items to new keys, and proves that nothing was lost.

          rekey init TABLE > rules.yaml                    key shapes, drafted rules
          rekey rules check rules.yaml                     proof that nothing gets lost
          rekey rehearse --from EXPORT --rules rules.yaml  all of it, on a copy
          rekey migrate --table TABLE --rules rules.yaml   dry run; --execute writes

        TABLE is dynamodb:NAME or local:FILE.db. EXPORT is an AWS export or snapshot (a
        folder, s3://BUCKET/PREFIX), a file of lines, a table, or - for standard input.

        \(verbs)

        rekey help COMMAND: options and examples. rekey explain STATUS: what to do.
        \(ExitStatus.help)
        """
    }

    private static var verbs: String {
        let (left, right) = (lines(left), lines(right))
        return (0..<max(left.count, right.count)).map { row in
            let text = row < left.count ? left[row] : ""
            guard row < right.count else { return text }
            return text + String(repeating: " ", count: max(1, 41 - text.count)) + right[row]
        }.joined(separator: "\n")
    }

    private static func lines(_ groups: [Group]) -> [String] {
        groups.flatMap { group in
            [group.title]
                + group.verbs.map { verb in
                    "  \(verb.name)\(String(repeating: " ", count: max(1, 12 - verb.name.count)))\(verb.does)"
                }
        }
    }
}
