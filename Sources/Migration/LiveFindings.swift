package import AWS
package import ByteStreams
import Items
import Rekeying
package import Stages
package import Tables

/// What the services beside the table say of it: who calls, and what the table did in the last week.
package struct LiveFindings: Sendable {
    /// What a service said, or why it did not.
    package enum Finding<Value: Sendable>: Sendable {
        case found(Value)
        /// A sentence for the user.
        case refused(String)
    }

    package var identity: Finding<CallerIdentity>
    /// Consumed units by the hour, over the last seven whole days.
    package var week: Finding<TableActivity>
    /// Where DynamoDB is reached, if a user named the place.
    package var endpoint: String?
    package var prices: CapacityPrices

    package init(
        identity: Finding<CallerIdentity>, week: Finding<TableActivity>, endpoint: String? = nil, prices: CapacityPrices
    ) {
        self.identity = identity
        self.week = week
        self.endpoint = endpoint
        self.prices = prices
    }

    /// Asks STS and CloudWatch; that one does not answer is a finding too.
    ///
    /// - Parameter writePrice: USD for a million write units, in place of the known ones.
    /// - Throws: as `LiveServices.session` and `AWSSession.client`.
    package static func gather(
        _ services: LiveServices, table: TableDescription, now: Timestamp = .now(), writePrice: Double? = nil
    ) async throws(RekeyError) -> LiveFindings {
        let session = try services.session()
        let dynamoDB = try session.client(.dynamodb)
        let tokens = SecurityTokenService(try session.client(.sts))
        let watch = CloudWatch(try session.client(.cloudwatch))
        let identity: Finding<CallerIdentity>
        do throws(ServiceError) {
            identity = .found(try await tokens.callerIdentity())
        } catch {
            identity = .refused("STS did not say who calls: \(error)")
        }
        let week: Finding<TableActivity>
        let end = now.seconds / 3600 * 3600
        let indexes = table.indexes.filter { $0.kind == .global }.map(\.name)
        do throws(ServiceError) {
            week = .found(
                try await watch.activity(
                    table: table.name, indexes: indexes, from: end - 7 * 86_400, to: end, period: 3600,
                    metrics: [.consumedRead, .consumedWrite]))
        } catch {
            week = .refused("CloudWatch did not say: \(error)")
        }
        return LiveFindings(
            identity: identity, week: week,
            endpoint: dynamoDB.usesCustomEndpoint
                ? "\(dynamoDB.endpoint.scheme)://\(dynamoDB.endpoint.authority)" : nil,
            prices: .of(region: table.region, write: writePrice))
    }
}

extension PreflightReport {
    /// Adds what only a live table has.
    mutating func add(_ findings: LiveFindings, rules: RuleSet) {
        replace(identity(findings.identity))
        if let endpoint = findings.endpoint {
            replace(Check(name: "region", verdict: .ok, detail: "\(description.region), at \(endpoint)"))
        }
        insert(billing, after: "PITR")
        checks.append(hotPartition(rules.noun))
        checks.append(cost(findings.prices))
        checks.append(quietHours(findings.week))
    }

    private mutating func replace(_ check: Check) {
        guard let place = checks.firstIndex(where: { $0.name == check.name }) else { return }
        checks[place] = check
    }

    private mutating func insert(_ check: Check, after name: String) {
        let place = checks.firstIndex { $0.name == name }
        checks.insert(check, at: place.map { $0 + 1 } ?? checks.count)
    }

    private func identity(_ finding: LiveFindings.Finding<CallerIdentity>) -> Check {
        switch finding {
        case .refused(let reason): return Check(name: "identity", verdict: .warning, detail: reason)
        case .found(let caller):
            let isOwn = caller.account == description.account || description.account.isEmpty
            return Check(
                name: "identity", verdict: isOwn ? .ok : .warning,
                detail: "\(caller.arn), account \(caller.account)"
                    + (isOwn ? "" : "; the table is of account \(description.account)"))
        }
    }

    /// Units of all writes, at most: as if every index held every item. Replicas write the same again.
    private var writeUnits: Int {
        (survey.putUnits + survey.deleteUnits) * (1 + globalIndexes) * (1 + description.replicas.count)
    }

    private var globalIndexes: Int { description.indexes.filter { $0.kind == .global }.count }

    private var billing: Check {
        switch description.billing {
        case .onDemand: return Check(name: "billing", verdict: .ok, detail: "on demand")
        case .provisioned(let read, let write):
            let units = survey.putUnits + survey.deleteUnits
            let seconds = units / max(1, write)
            return Check(
                name: "billing", verdict: seconds > 3600 ? .warning : .ok,
                detail: "provisioned, \(read) read and \(write) write units a second: the writes take at least "
                    + Self.duration(seconds: seconds))
        }
    }

