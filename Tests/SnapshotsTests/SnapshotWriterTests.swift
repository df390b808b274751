import ByteStreams
import Foundation
import Items
import Snapshots
import TestSupport
import Testing

@Suite struct SnapshotWriterTests {
    @Test func sameItemsGiveTheSameBytesInAnyOrderAndMemory() throws {
        var generator = SeededGenerator(seed: testSeed("sameItemsGiveTheSameBytesInAnyOrderAndMemory"))
        try withTemporaryDirectory { directory in
            let items = planItems(400)
            try writeSnapshot(items, to: "\(directory)/first", dataFileSize: 16 << 10)
            let first = try fileTree("\(directory)/first")
            #expect(first.keys.filter { $0.hasPrefix("data/") }.count > 3)
            for (index, memoryLimit) in [4 << 10, 64 << 10, 32 << 20].enumerated() {
                let path = "\(directory)/again\(index)"
                try writeSnapshot(
                    items.shuffled(using: &generator), to: path, memoryLimit: memoryLimit, dataFileSize: 16 << 10)
                #expect(try fileTree(path) == first)
            }
        }
    }

    @Test func itemsStandByKeyAndKeepTheirBytes() throws {
        try withTemporaryDirectory { directory in
            let items = planItems(30)
            let summary = try writeSnapshot(items.reversed(), to: "\(directory)/s", dataFileSize: 4000)
            let export = try Export.open("\(directory)/s")
            var read: [String] = []
            for index in export.dataFiles.indices { read += try lines(export.openDataFile(index)) }
            let byKey = items.sorted {
                $0.prefix { $0 != "}" }.utf8.lexicographicallyPrecedes($1.prefix { $0 != "}" }.utf8)
            }
            #expect(read.count == 30)
            #expect(Set(read) == Set(items.map { "{\"Item\":\($0)}" }))
            #expect(read == byKey.map { "{\"Item\":\($0)}" })
            var digest = Digest()
            for item in items {
                Item(trusted: Array(item.utf8)).canonical().withUnsafeBytes { digest.add(canonical: $0) }
            }
            #expect(summary.digest == digest.hex)
            #expect(summary.count == 30)
            #expect(export.metadata?.digest == digest)
            #expect(export.metadata?.keySchema == .standard)
            #expect(export.metadata?.rules == testInformation.rules)
            #expect(export.summary.region == "ap-northeast-2")
            #expect(export.summary.tableName == "algoitny_main")
            #expect(summary.bytes == (try fileTree("\(directory)/s").values.reduce(0) { $0 + $1.count }))
        }
    }

    @Test func numberKeysStandByValue() throws {
        try withTemporaryDirectory { directory in
            var information = testInformation
            information.keySchema = KeySchema(
                partition: KeyAttribute(name: "id", type: .string), sort: KeyAttribute(name: "n", type: .number))
            let items = ["10", "-3", "2", "-20", "1.5", "0"].map { "{\"id\":{\"S\":\"x\"},\"n\":{\"N\":\"\($0)\"}}" }
            try writeSnapshot(items, to: "\(directory)/s", information: information)
            let text = try lines(Export.open("\(directory)/s").openDataFile(0)).joined()
            let order = text.components(separatedBy: "\"N\":\"").dropFirst().map { $0.prefix { $0 != "\"" } }
            #expect(order == ["-20", "-3", "0", "1.5", "2", "10"])
            #expect(try checkSnapshot("\(directory)/s", level: .readData).findings == [])
        }
    }

