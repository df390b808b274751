import ArgumentParser
import ByteStreams

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Writes items to standard output as fast as one core can.
struct StreamCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stream",
        abstract: "Write {\"Item\":…} lines of any number to standard output, as fast as one core can.",
        discussion: "Keys are all different and come in a mixed order. Ends with status 141 where the reader stops.")

    @Option(help: "Seed of everything that is drawn.") var seed: UInt64 = 1
    @Option(help: "Items in all.") var items = 1_000_000
    @Option(help: "Plans among them; three in ten unless given.") var plans: Int?

    func validate() throws {
        guard (1...4_000_000_000).contains(items) else {
            throw ValidationError("--items must be from 1 to 4000000000.")
        }
        if let plans, !(0...items).contains(plans) {
            throw ValidationError("--plans must be from 0 to the number of items.")
        }
    }

    func run() throws {
        // A reader that is gone is then an error to handle, not a signal.
        signal(SIGPIPE, SIG_IGN)
        let stream = ItemStream(seed: seed, items: items, plans: plans ?? items * 3 / 10)
        do {
            try write(stream)
        } catch {
            guard error.code == .brokenPipe else { throw error }
            throw ExitCode(141)
        }
    }

    private func write(_ stream: ItemStream) throws(RekeyError) {
        let sink = FileDescriptorSink(1, name: "standard output", closes: false)
        while let block = stream.nextBlock() { try sink.write(block) }
        try sink.finish()
    }
}
