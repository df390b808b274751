import ByteStreams
import Migration
import Stages

extension RollbackCommand {
    /// `--pitr`: by AWS's own recovery, to a new table.
    func restoreToPointInTime(_ text: String) async throws {
        guard let time = PointInTimeRollback.time(of: text) else {
            throw RekeyError(.usage, "--pitr \(text) is no time such as 2026-11-23T21:00:00Z, or latest")
        }
        let plan = try origin.isEmpty ? nil : RunDirectory.find(origin, runs: runs.runs).plan()
        let location = try table.location(or: plan?.table)
        guard case .table(let name) = location else {
            throw RekeyError(.usage, "\(location.text) is no live table, and only AWS restores to a point in time")
        }
        // Of an ARN the last part is the name.
        let plain = name.split(separator: "/").last.map(String.init) ?? name
        let printer = EventPrinter(json: reporting.json, quiet: reporting.quiet)
        let restore = PointInTimeRollback(
            services: table.live.services, table: name, target: to ?? "\(plain)-\(Timestamp.now().compact)", time: time,
            events: { printer($0) })
        try await restore.check()
        if execute {
            try rekey.confirm("ROLLBACK", given: confirm, what: "Restoring makes and bills the table \(restore.target)")
            try await restore.execute()
        } else {
            printer(.success("✓ DRY RUN completed successfully; add --execute to restore to \(restore.target)"))
        }
        if reporting.json {
            let result = JSONValue.object([
                ("command", .string("rollback")), ("executed", .boolean(execute)), ("table", .string(name)),
                ("restoredTo", .string(restore.target)), ("time", .string(text)),
            ])
            try Terminal.print(result.text)
        }
    }
}
