import AWS
import ArgumentParser
import Stages

/// What every command that may touch AWS takes; all else comes from the environment and the files of the AWS tools.
struct LiveArguments: ParsableArguments {
    @Option(help: ArgumentHelp("The AWS region; else AWS_REGION, or the profile's.", valueName: "name"))
    var region: String?

    @Option(help: ArgumentHelp("The profile of the AWS configuration; else AWS_PROFILE.", valueName: "name"))
    var profile: String?

    @Option(
        name: .customLong("endpoint-url"),
        help: ArgumentHelp("Where AWS is reached, such as an emulator; else AWS_ENDPOINT_URL.", valueName: "url"))
    var endpointURL: String?

    @Option(
        name: .customLong("max-rcu"),
        help: ArgumentHelp("Read units a second to take of a live table at most.", valueName: "units"))
    var readUnits: Double?

    @Option(
        name: .customLong("max-wcu"),
        help: ArgumentHelp("Write units a second to take of a live table at most.", valueName: "units"))
    var writeUnits: Double?

    @Option(
        name: .customLong("max-percent"),
        help: ArgumentHelp("Of a live table's provisioned units, at most so many per cent.", valueName: "percent"))
    var percent: Double?

    @Option(
        help: ArgumentHelp(
            "Segments of a live table read at once; else by its size, 8 at most.", valueName: "count"))
    var segments: Int?

    func validate() throws {
        if let percent, !(percent > 0 && percent <= 100) {
            throw ValidationError("--max-percent \(percent): above 0, 100 at most")
        }
        if let segments, !(1...1000).contains(segments) {
            throw ValidationError("--segments \(segments): 1 to 1000")
        }
        for (name, units) in [("--max-rcu", readUnits), ("--max-wcu", writeUnits)] {
            if let units, !(units >= 1 && units.isFinite) {
                throw ValidationError("\(name) \(units): units a second, 1 or more")
            }
        }
    }

    /// Nothing is read or sent until a location in AWS is opened.
    var services: LiveServices {
        var observer: RequestObserver?
        if Log.settings.isVerbose { observer = { Log.request($0) } }
        return LiveServices(
            AWSSettings(
                region: region, profile: profile, endpointURL: endpointURL, environment: Environment.all),
            rates: CapacityRates(read: readUnits, write: writeUnits, percent: percent), segments: segments,
            progress: ProgressDisplay.counters, observer: observer)
    }
}
