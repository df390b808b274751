import ArgumentParser
import ByteStreams
import Migration
import Rekeying
import Tables

/// `rekey migrate`.
struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Move items to their new keys: snapshot, put, verify, delete, verify. A dry run without --execute.",
        usage: "rekey migrate --table <table> --rules <file> [--execute] [<options>]",
        discussion: """
            With --execute it asks for the word MIGRATE. Old items are deleted only after every new one was read back and found equal. \
            Each run keeps its plan, ledger and snapshot in its own directory; the way back is printed at its end.

              rekey migrate --table local:plans.db --rules plan-structure.yaml
              rekey migrate --table local:plans.db --rules plan-structure.yaml --execute

            The dry run prints a plan: sizes, capacity units, price, time, what a list costs before and after. --plan-out keeps it as a file, and \
            --plan holds a later run to it.

              rekey migrate --table dynamodb:plans --rules rules.yaml --plan-out plan.json
              rekey migrate --table dynamodb:plans --rules rules.yaml --plan plan.json \\
                --execute

            A deployment between put and delete, where the rule file has the line hook: before-delete:

              rekey migrate --table dynamodb:plans --rules rules.yaml --execute \\
                --hook './deploy.sh new-keys'

            \(ExitStatus.help)
            """)

    @OptionGroup var table: TableArgument
    @OptionGroup var rules: RulesArgument
    @OptionGroup var runs: RunsArgument

    @Flag(help: "Write. Without it, say what would be done.")
    var execute = false

    @Option(help: ArgumentHelp("The word MIGRATE, where no terminal is there to type it.", valueName: "word"))
    var confirm: String?

    @Option(help: "batch: put all, verify, delete if unchanged. transact: each item in a transaction.")
    var strategy: Migrate.Strategy?

    @Option(help: ArgumentHelp("Write the dry run's plan to this file, as JSON.", valueName: "file"))
    var planOut: String?

    @Option(help: ArgumentHelp("Refuse where the table is not as this plan has it.", valueName: "file"))
    var plan: String?

    @Flag(name: .customLong("without-pitr"), help: "Go on although point-in-time recovery is off.")
    var withoutRecovery = false

    @OptionGroup var smoke: SmokeArguments
    @OptionGroup var hooks: HookArguments
    @OptionGroup var language: LanguageArgument
    @OptionGroup var reporting: ReportOptions

    func run() async throws {
        if planOut != nil, execute { throw RekeyError(.usage, "--plan-out is for the dry run, without --execute") }
        try FileUse.check(
            reads: [("--table", self.table.table), ("--rules", rules.rules), ("--plan", plan)],
            writes: [FileUse.result(!reporting.quiet || reporting.json)], files: [("--plan-out", planOut)])
        let pinned = try plan.map { path throws(RekeyError) in try MigrationPlan.read(path) }
        let (ruleSet, rulesText) = try readRules(rules.rules)
        try requireProof(ruleSet, source: rules.rules)
        let (text, table, watch) = try await table.open()
        let printer = EventPrinter(json: reporting.json, quiet: reporting.quiet)
        var migrate = Migrate(
            table: table, tableText: text, rules: ruleSet, rulesText: rulesText, runs: runs.runs,
            tool: "rekey \(toolVersion)", temporaryDirectory: Environment.temporaryDirectory,
            events: { printer($0) })
        migrate.watch = watch
        migrate.language = language.lang
        migrate.pinned = pinned
        migrate.writeLimit = self.table.live.restoring.writes.writeUnits
        migrate.strategy = strategy ?? pinned.flatMap { Migrate.Strategy(rawValue: $0.strategy) } ?? .batch
        migrate.allowsMissingRecovery = withoutRecovery
        migrate.hook = try hooks.begun()
        let outcome: Migrate.Outcome
        if execute {
            let place = confirm == nil && Terminal.isTerminal(0) ? try await table.describe().place : table.name
            try rekey.confirm("MIGRATE", given: confirm, what: "Migrating \(place) writes to it")
            let check = try await smoke.before(printer)
            migrate.check = check
            outcome = try await migrate.execute()
            if case .migrated(let run) = outcome {
                try await smoke.after(
                    check, way: "the items are moved and verified; the way back is rekey rollback \(run) --execute",
                    printer)
            }
        } else {
            _ = try await smoke.before(printer)
            outcome = try await migrate.dryRun()
            if let planOut {
                guard case .dryRun(let plan) = outcome else {
                    throw RekeyError(
                        .preflightRefused, "nothing is to be moved, so there is no plan", source: table.name)
                }
                try plan.write(to: planOut)
                printer(.information("Plan: \(planOut)"))
            }
        }
        if reporting.json { try Terminal.print(outcome.json("migrate").text) }
        if execute, outcome == .nothingToDo {
            throw RekeyError(
                .differences,
                "no item of the table matches the rules, and none stands under a key that they make: nothing was changed; check the table and the rules",
                source: table.name)
        }
    }
}

extension Migrate.Strategy: ExpressibleByArgument {}

extension Migrate.Outcome {
    func json(_ command: String) -> JSONValue {
        let (name, run): (String, String?) =
            switch self {
            case .dryRun: ("dry run", nil)
            case .alreadyMigrated: ("already migrated", nil)
            case .nothingToDo: ("nothing to do", nil)
            case .migrated(let run): ("migrated", run)
            }
        var members: [(String, JSONValue)] = [("command", .string(command)), ("outcome", .string(name))]
        if let run { members.append(("run", .string(run))) }
        if case .dryRun(let plan) = self { members.append(("plan", .encoded(plan.json))) }
        return .object(members)
    }
}
