package import ByteStreams
import Foundation
import Items
import Rekeying
import Tables

/// What a dry run found and reckons: a file that `migrate --plan` pins a run to.
package struct MigrationPlan: Sendable, Equatable, Codable {
    /// The file's format.
    package var version = 1
    package var madeAt: String
    package var tool: String
    package var table: TablePart
    package var rules: RulesPart
    /// `batch` or `transact`.
    package var strategy: String
    package var moved: MovedPart
    /// What stands in the range of the new keys already.
    package var alreadyNew: ItemsPart
    /// New keys that hold an equal item already.
    package var alreadyPresent: Int
    package var collisions: Int
    package var batch: Cost
    package var transact: Cost
    package var indexes: [MoveWeights.IndexWeight]
    package var prices: Prices
    package var rate: Rate
    package var reading: Reading
    package var hotPartition: HotPartition?

    package struct TablePart: Sendable, Equatable, Codable {
        package var name: String
        package var arn: String
        package var id: String
        package var region: String
        package var account: String
        package var items: Int
        package var digest: String
        package var billing: String
    }

    package struct RulesPart: Sendable, Equatable, Codable {
        package var name: String
        package var sha256: String
    }

    package struct ItemsPart: Sendable, Equatable, Codable {
        package var count: Int
        package var digest: String
    }

    /// The items that move: the snapshot holds exactly these.
    package struct MovedPart: Sendable, Equatable, Codable {
        package var noun: String
        package var count: Int
        /// Of the old items: the snapshot's digest.
        package var digest: String
        /// Of what they become.
        package var newDigest: String
        package var bytes: Int
        package var largest: Int
        package var sizes: [SizeClass]
        /// The first few, to show.
        package var samples: [Sample]?
    }

    package struct Sample: Sendable, Equatable, Codable {
        package var old: String
        package var new: String
        package var label: String
    }

    package struct SizeClass: Sendable, Equatable, Codable {
        /// Bytes.
        package var upTo: Int
        package var items: Int
    }

    /// What a strategy takes, from the first survey to the last.
    package struct Cost: Sendable, Equatable, Codable {
        package var tableWriteUnits: Int
        package var indexWriteUnits: Int
        package var readUnits: Int
        package var onDemandUSD: Double
        /// Where capacity is provisioned for just as long as it takes.
        package var provisionedUSD: Double?
        /// Of the writes, at the rate and as the heaviest partition takes them.
        package var seconds: Int
    }

    package struct Prices: Sendable, Equatable, Codable {
        package var region: String
        package var writeUSDPerMillion: Double
        package var readUSDPerMillion: Double
        package var source: String
    }

    /// How fast the table is taken to be written.
    package struct Rate: Sendable, Equatable, Codable {
        package var writeUnitsPerSecond: Double
        /// `limit`, `provisioned` or `on demand`.
        package var basis: String
    }

    /// What listing the items costs, eventually consistent: by a scan of the table now, by a query of the new partition afterwards.
    package struct Reading: Sendable, Equatable, Codable {
        package var scanUnits: Double
        /// Nil where the rules name no single partition.
        package var queryUnits: Double?
        package var partition: String?
    }

    package struct HotPartition: Sendable, Equatable, Codable {
        package var partition: String
        package var writeUnits: Int
        /// Of all units of the puts, in per cent.
        package var share: Int
        /// A partition takes 1,000 write units a second.
        package var seconds: Int
    }
}

extension MigrationPlan {
    /// Units a second that a new on-demand table takes at first.
    /// Source: Amazon DynamoDB Developer Guide, "On-demand capacity mode", initial throughput.
    private static let onDemandRate = 4000.0

