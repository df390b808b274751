import ArgumentParser
import ByteStreams
import Rekeying
import Snapshots
import Stages

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// How a command reports: `--json`, `--quiet`, `--verbose`, `--log-format`.
struct ReportOptions: ParsableArguments {
    enum LogFormat: String, ExpressibleByArgument, CaseIterable { case text, json }

    @Flag(help: "Print the result as one JSON object; rekey schema COMMAND describes it.")
    var json = false

    @Flag(help: "Print nothing but errors and the result that was asked for.")
    var quiet = false

    @Flag(help: "Say each request to AWS, each retry, and the progress, in lines.")
    var verbose = false

    @Option(help: "Messages on standard error: text, or json, one object a line.")
    var logFormat = LogFormat.text

    func validate() throws {
        if quiet && verbose { throw ValidationError("--quiet and --verbose exclude each other") }
        // Known from here on, whatever the command: an error has to come in the format asked for.
        Log.configure {
            $0.isJSON = logFormat == .json
            $0.isQuiet = quiet
            $0.isVerbose = verbose
        }
    }
}

/// What every stage over a stream takes, with the options for what it does to live tables.
struct StreamArguments<Live: LiveOptions>: ParsableArguments {
    @Flag(help: "End the output with a seal: count and digest of what was written. REKEY_SEAL=1 does the same.")
    var seal = false

    @Flag(help: "Refuse a stream that ends without a seal: the stage before did not finish.")
    var sealed = false

    @Option(
        help: ArgumentHelp("Set bad records aside here with their reasons, and go on.", valueName: "file"),
        completion: .file())
    var rejects: String?

    @Option(
        help: ArgumentHelp(
            "Workers that read and check; all cores unless given. The output is the same.", valueName: "n"))
    var jobs: Int?

    @OptionGroup var live: Live

    func validate() throws {
        if let jobs, !(1...256).contains(jobs) { throw ValidationError("--jobs must be from 1 to 256.") }
    }

    var options: StreamOptions {
        StreamOptions(
            requiresSeal: sealed, writesSeal: seal || Environment.wantsSeal, rejects: rejects, offersRejects: true,
            jobs: jobs ?? availableProcessors(), services: live.services, progress: ProgressDisplay.counters)
    }
}

/// `--rules FILE`, read and parsed.
struct RulesArgument: ParsableArguments {
    @Option(
        help: ArgumentHelp("The rule file that says what moves where.", valueName: "file"), completion: rulesCompletion)
    var rules: String

    func load() throws(RekeyError) -> RuleSet { try loadRules(rules) }
}

/// Reads a rule file; the message names it.
func loadRules(_ path: String) throws(RekeyError) -> RuleSet { try readRules(path).rules }

/// Reads a rule file once, for it may be a pipe, and gives its text too.
func readRules(_ path: String) throws(RekeyError) -> (rules: RuleSet, text: String) {
    let text = try readRuleText(path)
    return (try RuleSet.parse(yaml: text, source: path), text)
}

/// The text of a rule file.
func readRuleText(_ path: String) throws(RekeyError) -> String {
    let bytes = try readWhole(path, limit: 4 << 20)
    guard let text = String(validating: bytes, as: UTF8.self) else {
        throw RekeyError(.rulesRefused, "the rule file is not UTF-8; save it as UTF-8", source: path)
    }
    return text
}

/// Says of `--seal` that it does nothing in a command that writes no stream, but takes it as all stages do.
func saySealHasNoEffect(_ isGiven: Bool, _ options: ReportOptions) {
    if isGiven, !options.json, !options.quiet {
        Log.say(.warning, "--seal has no effect: this command writes no stream of records")
    }
}

/// Whether the user says that changes have the OldImages that there were; a table has no changes, so nothing is to be said of one.
func saysOldImages(_ isGiven: Bool, of from: String) throws(RekeyError) -> Bool {
    if isGiven, try Location.parse(from).isTable {
        throw RekeyError(.usage, "--old-images has no effect: it is for changes, and a table has none; leave it out")
    }
    return isGiven
}

/// Refuses rules that the proof does not accept.
func requireProof(_ rules: RuleSet, source: String, oneWay: Bool = false) throws(RekeyError) {
    let proof = rules.check(oneWay: oneWay)
    guard proof.isAccepted else {
        let refusals = proof.findings.filter { $0.severity == .refusal }
        let first = refusals.first
        let more = refusals.count > 1 ? " (and \(refusals.count - 1) more: rekey rules check \(source))" : ""
        throw RekeyError(
            .rulesRefused, "\(first?.message ?? "the rules are refused")\(more)", source: source, line: first?.line)
    }
}

/// Says what a stage did: the sum on standard error, or one JSON object.
func report(
    _ result: StageResult, verb: String, options: ReportOptions, streamOnOutput: Bool
) throws(RekeyError) {
    if options.json {
        let object = result.json(verb: verb)
        if streamOnOutput { Terminal.result(object) } else { try Terminal.print(object.text) }
        return
    }
    if options.quiet { return }
    // What a filter left out has passed the check, but is not in the output.
    var written = ""
    if case .integer(let count) = result.facts.first(where: { $0.name == "written" })?.value,
        count != result.counts.passed
    {
        written = ", wrote \(count)"
    }
    let counts = result.counts
    Log.say(
        .info, "\(counts.sentence)\(written)",
        [
            ("read", .integer(counts.read)), ("passed", .integer(counts.passed)), ("changed", .integer(counts.changed)),
            ("rejected", .integer(counts.rejected)),
        ])
}

extension StageResult {
    /// Ends the command with status 65 where records were set aside; called after the result was said.
    func requireNoRejects() throws(RekeyError) {
        if let rejection { throw rejection }
    }
}
