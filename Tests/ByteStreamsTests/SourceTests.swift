import ByteStreams
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

@Suite struct SourceTests {
    @Test func fileComesAsItIs() throws {
        try withTemporaryDirectory { directory in
            for bytes: [UInt8] in [[], [0x1f], [0x1f, 0x8c], Array(repeating: 7, count: 300_000)] {
                try put(bytes, at: "\(directory)/a")
                #expect(try contents(openSource("\(directory)/a")) == bytes)
            }
        }
    }

    @Test func missingFileIsInputMissing() throws {
        try withTemporaryDirectory { directory in
            for path in ["\(directory)/none", "\(directory)/no/such", ""] {
                let error = failure { try openSource(path) }
                #expect(error?.code == .inputMissing)
                #expect(error?.source == path)
            }
        }
    }

    @Test func directoryIsNoInput() throws {
        try withTemporaryDirectory { directory in
            let error = failure { try openSource(directory) }
            #expect(error?.code == .inputMissing)
            #expect(error?.message == "is a directory where a file is needed; name a file in it")
        }
    }

    @Test func fifoIsReadToItsEnd() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/fifo"
            #expect(mkfifo(path, 0o600) == 0)
            inThread {
                let descriptor = open(path, O_WRONLY)
                for text in ["a\nb", "c\n", "d"] { _ = write(descriptor, text, text.utf8.count) }
                close(descriptor)
            }
            let found = try lines(LineReader(openSource(path))).map { String(decoding: $0.bytes, as: UTF8.self) }
            #expect(found == ["a", "bc", "d"])
        }
    }

    /// The first bytes of a pipe may come one at a time; gzip is recognised all the same.
    @Test func gzipIsRecognisedOnAPipe() throws {
        try withTemporaryDirectory { directory in
            let packed = try systemGzip(Array("hello\n".utf8), in: directory)
            let ends = makePipe()
            inThread {
                for var byte in packed { _ = write(ends.write, &byte, 1) }
                close(ends.write)
            }
            let source = try openSource(FileDescriptorSource(ends.read, name: "standard input", closes: true))
            #expect(source.name == "standard input")
            #expect(try contents(source) == Array("hello\n".utf8))
        }
    }

    /// A line that came through a pipe is handed out before the writer sends more.
    @Test func lineIsHandedOutAsSoonAsItIsThere() throws {
        let ends = makePipe()
        _ = write(ends.write, "first\nsec", 9)
        let reader = LineReader(try openSource(FileDescriptorSource(ends.read, name: "pipe", closes: true)))
        let block = try #require(try reader.nextBlock())
        #expect(Array(block.bytes) == Array("first\n".utf8))
        _ = write(ends.write, "ond\n", 4)
        close(ends.write)
        let next = try #require(try reader.nextBlock())
        #expect(Array(next.bytes) == Array("second\n".utf8))
        #expect(next.firstLine == 2 && next.offset == 6)
        let end = try reader.nextBlock()
        #expect(end.map { $0.bytes.count } == nil)
    }

    @Test func nonBlockingDescriptorIsWaitedFor() throws {
        let ends = makePipe()
        #expect(fcntl(ends.read, F_SETFL, O_NONBLOCK) == 0)
        inThread {
            usleep(20_000)
            _ = write(ends.write, "late\n", 5)
            close(ends.write)
        }
        let source = FileDescriptorSource(ends.read, name: "pipe", closes: true)
        #expect(try contents(source) == Array("late\n".utf8))
    }

    #if os(Linux)
        /// Signals break into a waiting read all the time; the stream does not notice.
        @Test func interruptedReadsGoOn() async {
            await #expect(processExitsWith: .success) {
                var action = sigaction()
                action.__sigaction_handler.sa_handler = { _ in }
                // Without SA_RESTART, so that read(2) returns EINTR.
                try #require(sigaction(SIGUSR1, &action, nil) == 0)
                // The threads of the pool block signals.
                var signals = sigset_t()
                sigemptyset(&signals)
                sigaddset(&signals, SIGUSR1)
                try #require(pthread_sigmask(SIG_UNBLOCK, &signals, nil) == 0)
                let ends = makePipe()
                let reader = pthread_self()
                inThread {
                    for _ in 0..<50 {
                        usleep(2000)
                        pthread_kill(reader, SIGUSR1)
                        _ = write(ends.write, "x", 1)
                    }
                    close(ends.write)
                }
                let source = FileDescriptorSource(ends.read, name: "pipe", closes: true)
                try #require(try contents(source) == Array(repeating: UInt8(ascii: "x"), count: 50))
            }
        }
    #endif

    @Test func closedDescriptorIsAnInputOutputError() throws {
        let error = failure { try contents(FileDescriptorSource(-1, name: "gone", closes: false)) }
        #expect(error?.code == .inputOutput)
        #expect(error?.message == "reading failed: Bad file descriptor")
    }

    @Test func wholeFileHasALimit() throws {
        try withTemporaryDirectory { directory in
            try put(Array("12345".utf8), at: "\(directory)/a")
            #expect(try readWhole("\(directory)/a", limit: 5) == Array("12345".utf8))
            #expect(failure { try readWhole("\(directory)/a", limit: 4) }?.code == .badInput)
        }
    }

    /// Hashes are taken over the bytes of the file, not over what they expand to.
    @Test func rawSourceDoesNotExpand() throws {
        try withTemporaryDirectory { directory in
            let packed = try systemGzip([1, 2, 3], in: directory)
            try put(packed, at: "\(directory)/a.gz")
            #expect(try contents(openRawSource("\(directory)/a.gz")) == packed)
            #expect(try contents(openSource("\(directory)/a.gz")) == [1, 2, 3])
        }
    }
}
