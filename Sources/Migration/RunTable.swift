package import ByteStreams
package import Tables

extension RunPlan {
    /// What made a command look at a table.
    package enum TableNaming: Sendable, Equatable {
        /// The plan itself.
        case plan
        /// `--table`, and what it says.
        case option(String)
        /// `DYNAMODB_TABLE`, and the location it stands for.
        case environment(String)
    }

    /// A run goes on, and is taken back, on the table it was begun with and no other: in the same account and region, not made anew.
    ///
    /// - Throws: `.preflightRefused`, saying what to do about it.
    package func requireTable(_ found: TableDescription, namedBy naming: TableNaming = .plan) throws(RekeyError) {
        let pairs = [
            ("account", account, found.account, "use the credentials of that account"),
            ("region", region, found.region, "give --region \(region)"), ("table", tableARN, found.arn, nil),
            ("table id", tableID, found.id, nil),
        ]
        for (name, was, now, remedy) in pairs where was != now {
            let known = [remedy, advice(on: naming)].compactMap { $0 }
            let advice = known.isEmpty ? "the run is of a table that is no more here" : known.joined(separator: "; ")
            throw RekeyError(
                .preflightRefused, "the \(name) changed since the run began: it was \(was), it is \(now); \(advice)",
                source: id)
        }
    }

    /// The failure to find a table, with which one the run is of.
    package func explained(_ error: RekeyError, namedBy naming: TableNaming) -> RekeyError {
        guard error.code == .inputMissing, let advice = advice(on: naming) ?? regionAdvice else { return error }
        var explained = error
        explained.message += "; the run is of table \(tableARN): \(advice)"
        return explained
    }

    /// Nil for an embedded table.
    private var regionAdvice: String? {
        tableARN.hasPrefix("arn:rekey:") ? nil : "give --region \(region) and the credentials of account \(account)"
    }

    /// What to do where something else than the plan has named a table; nil where it named the same.
    private func advice(on naming: TableNaming) -> String? {
        switch naming {
        case .environment(let text) where text != table:
            "DYNAMODB_TABLE names the table here: unset it, or give --table \(table)"
        case .option(let text) where text != table: "leave --table out, or give --table \(table)"
        case .plan, .option, .environment: nil
        }
    }
}
