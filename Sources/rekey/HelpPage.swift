import ArgumentParser

/// The first help page: `rekey`, `rekey --help` and `rekey help`.
enum HelpPage {
    /// The verbs by what a user wants; one that stands in no group comes last.
    private static let groups: [(title: String, verbs: [String])] = [
        ("Rules and looks", ["init", "rules", "query", "digest", "verify", "convert"]),
        (
            "A migration",
            ["rehearse", "preflight", "migrate", "status", "resume", "control", "report", "rollback", "monitor"]
        ),
        ("Streams, in pipes", ["extract", "transform", "load"]),
        ("Backups", ["snapshot", "restore"]),
    ]

    /// Whether the arguments ask for this page and no other.
    static func isAsked(by arguments: ArraySlice<String>) -> Bool {
        arguments.isEmpty || (arguments.count == 1 && ["help", "--help", "-h"].contains(arguments.first))
    }

    static var text: String {
        """
        rekey moves DynamoDB items to new keys, and proves that nothing was lost.

          rekey init TABLE > rules.yaml                    the shapes of keys, a rule file to fill in
          rekey rules check rules.yaml                     proof without data that nothing can be lost
          rekey rehearse --from EXPORT --rules rules.yaml  all of it, and the way back, on a copy
          rekey migrate --table TABLE --rules rules.yaml   a dry run; add --execute to write

        TABLE is dynamodb:NAME or local:FILE.db. EXPORT is any location: an AWS export or a snapshot, in a
        folder or at s3://BUCKET/PREFIX, FILE.ndjson, FILE.json.gz, a table, or - for standard input.
        Nothing is written to a table without --execute.
        \(verbs)
        rekey help COMMAND has options and examples, rekey explain STATUS what to do. --version
        \(ExitStatus.help)
        """
    }

    private static var verbs: String {
        let known = Rekey.configuration.subcommands.filter { $0.configuration.shouldDisplay }
        let named = known.map { (name: $0.configuration.commandName ?? "", abstract: brief($0.configuration.abstract)) }
        let listed = groups.flatMap(\.verbs)
        let others = named.map(\.name).filter { !listed.contains($0) }
        var lines: [String] = []
        for group in groups + [("Help", others)] {
            let found = group.verbs.compactMap { verb in named.first { $0.name == verb } }
            guard !found.isEmpty else { continue }
            lines.append("\n\(group.title)")
            for verb in found {
                let padding = String(repeating: " ", count: max(1, 12 - verb.name.count))
                lines.append("  \(verb.name)\(padding)\(verb.abstract)")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// An abstract up to its first colon, semicolon or full stop.
    private static func brief(_ abstract: String) -> String {
        let ends = [": ", "; ", ". "].compactMap { abstract.firstRange(of: $0)?.lowerBound }
        let text = ends.min().map { String(abstract[..<$0]) } ?? abstract
        return text.hasSuffix(".") ? String(text.dropLast()) : text
    }
}
