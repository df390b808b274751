import AWS
import ArgumentParser
import ByteStreams
import Stages

/// A group of options that says how AWS is reached and used.
protocol LiveOptions: ParsableArguments {
    /// Nothing is read or sent until a location in AWS is opened.
    var services: LiveServices { get }
}

/// What every command that may touch AWS takes; all else comes from the environment and the files of the AWS tools.
struct AccountArguments: LiveOptions {
    @Option(help: ArgumentHelp("The AWS region; else AWS_REGION, or the profile's.", valueName: "name"))
    var region: String?

    @Option(help: ArgumentHelp("The profile of the AWS configuration; else AWS_PROFILE.", valueName: "name"))
    var profile: String?

    @Option(
        name: .customLong("endpoint-url"),
        help: ArgumentHelp("Where AWS is reached, such as an emulator; else AWS_ENDPOINT_URL.", valueName: "url"))
    var endpointURL: String?

    var services: LiveServices { services(rates: CapacityRates(), segments: nil) }

    func services(rates: CapacityRates, segments: Int?) -> LiveServices {
        var observer: RequestObserver?
        if Log.settings.isVerbose { observer = { Log.request($0) } }
        return LiveServices(
            AWSSettings(region: region, profile: profile, endpointURL: endpointURL, environment: Environment.all),
            rates: rates, segments: segments, progress: ProgressDisplay.counters, observer: observer)
    }
}

/// How fast a live table is read.
struct ReadLimits: ParsableArguments {
    @Option(
        name: .customLong("max-rcu"),
        help: ArgumentHelp("Read units a second to take of a live table at most.", valueName: "units"))
    var readUnits: Double?

    func validate() throws { try requireUnits(readUnits, "--max-rcu") }
}

/// How a live table is scanned.
struct ScanSegments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Segments of a live table read at once; else by its size, 8 at most.", valueName: "count"))
    var segments: Int?

    func validate() throws {
        if let segments, !(1...1000).contains(segments) {
            throw ValidationError("--segments \(segments): 1 to 1000")
        }
    }
}

/// How fast a live table is written.
struct WriteLimits: ParsableArguments {
    @Option(
        name: .customLong("max-wcu"),
        help: ArgumentHelp("Write units a second to take of a live table at most.", valueName: "units"))
    var writeUnits: Double?

    func validate() throws { try requireUnits(writeUnits, "--max-wcu") }
}

/// The share of a live table that a command may take.
struct ShareLimit: ParsableArguments {
    @Option(
        name: .customLong("max-percent"),
        help: ArgumentHelp("Of a live table's provisioned units, at most so many per cent.", valueName: "percent"))
    var percent: Double?

    func validate() throws {
        if let percent, !(percent > 0 && percent <= 100) {
            throw ValidationError("--max-percent \(percent): above 0, 100 at most")
        }
    }
}

/// Refuses limits and segments that would do nothing: the user believes that they hold.
///
/// - Parameter places: the tables and other locations that they could be for, as they were written.
/// - Throws: `.usage`.
private func requireEffect(
    read: Double? = nil, write: Double? = nil, percent: Double? = nil, segments: Int? = nil, on places: [String]
) throws(RekeyError) {
    let locations = places.compactMap { try? Location.parse($0) }
    let hasTable = locations.contains { $0.isTable }
    let hasLiveTable = locations.contains { if case .table = $0 { true } else { false } }
    for (option, isGiven, hasEffect, kind) in [
        ("--max-rcu", read != nil, hasTable, "a table"), ("--max-wcu", write != nil, hasTable, "a table"),
        ("--max-percent", percent != nil, hasLiveTable, "a live table, dynamodb:TABLE"),
        ("--segments", segments != nil, hasLiveTable, "a live table, dynamodb:TABLE"),
    ] where isGiven && !hasEffect {
        throw RekeyError(.usage, "\(option) has no effect: it is for \(kind), and none is used here; leave it out")
    }
}

private func requireUnits(_ units: Double?, _ name: String) throws {
    if let units, !(units >= 1 && units.isFinite) {
        throw ValidationError("\(name) \(units): units a second, 1 or more")
    }
}

/// For commands that read live tables.
struct ReadingArguments: LiveOptions {
    @OptionGroup var account: AccountArguments
    @OptionGroup var reads: ReadLimits
    @OptionGroup var share: ShareLimit
    @OptionGroup var scan: ScanSegments

    var services: LiveServices {
        account.services(
            rates: CapacityRates(read: reads.readUnits, percent: share.percent), segments: scan.segments)
    }

    func requireEffect(on places: [String]) throws(RekeyError) {
        try rekey.requireEffect(
            read: reads.readUnits, percent: share.percent, segments: scan.segments, on: places)
    }
}

/// For commands that read of a live table what they ask for by key.
struct QueryingArguments: LiveOptions {
    @OptionGroup var account: AccountArguments
    @OptionGroup var reads: ReadLimits
    @OptionGroup var share: ShareLimit

    var services: LiveServices {
        account.services(rates: CapacityRates(read: reads.readUnits, percent: share.percent), segments: nil)
    }

    func requireEffect(on places: [String]) throws(RekeyError) {
        try rekey.requireEffect(read: reads.readUnits, percent: share.percent, on: places)
    }
}

/// For commands that write a live table and read it: back, or before.
struct RestoringArguments: LiveOptions {
    @OptionGroup var account: AccountArguments
    @OptionGroup var reads: ReadLimits
    @OptionGroup var writes: WriteLimits
    @OptionGroup var share: ShareLimit

    var services: LiveServices { services(segments: nil) }

    func requireEffect(segments: Int? = nil, on places: [String]) throws(RekeyError) {
        try rekey.requireEffect(
            read: reads.readUnits, write: writes.writeUnits, percent: share.percent, segments: segments, on: places)
    }

    func services(segments: Int?) -> LiveServices {
        account.services(
            rates: CapacityRates(read: reads.readUnits, write: writes.writeUnits, percent: share.percent),
            segments: segments)
    }
}

/// For commands that do all of it.
struct LiveArguments: LiveOptions {
    @OptionGroup var restoring: RestoringArguments
    @OptionGroup var scan: ScanSegments

    var services: LiveServices { restoring.services(segments: scan.segments) }

    func requireEffect(on places: [String]) throws(RekeyError) {
        try restoring.requireEffect(segments: scan.segments, on: places)
    }
}
