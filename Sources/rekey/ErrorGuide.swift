import ByteStreams
import Rekeying

/// What an exit status or a code means and what to do. `rekey explain` prints it, and docs/errors.md holds the same table.
struct ErrorGuide {
    /// A command line that ends so, and what it prints.
    struct Example {
        /// The command line, then the lines it prints.
        var lines: [String]
        /// Whether the example ends so wherever it is run, as docs/errors.md shows it; others need a fault, a live table or a key press.
        var isShown = true
    }

    /// Exit statuses that mean this.
    var statuses: [Int32]
    /// What a person calls it, such as `bad input`.
    var name: String
    var means: String
    /// What to do; empty where nothing is to be done.
    var remedy: String
    /// A page of `docs/` with more, and its place there.
    var page: String?
    var example: Example?

    /// All of them, by status.
    static let all: [ErrorGuide] =
        ([done, byOtherSignals] + RekeyError.Code.allCases.map(of)).sorted { $0.statuses[0] < $1.statuses[0] }

    private static let done = ErrorGuide(
        statuses: [0], name: "done", means: "for a dry run: it would work", remedy: "")

    private static let byOtherSignals = ErrorGuide(
        statuses: [129, 143], name: "ended", means: "by SIGHUP or SIGTERM",
        remedy: "unfinished files were removed; for a run: `rekey status`, then `rekey resume`")

    /// What a kind of failure means.
    static func of(_ code: RekeyError.Code) -> ErrorGuide {
        var guide = text(code)
        guide.statuses = [ExitStatus.of(code)]
        return guide
    }

    /// The entry for what a user writes: a status, a name, or a code in any spelling; nil where there is none.
    static func find(_ text: String) -> ErrorGuide? {
        let wanted = folded(text)
        if let status = Int32(wanted) { return all.first { $0.statuses.contains(status) } }
        let code = RekeyError.Code.allCases.first { folded($0.rawValue) == wanted }
        return code.map(of) ?? all.first { folded($0.name) == wanted }
    }

    /// `bad input`, `badInput`, `bad-input` and `[65]` lose what tells them apart.
    static func folded(_ text: String) -> String {
        String(text.lowercased().unicodeScalars.filter { ("a"..."z").contains($0) || ("0"..."9").contains($0) })
    }

