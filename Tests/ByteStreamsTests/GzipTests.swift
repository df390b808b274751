import ByteStreams
import TestSupport
import Testing

@Suite struct GzipTests {
    private let text = Array("{\"Item\":{\"PK\":{\"S\":\"PLAN#1\"}}}\n".utf8)

    private func pack(_ bytes: [UInt8], pieces: Int = .max, level: Int = 6) throws -> [UInt8] {
        let memory = MemorySink()
        let sink = GzipSink(over: memory, level: level)
        var rest = bytes[...]
        while !rest.isEmpty {
            try sink.write(Array(rest.prefix(pieces)))
            rest = rest.dropFirst(pieces)
        }
        try sink.finish()
        #expect(memory.isFinished)
        return memory.bytes
    }

    private func unpack(_ bytes: [UInt8]) throws -> [UInt8] {
        try contents(openSource(MemorySource(bytes, name: "x.gz")))
    }

    /// Text that compresses, then noise that does not.
    private func sample(_ count: Int, _ random: inout SeededGenerator) -> [UInt8] {
        (0..<count).map { $0 < count / 2 ? text[$0 % text.count] : UInt8.random(in: 0...255, using: &random) }
    }

    @Test func readsWhatTheSystemWrites() throws {
        var random = SeededGenerator(seed: testSeed("readsWhatTheSystemWrites"))
        try withTemporaryDirectory { directory in
            for count in [0, 1, 1000, 2_000_000] {
                let bytes = sample(count, &random)
                for level in [1, 9] {
                    let packed = try systemGzip(bytes, in: directory, level: level)
                    let unpacked = try unpack(packed)
                    #expect(unpacked == bytes)
                }
            }
        }
    }

    @Test func theSystemReadsWhatIsWritten() throws {
        var random = SeededGenerator(seed: testSeed("theSystemReadsWhatIsWritten"))
        try withTemporaryDirectory { directory in
            for count in [0, 1, 1000, 2_000_000] {
                let bytes = sample(count, &random)
                let path = "\(directory)/out.gz"
                let sink = try openSink(path)
                try sink.write(bytes)
                try sink.finish()
                #expect(try run(["gzip", "-t", path]).status == 0)
                let shown = try run(["zcat", path])
                #expect(shown.status == 0 && shown.output == bytes)
                #expect(try contents(openSource(path)) == bytes)
            }
        }
    }

