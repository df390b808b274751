import ByteStreams
import Items

/// The records a stage writes, ended by a seal where one is asked for.
final class RecordOutput {
    private let sink: any ByteSink
    private let writesSeal: Bool
    private var digest = Digest()

    /// - Parameters:
    ///   - path: `-` is standard output; a file or an object in S3 appears under its name only when the stage has finished.
    ///   - writesSeal: in place of what the options say.
    init(_ path: String, options: StreamOptions, writesSeal: Bool? = nil) throws(RekeyError) {
        sink = try openOutput(path, jobs: options.jobs, services: options.services)
        self.writesSeal = writesSeal ?? options.writesSeal
    }

    /// Writes lines that are valid records. Their digest counts where a seal is to be written.
    func write(_ text: BlockText) throws(RekeyError) {
        digest.combine(text.digest)
        try sink.write(text.bytes)
    }

    /// Ends the stream whole: the seal, then everything to its place.
    func finish() throws(RekeyError) {
        if writesSeal { try sink.write(utf8: Seal(count: digest.count, digest: digest.hex).line) }
        try sink.finish()
    }

    /// Ends the stream without a seal, so that the next stage can tell; a file is removed.
    func abandon() {
        try? sink.flush()
        sink.abandon()
    }
}
