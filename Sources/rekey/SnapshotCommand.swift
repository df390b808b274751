import ArgumentParser
import ByteStreams
import Items
import Migration
import Rekeying
import Snapshots
import Stages

/// `rekey snapshot`.
struct SnapshotCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot",
        abstract: "Make, check, list, prune and export snapshots in the layout of AWS exports.",
        discussion: """
              rekey snapshot create local:t.db backups/table_backup_20261123_211500
              rekey snapshot check backups/table_backup_20261123_211500 --read-data

            \(ExitStatus.help)
            """,
        subcommands: [
            SnapshotCreateCommand.self, SnapshotCheckCommand.self, SnapshotListCommand.self,
            SnapshotPruneCommand.self, SnapshotExportCommand.self,
        ])
}

/// `rekey snapshot create`.
struct SnapshotCreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Items of a location into a snapshot: sorted, reproducible to the byte, read back.",
        usage: "rekey snapshot create <from> <dir> [--rules <file>] [<options>]",
        discussion: """
              rekey snapshot create local:t.db backups/table_backup_20261123_211500
              rekey snapshot create local:t.db plan_backup_20261123_211500 --rules r.yaml

            \(ExitStatus.help)
            """)

    @Argument(
        help: ArgumentHelp(
            "FILE, DIR, s3://BUCKET/PREFIX, dynamodb:TABLE, local:FILE.db, or - for standard input.",
            valueName: "from"))
    var from: String

    @Argument(
        help: ArgumentHelp(
            "The snapshot's directory, or s3://BUCKET/PREFIX; nothing may be there yet.", valueName: "dir"))
    var directory: String

    @Option(help: ArgumentHelp("Only items whose partition key begins so.", valueName: "text"))
    var prefix: String?

    @Option(help: ArgumentHelp("Only items that these rules move; the snapshot keeps the rules.", valueName: "file"))
    var rules: String?

    @Option(help: ArgumentHelp("The key attributes, as PK,SK.", valueName: "names"))
    var key = "PK,SK"

    @OptionGroup var stream: StreamArguments<ReadingArguments>
    @OptionGroup var reporting: ReportOptions

    func run() async throws {
        try FileUse.check(
            reads: [("FROM", from), ("--rules", rules)], writes: [("DIR", directory), FileUse.result(true)],
            files: [("--rejects", stream.rejects)])
        try stream.live.requireEffect(on: [from])
        saySealHasNoEffect(stream.seal, reporting)
        var stage = SnapshotCreate(
            from: try Location.parse(from), path: directory, prefix: prefix, keyNames: try KeyNames.parse(key),
            tool: "rekey \(toolVersion)", options: stream.options,
            temporaryDirectory: Environment.temporaryDirectory)
        if let rules {
            let (loaded, text) = try readRules(rules)
            stage.rules = loaded
            stage.rulesText = text
            stage.keyNames = KeyNames(partition: loaded.partition, sort: loaded.sort)
        }
        let (result, summary) = try await stage.run()
        if reporting.json {
            try Terminal.print(
                JSONValue.object([
                    ("command", .string("snapshot create")), ("path", .string(summary.path)),
                    ("read", .integer(result.counts.read)), ("count", .integer(summary.count)),
                    ("digest", .string(summary.digest)), ("bytes", .integer(summary.bytes)),
                ]).text)
        } else {
            if !reporting.quiet { Terminal.error("rekey snapshot create: \(result.counts.sentence)") }
            try Terminal.print(
                "\(summary.path): \(summary.count) items, \(summary.bytes) bytes, digest \(summary.digest)")
        }
        try result.requireNoRejects()
    }
}

