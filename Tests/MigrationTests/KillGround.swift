import AWS
import ByteStreams
import FaultServer
import Foundation
import Items
import Tables
import TestServers
import TestSupport

/// Where a table of the kill tests lies.
enum Place: String, CaseIterable, Sendable {
    /// A local file.
    case local
    /// ministack, behind a server that throttles, does parts of batches and cuts connections.
    case live
}

/// Makes tables with the same items, over and over, and what the program needs to reach them.
struct Ground: Sendable {
    let place: Place
    let directory: String
    let items: [Item]
    let program: Program
    private let account: TestAccount?
    private let faults: FaultServer?
    private let rulesPath: String

    /// - Parameter seed: of the faults.
    init(_ place: Place, directory: String, items: [Item], seed: UInt64) async throws {
        self.place = place
        self.directory = directory
        self.items = items
        rulesPath = directory + "/rules.yaml"
        try planRulesText.write(toFile: rulesPath, atomically: true, encoding: .utf8)
        let temporary = directory + "/tmp"
        try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: true)
        switch place {
        case .local:
            account = nil
            faults = nil
            program = Program(directory: temporary)
            let table = try LocalTable.create(path: directory + "/start.db", name: "start", schema: .standard)
            _ = try await table.bulkWrite(items.map { .put($0) })
            try table.close()
        case .live:
            let account = try TestServer.ministack().account()
            let plan = FaultPlan(
                [.throttle: 0.05, .partial: 0.1, .cutBefore: 0.01, .cutAfter: 0.01, .transactionConflict: 0.02],
                seed: seed)
            let faults = try FaultServer(upstream: account.server.endpoint, plan: plan)
            self.account = account
            self.faults = faults
            program = Program(directory: temporary, environment: account.environment(endpoint: faults.endpoint))
        }
    }

    func stop() { faults?.stop() }

    /// A table of its own with all items, and the folder of its runs.
    struct Round: Sendable {
        var location: String
        var table: any Table
        var runs: String
        var folder: String
    }

    /// - Parameter isFilled: false for a table without items.
    func withRound<R>(_ number: Int, isFilled: Bool = true, _ body: (Round) async throws -> R) async throws -> R {
        let folder = directory + "/round-\(number)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        switch place {
        case .local:
            let path = folder + "/t.db"
            if isFilled {
                try FileManager.default.copyItem(atPath: directory + "/start.db", toPath: path)
            } else {
                try LocalTable.create(path: path, name: "t", schema: .standard).close()
            }
            let table = try LocalTable.open(path: path)
            let result = try await body(
                Round(location: "local:\(path)", table: table, runs: folder + "/runs", folder: folder))
            try table.close()
            return result
        case .live:
            guard let account else { throw Program.Failure(description: "no account") }
            let name = "round-\(number)"
            let session = try AWSSession(AWSSettings(environment: account.environment()))
            let client = try session.client(.dynamodb)
            let body1 = """
                {"TableName":"\(name)","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"PK","KeyType":"HASH"},\
                {"AttributeName":"SK","KeyType":"RANGE"}],"AttributeDefinitions":[{"AttributeName":"PK","AttributeType":"S"},\
                {"AttributeName":"SK","AttributeType":"S"}]}
                """
            try await call(client, "CreateTable", body1, doneIf: "ResourceInUseException")
            let table = try await DynamoDBTable.open(name: name, session: session)
            if isFilled {
                let result = try await table.bulkWrite(items.map { .put($0) })
                guard result.unprocessed.isEmpty else { throw Program.Failure(description: "not filled") }
            }
            let result = try await body(
                Round(location: "dynamodb:\(name)", table: table, runs: folder + "/runs", folder: folder))
            try await call(client, "DeleteTable", "{\"TableName\":\"\(name)\"}", doneIf: "ResourceNotFoundException")
            return result
        }
    }

    /// The account is this test's own: what stands in the way is an earlier attempt of the same call, whose answer came too late.
    private func call(_ client: ServiceClient, _ operation: String, _ body: String, doneIf code: String) async throws {
        do throws(ServiceError) {
            _ = try await client.call("DynamoDB_20120810.\(operation)", Array(body.utf8))
        } catch {
            if error.code != code { throw error }
        }
    }

    /// Another connection to the round's table, past the faults.
    func withConnection<R>(_ round: Round, _ body: (any Table) async throws -> R) async throws -> R {
        guard let account else {
            let table = try LocalTable.open(path: String(round.location.dropFirst("local:".count)), busyTimeout: 30)
            let result = try await body(table)
            try table.close()
            return result
        }
        let session = try AWSSession(AWSSettings(environment: account.environment()))
        return try await body(try await DynamoDBTable.open(name: round.table.name, session: session))
    }

    /// The directory of the round's run, once it has a plan.
    func run(_ round: Round) throws -> String? {
        let names = isDirectory(round.runs) ? try listFiles(round.runs) : []
        return names.map { round.runs + "/" + $0 }.first { fileExists($0 + "/plan.json") }
    }

    func migrate(_ round: Round, strategy: String) -> [String] {
        [
            "migrate", "--table", round.location, "--rules", rulesPath, "--runs", round.runs, "--execute", "--confirm",
            "MIGRATE", "--strategy", strategy, "--without-pitr",
        ]
    }

    func resume(_ round: Round, _ run: String) -> [String] { ["resume", run, "--table", round.location] }

    func rollback(_ round: Round, _ run: String) -> [String] {
        ["rollback", run, "--table", round.location, "--execute", "--confirm", "ROLLBACK"]
    }
}
