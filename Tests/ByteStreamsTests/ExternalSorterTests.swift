import ByteStreams
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

@Suite struct ExternalSorterTests {
    private struct Record: Equatable {
        var key: [UInt8]
        var value: [UInt8]
    }

    private func add(_ records: [Record], to sorter: ExternalSorter) throws {
        for record in records {
            try record.key.withUnsafeBytes { key in
                try record.value.withUnsafeBytes { value in try sorter.add(key: key, value: value) }
            }
        }
    }

    private func sorted(_ sorter: ExternalSorter) throws -> [Record] {
        var found: [Record] = []
        try sorter.forEach { (key, value) throws(RekeyError) in
            found.append(Record(key: Array(key), value: Array(value)))
        }
        return found
    }

    /// What the sorter is measured against: a stable sort by key.
    private func model(_ records: [Record]) -> [Record] {
        records.enumerated().sorted { left, right in
            if left.element.key == right.element.key { return left.offset < right.offset }
            return left.element.key.lexicographicallyPrecedes(right.element.key)
        }.map(\.element)
    }

    private func keys(_ texts: [String]) -> [Record] {
        texts.enumerated().map { Record(key: Array($1.utf8), value: Array("\($0)".utf8)) }
    }

    @Test func nothingComesOutOfNothing() throws {
        let sorter = ExternalSorter(directory: "/nonexistent")
        #expect(try sorted(sorter) == [])
        #expect(sorter.count == 0)
    }

    /// Zero bytes and short keys meet the zero-padded prefixes the comparison begins with.
    @Test func shorterKeyComesFirst() throws {
        let texts = ["b", "a\0", "", "a", "a\0\0", "aaaaaaaa", "aaaaaaaaa", "aaaaaaaa\0", "a\u{ff}", "a"]
        for limit in [1, 100, 1 << 20] {
            try withTemporaryDirectory { directory in
                let sorter = ExternalSorter(directory: directory, memoryLimit: limit)
                try add(keys(texts), to: sorter)
                #expect(sorter.count == texts.count)
                #expect(try sorted(sorter) == model(keys(texts)))
            }
        }
    }

    @Test func equalKeysKeepTheirOrder() throws {
        try withTemporaryDirectory { directory in
            let records = keys((0..<3000).map { "PLAN#\($0 % 7)" })
            for limit in [200, 5000, 1 << 20] {
                let sorter = ExternalSorter(directory: directory, memoryLimit: limit)
                try add(records, to: sorter)
                #expect(try sorted(sorter) == model(records))
            }
        }
    }

    @Test func itMayBeWalkedAgainAndAddedTo() throws {
        try withTemporaryDirectory { directory in
            for limit in [300, 1 << 20] {
                let sorter = ExternalSorter(directory: directory, memoryLimit: limit)
                var records: [Record] = []
                for round in 0..<4 {
                    let more = keys((0..<40).map { "k\(($0 * 17 + round) % 23)" })
                    try add(more, to: sorter)
                    records += more
                    #expect(try sorted(sorter) == model(records))
                    #expect(try sorted(sorter) == model(records))
                }
            }
        }
    }

    @Test func recordLargerThanTheMemoryIsTaken() throws {
        try withTemporaryDirectory { directory in
            let sorter = ExternalSorter(directory: directory, memoryLimit: 1000)
            let records = ["c", "a", "b"].map {
                Record(key: Array($0.utf8), value: Array(repeating: 1, count: 300_000))
            }
            try add(records + keys(["d", "0"]), to: sorter)
            #expect(try sorted(sorter) == model(records + keys(["d", "0"])))
        }
    }

    @Test func temporaryFilesHaveNoName() throws {
        try withTemporaryDirectory { directory in
            let sorter = ExternalSorter(directory: directory, memoryLimit: 1000)
            try add(keys((0..<1000).map { "\($0)" }), to: sorter)
            #expect(try names(directory) == [])
            #expect(try sorted(sorter).count == 1000)
            #expect(try names(directory) == [])
        }
    }

