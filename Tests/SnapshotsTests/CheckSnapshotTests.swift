import ByteStreams
import Foundation
import Items
import Snapshots
import TestSupport
import Testing

@Suite struct CheckSnapshotTests {
    @Test func aSnapshotIsSoundAtEveryLevel() throws {
        try withTemporaryDirectory { directory in
            let summary = try writeSnapshot(planItems(60), to: "\(directory)/s", dataFileSize: 4000)
            for level in [CheckLevel.manifests, .readData, .readDataSubset(1, of: 2), .readDataSubset(2, of: 2)] {
                let report = try checkSnapshot("\(directory)/s", level: level)
                #expect(report.findings == [])
                #expect(report.notes == [])
                #expect(report.isRekeySnapshot)
                #expect(report.itemCount == 60)
                if level == .readData {
                    #expect(report.itemsRead == 60)
                    #expect(report.filesRead == report.fileCount)
                    #expect(report.digest?.hex == summary.digest)
                }
            }
            let halves = try [1, 2].map { try checkSnapshot("\(directory)/s", level: .readDataSubset($0, of: 2)) }
            #expect(halves.map(\.itemsRead).reduce(0, +) == 60)
            #expect(halves.allSatisfy { $0.digest == nil && $0.filesRead > 0 })
        }
    }

