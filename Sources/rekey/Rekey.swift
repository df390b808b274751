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
            ControlCommand.self, ReportCommand.self, SchemaCommand.self,
            InitCommand.self, QueryCommand.self, ConvertCommand.self, ExplainCommand.self, CompletionsCommand.self,
            ManualCommand.self,
        ])
}

@main
enum Main {
    static func main() async {
        StandardStreams.replaceClosed()
        signal(SIGPIPE, SIG_IGN)
        // Past a limit on file sizes, writing then fails as on a full disk, and what was begun is removed.
        signal(SIGXFSZ, SIG_IGN)
        Interruption.watch()
        do {
            if CommandLine.arguments.isEmpty {
                throw RekeyError(.unexpected, "the command line cannot be read; is /proc mounted here?")
            }
            if HelpPage.isAsked(by: CommandLine.arguments.dropFirst()) {
                try Terminal.print(HelpPage.text)
                exit(0)
            }
            if let message = UsageMessage.ofHelp(CommandLine.arguments.dropFirst()) {
                Terminal.error(message)
                exit(ExitStatus.of(.usage))
            }
            var command = try Rekey.parseAsRoot()
            let verb = verbName(type(of: command))
            Log.configure { $0.verb = verb }
            ProgressDisplay.start()
            do {
                if var asynchronous = command as? any AsyncParsableCommand {
                    try await asynchronous.run()
                } else {
                    try command.run()
                }
                ProgressDisplay.stop()
            } catch let error as RekeyError {
                ProgressDisplay.stop()
                fail(error)
            }
        } catch let error as RekeyError {
            fail(error)
        } catch {
            ProgressDisplay.stop()
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
    private static func fail(_ error: RekeyError) -> Never {
        Interruption.yield()
        let status = ExitStatus.of(error.code)
        // A reader that has seen enough is no news; the status alone tells that the stream is cut.
        if error.code != .brokenPipe {
            var fields: [(String, JSONValue)] = [
                ("code", .string(error.code.rawValue)), ("status", .integer(Int(status))),
            ]
            if let source = error.source { fields.append(("source", .string(source))) }
            if let line = error.line { fields.append(("line", .integer(line))) }
            if let byte = error.byte { fields.append(("byte", .integer(byte))) }
            // A name in a file may hold a line's end; a failure is one line all the same.
            let said = error.description.split(whereSeparator: \.isNewline).joined(separator: " ")
            Log.say(.error, said, fields)
        }
        exit(status)
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
