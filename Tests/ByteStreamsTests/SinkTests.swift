import ByteStreams
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

@Suite struct SinkTests {
    @Test func fileAppearsOnlyWhenFinished() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/out"
            try put([1], at: path)
            let sink = try openSink(path)
            let bytes = (0..<500_000).map { UInt8(truncatingIfNeeded: $0 / 3) }
            for start in stride(from: 0, to: bytes.count, by: 777) {
                try sink.write(Array(bytes[start..<min(start + 777, bytes.count)]))
            }
            try sink.flush()
            #expect(try get(path) == [1])
            let during = try names(directory)
            #expect(during.count == 2)
            #expect(during[0].hasPrefix(".out.partial-\(getpid())-"))
            try sink.finish()
            #expect(try get(path) == bytes)
            #expect(try names(directory) == ["out"])
            var status = stat()
            #expect(stat(path, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600)
        }
    }

    @Test func abandonedOrDroppedSinkLeavesNothing() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/out.gz"
            let sink = try openSink(path)
            try sink.write(utf8: "a")
            #expect(try names(directory).count == 1)
            sink.abandon()
            sink.abandon()
            #expect(try names(directory) == [])
            var dropped: (any ByteSink)? = try openSink(path)
            try dropped?.write(Array(repeating: 1, count: 1_000_000))
            #expect(try names(directory).count == 1)
            dropped = nil
            #expect(try names(directory) == [])
        }
    }

    @Test func abandonAfterFinishKeepsTheFile() throws {
        try withTemporaryDirectory { directory in
            let sink = try openSink("\(directory)/out")
            try sink.write(utf8: "kept")
            try sink.finish()
            sink.abandon()
            #expect(try get("\(directory)/out") == Array("kept".utf8))
        }
    }

    @Test func linkIsReplacedAndItsTargetNotWritten() throws {
        try withTemporaryDirectory { directory in
            let (target, link) = ("\(directory)/target", "\(directory)/link")
            try put([9], at: target)
            for destination in [target, "\(directory)/nowhere"] {
                #expect(symlink(destination, link) == 0)
                let sink = try openSink(link)
                try sink.write(utf8: "new")
                try sink.finish()
                var status = stat()
                #expect(lstat(link, &status) == 0 && status.st_mode & S_IFMT == S_IFREG)
                #expect(try get(link) == Array("new".utf8))
                #expect(try get(target) == [9])
                #expect(try names(directory) == ["link", "target"])
                #expect(unlink(link) == 0)
            }
        }
    }

    @Test func whatCannotBeCreated() throws {
        try withTemporaryDirectory { directory in
            try put([], at: "\(directory)/file")
            #expect(symlink(directory, "\(directory)/link") == 0)
            let cases = [
                "\(directory)/none/out": "its directory \(directory)/none does not exist; make it first",
                "\(directory)/file/out": "its directory \(directory)/file does not exist; make it first",
                directory: "is a directory where a file is to be written; name a file in it",
                "\(directory)/link": "is a directory where a file is to be written; name a file in it",
                "\(directory)/new/": "is a directory where a file is to be written; name a file in it",
                "": "is no name for an output; give a file name",
            ]
            for (path, message) in cases {
                let error = failure { try openSink(path) }
                #expect(error == RekeyError(.cannotCreate, message, source: path))
            }
            #expect(try names(directory) == ["file", "link"])
        }
    }

    /// The disk is full in the middle of a file: the old file stays, nothing else does.
    @Test func failedWriteKeepsTheOldFile() async {
        await #expect(processExitsWith: .success) {
            try withTemporaryDirectory { directory in
                let path = "\(directory)/out"
                try put([1], at: path)
                _ = signal(SIGXFSZ, SIG_IGN)
                var limit = rlimit(rlim_cur: 1 << 20, rlim_max: rlim_t.max)
                #if canImport(Glibc)
                    try #require(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0)
                #else
                    try #require(setrlimit(RLIMIT_FSIZE, &limit) == 0)
                #endif
                let sink = try openSink(path)
                let error = failure {
                    for _ in 0..<100 { try sink.write(Array(repeating: 0, count: 100_000)) }
                }
                try #require(error?.code == .inputOutput)
                try #require(error?.message == "writing failed: File too large")
                try #require(failure { try sink.finish() } == error)
                try #require(try get(path) == [1])
                try #require(try names(directory) == ["out"])
            }
        }
    }

    /// A directory that takes the name meanwhile is not replaced, and no partial file stays.
    @Test func directoryInTheWayAtTheEnd() throws {
        try withTemporaryDirectory { directory in
            let sink = try openSink("\(directory)/out")
            #expect(mkdir("\(directory)/out", 0o700) == 0)
            let error = failure { try sink.finish() }
            #expect(error?.code == .cannotCreate)
            #expect(try names(directory) == ["out"])
            #expect(failure { try sink.write(utf8: "more") } == error)
            #expect(failure { try sink.finish() } == error)
        }
    }

    @Test func longNameGetsAPartialNameThatFits() throws {
        try withTemporaryDirectory { directory in
            for name in [String(repeating: "n", count: 255), String(repeating: "é", count: 127)] {
                let sink = try openSink("\(directory)/\(name)")
                try sink.finish()
                #expect(try names(directory) == [name])
                #expect(unlink("\(directory)/\(name)") == 0)
            }
        }
    }

    @Test func compressionByNameOrByWill() throws {
        try withTemporaryDirectory { directory in
            func first(_ name: String, _ compression: Compression) throws -> [UInt8] {
                let sink = try openSink("\(directory)/\(name)", compression: compression)
                try sink.write(utf8: "text")
                try sink.finish()
                return Array(try get("\(directory)/\(name)").prefix(2))
            }
            let (gzip, plain): ([UInt8], [UInt8]) = ([0x1f, 0x8b], Array("te".utf8))
            let found = try [
                first("a.gz", .byName), first("a.gzip", .byName), first("a", .gzip), first("b.gz", .none),
            ]
            #expect(found == [gzip, plain, gzip, plain])
        }
    }

    #if os(Linux)
        @Test func fullDeviceSaysSo() throws {
            for compression in [Compression.none, .gzip] {
                let sink = try openSink("/dev/full", compression: compression)
                try sink.write(utf8: "x")
                let expected = RekeyError(
                    .inputOutput, "writing failed: No space left on device", source: "/dev/full")
                #expect(failure { try sink.finish() } == expected)
                #expect(failure { try sink.write(utf8: "y") } == expected)
                #expect(failure { try sink.finish() } == expected)
            }
            let large = try openSink("/dev/full")
            #expect(failure { try large.write(Array(repeating: 0, count: 1 << 20)) }?.code == .inputOutput)
        }
    #endif

    @Test func deviceIsWrittenDirectly() throws {
        let sink = try openSink("/dev/null")
        #expect(sink is FileDescriptorSink)
        try sink.write(Array(repeating: 0, count: 1 << 20))
        try sink.finish()
        var status = stat()
        #expect(stat("/dev/null", &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
    }

    @Test func fifoIsWrittenDirectly() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/fifo"
            #expect(mkfifo(path, 0o600) == 0)
            let large = Array(repeating: UInt8(5), count: 300_000)
            inThread {
                guard let sink = try? openSink(path) else { return }
                try? sink.write(large)
                try? sink.finish()
            }
            let read = try contents(openSource(path))
            #expect(read == large)
            var status = stat()
            #expect(lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
        }
    }

    /// `>(command)` in a shell gives such a path; a link to an open file is never replaced.
    @Test func openDescriptorByPathIsWrittenDirectly() throws {
        let ends = makePipe()
        let sink = try openSink("/dev/fd/\(ends.write)")
        try sink.write(utf8: "through")
        try sink.finish()
        close(ends.write)
        let read = try contents(FileDescriptorSource(ends.read, name: "pipe", closes: true))
        #expect(read == Array("through".utf8))
    }

    @Test func closedReaderIsABrokenPipe() throws {
        ignoreBrokenPipes()
        let ends = makePipe()
        let sink = FileDescriptorSink(ends.write, name: "standard output", closes: true)
        close(ends.read)
        try sink.write(utf8: "lost")
        let expected = RekeyError(.brokenPipe, "the reader closed the stream early", source: "standard output")
        #expect(failure { try sink.flush() } == expected)
        #expect(failure { try sink.write(utf8: "more") } == expected)
        #expect(failure { try sink.finish() } == expected)
    }

    /// A full pipe takes part of a write; a slow reader gets all of it in order.
    @Test func shortWritesAreCompleted() throws {
        for flags in [0, O_NONBLOCK] {
            let ends = makePipe()
            #expect(fcntl(ends.write, F_SETFL, flags) == 0)
            let bytes = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
            inThread {
                let sink = FileDescriptorSink(ends.write, name: "pipe", closes: true)
                try? sink.write(bytes)
                try? sink.finish()
            }
            let read = try contents(FileDescriptorSource(ends.read, name: "pipe", closes: true))
            #expect(read == bytes)
        }
    }
}
