import ByteStreams
import TestSupport
import Testing

@Suite struct OrderedWorkTests {
    private final class Block {
        var number = 0
        var square = 0
    }

    /// Gives blocks 0 to `count`, then the error or the end.
    private func work(
        jobs: Int, count: Int, budget: Int = .max, producing failure: RekeyError? = nil,
        _ consume: (Int) throws(RekeyError) -> Void
    ) throws(RekeyError) {
        var next = 0
        try OrderedWork(jobs: jobs, budget: budget).run(
            produce: { (used: Block?) throws(RekeyError) in
                guard next < count else {
                    if let failure { throw failure }
                    return nil
                }
                let block = used ?? Block()
                block.number = next
                next += 1
                return (block, 100 + block.number % 7)
            },
            makeWorker: {
                { block in
                    // Unequal work, so that later blocks are done before earlier ones.
                    var sum = 0
                    for step in 0..<(block.number % 5 * 2000) { sum &+= step }
                    block.square = sum >= 0 ? block.number * block.number : -1
                }
            },
            consume: { (block) throws(RekeyError) in
                #expect(block.square == block.number * block.number)
                try consume(block.number)
            })
    }

    @Test(arguments: [1, 2, 5], [0, 1, 2, 500])
    func orderIsKept(jobs: Int, count: Int) throws {
        for budget in [1, 250, Int.max] {
            var numbers: [Int] = []
            try work(jobs: jobs, count: count, budget: budget) { numbers.append($0) }
            #expect(numbers == Array(0..<count))
        }
    }

    @Test(arguments: [1, 2, 5], [0, 1, 2, 300])
    func failureOfTheSourceComesBehindItsBlocks(jobs: Int, count: Int) {
        var numbers: [Int] = []
        let error = RekeyError(.inputOutput, "torn")
        #expect(throws: error) { try work(jobs: jobs, count: count, producing: error) { numbers.append($0) } }
        #expect(numbers == Array(0..<count))
    }

    @Test(arguments: [1, 2, 5], [0, 1, 77])
    func failureOfTheConsumerEndsAll(jobs: Int, place: Int) {
        var numbers: [Int] = []
        let error = RekeyError(.brokenPipe, "gone")
        #expect(throws: error) {
            try work(jobs: jobs, count: .max) { (number) throws(RekeyError) in
                if number == place { throw error }
                numbers.append(number)
            }
        }
        #expect(numbers == Array(0..<place))
    }

    /// The same bytes however many threads compress and however the input is cut, and the system's gzip reads them.
    @Test(arguments: [0, 1, 100, (256 << 10) - 1, 256 << 10, (256 << 10) + 1, 1_500_000])
    func gzipIsTheSame(count: Int) throws {
        let seed = testSeed("gzipIsTheSame")
        var random = SeededGenerator(seed: seed)
        var bytes: [UInt8] = []
        while bytes.count < count { bytes += "{\"PK\":{\"S\":\"PLAN#\(random.next() % 5000)\"}}\n".utf8 }
        bytes = Array(bytes.prefix(count))
        func packed(jobs: Int, piece: Int, level: Int = 6) throws -> [UInt8] {
            let memory = MemorySink()
            let sink = GzipSink(over: memory, level: level, jobs: jobs)
            var start = 0
            while start < bytes.count {
                try sink.write(Array(bytes[start..<min(bytes.count, start + piece)]))
                start += piece
            }
            try sink.finish()
            return memory.bytes
        }
        let expected = try packed(jobs: 1, piece: 1 << 20)
        for (jobs, piece) in [(1, 10_007), (2, 1 << 20), (5, 70_001)] {
            #expect(try packed(jobs: jobs, piece: piece) == expected, "\(jobs) threads, pieces of \(piece)")
        }
        for level in [0, 1, 6, 9] {
            try withTemporaryDirectory { directory in
                let path = directory + "/x.gz"
                try put(try packed(jobs: 2, piece: 1 << 18, level: level), at: path)
                #expect(try contents(openSource(path)) == bytes)
                let (status, output) = try run(["gzip", "-dc"], input: path)
                #expect(status == 0 && output == bytes)
            }
        }
    }
}
