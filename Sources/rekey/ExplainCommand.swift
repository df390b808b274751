import ArgumentParser
import ByteStreams
import Rekeying

/// `rekey explain`.
struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say what an exit status or a code means, and what to do.",
        usage: "rekey explain [<code>] [<options>]",
        discussion: """
            Takes an exit status, its name, or the name of a finding of rekey rules check; without one it lists the statuses.

              rekey migrate --rules r.yaml; rekey explain $?
              rekey explain valueLost

            \(ExitStatus.help)
            """)

    @Argument(
        help: ArgumentHelp("A status such as 65, a name such as \"bad input\", or a finding.", valueName: "code"),
        completion: .list(
            ErrorGuide.all.flatMap { $0.statuses.map(String.init) } + FindingGuide.all.map(\.code.rawValue)))
    var code: [String] = []

    @Flag(help: ArgumentHelp("Print the table and the examples of docs/errors.md.", visibility: .hidden))
    var markdown = false

    @Flag(help: ArgumentHelp("Print the table of findings of docs/rules.md.", visibility: .hidden))
    var findings = false

    @Flag(help: "Print the result as JSON.")
    var json = false

    func run() throws {
        let wanted = code.joined(separator: " ")
        if wanted.isEmpty {
            if markdown { return try printMarkdown() }
            if findings {
                try Terminal.print("| finding | means | do |\n| --- | --- | --- |")
                for guide in FindingGuide.all { try Terminal.print(guide.markdownRow) }
                return
            }
            if json { return try Terminal.print(JSONValue.array(ErrorGuide.all.map(\.json)).text) }
            for guide in ErrorGuide.all { try Terminal.print(guide.line) }
            return
        }
        if let guide = ErrorGuide.find(wanted) {
            return try Terminal.print(json ? guide.json.text : guide.page(of: wanted))
        }
        if let finding = FindingGuide.find(wanted) {
            return try Terminal.print(json ? finding.json.text : finding.text)
        }
        throw RekeyError(
            .usage,
            "\(wanted) is no exit status and no code of rekey; rekey explain lists the statuses, docs/rules.md the findings"
        )
    }

    private func printMarkdown() throws(RekeyError) {
        try Terminal.print("| status | means | do |\n| --- | --- | --- |")
        for guide in ErrorGuide.all { try Terminal.print(guide.markdownRow) }
        try Terminal.print("")
        for guide in ErrorGuide.all {
            guard let example = guide.example, example.isShown else { continue }
            try Terminal.print("    $ \(example.lines[0])")
            for line in example.lines.dropFirst() { try Terminal.print("    \(line)") }
            try Terminal.print("    [\(guide.statuses[0])]")
        }
    }
}

extension ErrorGuide {
    private var number: String { statuses.map(String.init).joined(separator: ", ") }

    fileprivate var line: String {
        let padding = String(repeating: " ", count: max(1, 10 - number.count))
        return "\(number)\(padding)\(name): \(means)"
    }

    fileprivate var markdownRow: String {
        let more = page.map { " ([more](\($0)))" } ?? ""
        return "| \(number) | \(name): \(means) | \(remedy)\(more) |"
    }

    /// What `rekey explain` prints for one status.
    fileprivate func page(of wanted: String) -> String {
        var lines = ["\(number)  \(name): \(means)"]
        if !remedy.isEmpty { lines += ["", "To do: \(remedy)"] }
        if let page { lines.append("More:  \(page.hasPrefix("../") ? String(page.dropFirst(3)) : "docs/\(page)")") }
        if let example {
            lines += ["", "It looks like this:", "", "  $ \(example.lines[0])"]
            lines += example.lines.dropFirst().map { "  \($0)" }
        }
        return lines.joined(separator: "\n")
    }

    fileprivate var json: JSONValue {
        .object([
            ("statuses", .array(statuses.map { .integer(Int($0)) })), ("name", .string(name)),
            ("means", .string(means)), ("remedy", .string(remedy)), ("page", page.map { .string($0) } ?? .null),
        ])
    }
}

extension FindingGuide {
    fileprivate var markdownRow: String { "| `\(code.rawValue)` | \(means) | \(remedy) |" }

    fileprivate var text: String {
        """
        \(code.rawValue)  a finding of rekey rules check (status 78): \(means)

        To do: \(remedy)
        More:  docs/rules.md#what-rekey-rules-check-proves
        """
    }

    fileprivate var json: JSONValue {
        .object([
            ("finding", .string(code.rawValue)), ("status", .integer(Int(ExitStatus.of(.rulesRefused)))),
            ("means", .string(means)), ("remedy", .string(remedy)),
        ])
    }
}
