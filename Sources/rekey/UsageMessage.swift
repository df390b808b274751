import ArgumentParser

/// The one line about a command line that was typed wrong.
enum UsageMessage {
    /// - Parameters:
    ///   - said: what the parser says of it, in one line.
    ///   - arguments: what was typed behind `rekey`.
    static func text(of said: String, arguments: [String]) -> String {
        let (name, type, rest, wrongVerb) = command(of: arguments[...])
        if let wrongVerb { return wrongVerb }
        // What is missing may be missing because it was typed wrong.
        let wrong = said.hasPrefix("Missing expected argument") ? wrongOption(in: rest, of: type) : nil
        let text = wrong ?? said
        let sentence = text.hasSuffix(".") ? String(text.dropLast()) : text
        return "\(name): \(sentence)\(sentence.hasSuffix("?") ? " See" : "; see") \(name) --help"
    }

    /// What is wrong with `rekey help VERB…`; nil where it asks for a page that is there, and for other command lines.
    static func ofHelp(_ arguments: ArraySlice<String>) -> String? {
        guard arguments.first == "help", arguments.dropFirst().first != "help" else { return nil }
        return command(of: arguments.dropFirst()).wrongVerb
    }

    /// The command that the first arguments name, those behind, and what is wrong where the next should name a command too.
    private static func command(
        of arguments: ArraySlice<String>
    ) -> (name: String, type: any ParsableCommand.Type, rest: ArraySlice<String>, wrongVerb: String?) {
        var name = "rekey"
        var type: any ParsableCommand.Type = Rekey.self
        var known = Rekey.configuration.subcommands
        var rest = arguments
        while let word = rest.first, let command = known.first(where: { $0.configuration.commandName == word }) {
            name += " \(word)"
            rest.removeFirst()
            type = command
            known = command.configuration.subcommands
        }
        guard let word = rest.first, !known.isEmpty else { return (name, type, rest, nil) }
        let verbs = known.filter { $0.configuration.shouldDisplay }.compactMap { $0.configuration.commandName }
        return (name, type, rest, wrongVerb(word, name: name, verbs: verbs))
    }

    /// The first option that the command does not know, in the parser's words; nil where it knows all of them.
    private static func wrongOption(in arguments: ArraySlice<String>, of type: any ParsableCommand.Type) -> String? {
        // A line of the help page is `  -o, --output <file>  Write to this file`.
        let known = Rekey.helpMessage(for: type, includeHidden: true).split(separator: "\n")
            .flatMap { $0.split(separator: " ").prefix(2) }.filter { $0.hasPrefix("--") }.map(String.init)
        for argument in arguments.prefix(while: { $0 != "--" }) where argument.hasPrefix("--") {
            let option = String(argument.prefix { $0 != "=" })
            if known.contains(option) { continue }
            let guess = Suggestion.nearest(to: option, among: known)
            return "Unknown option '\(option)'." + (guess.map { " Did you mean '\($0)'?" } ?? "")
        }
        return nil
    }

    /// What is wrong where a verb was expected; nil for an option that may stand there.
    private static func wrongVerb(_ word: String, name: String, verbs: [String]) -> String? {
        if word.hasPrefix("-") {
            guard !["-h", "--help", "--version"].contains(word) else { return nil }
            return
                "\(name): \(word) stands where a command should; options come behind it, as in \(name) \(verbs[0]) --quiet; see \(name) --help"
        }
        let guess = Suggestion.nearest(to: word, among: verbs)
        return
            "\(name): \(word) is no command; \(guess.map { "did you mean \(name) \($0)? See" } ?? "see") \(name) --help"
    }
}
