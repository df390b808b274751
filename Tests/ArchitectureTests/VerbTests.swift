import Testing

/// Every verb has its files, its cases and its page.
@Suite("Verbs")
struct VerbTests {
    /// The command types that `Rekey.configuration` lists, such as `ExtractCommand`.
    static let commands: [String] = listedTypes(after: "subcommands:", in: SourceTree.text("Sources/rekey/Rekey.swift"))

    /// Names such as `ExtractCommand.self` between the brackets after `marker`.
    private static func listedTypes(after marker: String, in text: String) -> [String] {
        guard let start = text.firstRange(of: marker)?.upperBound, let end = text[start...].firstIndex(of: "]") else {
            return []
        }
        return text[start..<end].matches(of: /(\w+)\.self/).map { String($0.1) }
    }

    private static func verb(of command: String) -> String {
        command.replacing(/Command$/, with: "").lowercased()
    }

    @Test("The list of verbs is found")
    func list() {
        #expect(
            Self.commands.count >= 14 && Self.commands.allSatisfy { $0.hasSuffix("Command") },
            "Sources/rekey/Rekey.swift lists \(Self.commands); name each verb's type <Verb>Command and list it in `subcommands:`"
        )
    }

    @Test("A verb has one command file of its name", arguments: commands)
    func commandFile(command: String) {
        let path = "Sources/rekey/\(command).swift"
        let text = SourceTree.text(path)
        let verb = Self.verb(of: command)
        #expect(text.contains("struct \(command)"), "write `struct \(command)` in \(path): one file a verb")
        #expect(
            text.contains("commandName: \"\(verb)\""), "\(path): the command's name must be \(verb), as its file says")
        #expect(
            text.contains("ExitStatus.help"),
            "\(path): end the help page with the exit statuses (discussion: ExitStatus.help)")
    }

    @Test("A verb has golden cases", arguments: commands)
    func goldenCases(command: String) throws {
        let verb = Self.verb(of: command)
        let cases = try SourceTree.names(in: "Tests/CommandTests/Cases")
        let found = cases.filter { $0 == verb || $0.hasPrefix(verb + "-") }
        #expect(
            !found.isEmpty,
            "no folder Tests/CommandTests/Cases/\(verb)-…: add one (Tests/CommandTests/README.md says how)")
        let text = SourceTree.text("Sources/rekey/\(command).swift")
        for nested in text.matches(of: /commandName: "(\w+)"/).map({ String($0.1) }) where nested != verb {
            #expect(
                cases.contains { $0.hasPrefix("\(verb)-\(nested)") },
                "no folder Tests/CommandTests/Cases/\(verb)-\(nested)…: add one for rekey \(verb) \(nested)")
        }
    }

    @Test("A verb stands in README or docs", arguments: commands)
    func documentation(command: String) throws {
        let verb = Self.verb(of: command)
        let pages = try SourceTree.names(in: "docs").filter { $0.hasSuffix(".md") }.map { "docs/\($0)" } + ["README.md"]
        #expect(
            pages.contains { SourceTree.text($0).contains("rekey \(verb)") },
            "neither README.md nor docs/*.md says `rekey \(verb)`; show how it is used")
    }

    @Test("A golden case belongs to a verb")
    func noStrayCases() throws {
        let verbs = Self.commands.map(Self.verb) + ["rekey", "pipe"]
        for name in try SourceTree.names(in: "Tests/CommandTests/Cases") where !name.contains(".") {
            #expect(
                verbs.contains { name == $0 || name.hasPrefix($0 + "-") },
                "Tests/CommandTests/Cases/\(name): begin the folder's name with its verb, or with pipe- for several verbs"
            )
        }
    }
}
