import ByteStreams
import Snapshots
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Every byte of every file of a small snapshot changed, one at a time: `check --read-data` finds each change.
@Suite struct TamperedSnapshotTests {
    private static let isLong = getenv("REKEY_LONG").map { String(cString: $0) } == "1"

    @Test("A change of one byte anywhere is found")
    func everyByte() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/snapshot"
            try writeSnapshot(planItems(2), to: path)
            #expect(try checkSnapshot(path, level: .readData, jobs: 1).isSound)
            let files = try fileTree(path)
            #expect(files.count == 7, "\(files.keys.sorted())")
            var tried = 0
            for (name, bytes) in files.sorted(by: { $0.key < $1.key }) {
                let file = "\(path)/\(name)"
                for place in bytes.indices {
                    // One bit each, in turn; the long form turns each bit of each byte, and all of them.
                    let flips: [UInt8] = Self.isLong ? (0..<8).map { 1 << $0 } + [0xFF] : [1 << UInt8(place % 8)]
                    for flip in flips {
                        var changed = bytes
                        changed[place] ^= flip
                        try overwrite(file, changed)
                        tried += 1
                        if isSound(path) { Issue.record("\(name), byte \(place): \(flip) turned is not found") }
                    }
                }
                for shorter in [0, bytes.count / 2, bytes.count - 1] {
                    try overwrite(file, Array(bytes[..<shorter]))
                    tried += 1
                    if isSound(path) { Issue.record("\(name) cut to \(shorter) bytes is not found") }
                }
                try overwrite(file, bytes + [0x0A])
                tried += 1
                if isSound(path) { Issue.record("\(name) with a byte more is not found") }
                try overwrite(file, bytes)
            }
            print("changes of one byte tried: \(tried)")
            #expect(try checkSnapshot(path, level: .readData, jobs: 1).isSound, "restored, it is sound again")
        }
    }

    /// A check that cannot be made is a finding too.
    private func isSound(_ path: String) -> Bool {
        (try? checkSnapshot(path, level: .readData, jobs: 1).isSound) ?? false
    }

    /// In place and without a sync: thousands of times.
    private func overwrite(_ path: String, _ bytes: [UInt8]) throws {
        let file = try #require(fopen(path, "w"))
        defer { fclose(file) }
        #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
    }
}
