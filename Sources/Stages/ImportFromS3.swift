import AWS
package import ByteStreams
import Items
import Snapshots
import Tables

/// A snapshot or full export in S3 into a new live table by DynamoDB itself (ImportTable), compared when it is there.
package struct ImportFromS3: Sendable {
    package var snapshot: Location
    package var to: Location
    package var execute: Bool
    /// Of the table's keys, where the export says nothing of them; their types are the first item's.
    package var keyNames: KeyNames
    package var services: LiveServices
    /// Told how it goes on, a line each.
    package var progress: @Sendable (String) -> Void

    package init(
        snapshot: Location, to: Location, execute: Bool, keyNames: KeyNames = KeyNames(), services: LiveServices,
        progress: @escaping @Sendable (String) -> Void
    ) {
        self.snapshot = snapshot
        self.to = to
        self.execute = execute
        self.keyNames = keyNames
        self.services = services
        self.progress = progress
    }

    /// What is to be imported, checked to the last byte.
    private struct Plan {
        var table: String
        var schema: KeySchema
        /// The folder that holds the data files and nothing else.
        var place: S3Path
        var digest: Digest
        var bytes: Int
    }

    /// Runs the stage; without `execute` nothing is asked of DynamoDB but whether the table is there.
    ///
    /// - Throws: `.badInput` for a damaged snapshot and for one that cannot be imported, `.cannotCreate` where the table is there,
    ///   `.serviceGaveUp` where the import failed, `.differences` where the new table is not what the snapshot holds.
    package func run() async throws(RekeyError) -> StageResult {
        let plan = try await plan()
        if execute {
            try await importTable(plan)
            try await compare(plan)
        }
        var counts = StageCounts()
        counts.read = plan.digest.count
        counts.passed = plan.digest.count
        var result = StageResult(counts: counts, digest: plan.digest)
        result.facts = [
            ("executed", .boolean(execute)), ("puts", .integer(plan.digest.count)), ("bytes", .integer(plan.bytes)),
            ("source", .text(plan.place.text)), ("keys", .text(Self.text(plan.schema))),
        ]
        if execute { result.facts.append(("verified", .integer(plan.digest.count))) }
        return result
    }

    /// `PK (S), SK (S)`.
    private static func text(_ schema: KeySchema) -> String {
        [schema.partition, schema.sort].compactMap { $0 }.map { "\($0.name) (\($0.type.rawValue))" }
            .joined(separator: ", ")
    }

    private func plan() async throws(RekeyError) -> Plan {
        guard case .table(let table) = to, !table.hasPrefix("arn:") else {
            throw RekeyError(
                .usage, "--import makes a new live table; name it as dynamodb:TABLE", source: to.text)
        }
        guard case .s3 = snapshot, case .export(let export) = try openS3(snapshot, services: services) else {
            throw RekeyError(
                .usage, "DynamoDB imports from S3 alone; give a snapshot or export as s3://BUCKET/PREFIX",
                source: snapshot.text)
        }
        let directory = export.location.directory
        if try await DynamoDBTable.status(of: table, session: try services.session()) != nil {
            throw RekeyError(
                .cannotCreate,
                "there is such a table already; --import makes a new one: name another, or leave --import out",
                source: table)
        }
        guard !export.summary.isIncremental else {
            throw RekeyError(
                .badInput, "is an incremental export, which DynamoDB does not import; use rekey load", source: directory
            )
        }
        let check = try checkSnapshot(directory, in: export.location.store, level: .readData)
        // A file that no manifest names would be imported with the others.
        if let first = (check.findings + check.notes).first {
            throw RekeyError(.badInput, "the snapshot is damaged: \(first); nothing was written", source: directory)
        }
        guard let digest = check.digest, digest.count > 0 else {
            throw RekeyError(.badInput, "holds no items to import", source: directory)
        }
        return Plan(
            table: table, schema: try await schema(of: export), place: try folder(of: export), digest: digest,
            bytes: check.bytes)
    }

    /// The one folder in which all data files lie.
    private func folder(of export: Export) throws(RekeyError) -> S3Path {
        var folders: Set<String> = []
        for path in try export.dataFilePaths() { folders.insert(parentDirectory(path)) }
        guard folders.count == 1, let folder = folders.first else {
            throw RekeyError(
                .badInput,
                "its data files lie in several folders, and DynamoDB imports one; make a snapshot of it first",
                source: export.location.directory)
        }
        let place = try S3Path(folder)
        return S3Path(bucket: place.bucket, key: place.key + "/")
    }

    private func schema(of export: Export) async throws(RekeyError) -> KeySchema {
        if let known = export.metadata?.keySchema { return known }
        let feed = try openExportFeed(export, options: StreamOptions(services: services), wantsDigest: false)
        var found: KeySchema?
        let names = keyNames
        while found == nil,
            try await feed.nextBlock({ _, _, view in
                if found == nil { found = try view.inferredSchema(partition: names.partition, sort: names.sort) }
                return false
            })
        {}
        return found ?? .standard
    }

    private func importTable(_ plan: Plan) async throws(RekeyError) {
        let imports = try TableImports(try services.session())
        let token =
            String(UInt64.random(in: .min ... .max), radix: 16) + String(UInt64.random(in: .min ... .max), radix: 16)
        var state = try await imports.begin(table: plan.table, schema: plan.schema, from: plan.place, token: token)
        let arn = state.arn
        progress("asked for the import \(arn)")
        progress("it goes on in AWS if this command is stopped; compare afterwards with rekey digest \(to.text)")
        var waiting = Waiting()
        while state.status == .inProgress || state.status == .cancelling {
            if let minutes = try await waiting.pause(arn) {
                progress("the import is under way, \(minutes) min, \(state.importedItems) items")
            }
            do throws(RekeyError) {
                state = try await imports.describe(arn)
            } catch {
                // Just asked for, it need not be known at once.
                guard error.code == .inputMissing, waiting.isEarly else { throw error }
            }
        }
        guard state.status == .completed else {
            throw RekeyError(
                .serviceGaveUp,
                "the import is \(state.status.rawValue): \(state.failure ?? "DynamoDB says no reason"); \(state.importedItems) items were imported, \(state.errors) left out; remove the table \(plan.table) where it was made, and see the log group /aws-dynamodb/imports",
                source: arn)
        }
        guard state.importedItems == plan.digest.count, state.errors == 0 else {
            throw RekeyError(
                .differences,
                "DynamoDB imported \(state.importedItems) items and left out \(state.errors), the snapshot holds \(plan.digest.count); see the log group /aws-dynamodb/imports",
                source: arn)
        }
        progress("the import is complete: \(state.importedItems) items; reading the table")
    }

    private func compare(_ plan: Plan) async throws(RekeyError) {
        let found = try await DigestStage(from: to, options: StreamOptions(services: services)).run().digest ?? Digest()
        guard found == plan.digest else {
            throw RekeyError(
                .differences,
                "the new table has \(found.count) items of digest \(found.hex), the snapshot \(plan.digest.count) of \(plan.digest.hex)",
                source: plan.table)
        }
    }
}
