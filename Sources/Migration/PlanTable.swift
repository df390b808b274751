/// A plan as rows for a terminal.
package struct PlanTable: Sendable {
    private let plan: MigrationPlan
    private let language: Language

    package init(_ plan: MigrationPlan, language: Language) {
        self.plan = plan
        self.language = language
    }

    /// The rows, the columns of each block under each other.
    package var lines: [String] {
        let moved = plan.moved
        var rows: [[String]] = [
            [
                say(Message("To move")),
                say(
                    Message(
                        "\(counted: moved.count, moved.noun) of \(plan.table.items) items, \(moved.bytes) bytes, the largest \(moved.largest) bytes"
                    )),
            ]
        ]
        let most = moved.sizes.map(\.items).max() ?? 0
        for size in moved.sizes where size.items > 0 {
            rows.append([
                "  " + say(Message("up to \(Self.bytes(size.upTo))")), "\(bar(size.items, of: most)) \(size.items)",
            ])
        }
        rows.append([say(Message("Under new keys already")), "\(plan.alreadyNew.count)"])
        rows.append([say(Message("Collisions")), plan.collisions == 0 ? say(Message("none")) : "\(plan.collisions)"])
        if let hot = plan.hotPartition {
            rows.append([
                say(Message("Hot partition")),
                say(
                    Message(
                        "\(hot.partition) takes \(hot.share) % of the put units; a partition takes 1000 a second: at least \(Message.span(seconds: max(1, hot.seconds)))"
                    )),
            ])
        }
        rows.append(reading)
        return Self.aligned(rows) + [""] + Self.aligned(costs) + [say(notes)]
    }

    private var reading: [String] {
        let reading = plan.reading
        let scan = ActivityPlot.text(reading.scanUnits)
        let name = say(Message("A list of all"))
        guard let query = reading.queryUnits, let partition = reading.partition, query > 0 else {
            return [name, say(Message("a Scan takes \(scan) read units now; afterwards queries, one a partition"))]
        }
        let times = Int((reading.scanUnits / query).rounded())
        return [
            name,
            times > 1
                ? say(
                    Message(
                        "a Scan takes \(scan) read units now; afterwards a Query of \(partition) takes \(ActivityPlot.text(query)), \(times) times less"
                    ))
                : say(
                    Message(
                        "a Scan takes \(scan) read units now; afterwards a Query of \(partition) takes \(ActivityPlot.text(query))"
                    )),
        ]
    }

    private var costs: [[String]] {
        let costs = [plan.batch, plan.transact]
        func usd(_ dollars: Double?) -> String {
            dollars.map { $0 > 0 && $0 < 0.01 ? "< USD 0.01" : CapacityPrices.text($0) } ?? "–"
        }
        return [
            [say(Message("Strategy"))]
                + ["batch", "transact"].map { $0 == plan.strategy ? say(Message("\($0) (chosen)")) : $0 },
            [say(Message("Write units, table"))] + costs.map { "\($0.tableWriteUnits)" },
            [say(Message("Write units, indexes"))] + costs.map { "\($0.indexWriteUnits)" },
            [say(Message("Read units"))] + costs.map { "\($0.readUnits)" },
            [say(Message("Price on demand"))] + costs.map { usd($0.onDemandUSD) },
            [say(Message("Price provisioned"))] + costs.map { usd($0.provisionedUSD) },
            [say(Message("Time of the writes"))] + costs.map { say(Message.span(seconds: max(1, $0.seconds))) },
        ]
    }

    private var notes: Message {
        let rate = ActivityPlot.text(plan.rate.writeUnitsPerSecond)
        let price =
            "\(CapacityPrices.price(plan.prices.writeUSDPerMillion)), \(plan.prices.region), \(plan.prices.source)"
        switch plan.rate.basis {
        case "limit": return Message("At most \(rate) write units a second, as asked; a million writes at \(price)")
        case "provisioned":
            return Message("At \(rate) write units a second, as provisioned; a million writes at \(price)")
        default:
            return Message(
                "At \(rate) write units a second, as an on-demand table takes at first; a million writes at \(price)")
        }
    }

    private func say(_ message: Message) -> String { message.text(in: language) }

    private func bar(_ value: Int, of most: Int) -> String {
        String(repeating: "█", count: max(1, value * 24 / max(1, most)))
    }

    static func bytes(_ count: Int) -> String {
        count < 1024 ? "\(count) B" : "\(count / 1024) KiB"
    }

    /// Every column as wide as its widest text on a terminal.
    private static func aligned(_ rows: [[String]]) -> [String] {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.compactMap { $0.indices.contains(column) ? width($0[column]) : nil }.max() ?? 0
        }
        return rows.map { row in
            row.enumerated().map { column, text in
                column == row.count - 1
                    ? text : text + String(repeating: " ", count: widths[column] - width(text) + 2)
            }.joined()
        }
    }

    /// Columns on a terminal: letters of Korean and their like take two.
    static func width(_ text: String) -> Int {
        text.unicodeScalars.reduce(0) {
            $0 + ((0x1100...0x115F).contains($1.value) || (0x2E80...0xFFDC).contains($1.value) ? 2 : 1)
        }
    }
}
