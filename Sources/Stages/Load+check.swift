import ByteStreams
import Items
import Tables

extension Load {
    /// Reads the whole input once before anything is written: every line is judged as the write will judge it, and seal, counts and keys
    /// that come twice are checked. Then what the feed brings is known to be good.
    ///
    /// - Returns: nil where the input can be read only once, a pipe or a table; then nothing was read.
    func check(_ feed: RecordFeed, _ target: (any Table)?) async throws(RekeyError) -> CheckedInput? {
        guard let files = feed.waitingFiles, files.allSatisfy(\.canBeReadAgain) else { return nil }
        let state = try InputState(files)
        feed.options.progress?.begin("check")
        guard let first = try feed.sameFiles() else { return nil }
        let requests: [Int]
        do throws(RekeyError) {
            let tally = try await judge(first, target)
            requests = tally.requests
            try tally.requireDistinctKeys(source: feed.name, isWritten: false)
        } catch {
            throw error.code == .badInput ? error.adding("nothing was written") : error
        }
        let checked = CheckedInput(
            name: feed.name, files: files, state: state, counts: first.counts, digest: first.digest?.hex,
            requests: requests)
        try state.rewind()
        if try checked.hasChanged() {
            throw RekeyError(
                .badInput,
                "the input changed while it was checked; nothing was written; run the same command again once it stays as it is",
                source: feed.name)
        }
        feed.options.progress?.begin(nil)
        feed.expectProgress()
        return checked
    }
}

/// An input that was read whole and found good, to be read again.
struct CheckedInput {
    let name: String
    let files: [FeedSource]
    let state: InputState
    let counts: StageCounts
    let digest: String?
    /// Puts, deletions and bytes that it asks for.
    let requests: [Int]

    /// Whether the files may hold other bytes than those that were checked.
    func hasChanged() throws(RekeyError) -> Bool { try state.versions != InputState.versions(of: files) }

    /// Throws `.badInput` where other bytes were written than those that were checked.
    func requireSame(_ tally: borrowing LoadTally, _ feed: RecordFeed) throws(RekeyError) {
        let isSame =
            feed.counts == counts && requests == tally.requests
            && (digest == nil || digest == feed.digest?.hex)
        let hasChanged = try hasChanged()
        if hasChanged || !isSame { throw changed }
    }

    /// The failure of a write: where the input changed meanwhile, that is what the user has to know.
    func explained(_ error: RekeyError) -> RekeyError {
        guard error.code == .badInput || error.code == .inputMissing, error != changed,
            (try? hasChanged()) ?? true
        else { return error }
        return changed.adding(error.description)
    }

    private var changed: RekeyError {
        RekeyError(
            .badInput,
            "the input changed while it was loaded, so that other items were written than those that were checked; run the same command again once it stays as it is",
            source: name)
    }
}

/// What files were before the first of two passes over them.
struct InputState {
    let versions: [String?]
    /// Where standard input stood, where it is one of them.
    private let offset: Int?

    init(_ files: [FeedSource]) throws(RekeyError) {
        versions = try Self.versions(of: files)
        let readsStandardInput = files.contains { if case .path("-") = $0 { true } else { false } }
        offset = readsStandardInput ? standardInputOffset() : nil
    }

    static func versions(of files: [FeedSource]) throws(RekeyError) -> [String?] {
        var versions: [String?] = []
        for file in files { versions.append(try file.version()) }
        return versions
    }

    /// Sets standard input back for the second pass.
    func rewind() throws(RekeyError) {
        if let offset { try seekStandardInput(to: offset) }
    }
}

extension RekeyError {
    /// The same failure, with a further clause.
    fileprivate func adding(_ clause: String) -> RekeyError {
        var copy = self
        copy.message += "; \(clause)"
        return copy
    }
}
