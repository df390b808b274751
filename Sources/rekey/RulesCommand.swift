import ArgumentParser
import ByteStreams
import Rekeying

/// `rekey rules`.
struct RulesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules",
        abstract: "Prove, invert and explain rule files.",
        discussion: """
              rekey rules check plan-structure.yaml
              rekey rules explain plan-structure.yaml PLAN#1 META

            \(ExitStatus.help)
            """,
        subcommands: [RulesCheckCommand.self, RulesInvertCommand.self, RulesExplainCommand.self])
}

/// `rekey rules check`.
struct RulesCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Prove without data that the rules lose nothing: an inverse, no shared keys, nothing moved twice.",
        discussion: """
              rekey rules check plan-structure.yaml
              rekey rules check plan-structure.yaml --json

            \(ExitStatus.help)
            """)

    @Argument(help: ArgumentHelp("The rule file, or -.", valueName: "file"))
    var file: String

    @Flag(help: "Accept rules that have no inverse.")
    var oneWay = false

    @OptionGroup var reporting: ReportOptions

    func run() throws {
        let rules = try loadRules(file)
        let proof = rules.check(oneWay: oneWay)
        if reporting.json {
            try Terminal.print(json(proof).text)
        } else {
            for finding in proof.findings {
                try Terminal.print("\(finding.severity.rawValue): line \(finding.line): \(finding.message)")
            }
            if proof.isAccepted && !reporting.quiet {
                try Terminal.print(
                    "\(rules.name): accepted, \(rules.rules.count) rule\(rules.rules.count == 1 ? "" : "s")")
                if let inverse = proof.inverse { try Terminal.print("inverse:\n\(inverse)") }
            }
        }
        guard proof.isAccepted else {
            let refusals = proof.findings.filter { $0.severity == .refusal }.map(\.code.rawValue)
            var codes: [String] = []
            for code in refusals where !codes.contains(code) { codes.append(code) }
            throw RekeyError(
                .rulesRefused,
                "\(refusals.count) finding\(refusals.count == 1 ? "" : "s") against the rules; see \(codes.map { "rekey explain \($0)" }.joined(separator: ", "))",
                source: file)
        }
    }

    private func json(_ proof: Proof) -> JSONValue {
        let findings = proof.findings.map { finding in
            JSONValue.object([
                ("code", .string(finding.code.rawValue)), ("severity", .string(finding.severity.rawValue)),
                ("rule", .integer(finding.rule + 1)), ("line", .integer(finding.line)),
                ("message", .string(finding.message)),
            ])
        }
        return .object([
            ("command", .string("rules check")), ("accepted", .boolean(proof.isAccepted)),
            ("findings", .array(findings)), ("inverse", proof.inverse.map { .string($0) } ?? .null),
        ])
    }
}

/// `rekey rules invert`.
struct RulesInvertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "invert",
        abstract: "Print the rules that move everything back.",
        discussion: """
              rekey rules invert plan-structure.yaml > back.yaml

            \(ExitStatus.help)
            """)

    @Argument(help: ArgumentHelp("The rule file, or -.", valueName: "file"))
    var file: String

    @OptionGroup var reporting: ReportOptions

    func run() throws {
        let inverse: RuleSet
        do { inverse = try loadRules(file).inverted() } catch { throw error.at(source: file) }
        if reporting.json {
            let result = [("command", JSONValue.string("rules invert")), ("inverse", .string(inverse.yaml))]
            return try Terminal.print(JSONValue.object(result).text)
        }
        try Terminal.print(inverse.yaml)
    }
}

/// `rekey rules explain`.
struct RulesExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say what the rules do with one key, and why.",
        discussion: """
              rekey rules explain plan-structure.yaml PLAN#1 META

            \(ExitStatus.help)
            """)

    @Argument(help: ArgumentHelp("The rule file.", valueName: "file"))
    var file: String

    @Argument(help: "The partition key.")
    var partition: String

    @Argument(help: "The sort key, where the table has one.")
    var sort: String?

    @OptionGroup var reporting: ReportOptions

    func run() throws {
        let rules = try loadRules(file)
        guard (sort != nil) == (rules.sort != nil) else {
            throw RekeyError(
                .usage,
                rules.sort == nil
                    ? "the rules know no sort key; give the partition key alone" : "give the sort key too",
                source: file)
        }
        let explanation = rules.explain(partition: partition, sort: sort)
        if reporting.json { return try Terminal.print(json(explanation).text) }
        for line in explanation.lines { try Terminal.print(line) }
    }

    private func json(_ explanation: Explanation) -> JSONValue {
        func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
        func number(_ rule: Int?) -> JSONValue { rule.map { .integer($0 + 1) } ?? .null }
        return .object([
            ("command", .string("rules explain")), ("rule", number(explanation.rule)),
            (
                "tried",
                .array(
                    explanation.attempts.map { .object([("rule", number($0.rule)), ("failure", text($0.failure))]) })
            ),
            ("captures", .object(explanation.captures.map { ($0.name, .string($0.value)) })),
            ("demands", .array(explanation.demands.map { .string($0) })),
            ("partition", text(explanation.newPartition)), ("sort", text(explanation.newSort)),
            ("madeBy", number(explanation.producer)),
        ])
    }
}