    @Test func manifestsAreAsAWSWritesThem() throws {
        try withTemporaryDirectory { directory in
            var information = testInformation
            information.exportTime = "2026-01-14T10:47:34.000Z"
            try writeSnapshot(planItems(2), to: "\(directory)/s", information: information)
            let tree = try fileTree("\(directory)/s")
            let summary = String(decoding: try #require(tree["manifest-summary.json"]), as: UTF8.self)
            let digest = try #require(try Export.open("\(directory)/s").metadata?.digest.hex)
            #expect(
                summary.hasPrefix(
                    "{\"version\":\"2020-06-30\",\"exportArn\":\"\(testTable)/export/01768387654000-\(digest.prefix(8))\","
                        + "\"startTime\":\"1970-01-01T00:00:00.000Z\",\"endTime\":\"1970-01-01T00:00:00.000Z\","
                        + "\"tableArn\":\"\(testTable)\",\"tableId\":\"3f1c9a52-7d0e-4b8c-9a43-5e2d8f6b7c10\","
                        + "\"exportTime\":\"2026-01-14T10:47:34.000Z\",\"s3Bucket\":\"\",\"s3Prefix\":null,"))
            #expect(summary.hasSuffix(",\"itemCount\":2,\"outputFormat\":\"DYNAMODB_JSON\"}"))
            let data = try #require(tree["data/00000.json.gz"])
            let sums = md5Sums(data)
            #expect(
                tree["manifest-files.json"]
                    == Array(
                        ("{\"itemCount\":2,\"md5Checksum\":\"\(sums.base64)\",\"etag\":\"\(sums.etag)\","
                            + "\"dataFileS3Key\":\"data/00000.json.gz\"}\n").utf8))
            for name in ["manifest-summary", "manifest-files"] {
                #expect(tree["\(name).md5"] == Array(md5Sums(try #require(tree["\(name).json"])).base64.utf8))
            }
            #expect(Array(data[..<10]) == [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, data[8], 255])
        }
    }

    @Test func noItemsGiveOneDataFileWithout() throws {
        try withTemporaryDirectory { directory in
            let summary = try writeSnapshot([], to: "\(directory)/s")
            #expect(summary.count == 0)
            let export = try Export.open("\(directory)/s")
            #expect(export.dataFiles.map(\.itemCount) == [0])
            #expect(try lines(export.openDataFile(0)) == [])
            #expect(try checkSnapshot("\(directory)/s", level: .readData).findings == [])
        }
    }

    @Test func equalKeysAreRefusedAndNothingIsLeft() throws {
        try withTemporaryDirectory { directory in
            let error = try #require(throws: RekeyError.self) {
                try writeSnapshot(planItems(5) + [planItems(4)[3]], to: "\(directory)/s", memoryLimit: 1 << 10)
            }
            #expect(error.code == .badInput)
            #expect(error.message.contains("PLAN#3 / META"))
            #expect(try listFiles(directory) == [])
        }
    }

    @Test func aWriterThatIsAbandonedOrDroppedLeavesNothing() throws {
        try withTemporaryDirectory { directory in
            let item = Array(planItems(1)[0].utf8)
            let key = try Item(trusted: item).key(.standard)
            for abandons in [true, false] {
                let writer = try SnapshotWriter(
                    path: "\(directory)/s", information: testInformation, temporaryDirectory: directory)
                try item.withRawBytes { (bytes) throws(RekeyError) in try writer.add(line: bytes, key: key) }
                #expect(try listFiles(directory).count == 1)
                if abandons { writer.abandon() }
            }
            #expect(try listFiles(directory) == [])
        }
    }

    @Test func anExistingNameIsRefused() throws {
        try withTemporaryDirectory { directory in
            try writeSnapshot(planItems(1), to: "\(directory)/s")
            let before = try fileTree("\(directory)/s")
            let error = try #require(throws: RekeyError.self) { try writeSnapshot(planItems(2), to: "\(directory)/s") }
            #expect(error.code == .cannotCreate)
            #expect(try fileTree("\(directory)/s") == before)
        }
    }

    @Test func filesAreForTheirOwnerAloneAndGzipAccepts() throws {
        try withTemporaryDirectory { directory in
            try writeSnapshot(planItems(50), to: "\(directory)/s", dataFileSize: 4000)
            for (path, _) in try fileTree("\(directory)/s") {
                let whole = "\(directory)/s/\(path)"
                let attributes = try FileManager.default.attributesOfItem(atPath: whole)
                #expect(attributes[.posixPermissions] as? Int == 0o600, "\(path)")
                if path.hasSuffix(".gz") { #expect(output(of: "gzip", ["-t", whole]) != nil, "\(path)") }
            }
            for path in ["s", "s/data"] {
                let attributes = try FileManager.default.attributesOfItem(atPath: "\(directory)/\(path)")
                #expect(attributes[.posixPermissions] as? Int == 0o700, "\(path)")
            }
        }
    }

    @Test func aNewlineBetweenTokensBecomesASpace() throws {
        try withTemporaryDirectory { directory in
            try writeSnapshot(["{\"PK\":\n{\"S\":\"a\"},\n\"SK\":{\"S\":\"b\"}}"], to: "\(directory)/s")
            #expect(
                try lines(Export.open("\(directory)/s").openDataFile(0))
                    == ["{\"Item\":{\"PK\": {\"S\":\"a\"}, \"SK\":{\"S\":\"b\"}}}"])
            #expect(try checkSnapshot("\(directory)/s", level: .readData).findings == [])
        }
    }
}
