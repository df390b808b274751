import ByteStreams
import Foundation
import Items
import Snapshots
import TestSupport
import Testing

@Suite struct ExportTests {
    private static let change =
        "{\"Metadata\":{\"WriteTimestampMicros\":{\"N\":\"1768387654353205\"}},\"Keys\":{\"PK\":{\"S\":\"a\"}},"
        + "\"NewImage\":{\"PK\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"}}}"

    @Test func anExportIsFoundAtItsManifestsAndBelowTheFolder() throws {
        try withTemporaryDirectory { directory in
            let manifests = try ExportFixture().write(below: directory)
            for path in [directory, "\(directory)/AWSDynamoDB", manifests, manifests + "/"] {
                let export = try Export.open(path)
                #expect(export.summary.kind == .full(exportTime: "2026-01-14T10:47:34.000Z"))
                #expect(export.summary.itemCount == 1)
                #expect(export.summary.prefix == "exports/daily")
                #expect(export.metadata == nil)
                #expect(export.dataFiles.map(\.itemCount) == [1, 0])
                #expect(try lines(export.openDataFile(0)) == ExportFixture().files[0])
                #expect(try lines(export.openDataFile(1)) == [])
                #expect(try checkSnapshot(path, level: .readData).findings == [])
            }
            #expect(try ExportLocation.find("\(manifests)/data/none") == nil)
        }
    }

    @Test func severalExportsAreNamed() throws {
        try withTemporaryDirectory { directory in
            try ExportFixture().write(below: directory)
            try ExportFixture(id: "01768387654001-99999999").write(below: directory)
            let error = #expect(throws: RekeyError.self) { try ExportLocation.find(directory) }
            #expect(error?.code == .usage)
            for id in ["01768387654000-1a2b3c4d", "01768387654001-99999999"] {
                #expect(error?.message.contains(id) == true)
            }
        }
    }

    @Test func dataWithoutManifestsIsToldApartFromNothing() throws {
        try withTemporaryDirectory { directory in
            #expect(try ExportLocation.find(directory) == nil)
            let manifests = try ExportFixture().write(below: directory)
            try FileManager.default.removeItem(atPath: "\(manifests)/manifest-summary.json")
            for path in [directory, manifests, "\(manifests)/data"] {
                let error = #expect(throws: RekeyError.self) { try ExportLocation.find(path) }
                #expect(error?.code == .inputMissing)
                #expect(error?.message.contains("manifest-summary.json") == true)
            }
        }
    }

    @Test func keysAreFoundWithAndWithoutPrefixAndInAFlatCopy() throws {
        for keysHavePrefix in [true, false] {
            for isIncremental in [true, false] {
                try withTemporaryDirectory { directory in
                    var fixture = ExportFixture(isIncremental: isIncremental, keysHavePrefix: keysHavePrefix)
                    if isIncremental { fixture.files = [[Self.change], [Self.change]] }
                    let manifests = try fixture.write(below: "\(directory)/bucket")
                    #expect(try Export.open(manifests).dataFilePaths().count == 2)
                    #expect(try checkSnapshot(manifests, level: .readData).findings == [])
                    // A copy of the manifests with the data files beside them in data/.
                    let data = isIncremental ? "\(directory)/bucket/AWSDynamoDB/data" : "\(manifests)/data"
                    try FileManager.default.copyItem(atPath: manifests, toPath: "\(directory)/flat")
                    if isIncremental {
                        try FileManager.default.copyItem(atPath: data, toPath: "\(directory)/flat/data")
                    }
                    let flat = try Export.open("\(directory)/flat")
                    for path in try flat.dataFilePaths() { #expect(path.hasPrefix("\(directory)/flat/data/")) }
                    #expect(try checkSnapshot("\(directory)/flat", level: .readData).findings == [])
                }
            }
        }
    }

    @Test func incrementalExportsSayTheirWindow() throws {
        try withTemporaryDirectory { directory in
            try ExportFixture(isIncremental: true, files: [[Self.change]]).write(below: directory)
            let export = try Export.open(directory)
            #expect(
                export.summary.kind
                    == .incremental(
                        from: "2026-01-14T10:00:00.000Z", to: "2026-01-14T11:00:00.000Z", view: "NEW_AND_OLD_IMAGES"))
            #expect(try lines(export.openDataFile(0)) == [Self.change])
            let report = try checkSnapshot(directory, level: .readData)
            #expect(report.findings == [])
            #expect(report.itemsRead == 1)
            #expect(report.digest == nil)
        }
    }

    @Test func linesOfTheOtherKindAreFound() throws {
        for isIncremental in [true, false] {
            try withTemporaryDirectory { directory in
                let line = isIncremental ? ExportFixture().files[0][0] : Self.change
                try ExportFixture(isIncremental: isIncremental, files: [[line]]).write(below: directory)
                #expect(try checkSnapshot(directory, level: .manifests).isSound)
                let findings = try checkSnapshot(directory, level: .readData).findings
                #expect(findings.count == 1)
                #expect(findings.first?.line == 1)
            }
        }
    }

    @Test func checksumFilesOfBothNamesAreHeldAgainstTheManifests() throws {
        for ending in ["md5", "checksum"] {
            for (checksum, isRight) in [
                ({ (sum: String) in sum }, true), ({ $0 + "\n" }, true), ({ String($0.reversed()) }, false),
            ] as [((String) -> String, Bool)] {
                try withTemporaryDirectory { directory in
                    try ExportFixture(checksumEnding: ending, checksum: checksum).write(below: directory)
                    #expect(try checkSnapshot(directory, level: .manifests).findings.count == (isRight ? 0 : 2))
                    let error = expectedError { _ = try Export.open(directory) }
                    #expect(error?.code == (isRight ? nil : .badInput))
                }
            }
        }
    }

    @Test func ionIsRefusedClearly() throws {
        try withTemporaryDirectory { directory in
            try ExportFixture(format: "ION").write(below: directory)
            let error = #expect(throws: RekeyError.self) { try Export.open(directory) }
            #expect(error?.code == .badInput)
            #expect(error?.message.contains("Ion") == true)
            #expect(try checkSnapshot(directory, level: .manifests).findings == [error])
        }
    }

    @Test func liesOfTheManifestsAreFound() throws {
        typealias Lie = (name: String, field: String, value: String, words: String)
        let md5OfNothing = "1B2M2Y8AsgTpgAmY7PhCfg=="
        let lies: [Lie] = [
            ("count too high", "count", "2", "lines"), ("count negative", "count", "-1", "integer"),
            ("count no integer", "count", "1.0", "integer"),
            ("count far too large", "count", "99999999999999999999", "integer"),
            ("MD5", "md5", md5OfNothing, "MD5"), ("etag", "etag", String(repeating: "0", count: 32) + "-1", "etag"),
            ("missing", "key", "AWSDynamoDB/x/data/none.json.gz", "missing"),
            ("absolute", "key", "/etc/passwd", "outside"), ("parent", "key", "../../x.json.gz", "outside"),
            ("hidden parent", "key", "AWSDynamoDB/x/../../../x.json.gz", "outside"),
        ]
        for lie in lies {
            try withTemporaryDirectory { directory in
                try ExportFixture(changeList: { index, fields in if index == 0 { fields[lie.field] = lie.value } })
                    .write(below: directory)
                let findings = try checkSnapshot(directory, level: .readData).findings
                #expect(findings.contains { $0.message.contains(lie.words) }, "\(lie.name): \(findings)")
                let error = expectedError {
                    let export = try Export.open(directory)
                    _ = try lines(export.openDataFile(0))
                }
                // The count and the etag are the check's business; all else stops a reader.
                #expect((error == nil) == ["count too high", "etag"].contains(lie.name), "\(lie.name)")
                let written = expectedError {
                    _ = try exportBoto3(Export.open(directory), noun: "item", to: MemorySink())
                }
                #expect((written == nil) == (lie.name == "etag"), "\(lie.name)")
                if lie.name == "missing" { #expect(error?.code == .inputMissing) }
                if lie.words == "outside" { #expect(error?.code == .badInput) }
            }
        }
        try withTemporaryDirectory { directory in
            try ExportFixture(summaryCount: 7).write(below: directory)
            #expect(try checkSnapshot(directory, level: .manifests).findings.count == 1)
        }
    }

    @Test func aLinkThatLeadsOutIsRefused() throws {
        try withTemporaryDirectory { directory in
            let manifests = try ExportFixture().write(below: "\(directory)/export")
            let path = try Export.open(manifests).path(ofDataFile: 0)
            try FileManager.default.moveItem(atPath: path, toPath: "\(directory)/outside.json.gz")
            try FileManager.default.createSymbolicLink(
                atPath: path, withDestinationPath: "\(directory)/outside.json.gz")
            let error = #expect(throws: RekeyError.self) { try Export.open(manifests).openDataFile(0) }
            #expect(error?.code == .badInput)
            #expect(error?.message.contains("points outside") == true)
            #expect(try checkSnapshot(manifests, level: .manifests).findings == [error])
        }
    }

    @Test func manifestsWithNamesTwiceOrBrokenJSONAreRefused() throws {
        try withTemporaryDirectory { directory in
            let manifests = try ExportFixture().write(below: directory)
            let path = "\(manifests)/manifest-summary.json"
            let good = String(decoding: try readWhole(path, limit: 1 << 20), as: UTF8.self)
            try FileManager.default.removeItem(atPath: "\(manifests)/manifest-summary.md5")
            #expect(try Export.open(directory).summary.itemCount == 1)
            for bad in [
                good + "x", String(good.dropLast()),
                good.replacingOccurrences(of: "\"itemCount\":1", with: "\"itemCount\":01"),
                good.replacingOccurrences(of: "\"itemCount\":1", with: "\"itemCount\":1,\"itemCount\":1"), "", "[]",
                good.replacingOccurrences(of: "bucket", with: "\\ud800"),
                good.replacingOccurrences(of: "bucket", with: "\n"),
                String(repeating: "[", count: 100_000),
            ] {
                try write(bad, to: path)
                #expect(expectedError { _ = try Export.open(directory) }?.code == .badInput, "\(bad.prefix(300))")
            }
        }
    }

    /// The sample data of the repository, made by another program.
    @Test func theSampleExportsAreSound() throws {
        for (name, isIncremental) in [("algoitny_main", false), ("algoitny_main_incremental", true)] {
            let path = "\(repository)/data/\(name)"
            try #require(isDirectory(path))
            let report = try checkSnapshot(path, level: .readData)
            #expect(report.findings == [])
            #expect(report.itemsRead == report.itemCount)
            #expect(report.itemsRead > 0)
            let export = try Export.open(path)
            #expect(export.summary.isIncremental == isIncremental)
            #expect(export.summary.region == "ap-northeast-2")
            #expect(export.summary.tableName == "algoitny_main")
        }
    }

    @Test func theFixturesAreJudgedByTheirNames() throws {
        let fixtures = "\(repository)/data/fixtures/manifests"
        try #require(isDirectory(fixtures))
        for name in try listFiles(fixtures) {
            var report: CheckReport?
            let error = expectedError { report = try checkSnapshot("\(fixtures)/\(name)", level: .readData) }
            #expect((report?.isSound ?? false) == name.hasPrefix("good"), "\(name): \(report?.findings ?? [])")
            if report == nil { #expect(error?.code == .inputMissing, "\(name)") }
        }
    }

    private var repository: String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
    }
}

/// The failure of `body`; nil where it did not fail.
func expectedError(_ body: () throws -> Void) -> RekeyError? {
    do {
        try body()
        return nil
    } catch {
        return error as? RekeyError
    }
}
