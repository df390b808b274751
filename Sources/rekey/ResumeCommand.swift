import ArgumentParser
import ByteStreams
import Migration
import Rekeying
import Snapshots

/// `rekey resume`.
struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Go on with a run that was stopped.",
        discussion: """
            Refused where account, region, table, rules or snapshot are not those the run was begun with.

              rekey resume .rekey/runs/20261123_211500-plan-structure

            \(ExitStatus.help)
            """)

    @Argument(help: ArgumentHelp("A run's directory or name.", valueName: "run"), completion: runCompletion)
    var name: String

    @OptionGroup var table: TableArgument
    @OptionGroup var runs: RunsArgument
    @OptionGroup var language: LanguageArgument
    @OptionGroup var reporting: ReportOptions

    func run() async throws {
        let run = try RunDirectory.find(name, runs: runs.runs)
        let plan = try run.plan()
        let text = try readRuleText(run.rulesPath)
        let (_, table, watch) = try await table.open(or: plan.table)
        let printer = EventPrinter(json: reporting.json, quiet: reporting.quiet)
        var resume = Resume(
            run: run, table: table, rules: try RuleSet.parse(yaml: text, source: run.rulesPath),
            runs: parentDirectory(run.path),
            temporaryDirectory: Environment.temporaryDirectory, events: { printer($0) })
        resume.watch = watch
        resume.language = language.lang
        let outcome = try await resume.execute(rulesSHA256: SnapshotRules(name: plan.rulesName, text: text).sha256)
        if outcome == .alreadyMigrated { printer(.success("✓ The run had finished; nothing was changed")) }
        if reporting.json { try Terminal.print(outcome.json("resume").text) }
    }
}
