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
            Refused where account, region, table, rules or snapshot are not those the run was begun with. A hook that has not ended well is \
            run again; --hook gives another command for it.

              rekey resume .rekey/runs/20261123_211500-plan-structure

            \(ExitStatus.help)
            """)

    @Argument(help: ArgumentHelp("A run's directory or name.", valueName: "run"), completion: runCompletion)
    var name: String

    @OptionGroup var table: TableArgument
    @OptionGroup var runs: RunsArgument
    @OptionGroup var smoke: SmokeArguments
    @OptionGroup var hooks: HookArguments
    @OptionGroup var language: LanguageArgument
    @OptionGroup var reporting: ReportOptions

    func run() async throws {
        let run = try RunDirectory.find(name, runs: runs.runs)
        let plan = try run.plan()
        let text = try readRuleText(run.rulesPath)
        let (table, watch, _) = try await table.open(of: plan)
        let printer = EventPrinter(json: reporting.json, quiet: reporting.quiet)
        var resume = Resume(
            run: run, table: table, rules: try RuleSet.parse(yaml: text, source: run.rulesPath),
            runs: parentDirectory(run.path),
            temporaryDirectory: Environment.temporaryDirectory, events: { printer($0) })
        resume.watch = watch
        resume.language = language.lang
        resume.hook = hooks.resumed(plan)
        let check = try smoke.check()
        resume.check = check
        let outcome = try await resume.execute(rulesSHA256: SnapshotRules(name: plan.rulesName, text: text).sha256)
        if case .migrated(let run) = outcome {
            try await smoke.after(
                check, way: "the items are moved and verified; the way back is rekey rollback \(run) --execute",
                printer)
        }
        if outcome == .alreadyMigrated { printer(.success("✓ The run had finished; nothing was changed")) }
        if reporting.json { try Terminal.print(outcome.json("resume").text) }
    }
}