/// `rekey snapshot check`.
struct SnapshotCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check a snapshot or an AWS export: manifests and sizes, or every byte.",
        usage: "rekey snapshot check <dir> [--read-data] [<options>]",
        discussion: """
              rekey snapshot check backups/table_backup_20261123_211500
              rekey snapshot check data/algoitny_main --read-data

            \(ExitStatus.help)
            """)

    @Argument(help: ArgumentHelp("The snapshot or export: DIR or s3://BUCKET/PREFIX.", valueName: "dir"))
    var directory: String

    @Flag(help: "Read everything: hashes, counts, every record, order and digest.")
    var readData = false

    @Option(help: ArgumentHelp("Read the n-th of t parts of the data, as n/t.", valueName: "n/t"))
    var readDataSubset: String?

    @OptionGroup var live: AccountArguments
    @OptionGroup var reporting: ReportOptions

    func run() throws {
        let report = try checkSnapshot(
            directory, in: snapshotStore(of: directory, services: live.services), level: try level())
        if reporting.json {
            var members: [(String, JSONValue)] = [
                ("command", .string("snapshot check")), ("path", .string(report.path)),
                ("sound", .boolean(report.isSound)), ("files", .integer(report.fileCount)),
                ("filesRead", .integer(report.filesRead)), ("bytes", .integer(report.bytes)),
                ("items", .integer(report.itemCount)), ("itemsRead", .integer(report.itemsRead)),
                ("findings", .array(report.findings.map { .string("\($0)") })),
            ]
            if let digest = report.digest { members.append(("digest", .string(digest.hex))) }
            try Terminal.print(JSONValue.object(members).text)
        } else {
            for finding in report.findings { try Terminal.print("\(finding)") }
            if report.isSound, !reporting.quiet {
                let kind = report.isRekeySnapshot ? "snapshot" : "AWS export"
                let digest = report.digest.map { ", digest \($0.hex)" } ?? ""
                try Terminal.print(
                    "\(report.path): \(kind), \(report.itemCount) items in \(report.fileCount) files, \(report.filesRead) of \(report.fileCount) read: sound\(digest)"
                )
            }
        }
        guard report.isSound else {
            throw RekeyError(
                .badInput,
                "\(report.findings.count) finding\(report.findings.count == 1 ? "" : "s"): the snapshot is damaged; do not restore from it",
                source: directory)
        }
    }

    private func level() throws(RekeyError) -> CheckLevel {
        guard let text = readDataSubset else { return readData ? .readData : .manifests }
        let parts = text.split(separator: "/").map { Int($0) }
        guard parts.count == 2, let n = parts[0], let t = parts[1], n >= 1, t >= n else {
            throw RekeyError(.usage, "--read-data-subset \(text): write n/t, such as 1/4")
        }
        return .readDataSubset(n, of: t)
    }
}

/// `rekey snapshot list`.
struct SnapshotListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "The snapshots at and below a directory or a prefix in S3.",
        discussion: """
              rekey snapshot list backups

            \(ExitStatus.help)
            """)

    @Argument(help: ArgumentHelp("Where to look: DIR or s3://BUCKET/PREFIX.", valueName: "dir"))
    var directory = "."

    @OptionGroup var live: AccountArguments
    @OptionGroup var reporting: ReportOptions

    func run() throws {
        let found = try listSnapshots(directory, in: fileStore(of: directory, services: live.services))
        if reporting.json {
            return try Terminal.print(
                JSONValue.object([("command", .string("snapshot list")), ("snapshots", .array(found.map(json)))]).text)
        }
        if found.isEmpty { return try Terminal.print("no snapshots in \(directory)") }
        for snapshot in found {
            let count = snapshot.count.map { "\($0) items" } ?? "unreadable"
            let time = snapshot.time?.iso ?? snapshot.fileTime.iso
            try Terminal.print(
                "\(snapshot.path)  \(time)  \(count)  \(snapshot.bytes) bytes  \(snapshot.isRekeySnapshot ? "snapshot" : "AWS export")"
            )
        }
    }

    private func json(_ snapshot: SnapshotListing) -> JSONValue {
        .object([
            ("path", .string(snapshot.path)), ("time", snapshot.time.map { .string($0.iso) } ?? .null),
            ("rekey", .boolean(snapshot.isRekeySnapshot)), ("count", snapshot.count.map { .integer($0) } ?? .null),
            ("digest", snapshot.digest.map { .string($0) } ?? .null), ("bytes", .integer(snapshot.bytes)),
        ])
    }
}