    private static func text(_ code: RekeyError.Code) -> ErrorGuide {
        func guide(
            _ name: String, _ means: String, _ remedy: String, page: String? = nil, isShown: Bool = true,
            _ example: String...
        ) -> ErrorGuide {
            ErrorGuide(
                statuses: [], name: name, means: means, remedy: remedy, page: page,
                example: example.isEmpty ? nil : Example(lines: example, isShown: isShown))
        }
        return switch code {
        case .unexpected:
            guide("unexpected", "a fault of rekey", "keep the message and the input, and report it; nothing you did")
        case .usage:
            guide(
                "usage", "an option, a location or the confirming word",
                "read the line; `rekey help COMMAND`",
                "rekey extract dynamodb:t",
                "rekey extract: dynamodb:t names no table; write dynamodb:NAME with 3 to 255 of A-Z a-z 0-9 _ . -, or its ARN"
            )
        case .badInput:
            guide(
                "bad input", "a bad record, a damaged or cut stream, a damaged snapshot, two items on one key",
                "mend the line that is named, or set it aside with `--rejects FILE`; fetch a damaged file again",
                page: "streams.md#bad-lines",
                "echo '{\"PK\":{\"S\":\"PLAN#1\"},\"price\":{\"N\":\"nine\"}}' | rekey digest",
                "rekey digest: standard input: line 1, byte 35: a number (N) must be a decimal such as 12, -1.5 or 2E+3: nine; mend the record, or set it aside with --rejects FILE"
            )
        case .inputMissing:
            guide(
                "input missing", "no such file, export, table or run", "check the path; `rekey status` lists runs",
                "rekey digest local:nowhere.db",
                "rekey digest: nowhere.db: there is no such table; check the path, or make it: rekey load local:FILE.db EXPORT --execute"
            )
        case .serviceGaveUp:
            guide(
                "service gave up", "a table did not take all requests, or its file was locked too long",
                "run the same command again, more slowly where it was throttled (`--max-wcu`)", page: "live-tables.md")
        case .cannotCreate:
            guide(
                "cannot create", "an output's directory is missing, a snapshot exists already",
                "make the directory; choose another name",
                "rekey extract data/algoitny_main -o nowhere/a.ndjson",
                "rekey extract: nowhere/a.ndjson: its directory nowhere does not exist; make it first")
        case .inputOutput:
            guide(
                "I/O", "input or output failed, such as a full disk", "make room; run again",
                "rekey extract data/algoitny_main -o /dev/full",
                "rekey extract: /dev/full: writing failed: No space left on device")
        case .stoppedResumable:
            guide(
                "stopped, can be resumed", "a run was stopped by a fault on its way",
                "`rekey resume RUN`, or what the line says", page: "migration.md#resume")
        case .differences:
            guide(
                "differences found",
                "`verify` found some, or no item to compare; `migrate` or `rehearse` found no item to move; a restore or put did not read back, a rollback has conflicts",
                "`rekey verify … --diff`; look whether table and rules are the right ones; for a rollback, choose what becomes of changed items",
                page: "migration.md#rollback",
                "rekey verify data/algoitny_main local:old.db --rules pipelines/plan-structure.yaml",
                "…",
                "rekey verify: local:old.db: missing 3, different 0, only in NEW 0; see each with --diff")
        case .permission:
            guide(
                "credentials or permission",
                "AWS did not take the credentials, or they lack a permission; a file you may not read",
                "check who you are (`rekey preflight` says) and whose file it is",
                page: "../README.md#on-aws-staging-first")
        case .rulesRefused:
            guide(
                "rules refused", "the rules could lose something, or are no rule file",
                "`rekey rules check FILE` lists every finding; `rekey explain` takes each finding's name",
                page: "rules.md#what-rekey-rules-check-proves",
                "rekey rules check lossy.yaml",
                "refusal: line 3: rule 1: {x} is in the old key and not in the new one, so old keys that differ only there get one new key; use it in to, or allow one-way rules",
                "rekey rules check: lossy.yaml: 1 finding against the rules; see rekey explain valueLost")
        case .preflightRefused:
            guide(
                "preflight refused",
                "collisions, another key schema, PITR off, another run at work, something changed since the run began",
                "`rekey preflight` shows all checks", page: "preflight.md")
        case .interrupted:
            guide(
                "interrupted", "by Ctrl-C, or the word was not typed",
                "unfinished files were removed; for a run: `rekey status`, then `rekey resume`")
        case .brokenPipe:
            guide(
                "broken pipe", "the reader of the output is gone, such as `head`",
                "nothing, if you meant it; in scripts use `set -o pipefail`")
        }
    }
}

/// What a finding of `rekey rules check` means and how the rules are mended; docs/rules.md holds the same table.
struct FindingGuide {
    var code: Finding.Code
    var means: String
    var remedy: String

    static let all = Finding.Code.allCases.map(of)

    /// The entry for a finding's name in any spelling; nil where there is none.
    static func find(_ text: String) -> FindingGuide? {
        all.first { ErrorGuide.folded($0.code.rawValue) == ErrorGuide.folded(text) }
    }

    static func of(_ code: Finding.Code) -> FindingGuide {
        let (means, remedy) =
            switch code {
            case .neverMatches:
                (
                    "`from` needs a key that is longer than DynamoDB allows (2048 bytes for the partition key, 1024 for the sort key)",
                    "shorten the literals of `from`"
                )
            case .unknownCapture:
                ("`to` uses a capture that `from` has not", "name it in `from`, or correct its spelling")
            case .valueLost:
                (
                    "a capture of the old key is not in the new key, or a value of another attribute is in no attribute of the new item",
                    "use the capture in `to`, or allow rules without a way back with --one-way"
                )
            case .doesNotReadBack:
                (
                    "`to` can be rendered from a value that it would read back otherwise",
                    "narrow the capture, as in {id:[^#]}, or put `roundtrip: true` in the file"
                )
            case .sameNewKey:
                ("two rules can make the same new key", "give their new keys different literals")
            case .movesAgain:
                (
                    "a rule can make a key that its own `from`, or another's, matches",
                    "narrow `from`, or give the new key another form, so that running twice changes nothing"
                )
            case .sameItem:
                ("two rules match the same item", "narrow one of them by a class or by `where`")
            case .keyTooLong: ("every new key would be too long", "shorten the literals of `to`")
            case .tooComplex:
                (
                    "captures repeated so often that the proof would need more than 20,000 states",
                    "repeat captures less often"
                )
            }
        return FindingGuide(code: code, means: means, remedy: remedy)
    }
}
