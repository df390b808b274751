import ArgumentParser
import Testing

@testable import rekey

@Suite("Schemas")
struct SchemaTests {
    /// The names of all commands that take `--json`, as `snapshot create`.
    private static func commands(
        _ type: any ParsableCommand.Type = Rekey.self, _ path: [String] = []
    ) -> [String] {
        let nested = type.configuration.subcommands
        guard nested.isEmpty else {
            return nested.flatMap { commands($0, path + [$0.configuration.commandName ?? ""]) }
        }
        let takesIt = Rekey.helpMessage(for: type).contains(/(?m)^ +--json\s/)
        return takesIt ? [path.joined(separator: " ")] : []
    }

    @Test("Every command that takes --json has a schema, and no other")
    func complete() {
        let commands = Set(Self.commands())
        #expect(commands.count > 15)
        #expect(commands.symmetricDifference(Schemas.all.map(\.command)) == [])
    }
}