/// `rekey snapshot prune`.
struct SnapshotPruneCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune",
        abstract: "Remove snapshots older than some days; a dry run without --execute.",
        usage: "rekey snapshot prune <dir> [--keep-days <days>] [--execute] [<options>]",
        discussion: """
            A younger snapshot is never removed, nor the newest of its table, nor one that an unfinished run names, nor anything that \
            rekey did not write: a snapshot in which other files lie stays whole.

              rekey snapshot prune backups --keep-days 30
              rekey snapshot prune backups --execute

            \(ExitStatus.help)
            """)

    @Argument(help: ArgumentHelp("Where the snapshots are: DIR or s3://BUCKET/PREFIX.", valueName: "dir"))
    var directory: String

    @Option(help: ArgumentHelp("Keep what is younger.", valueName: "days"))
    var keepDays = 30

    @Flag(help: "Remove. Without it, say what would be removed.")
    var execute = false

    @OptionGroup var runs: RunsArgument
    @OptionGroup var live: AccountArguments
    @OptionGroup var reporting: ReportOptions

    func run() throws {
        let store = try fileStore(of: directory, services: live.services)
        let result = try prune(
            directory, in: store, keepDays: keepDays, now: UTCTime(seconds: Timestamp.now().seconds),
            protected: try unfinished(store), execute: execute)
        if reporting.json {
            return try Terminal.print(
                JSONValue.object([
                    ("command", .string("snapshot prune")), ("executed", .boolean(execute)),
                    ("removed", .array(result.removed.map { .string($0.path) })),
                    (
                        "kept",
                        .array(
                            result.kept.map { .object([("path", .string($0.path)), ("reason", .string($0.reason))]) })
                    ),
                ]).text)
        }
        for snapshot in result.removed {
            try Terminal.print("\(execute ? "removed" : "would remove") \(snapshot.path)")
        }
        if reporting.quiet { return }
        for kept in result.kept { try Terminal.print("kept \(kept.path): \(kept.reason)") }
        if !execute && !result.removed.isEmpty { try Terminal.print("add --execute to remove") }
    }

    /// The snapshots of runs that can still be resumed or taken back half-way, in --runs and wherever below the directory; of a run that cannot
    /// be read, which may be one of them, all that lies in its folder.
    private func unfinished(_ store: any FileStore) throws(RekeyError) -> Set<String> {
        var folders = Set(isDirectory(runs.runs) ? try listFiles(runs.runs).map { "\(runs.runs)/\($0)" } : [])
        if store is Disk {
            for snapshot in try listSnapshots(directory, in: store) {
                folders.insert(parentDirectory(store.resolved(snapshot.path) ?? snapshot.path))
            }
        }
        var paths: Set<String> = []
        for folder in folders where fileExists(folder + "/plan.json") {
            do throws(RekeyError) {
                let status = try RunStatus(RunDirectory(path: folder))
                if status.state == .finished || status.state == .rolledBack { continue }
                paths.insert("\(folder)/\(status.plan.snapshot)")
            } catch {
                paths.insert(folder)
            }
        }
        return paths
    }
}

/// `rekey snapshot export`.
struct SnapshotExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "A snapshot as the plain JSON that scripts for boto3 load, numbers exact.",
        usage: "rekey snapshot export <dir> [--output <file>] [<options>]",
        discussion: """
              rekey snapshot export plan_backup_20261123_211500 --format boto3 > plans.json

            \(ExitStatus.help)
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case boto3 }

    @Argument(help: ArgumentHelp("The snapshot or export: DIR or s3://BUCKET/PREFIX.", valueName: "dir"))
    var directory: String

    @Option(help: "The format: boto3, {\"plans\":[…]}.")
    var format = Format.boto3

    @Option(
        help: ArgumentHelp(
            "What an item is called; taken from the snapshot's rules where it holds any.", valueName: "noun"))
    var noun: String?

    @Flag(help: "Write binaries as base64 strings and sets as arrays: they cannot be told from strings and lists then.")
    var lossy = false

    @Option(
        name: .shortAndLong, help: ArgumentHelp("Write to this file and not to standard output.", valueName: "file"))
    var output = "-"

    @OptionGroup var live: AccountArguments
    @OptionGroup var reporting: ReportOptions

    func run() throws {
        try FileUse.check(
            // An export is a directory, however its path ends.
            reads: [("DIR", directory.hasSuffix("/") ? directory : directory + "/")], writes: [("--output", output)])
        let isOnOutput = FileUse.isStandardOutput(output)
        let export = try Export.open(directory, in: snapshotStore(of: directory, services: live.services))
        let rules = try export.metadata?.rules.map { rules throws(RekeyError) in
            try RuleSet.parse(yaml: rules.text, source: directory)
        }
        let sink = try openOutput(output, services: live.services)
        let count: Int
        do {
            count = try exportBoto3(export, noun: noun ?? rules?.noun ?? "item", isLossy: lossy, to: sink)
            try sink.finish()
        } catch {
            sink.abandon()
            throw error
        }
        if reporting.json {
            let result = JSONValue.object([
                ("command", .string("snapshot export")), ("path", .string(directory)), ("count", .integer(count)),
            ])
            if isOnOutput { Terminal.result(result) } else { try Terminal.print(result.text) }
        } else if !reporting.quiet {
            Terminal.error("rekey snapshot export: wrote \(count) item\(count == 1 ? "" : "s")")
        }
    }
}