    /// Every bit pattern would take long; one changed bit of each byte of each file is the least a fault can do.
    @Test func everyFlippedByteIsFound() throws {
        var generator = SeededGenerator(seed: testSeed("everyFlippedByteIsFound"))
        try withTemporaryDirectory { directory in
            let path = "\(directory)/s"
            try writeSnapshot(planItems(3), to: path, dataFileSize: 600)
            let tree = try fileTree(path)
            #expect(tree.count == 8)
            var flips = 0
            for (name, bytes) in tree.sorted(by: { $0.key < $1.key }) {
                for index in bytes.indices {
                    var changed = bytes
                    changed[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                    try write(changed, to: "\(path)/\(name)")
                    let report = try checkSnapshot(path, level: .readData)
                    #expect(!report.isSound, "byte \(index) of \(name)")
                    flips += 1
                }
                try write(bytes, to: "\(path)/\(name)")
            }
            print("flipped bytes: \(flips)")
            #expect(try checkSnapshot(path, level: .readData).isSound)
        }
    }

    @Test func everyRemovedCutAndAddedFileIsFoundByTheManifestsAlone() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/s"
            try writeSnapshot(planItems(3), to: path, dataFileSize: 600)
            for (name, bytes) in try fileTree(path) {
                try FileManager.default.removeItem(atPath: "\(path)/\(name)")
                if name == "manifest-summary.json" {
                    #expect(throws: RekeyError.self) { try checkSnapshot(path, level: .manifests) }
                } else {
                    #expect(try !checkSnapshot(path, level: .manifests).isSound, "without \(name)")
                }
                for count in [0, bytes.count - 1] {
                    try write(Array(bytes[..<count]), to: "\(path)/\(name)")
                    #expect(try !checkSnapshot(path, level: .manifests).isSound, "\(name) cut to \(count)")
                }
                try write(bytes, to: "\(path)/\(name)")
            }
            for extra in ["data/00009.json.gz", "data/notes.txt", "other.json"] {
                try write("x", to: "\(path)/\(extra)")
                let findings = try checkSnapshot(path, level: .manifests).findings
                #expect(findings.count == 1)
                #expect(findings.first?.source?.hasSuffix(extra) == true)
                try FileManager.default.removeItem(atPath: "\(path)/\(extra)")
            }
            #expect(try checkSnapshot(path, level: .manifests).isSound)
        }
    }

    /// A snapshot forged with right hashes everywhere is still found by its order.
    @Test func theOrderOfTheItemsIsChecked() throws {
        try withTemporaryDirectory { directory in
            let lines = planItems(3).map { "{\"Item\":\($0)}" }
            for (order, isSound) in [([0, 1, 2], true), ([1, 0, 2], false), ([0, 2, 1], false)] {
                let path = "\(directory)/\(order)"
                try writeSnapshot(planItems(3), to: path)
                try replaceData(of: path, with: gzipped(order.map { lines[$0] + "\n" }.joined()))
                let findings = try checkSnapshot(path, level: .readData).findings
                #expect(findings.isEmpty == isSound)
                if !isSound {
                    #expect(findings.count == 1)
                    #expect(findings.first?.message.contains("order") == true)
                }
            }
            let path = "\(directory)/changed"
            try writeSnapshot(planItems(3), to: path)
            let changed = lines.joined(separator: "\n").replacingOccurrences(of: "1.50", with: "1.51") + "\n"
            try replaceData(of: path, with: gzipped(changed))
            let findings = try checkSnapshot(path, level: .readData).findings
            #expect(findings.count == 1)
            #expect(findings.first?.message.contains("digest") == true)
        }
    }

    @Test func theOrderOfTheDataFilesIsChecked() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/s"
            try writeSnapshot(planItems(6), to: path, dataFileSize: 700)
            let old = try fileTree(path)
            let list = String(decoding: try #require(old["manifest-files.json"]), as: UTF8.self).split(separator: "\n")
            #expect(list.count > 2)
            try write(
                ([list[1], list[0]] + list[2...]).joined(separator: "\n") + "\n", to: "\(path)/manifest-files.json")
            try makeHashesFit(path, old)
            for jobs in 1...3 {
                let findings = try checkSnapshot(path, level: .readData, jobs: jobs).findings
                #expect(findings.count == 1)
                #expect(findings.first?.message.contains("file before") == true)
            }
            #expect(try checkSnapshot(path, level: .manifests).isSound)
        }
    }

    /// Puts another data file in, and makes all hashes that stand in the snapshot fit it.
    private func replaceData(of path: String, with data: [UInt8]) throws {
        let old = try fileTree(path)
        let oldData = try #require(old["data/00000.json.gz"])
        try write(data, to: "\(path)/data/00000.json.gz")
        var list = String(decoding: try #require(old["manifest-files.json"]), as: UTF8.self)
        list = list.replacingOccurrences(of: md5Sums(oldData).base64, with: md5Sums(data).base64)
        list = list.replacingOccurrences(of: md5Sums(oldData).etag, with: md5Sums(data).etag)
        try write(list, to: "\(path)/manifest-files.json")
        try makeHashesFit(path, old)
    }

    /// Makes the hash of `manifest-files.json`, and all in `rekey.json`, fit files that were changed.
    private func makeHashesFit(_ path: String, _ old: [String: [UInt8]]) throws {
        let list = try readWhole("\(path)/manifest-files.json", limit: 1 << 20)
        try write(md5Sums(list).base64, to: "\(path)/manifest-files.md5")
        var metadata = String(decoding: try #require(old["rekey.json"]), as: UTF8.self)
        for (name, now) in try fileTree(path) {
            let before = try #require(old[name])
            metadata = metadata.replacingOccurrences(
                of: "\"size\": \(before.count),\n      \"sha256\": \"\(sha256(before))\"",
                with: "\"size\": \(now.count),\n      \"sha256\": \"\(sha256(now))\"")
        }
        try write(metadata, to: "\(path)/rekey.json")
        try write("\(sha256(Array(metadata.utf8)))  rekey.json\n", to: "\(path)/rekey.json.sha256")
    }

    private func sha256(_ bytes: [UInt8]) -> String {
        // The digest of one item is the SHA-256 of its bytes.
        var digest = Digest()
        bytes.withUnsafeBytes { digest.add(canonical: $0) }
        return digest.hex
    }

    /// Whatever the part, something is read, and all parts together read everything.
    @Test func noPartOfASnapshotIsEmpty() throws {
        try withTemporaryDirectory { directory in
            try writeSnapshot(planItems(12), to: "\(directory)/s", dataFileSize: 1500)
            let count = try checkSnapshot("\(directory)/s", level: .manifests).fileCount
            #expect(count > 2 && count < 12)
            for parts in [1, 2, count, count + 1, 3 * count, 100] {
                var items = 0
                for part in 1...parts {
                    let report = try checkSnapshot("\(directory)/s", level: .readDataSubset(part, of: parts))
                    #expect(report.filesRead > 0, "\(part)/\(parts)")
                    items += report.itemsRead
                }
                #expect(parts > count ? items >= 12 : items == 12)
            }
            // Damage that only reading tells: each night of seven looks at it.
            try writeSnapshot(planItems(1), to: "\(directory)/one")
            let path = "\(directory)/one/data/00000.json.gz"
            var bytes = try readWhole(path, limit: 1 << 20)
            bytes[bytes.count / 2] ^= 1
            try write(bytes, to: path)
            for night in 1...7 {
                #expect(try !checkSnapshot("\(directory)/one", level: .readDataSubset(night, of: 7)).isSound)
            }
        }
    }

    @Test func aSubsetMustBeOne() throws {
        try withTemporaryDirectory { directory in
            try writeSnapshot([], to: "\(directory)/s")
            for (part, parts) in [(0, 2), (3, 2), (1, 0)] {
                let error = #expect(throws: RekeyError.self) {
                    try checkSnapshot("\(directory)/s", level: .readDataSubset(part, of: parts))
                }
                #expect(error?.code == .usage)
            }
        }
    }
}
