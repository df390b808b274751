/// What capacity costs, in USD: on demand for a million units, provisioned for a unit over an hour.
///
/// Prices change: each says when it was taken, and a user may give the price of the day instead.
package struct CapacityPrices: Sendable, Equatable {
    /// Whose prices these are: the region's code.
    package var region: String
    package var write: Double
    package var read: Double
    /// For a unit a second, over an hour; nil where it is not known.
    package var provisionedWrite: Double?
    package var provisionedRead: Double?
    /// When and where from.
    package var source: String

    package init(
        region: String, write: Double, read: Double, provisionedWrite: Double? = nil, provisionedRead: Double? = nil,
        source: String
    ) {
        self.region = region
        self.write = write
        self.read = read
        self.provisionedWrite = provisionedWrite
        self.provisionedRead = provisionedRead
        self.source = source
    }

    /// What units cost on demand.
    package func onDemand(writeUnits: Double, readUnits: Double) -> Double {
        (writeUnits * write + readUnits * read) / 1_000_000
    }

    /// What units cost where capacity is provisioned for just as long as it takes; nil where the price is not known.
    package func provisioned(writeUnits: Double, readUnits: Double) -> Double? {
        guard let provisionedWrite, let provisionedRead else { return nil }
        return (writeUnits * provisionedWrite + readUnits * provisionedRead) / 3600
    }

    private static let known = [
        CapacityPrices(
            region: "us-east-1", write: 0.625, read: 0.125, provisionedWrite: 0.00065, provisionedRead: 0.00013,
            source: "prices of July 2025"),
        CapacityPrices(
            region: "ap-northeast-2", write: 0.68, read: 0.1355, provisionedWrite: 0.0007049,
            provisionedRead: 0.00014098, source: "prices of June 2026"),
    ]

    /// Of the region, or of `us-east-1` where the region's are not known here; `region` says which. A write price that is
    /// given goes before.
    package static func of(region: String, write: Double? = nil) -> CapacityPrices {
        var prices = known.first { $0.region == region } ?? known[0]
        if let write {
            prices.write = write
            prices.region = region
            prices.source = "the price given"
        }
        return prices
    }

    /// `USD 0.625`, as exact as it is known.
    static func price(_ dollars: Double) -> String { "USD \(Int(exactly: dollars).map { "\($0)" } ?? "\(dollars)")" }

    /// `USD 0.12`; of what is less than a cent, that it is.
    package static func text(_ dollars: Double) -> String {
        if dollars <= 0 { return "USD 0" }
        if dollars < 0.01 { return "less than USD 0.01" }
        let cents = Int((dollars * 100).rounded(.up))
        return "USD \(cents / 100).\(cents % 100 < 10 ? "0" : "")\(cents % 100)"
    }
}
