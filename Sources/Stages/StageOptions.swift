package import ByteStreams
package import Items

/// What a stage that reads a stream is told about it.
package struct StreamOptions: Sendable {
    /// Refuse a stream that ends without a seal.
    package var requiresSeal: Bool
    /// End the output with a seal.
    package var writesSeal: Bool
    /// Set bad records aside here and go on; nil: the first one stops the stage.
    package var rejects: String?
    /// Whether the user could have named a file for bad records; messages speak of it only then.
    package var offersRejects: Bool
    /// Whether a change without an OldImage is of a new item; an export's manifest says it better.
    package var hasOldImages = false
    /// How many workers read files.
    package var jobs: Int
    /// What opens locations in AWS; nil where there can be none.
    package var services: LiveServices?
    /// Told of what is read, a block or page at a time.
    package var progress: ProgressCounters?

    package init(
        requiresSeal: Bool = false, writesSeal: Bool = false, rejects: String? = nil, offersRejects: Bool = false,
        jobs: Int = 1, services: LiveServices? = nil, progress: ProgressCounters? = nil
    ) {
        self.jobs = jobs
        self.progress = progress
        self.services = services
        self.offersRejects = offersRejects
        self.requiresSeal = requiresSeal
        self.writesSeal = writesSeal
        self.rejects = rejects
    }
}

/// What became of the records a stage read: `read` is always the sum of the other three.
package struct StageCounts: Sendable, Equatable {
    package var read = 0
    package var passed = 0
    package var changed = 0
    package var rejected = 0

    package init() {}

    package var addsUp: Bool { read == passed + changed + rejected }

    /// `read 3 = passed 0 + changed 3 + rejected 0`.
    package var sentence: String { "read \(read) = passed \(passed) + changed \(changed) + rejected \(rejected)" }

    /// Fails where the sum does not add up: a bug, never hidden.
    func check() throws(RekeyError) {
        guard addsUp else { throw RekeyError(.unexpected, "the counts do not add up: \(sentence)") }
    }
}

/// What a stage hands back.
package struct StageResult: Sendable {
    package var counts: StageCounts
    /// Of the records the stage read.
    package var digest: Digest?
    /// Other facts, in order, for `--json` and for a person.
    package var facts: [(name: String, value: FactValue)] = []
    /// What the stage ends with after its result was said: records were set aside.
    package var rejection: RekeyError?

    package init(counts: StageCounts, digest: Digest? = nil, rejection: RekeyError? = nil) {
        self.counts = counts
        self.digest = digest
        self.rejection = rejection
    }
}

/// A value of a stage's result.
package enum FactValue: Sendable, Equatable {
    case integer(Int)
    case text(String)
    case boolean(Bool)
}
