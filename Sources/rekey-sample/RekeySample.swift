import ArgumentParser

/// Makes sample data: exports in the layout AWS writes, endless streams for measuring, and broken inputs for tests.
@main
struct RekeySample: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rekey-sample",
        abstract: "Make sample DynamoDB exports, streams and broken inputs; the same seed gives the same bytes.",
        subcommands: [ExportCommand.self, IncrementalCommand.self, StreamCommand.self, FixturesCommand.self])
}
