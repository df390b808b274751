import ArgumentParser
import ByteStreams
import Migration

/// `rekey report`.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract:
            "What a run did, as a page to read: counts, digests, capacity over time, what is left to do, the way back.",
        usage: "rekey report <run> [--output <file>] [--format html|md] [--lang ko]",
        discussion: """
            From the run's directory alone; the table is not asked. HTML is one file without outside parts and scripts; Markdown is for a \
            pull request. A run writes both into its directory at its end.

              rekey report 20261123_211500-plan-structure --output report.html
              rekey report 20261123_211500-plan-structure

            \(ExitStatus.help)
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case html, md }

    @Argument(help: ArgumentHelp("A run's directory or name; rekey status lists them.", valueName: "run"))
    var name: String

    @Option(
        name: .shortAndLong, help: ArgumentHelp("Write to this file and not to standard output.", valueName: "file"))
    var output: String?

    @Option(help: "html or md; else by the name of the output, and md without one.")
    var format: Format?

    @OptionGroup var runs: RunsArgument
    @OptionGroup var language: LanguageArgument
    @OptionGroup var reporting: ReportOptions

    /// A run cannot be resumed or taken back without the files in its directory.
    private func requireOutsideOf(_ run: RunDirectory) throws(RekeyError) {
        try FileUse.check(reads: [], writes: [], files: [("--output", output)])
        guard let output, FileIdentity(ofOutput: output).names(below: run.path) != nil else { return }
        guard [".html", ".htm", ".md"].contains(where: output.hasSuffix) else {
            throw RekeyError(
                .usage,
                "--output \(output) lies in the run's directory; name a file elsewhere, or one that ends in .html or .md"
            )
        }
    }

    func run() throws {
        let run = try RunDirectory.find(name, runs: runs.runs)
        try requireOutsideOf(run)
        let report = try RunReport(run, language: language.lang)
        let format = format ?? (output.map { $0.hasSuffix(".html") || $0.hasSuffix(".htm") ? .html : .md } ?? .md)
        if reporting.json, output == nil {
            throw RekeyError(.usage, "--json needs --output, since the report itself goes to standard output")
        }
        let sink = try openSink(output ?? "-", compression: .none)
        do {
            try sink.write(utf8: format == .html ? report.html : report.markdown)
            try sink.finish()
        } catch {
            sink.abandon()
            throw error
        }
        guard reporting.json else { return }
        let result = JSONValue.object([
            ("command", .string("report")), ("run", .string(run.path)), ("state", .string(report.state.rawValue)),
            ("format", .string(format.rawValue)), ("output", .string(output ?? "-")),
        ])
        try Terminal.print(result.text)
    }
}
