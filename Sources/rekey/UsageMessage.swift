import ArgumentParser

/// The one line about a command line that was typed wrong.
enum UsageMessage {
    /// - Parameters:
    ///   - said: what the parser says of it, in one line.
    ///   - arguments: what was typed behind `rekey`.
    static func text(of said: String, arguments: [String]) -> String {
        var name = "rekey"
        var known = Rekey.configuration.subcommands
        var rest = arguments[...]
        while let word = rest.first, let command = known.first(where: { $0.configuration.commandName == word }) {
            name += " \(word)"
            rest.removeFirst()
            known = command.configuration.subcommands
        }
        if let word = rest.first, !known.isEmpty {
            let verbs = known.filter { $0.configuration.shouldDisplay }.compactMap { $0.configuration.commandName }
            if let message = wrongVerb(word, name: name, verbs: verbs) { return message }
        }
        let sentence = said.hasSuffix(".") ? String(said.dropLast()) : said
        return "\(name): \(sentence)\(sentence.hasSuffix("?") ? " See" : "; see") \(name) --help"
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
