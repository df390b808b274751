import ArgumentParser
import ByteStreams

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The version this build reports and writes into snapshots.
let toolVersion = "0.1.0"

/// The root command: `rekey VERB …`.
struct Rekey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rekey",
        abstract: "Move DynamoDB items to new keys, and prove that nothing was lost.",
        discussion: """
              rekey rehearse --from EXPORT --rules RULES     the whole of it on a copy
              rekey migrate --table TABLE --rules RULES      a dry run

            \(ExitStatus.help)
            """,
        version: toolVersion,
        subcommands: [
            ExtractCommand.self, TransformCommand.self, LoadCommand.self, VerifyCommand.self, DigestCommand.self,
            SnapshotCommand.self, RestoreCommand.self, RulesCommand.self, PreflightCommand.self, MigrateCommand.self,
            RollbackCommand.self, ResumeCommand.self, StatusCommand.self, RehearseCommand.self, MonitorCommand.self,
            InitCommand.self, QueryCommand.self, ConvertCommand.self, ExplainCommand.self, CompletionsCommand.self,
            ManualCommand.self,
        ])
}

@main
enum Main {
    static func main() async {
        signal(SIGPIPE, SIG_IGN)
        Interruption.watch()
        do {
            if CommandLine.arguments.isEmpty {
                throw RekeyError(.unexpected, "the command line cannot be read; is /proc mounted here?")
            }
            if HelpPage.isAsked(by: CommandLine.arguments.dropFirst()) {
                try Terminal.print(HelpPage.text)
                exit(0)
            }
            var command = try Rekey.parseAsRoot()
            do {
                if var asynchronous = command as? any AsyncParsableCommand {
                    try await asynchronous.run()
                } else {
                    try command.run()
                }
            } catch let error as RekeyError {
                fail(error, verb: verbName(type(of: command)))
            }
        } catch let error as RekeyError {
            fail(error, verb: nil)
        } catch {
            end(error)
        }
        exit(0)
    }

    /// Help and version as they come; what was typed wrong in one line.
    private static func end(_ error: any Error) -> Never {
        guard Rekey.exitCode(for: error) == .validationFailure else { Rekey.exit(withError: error) }
        let said = Rekey.message(for: error).split(whereSeparator: \.isNewline).joined(separator: " ")
        Terminal.error(UsageMessage.text(of: said, arguments: Array(CommandLine.arguments.dropFirst())))
        exit(ExitStatus.of(.usage))
    }

    /// Says one line on standard error and ends with the status of the error.
    private static func fail(_ error: RekeyError, verb: String?) -> Never {
        // A reader that has seen enough is no news; the status alone tells that the stream is cut.
        if error.code != .brokenPipe { Terminal.error("rekey\(verb.map { " \($0)" } ?? ""): \(error.description)") }
        exit(ExitStatus.of(error.code))
    }

    /// `snapshot create` for the command of that name.
    private static func verbName(_ type: any ParsableCommand.Type) -> String {
        let name = type.configuration.commandName ?? "\(type)"
        for parent in Rekey.configuration.subcommands
        where parent.configuration.subcommands.contains(where: { $0 == type }) {
            return "\(parent.configuration.commandName ?? "") \(name)"
        }
        return name
    }
}
