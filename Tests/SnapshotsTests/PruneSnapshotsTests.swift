import ByteStreams
import Foundation
import Items
import Snapshots
import TestSupport
import Testing

@Suite struct PruneSnapshotsTests {
    private let now = UTCTime(iso: "2026-11-23T21:15:00Z")!

    /// A snapshot whose name and files are as old as wanted.
    @discardableResult
    private func make(
        _ path: String, noun: String = "plan", days: Int, fileDays: Int? = nil, items: Int = 1,
        information: SnapshotInformation = testInformation
    ) throws -> String {
        let time = UTCTime(seconds: now.seconds - days * 86400)
        let whole = "\(path)/\(snapshotName(noun: noun, at: time))"
        try makeDirectories(path)
        try writeSnapshot(planItems(items), to: whole, information: information)
        try age(whole, days: fileDays ?? days)
        return whole
    }

    private func age(_ path: String, days: Int) throws {
        let date = Date(timeIntervalSince1970: Double(now.seconds - days * 86400))
        for name in try FileManager.default.subpathsOfDirectory(atPath: path) + ["."] {
            try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: "\(path)/\(name)")
        }
    }

    @Test func timesInNamesAndManifestsAreReadAndWritten() throws {
        #expect(snapshotName(noun: "plan", at: now) == "plan_backup_20261123_211500")
        #expect(UTCTime(nameStamp: "plan_backup_20261123_211500") == now)
        #expect(now.iso == "2026-11-23T21:15:00.000Z")
        #expect(UTCTime(iso: "2026-01-14T10:47:34.353Z")?.milliseconds == 1_768_387_654_353)
        #expect(UTCTime(iso: "2026-01-14T10:47:34.5Z")?.iso == "2026-01-14T10:47:34.500Z")
        for bad in [
            "", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00",
            "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.xZ",
        ] { #expect(UTCTime(iso: bad) == nil, "\(bad)") }
        for bad in ["plan_backup", "x_20261323_211500", "x_20261123-211500", "x20261123_211500", "x_20261123_2115000"] {
            #expect(UTCTime(nameStamp: bad) == nil, "\(bad)")
        }
    }

    @Test func snapshotsAreListedFourLevelsDeep() throws {
        try withTemporaryDirectory { directory in
            for path in ["", ".rekey/runs/r1/", "a/b/c/d/"] { try make(directory + "/" + path, days: 1) }
            try ExportFixture().write(below: "\(directory)/aws")
            try FileManager.default.createSymbolicLink(
                atPath: "\(directory)/link", withDestinationPath: "\(directory)/aws")
            try write("{", to: "\(directory)/broken/rekey.json")
            let found = try listSnapshots(directory)
            let name = "plan_backup_20261122_211500"
            #expect(
                found.map { String($0.path.dropFirst(directory.count + 1)) } == [
                    ".rekey/runs/r1/\(name)", "aws/AWSDynamoDB/01768387654000-1a2b3c4d", "broken", name,
                ])
            #expect(found.map(\.isRekeySnapshot) == [true, false, true, true])
            #expect(found.map(\.count) == [1, 1, nil, 1])
            #expect(found[0].time == UTCTime(seconds: now.seconds - 86400))
            #expect(found[0].digest == (try Export.open(found[0].path).metadata?.digest.hex))
            #expect(found[0].bytes == (try fileTree(found[0].path).values.reduce(0) { $0 + $1.count }))
            #expect(found[2].problem?.code == .badInput)
        }
    }

    @Test func onlySnapshotsThatAreOldByNameAndFilesGo() throws {
        try withTemporaryDirectory { directory in
            try make("\(directory)/old", days: 31)
            try make("\(directory)/young", days: 29)
            try make("\(directory)/touched", days: 40, fileDays: 3)
            try make("\(directory)/misnamed", days: 3, fileDays: 40)
            try make("\(directory)/run", days: 50)
            try make("\(directory)/mixed", days: 51)
            try write("mine", to: "\(directory)/mixed/\(try listFiles("\(directory)/mixed")[0])/notes.txt")
            try age("\(directory)/mixed", days: 51)
            try writeSnapshot(planItems(1), to: "\(directory)/plain")
            try age("\(directory)/plain", days: 99)
            let aws = try ExportFixture(id: "export_20200101_000000").write(below: "\(directory)/aws")
            try age(aws, days: 2000)
            try write("{}", to: "\(directory)/other_20200101_000000/rekey.json")
            try age("\(directory)/other_20200101_000000", days: 2000)

            let before = try fileTree(directory)
            let dry = try prune(directory, now: now, protected: ["\(directory)/run"])
            #expect(try fileTree(directory) == before)
            let done = try prune(directory, now: now, protected: ["\(directory)/run"], execute: true)
            #expect(dry == done)
            #expect(done.removed.map { $0.path.dropFirst(directory.count + 1).prefix { $0 != "/" } } == ["old"])
            #expect(done.kept.count == 8)
            let reasons = done.kept.map(\.reason)
            for words in [
                "younger than", "files are younger", "unfinished run", "no time", "did not write", "cannot be read",
                "not the snapshot's",
            ] {
                #expect(reasons.contains { $0.contains(words) }, "\(words)")
            }
            let after = try fileTree(directory)
            #expect(after == before.filter { !$0.key.hasPrefix("old/") })
            #expect(try listFiles("\(directory)/old") == [])
        }
    }

    /// Whatever lies in a snapshot without being listed keeps the whole of it.
    @Test func aSnapshotWithOtherFilesStaysWhole() throws {
        try withTemporaryDirectory { directory in
            let others = [
                "data/notes.txt", "data/.hidden", "data/old/00000.json.gz", "manifest-notes.json", "empty/x/y",
                "data/00001.json.gz.bak",
            ]
            try make("\(directory)/young", days: 1)
            for other in others {
                try make("\(directory)/s", days: 40)
                let path = try #require(try listSnapshots("\(directory)/s").first).path
                try write("mine", to: "\(path)/\(other)")
                try age(path, days: 40)
                let before = try fileTree(directory)
                let dry = try prune(directory, now: now)
                #expect(try prune(directory, now: now, execute: true) == dry)
                #expect(dry.removed == [], "\(other)")
                #expect(try fileTree(directory) == before, "\(other)")
                let parts = other.split(separator: "/")
                let top = parts.prefix(parts[0] == "data" ? 2 : 1).joined(separator: "/")
                #expect(dry.kept.first?.reason.contains(": \(top)") == true, "\(dry.kept)")
                // What came after the look keeps it as well.
                let files = Set(try fileTree(path).keys).subtracting([other])
                let left = try Disk().removeSnapshot(path, files: files)
                #expect(left.count == 1 && left[0].hasPrefix(top))
                #expect(try fileTree(directory) == before, "\(other)")
                try FileManager.default.removeItem(atPath: "\(path)/\(top)")
                try age(path, days: 40)
                #expect(try prune(directory, now: now, execute: true).removed.count == 1)
                #expect(try listFiles("\(directory)/s") == [])
            }
        }
    }

    @Test func aProtectedPathMayBeTheSnapshotOrAboveOrWrittenOtherwise() throws {
        try withTemporaryDirectory { directory in
            try make("\(directory)/runs/r1", days: 40)
            try make("\(directory)/young", days: 1)
            let snapshot = try #require(try listSnapshots(directory).first).path
            for path in [
                snapshot, snapshot + "/", "\(directory)/runs", "\(directory)/./runs/../runs/r1", snapshot + "/data",
            ] {
                #expect(try prune(directory, now: now, protected: [path], execute: true).removed == [], "\(path)")
            }
            #expect(try prune(directory, now: now, protected: ["\(directory)/run"]).removed.count == 1)
            #expect(try prune(directory, keepDays: 40, now: now).removed == [])
            #expect(expectedError { _ = try prune(directory, keepDays: -1, now: now) }?.code == .usage)
        }
    }

    /// Backups of a table that have ceased, years ago, still leave its last one.
    @Test func theNewestOfEachTableStaysHoweverOld() throws {
        try withTemporaryDirectory { directory in
            var other = testInformation
            other.tableID = "another id"
            var unknown = testInformation
            (unknown.tableARN, unknown.tableID) = ("", "")
            var chosen = testInformation
            chosen.rules = SnapshotRules(name: "rules", text: "rules: []")
            let newest = [
                try make(directory, days: 40), try make(directory, noun: "users", days: 900),
                try make("\(directory)/other", days: 300, information: other),
                // Without a table's name the folder tells whose it is.
                try make("\(directory)/a", days: 500, information: unknown),
                try make("\(directory)/b", days: 600, information: unknown),
                // A younger snapshot of some items takes the place of none of all.
                try make("\(directory)/rules", days: 35, information: chosen),
            ]
            let old = [
                try make("\(directory)/elsewhere", days: 41), try make(directory, noun: "users", days: 901),
                try make("\(directory)/other", days: 301, information: other),
                try make("\(directory)/a", days: 501, information: unknown),
                try make("\(directory)/rules", days: 36, information: chosen),
            ]
            for keepDays in [0, 30] {
                let dry = try prune(directory, keepDays: keepDays, now: now)
                #expect(Set(dry.removed.map(\.path)) == Set(old))
                #expect(Set(dry.kept.map(\.path)) == Set(newest))
                #expect(dry.kept.allSatisfy { $0.reason == "it is the newest of its table" }, "\(dry.kept)")
            }
            #expect(try prune(directory, now: now, execute: true).removed.count == old.count)
            #expect(try prune(directory, now: now, execute: true).removed == [])
            #expect(Set(try listSnapshots(directory).map(\.path)) == Set(newest))
        }
    }

    /// An empty or damaged snapshot never costs the last good one, be it young or old itself.
    @Test(arguments: [1, 40], [false, true])
    func theNewestGoodOneStaysBesideEmptyAndDamagedOnes(days: Int, isOneByte: Bool) throws {
        try withTemporaryDirectory { directory in
            let empty = try make(directory, days: days, items: 0)
            let damaged = try make(directory, days: days + 60)
            let file = "\(damaged)/data/00000.json.gz"
            if isOneByte {
                var bytes = try Data(contentsOf: URL(filePath: file))
                bytes[bytes.count / 2] ^= 1
                try bytes.write(to: URL(filePath: file))
            } else {
                try FileManager.default.removeItem(atPath: file)
            }
            try age(damaged, days: days + 60)
            let good = try make(directory, days: days + 70)
            let older = try make(directory, days: days + 80)
            let done = try prune(directory, now: now, execute: true)
            #expect(Set(done.removed.map(\.path)) == [damaged, older])
            #expect(done.kept.map(\.path) == [good, empty])
            #expect(done.kept.first?.reason == "it is the newest of its table that has items and is sound")
        }
    }
}