    /// Hundreds of runs need few descriptors. In a process of its own, where no other test opens files.
    @Test func fewFilesAreOpen() async {
        await #expect(processExitsWith: .success) {
            try withTemporaryDirectory { directory in
                let before = openDescriptors()
                let sorter = ExternalSorter(directory: directory, memoryLimit: 500)
                for index in 0..<5000 {
                    let key = Array("\(index &* 7919 % 5000)".utf8)
                    try key.withUnsafeBytes { key in
                        try sorter.add(key: key, value: UnsafeRawBufferPointer(start: nil, count: 0))
                    }
                }
                // The runtime may open a few of its own meanwhile.
                try #require(openDescriptors() - before < 16)
                var last: [UInt8] = []
                var count = 0
                var open = 0
                try sorter.forEach { (key, _) throws(RekeyError) in
                    if count == 0 { open = openDescriptors() }
                    count += 1
                    if !last.lexicographicallyPrecedes(key) { throw RekeyError(.unexpected, "out of order") }
                    last = Array(key)
                }
                try #require(count == 5000)
                try #require(open - before < 16)
            }
        }
    }

    @Test func missingDirectoryMattersOnlyWhenItSpills() throws {
        let records = keys((0..<100).map { "\($0)" })
        let small = ExternalSorter(directory: "/nonexistent", memoryLimit: 100)
        let error = failure { try add(records, to: small) }
        #expect(error?.code == .cannotCreate)
        #expect(error?.source == "/nonexistent")
        let large = ExternalSorter(directory: "/nonexistent")
        try add(records, to: large)
        #expect(try sorted(large) == model(records))
    }

    @Test func failureOfTheBodyEndsTheWalk() throws {
        try withTemporaryDirectory { directory in
            for limit in [200, 1 << 20] {
                let sorter = ExternalSorter(directory: directory, memoryLimit: limit)
                try add(keys((0..<100).map { "\($0)" }), to: sorter)
                var seen = 0
                let error = failure {
                    try sorter.forEach { (_, _) throws(RekeyError) in
                        seen += 1
                        if seen == 10 { throw RekeyError(.badInput, "enough") }
                    }
                }
                #expect(error == RekeyError(.badInput, "enough"))
                #expect(seen == 10)
                #expect(try sorted(sorter).count == 100)
            }
        }
    }

    /// Random keys, some with a long common beginning, under limits from one record to all in memory.
    @Test func anyMemoryLimitGivesTheSameOrder() throws {
        let seed = testSeed("anyMemoryLimitGivesTheSameOrder")
        var random = SeededGenerator(seed: seed)
        try withTemporaryDirectory { directory in
            for round in 0..<60 {
                let beginning = Array("TABLE#COMMON#".utf8.prefix(Int.random(in: 0...13, using: &random)))
                let alphabet = [[0, 1], [0x61, 0x62, 0x63], Array(0...255)].randomElement(using: &random)!
                let records = (0..<Int.random(in: 0...1500, using: &random)).map { _ in
                    let rest = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                        UInt8(alphabet.randomElement(using: &random)!)
                    }
                    let size = Int.random(
                        in: 0...(Int.random(in: 0...50, using: &random) == 0 ? 9000 : 40), using: &random)
                    let value = (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
                    return Record(key: beginning + rest, value: value)
                }
                let limit = [1, 500, 5000, 50_000, 300_000, 1 << 25].randomElement(using: &random)!
                let sorter = ExternalSorter(directory: directory, memoryLimit: limit)
                try add(records, to: sorter)
                let same = try sorted(sorter) == model(records)
                #expect(same, "round \(round): \(records.count) records, limit \(limit)")
                if !same { return }
            }
        }
    }
}

/// How many descriptors this process has open.
private func openDescriptors() -> Int { (0..<Int32(4096)).count { fcntl($0, F_GETFD) != -1 } }