    /// An index whose key the rules set takes what they set it to.
    func indexes(_ rules: RuleSet) -> Check? {
        if description.indexes.isEmpty { return nil }
        let set = Set(
            rules.rules.flatMap(\.targetAttributes).filter { $0.template != nil }.map(\.attribute.text))
        var names: [String] = []
        var verdict = Verdict.ok
        var sentences: [String] = []
        for index in description.indexes {
            let keys = [index.schema.partition, index.schema.sort].compactMap { $0 }
            names.append(
                "\(index.name) (\(index.kind.rawValue): "
                    + keys.map { "\($0.name) \($0.type.rawValue)" }.joined(separator: ", ") + ")")
            for key in keys where set.contains(key.name) && key.type != .string {
                verdict = .blocked
                sentences.append(
                    "the rules set \(key.name) to a string and \(index.name) takes \(key.type.rawValue): such writes are refused"
                )
            }
            if index.status != "ACTIVE" {
                if verdict == .ok { verdict = .warning }
                sentences.append(
                    "\(index.name) is \(index.status); wait for ACTIVE, or its writes are throttled with it")
            }
        }
        return Check(
            name: "indexes", verdict: verdict,
            detail: names.joined(separator: ", ") + sentences.map { "; \($0)" }.joined())
    }

    /// A partition takes 1,000 write units a second, and items of one partition key lie in one, or in few.
    private func hotPartition(_ noun: String) -> Check {
        guard let heaviest = survey.heaviestPartition else {
            return Check(name: "hot partition", verdict: .ok, detail: "nothing moves")
        }
        let share = survey.putUnits == 0 ? 0 : heaviest.units * 100 / survey.putUnits
        let seconds = (heaviest.units + 999) / 1000
        return Check(
            name: "hot partition", verdict: seconds > 60 ? .warning : .ok,
            detail: "\(share)% of the new \(noun)s' write units go to partition key \(heaviest.partition), "
                + "which takes 1000 a second: at least \(Self.duration(seconds: seconds))")
    }

    private func cost(_ prices: CapacityPrices) -> Check {
        // The whole table is read twice by consistent scans: before and after. Between them what moves is read by its keys.
        let reads =
            2 * ((description.sizeBytes + 4095) / 4096)
            + survey.weights.batchReads(of: survey.old.count, isLive: true)
        let units = "at most \(writeUnits) write and about \(reads) read units"
        guard description.billing == .onDemand else {
            return Check(name: "cost", verdict: .ok, detail: "\(units), within what is provisioned")
        }
        let dollars = (Double(writeUnits) * prices.write + Double(reads) * prices.read) / 1_000_000
        var note = prices.source
        if prices.region != description.region {
            note = "\(prices.source) in \(prices.region); not known for \(description.region), see --write-price"
        }
        return Check(
            name: "cost", verdict: .ok,
            detail: "\(units): \(CapacityPrices.text(dollars)) "
                + "(\(CapacityPrices.price(prices.write)) a million writes, \(note))")
    }

    private func quietHours(_ finding: LiveFindings.Finding<TableActivity>) -> Check {
        let name = "quiet hours"
        switch finding {
        case .refused(let reason): return Check(name: name, verdict: .warning, detail: reason)
        case .found(let week):
            let sums = week.sums(of: [.consumedRead, .consumedWrite])
            guard let quiet = QuietHours(hourly: sums, start: week.start) else {
                return Check(
                    name: name, verdict: .ok, detail: "CloudWatch knows of no use in the last 7 days")
            }
            let hours = quiet.hours.prefix(3).map { Self.clock($0.hour) }.joined(separator: ", ")
            let least = quiet.hours.first.map { Self.rounded($0.mean) } ?? 0
            let busiest = quiet.busiest.map { "; busiest \(Self.clock($0.hour)), \(Self.rounded($0.mean))" } ?? ""
            return Check(
                name: name, verdict: .ok,
                detail: "from \(hours) UTC, mean of 7 days: \(least) units an hour\(busiest)")
        }
    }

    private static func clock(_ hour: Int) -> String { "\(hour < 10 ? "0" : "")\(hour):00" }

    private static func rounded(_ value: Double) -> Int { Int(min(value, 1e15).rounded()) }

    private static func duration(seconds: Int) -> String { LiveFindings.span(seconds: max(1, seconds)) }
}

extension LiveFindings {
    /// As `Message.span`, in English.
    static func span(seconds: Int) -> String { Message.span(seconds: seconds).description }
}
