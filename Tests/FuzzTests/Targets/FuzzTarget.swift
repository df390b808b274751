/// What reads bytes that rekey did not write. Each target takes any bytes and stops the process where a promise is broken.
public enum FuzzTarget: String, CaseIterable, Sendable {
    /// One line: the verdict of the scanner against the reference parser, the canonical form, the digest.
    case records
    /// Lines of a stream in blocks of any size.
    case lines
    /// gzip, against zlib used plainly.
    case gzip
    /// Rule files: YAML, the language, the proof, the inverse.
    case rules
    /// `manifest-summary.json`, lines of `manifest-files.json`, `rekey.json`, plain backups.
    case manifests
    /// `ledger.ndjson` and `plan.json` of a run.
    case ledger
    /// Bodies and headers of answers: JSON, XML, errors, dates.
    case answers
    /// The files of the AWS tools, and the command lines in them.
    case configuration

    /// Reads the bytes. Returns where all is as promised, whether the bytes were good or refused.
    public func run(_ bytes: UnsafeRawBufferPointer) {
        switch self {
        case .records: readRecord(bytes)
        case .lines: readLines(bytes)
        case .gzip: expand(bytes)
        case .rules: readRules(Array(bytes))
        case .manifests: readManifests(Array(bytes))
        case .ledger: readLedger(Array(bytes))
        case .answers: readAnswers(Array(bytes))
        case .configuration: readConfiguration(Array(bytes))
        }
    }
}

/// Stops the process: a promise is broken.
func violated(_ promise: String) -> Never { fatalError("broken promise: \(promise)") }

func require(_ holds: Bool, _ promise: @autoclosure () -> String) { if !holds { violated(promise()) } }