    /// Reckons from what preflight found.
    ///
    /// - Parameter writeLimit: write units a second that the user allows.
    init(
        _ report: PreflightReport, rules: RuleSet, rulesSHA256: String, strategy: Migrate.Strategy, tool: String,
        writeLimit: Double?, readsToCompare: Bool, now: Timestamp
    ) {
        let (survey, description) = (report.survey, report.description)
        let weights = survey.weights
        madeAt = now.text
        self.tool = tool
        self.strategy = strategy.rawValue
        table = TablePart(
            name: description.name, arn: description.arn, id: description.id, region: description.region,
            account: description.account, items: survey.table.count, digest: survey.table.hex,
            billing: description.billing == .onDemand ? "on demand" : "provisioned")
        self.rules = RulesPart(name: rules.name, sha256: rulesSHA256)
        moved = MovedPart(
            noun: rules.noun, count: survey.old.count, digest: survey.old.hex, newDigest: survey.expected.hex,
            bytes: survey.oldBytes, largest: weights.largest,
            sizes: zip(MoveWeights.SizeClass.limits, weights.sizes).map { SizeClass(upTo: $0, items: $1) },
            samples: survey.samples.prefix(5).map {
                Sample(old: "\($0.key)", new: $0.newKey.map { "\($0)" } ?? "", label: $0.label)
            })
        alreadyNew = ItemsPart(count: survey.new.count, digest: survey.new.hex)
        alreadyPresent = survey.alreadyPresent
        collisions = survey.collisions
        indexes = weights.indexes
        let known = CapacityPrices.of(region: description.region)
        prices = Prices(
            region: known.region, writeUSDPerMillion: known.write, readUSDPerMillion: known.read, source: known.source)
        rate =
            switch (writeLimit, description.billing) {
            case (let limit?, _): Rate(writeUnitsPerSecond: limit, basis: "limit")
            case (nil, .provisioned(_, let write)):
                Rate(writeUnitsPerSecond: Double(max(1, write)), basis: "provisioned")
            case (nil, .onDemand): Rate(writeUnitsPerSecond: Self.onDemandRate, basis: "on demand")
            }
        hotPartition = survey.heaviestPartition.map {
            HotPartition(
                partition: $0.partition, writeUnits: $0.units,
                share: survey.putUnits == 0 ? 0 : $0.units * 100 / survey.putUnits, seconds: ($0.units + 999) / 1000)
        }
        let scan = weights.scanUnits
        // Before and after the move the whole table is read.
        let scans = Int((2 * scan).rounded(.up))
        let batchReads = weights.batchReads(of: survey.old.count, isLive: readsToCompare)
        // A live table is asked for both keys before a transaction.
        let transactReads = readsToCompare ? weights.oldReadUnits + survey.old.count : 0
        batch = Cost(survey, weights, factor: 1, readUnits: scans + batchReads, rate, hotPartition, known, description)
        transact = Cost(
            survey, weights, factor: 2, readUnits: scans + transactReads, rate, hotPartition, known, description)
        let partition = rules.inverseIsQueryable ? survey.heaviestPartition?.partition : nil
        reading = Reading(
            scanUnits: scan / 2,
            queryUnits: partition.map { _ in
                CapacityUnits.read(weights.newBytes + weights.presentBytes, consistent: false)
            }, partition: partition)
    }

    /// What is not as it was when the plan was made, one sentence each; what the rules do not concern may change.
    package func differences(from now: MigrationPlan) -> [String] {
        let pairs: [(String, String, String)] = [
            ("the account", table.account, now.table.account), ("the region", table.region, now.table.region),
            ("the table", table.arn, now.table.arn), ("the table's id", table.id, now.table.id),
            ("the SHA-256 of the rules", rules.sha256, now.rules.sha256), ("the strategy", strategy, now.strategy),
            ("the number of \(moved.noun)s to move", "\(moved.count)", "\(now.moved.count)"),
            ("the digest of what moves (the snapshot's)", moved.digest, now.moved.digest),
            ("the digest of what it becomes", moved.newDigest, now.moved.newDigest),
            ("the number of items under new keys", "\(alreadyNew.count)", "\(now.alreadyNew.count)"),
            ("the digest of the items under new keys", alreadyNew.digest, now.alreadyNew.digest),
        ]
        return pairs.filter { $0.1 != $0.2 }.map { "\($0.0) was \($0.1), it is \($0.2)" }
    }

    package var json: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { Array($0) + [0x0A] } ?? []
    }

    /// Writes the file whole.
    package func write(to path: String) throws(RekeyError) {
        let sink = try openSink(path)
        do {
            try sink.write(json)
            try sink.finish()
        } catch {
            sink.abandon()
            throw error
        }
    }

    /// - Throws: `.badInput` for a file that is no plan, `.inputMissing`.
    package static func read(_ path: String) throws(RekeyError) -> MigrationPlan {
        let bytes = try readWhole(path, limit: 4 << 20)
        guard let plan = try? JSONDecoder().decode(MigrationPlan.self, from: Data(bytes)), plan.version == 1 else {
            throw RekeyError(.badInput, "is no plan; make one with rekey migrate --plan-out FILE", source: path)
        }
        return plan
    }
}

extension MigrationPlan.Cost {
    fileprivate init(
        _ survey: Survey, _ weights: MoveWeights, factor: Int, readUnits: Int, _ rate: MigrationPlan.Rate,
        _ hot: MigrationPlan.HotPartition?, _ prices: CapacityPrices, _ description: TableDescription
    ) {
        let copies = factor * (1 + description.replicas.count)
        let puts = (survey.putUnits + weights.indexes.reduce(0) { $0 + $1.putUnits }) * copies
        let deletions = (survey.deleteUnits + weights.indexes.reduce(0) { $0 + $1.deleteUnits }) * copies
        tableWriteUnits = (survey.putUnits + survey.deleteUnits) * copies
        indexWriteUnits = puts + deletions - tableWriteUnits
        self.readUnits = readUnits
        let writes = Double(puts + deletions)
        onDemandUSD = prices.onDemand(writeUnits: writes, readUnits: Double(readUnits))
        provisionedUSD = prices.provisioned(writeUnits: writes, readUnits: Double(readUnits))
        // One partition takes the puts no faster, whatever the table takes.
        let putSeconds = max(Double(puts) / rate.writeUnitsPerSecond, Double((hot?.seconds ?? 0) * factor))
        seconds = Int((putSeconds + Double(deletions) / rate.writeUnitsPerSecond).rounded(.up))
    }
}

extension RuleSet {
    /// Whether everything that moves comes under one partition key, which one query reads.
    fileprivate var inverseIsQueryable: Bool { (try? inverted().literalPartition) != nil }
}
