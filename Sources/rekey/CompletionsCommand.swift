import ArgumentParser
import Migration

/// Files and directories: what most locations are.
let locationCompletion = CompletionKind.file()

/// Rule files.
let rulesCompletion = CompletionKind.file(extensions: ["yaml", "yml"])

/// The names of the runs below `.rekey/runs`, where `--runs` keeps them unless it is given.
let runCompletion = CompletionKind.custom { words, _, _ in
    let given = words.firstIndex(of: "--runs").flatMap { words.dropFirst($0 + 1).first }
    let found = try? RunStatus.list(given ?? ".rekey/runs").runs
    return (found ?? []).compactMap { $0.path.split(separator: "/").last.map(String.init) }
}

/// `rekey completions`.
struct CompletionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completions",
        abstract: "Print the script by which a shell completes commands, options and runs.",
        discussion: """
              rekey completions bash > ~/.local/share/bash-completion/completions/rekey
              rekey completions zsh > ~/.zfunc/_rekey
              rekey completions fish > ~/.config/fish/completions/rekey.fish

            \(ExitStatus.help)
            """)

    enum Shell: String, ExpressibleByArgument, CaseIterable { case bash, zsh, fish }

    @Argument(help: "The shell: bash, zsh or fish.")
    var shell: Shell

    func run() throws {
        let kind: CompletionShell =
            switch shell {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        try Terminal.print(Rekey.completionScript(for: kind))
    }
}
