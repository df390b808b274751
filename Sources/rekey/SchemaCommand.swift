import ArgumentParser
import ByteStreams

/// `rekey schema`.
struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Print the JSON Schema of what a command prints with --json.",
        usage: "rekey schema [<command>]",
        discussion: """
            Without a command, the names of all that have one. A command that prints an object a line is described by its line.

              rekey schema migrate
              rekey schema snapshot create

            \(ExitStatus.help)
            """)

    @Argument(help: "The command, as migrate or snapshot create.")
    var command: [String] = []

    func run() throws {
        guard !command.isEmpty else {
            for entry in Schemas.all { try Terminal.print(entry.command) }
            return
        }
        let name = command.joined(separator: " ")
        guard let schema = Schemas.of(name) else {
            throw RekeyError(.usage, "there is no schema of \(name); rekey schema lists those there are")
        }
        try Terminal.print(schema.document(title: "rekey \(name) --json").text)
    }
}