    @Test func nothingIsTwentyBytes() throws {
        let header: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]
        #expect(try pack([]) == header + [3, 0] + Array(repeating: 0, count: 8))
    }

    @Test func sameBytesWhateverThePieces() throws {
        var random = SeededGenerator(seed: testSeed("sameBytesWhateverThePieces"))
        let bytes = sample(700_000, &random)
        let whole = try pack(bytes)
        #expect(Array(whole.prefix(10)) == [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])
        for pieces in [1 << 18, 4099, 77] { #expect(try pack(bytes, pieces: pieces) == whole) }
    }

    @Test func flushMakesEverythingReadable() throws {
        let memory = MemorySink()
        let sink = GzipSink(over: memory)
        try sink.write(text)
        try sink.flush()
        let reader = LineReader(try openSource(MemorySource(memory.bytes)))
        let block = try #require(try reader.nextBlock())
        #expect(Array(block.bytes) == text)
    }

    @Test func levelsDiffer() throws {
        var random = SeededGenerator(seed: 1)
        let bytes = sample(100_000, &random)
        let sizes = try [0, 1, 9].map { try pack(bytes, level: $0).count }
        #expect(sizes[0] > sizes[1] && sizes[1] > sizes[2])
    }

    @Test func membersFollowOneAnother() throws {
        try withTemporaryDirectory { directory in
            let one = try systemGzip(Array("one".utf8), in: directory)
            let two = try pack(Array("two".utf8))
            #expect(try unpack(one + two) == Array("onetwo".utf8))
            #expect(try unpack(one + pack([]) + two) == Array("onetwo".utf8))
            #expect(try unpack(pack([])) == [])
        }
    }

    @Test func membersMayBreakAnywhere() throws {
        let packed = try pack(text) + pack([]) + pack(text) + Array(repeating: 0, count: 5)
        for piece in 1...packed.count {
            #expect(try contents(GzipSource(ChoppedSource(packed) { piece })) == text + text)
        }
    }

    @Test func zeroPaddingIsAccepted() throws {
        for count in [1, 511, 300_000] {
            #expect(try unpack(pack(text) + Array(repeating: 0, count: count)) == text)
        }
    }

    @Test func trailingGarbage() throws {
        let packed = try pack(text)
        let message =
            "other bytes follow the last gzip member of the compressed file; "
            + "cut them off there if they do not belong to it, or fetch it again"
        for (tail, skipped) in [("garbage", 0), ("\0\0garbage", 2), ("\u{1f}garbage", 0)] {
            let error = failure { try unpack(packed + Array(tail.utf8)) }
            #expect(error == RekeyError(.badInput, message, source: "x.gz", byte: packed.count + skipped))
        }
    }

    @Test func everyCutIsFound() throws {
        let packed = try pack(text)
        for count in 2..<packed.count {
            let error = failure { try unpack(Array(packed[..<count])) }
            #expect(error?.code == .badInput && error?.byte == count && error?.message.contains("it was cut") == true)
        }
        let second = failure { try unpack(packed + packed[..<5]) }
        #expect(second?.byte == packed.count + 5)
        #expect(second?.message.contains("begins at its byte \(packed.count) ") == true)
    }

    @Test func wrongChecksumAndLengthAreToldApart() throws {
        var packed = try pack(text)
        let size = packed.count
        packed[size - 8] ^= 1
        let checksum = failure { try unpack(packed) }
        #expect(checksum?.byte == size - 8)
        #expect(checksum?.message.contains("begins at byte 0 of the compressed file has a wrong CRC-32") == true)
        packed[size - 8] ^= 1
        packed[size - 1] ^= 1
        let length = failure { try unpack(pack([]) + packed) }
        #expect(length?.byte == 20 + size - 4)
        #expect(length?.message.contains("begins at byte 20 of the compressed file has a wrong length field") == true)
    }

    /// What was good comes out before the failure, and the failure stays.
    @Test func damageComesAfterTheGoodBytesAndStays() throws {
        var packed = try pack(text)
        packed[packed.count - 8] ^= 1
        let source = GzipSource(MemorySource(packed))
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1000, alignment: 1)
        defer { buffer.deallocate() }
        let count = try source.read(into: buffer)
        #expect(Array(buffer[..<count]) == text)
        let first = failure { try source.read(into: buffer) }
        #expect(first?.code == .badInput)
        #expect(failure { try source.read(into: buffer) } == first)
    }

    @Test func damagedDataIsRefused() throws {
        var packed = try pack(text)
        packed[2] = 7
        let method = failure { try unpack(packed) }
        #expect(method?.message.contains("is damaged (unknown compression method)") == true)
        packed[2] = 8
        packed[10] = 0xff
        let block = failure { try unpack(packed) }
        #expect(block?.message.contains("is damaged (invalid block type)") == true)
        let noGzip = failure { try contents(GzipSource(MemorySource(text))) }
        #expect(noGzip?.message == "this is no gzip data; its first bytes are not 1f 8b")
    }

    /// A changed byte may never pass as good data: the header's flags and time aside, every one is noticed.
    @Test func everyFlippedByteIsNoticedOrHarmless() throws {
        let packed = try pack(text)
        for index in packed.indices {
            var damaged = packed
            damaged[index] ^= 0x10
            if let bytes = try? unpack(damaged) {
                #expect(bytes == text || index < 2, "byte \(index)")
                #expect(index < 10, "byte \(index) is not checked")
            }
        }
    }

    /// 256 MiB of zeros come out of 260 KB through one buffer.
    @Test func expansionIsNotBounded() throws {
        let memory = MemorySink()
        let sink = GzipSink(over: memory)
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        for _ in 0..<256 { try sink.write(zeros) }
        try sink.finish()
        let source = try openSource(MemorySource(memory.bytes))
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 1)
        defer { buffer.deallocate() }
        var total = 0
        while case let count = try source.read(into: buffer), count > 0 { total += count }
        #expect(total == 256 << 20)
        #expect(memory.bytes.count < 1 << 20)
    }
}
