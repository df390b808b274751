import ByteStreams
import Foundation
import Items
import Snapshots
import TestServers
import TestSupport

let testTable = "arn:aws:dynamodb:ap-northeast-2:123456789012:table/algoitny_main"

let testInformation = SnapshotInformation(
    tableARN: testTable, tableID: "3f1c9a52-7d0e-4b8c-9a43-5e2d8f6b7c10", keySchema: .standard,
    rules: SnapshotRules(name: "plan-structure", text: "name: plan-structure\nkey: {partition: PK, sort: SK}\n"),
    tool: "rekey 1.0.0")

/// Items as typed JSON with all types, escapes, odd numbers and keys that are prefixes of each other.
func planItems(_ count: Int) -> [String] {
    (0..<count).map { i in
        "{\"PK\":{\"S\":\"PLAN#\(i)\"},\"SK\":{\"S\":\"META\"},\"tp\":{\"S\":\"plan\"},\"nm\":{\"S\":\"Plan \\u00e9 \(i * i)\"}"
            + ",\"price\":{\"N\":\"\(i).50\"},\"big\":{\"N\":\"1234567890123456789012345678901234567\(i % 10)\"}"
            + ",\"on\":{\"BOOL\":\(i % 2 == 0)},\"none\":{\"NULL\":true}"
            + ",\"list\":{\"L\":[{\"S\":\"\"},{\"N\":\"1E+2\"}]},\"map\":{\"M\":{\"a\":{\"M\":{}}}}}"
    }
}

@discardableResult
func writeSnapshot(
    _ items: [String], to path: String, information: SnapshotInformation = testInformation, memoryLimit: Int = 32 << 20,
    dataFileSize: Int = 64 << 20
) throws -> SnapshotSummary {
    let writer = try SnapshotWriter(
        path: path, information: information, temporaryDirectory: parentDirectory(path), memoryLimit: memoryLimit,
        dataFileSize: dataFileSize)
    for text in items {
        let item = try Item(validating: Array(text.utf8))
        let key = try item.key(information.keySchema)
        try item.json.withRawBytes { (bytes) throws(RekeyError) in try writer.add(line: bytes, key: key) }
    }
    return try writer.finish()
}

/// Every file at and below a directory, by its path in it.
func fileTree(_ directory: String) throws -> [String: [UInt8]] {
    var tree: [String: [UInt8]] = [:]
    for case let path as String in FileManager.default.enumerator(atPath: directory)! {
        let whole = "\(directory)/\(path)"
        if !isDirectory(whole) { tree[path] = try readWhole(whole, limit: 1 << 30) }
    }
    return tree
}

func write(_ text: String, to path: String) throws { try write(Array(text.utf8), to: path) }

func write(_ bytes: [UInt8], to path: String) throws {
    try makeDirectories(parentDirectory(path))
    try Data(bytes).write(to: URL(fileURLWithPath: path))
}

func lines(_ source: any ByteSource) throws -> [String] {
    String(decoding: try readWhole(source, limit: 1 << 30), as: UTF8.self).split(separator: "\n").map(String.init)
}

func gzipped(_ text: String) throws -> [UInt8] {
    let memory = MemorySink()
    let gzip = GzipSink(over: memory)
    try gzip.write(utf8: text)
    try gzip.finish()
    return memory.bytes
}

/// What a program prints; nil where it does not exist or fails.
func output(of program: String, _ arguments: [String]) -> String? {
    guard let ending = try? runProgram([program] + arguments), ending.status == 0 else { return nil }
    return String(decoding: ending.output, as: UTF8.self)
}

/// An export in AWS's layout, whose parts a test may change before they are written.
struct ExportFixture {
    var id = "01768387654000-1a2b3c4d"
    var prefix: String? = "exports/daily"
    var isIncremental = false
    /// The lines of each data file.
    var files: [[String]] = [["{\"Item\":{\"PK\":{\"S\":\"a\"},\"SK\":{\"S\":\"1\"}}}"], []]
    var checksumEnding = "md5"
    /// Whether `dataFileS3Key` has the prefix, as real exports have it and the guide's sample has not.
    var keysHavePrefix = true
    var format = "DYNAMODB_JSON"
    var summaryCount: Int?
    /// Changes the count, MD5, etag or key of a file in the list.
    var changeList: (Int, inout [String: String]) -> Void = { _, _ in }
    var checksum: (String) -> String = { $0 }

    /// Writes it below `root` and returns the directory of the manifests.
    @discardableResult
    func write(below root: String) throws -> String {
        let directory = "\(root)/AWSDynamoDB/\(id)"
        let keyStart = keysHavePrefix ? prefix.map { $0 + "/" } ?? "" : ""
        let folder = isIncremental ? "AWSDynamoDB/data" : "AWSDynamoDB/\(id)/data"
        var list = ""
        for (index, file) in files.enumerated() {
            let bytes = try gzipped(file.map { $0 + "\n" }.joined())
            let name = "abcdefghijklmnopqrstuvwx\("abcdefgh"[index])\("2345"[index % 4]).json.gz"
            try SnapshotsTests.write(bytes, to: "\(root)/\(folder)/\(name)")
            let sums = md5Sums(bytes)
            var fields = [
                "count": "\(file.count)", "md5": sums.base64, "etag": sums.etag, "key": "\(keyStart)\(folder)/\(name)",
            ]
            changeList(index, &fields)
            list +=
                "{\"itemCount\":\(fields["count"]!),\"md5Checksum\":\"\(fields["md5"]!)\",\"etag\":\"\(fields["etag"]!)\","
            list += "\"dataFileS3Key\":\"\(fields["key"]!)\"}\n"
        }
        let count = summaryCount ?? files.reduce(0) { $0 + $1.count }
        let times =
            isIncremental
            ? "\"exportFromTime\":\"2026-01-14T10:00:00.000Z\",\"exportToTime\":\"2026-01-14T11:00:00.000Z\""
            : "\"exportTime\":\"2026-01-14T10:47:34.000Z\""
        let view = isIncremental ? ",\"outputView\":\"NEW_AND_OLD_IMAGES\",\"exportType\":\"INCREMENTAL_EXPORT\"" : ""
        let summary =
            "{\"version\":\"\(isIncremental ? "2023-08-01" : "2020-06-30")\",\"exportArn\":\"\(testTable)/export/\(id)\","
            + "\"startTime\":\"2026-01-14T10:47:34.000Z\",\"endTime\":\"2026-01-14T10:53:00.123Z\","
            + "\"tableArn\":\"\(testTable)\",\"tableId\":\"3f1c9a52\",\(times),\"s3Bucket\":\"bucket\","
            + "\"s3Prefix\":\(prefix.map { "\"\($0)\"" } ?? "null"),\"s3SseAlgorithm\":\"AES256\",\"s3SseKmsKeyId\":null,"
            + "\"manifestFilesS3Key\":\"\(keyStart)AWSDynamoDB/\(id)/manifest-files.json\",\"billedSizeBytes\":120,"
            + "\"itemCount\":\(count),\"outputFormat\":\"\(format)\"\(view)}"
        for (name, text) in [("manifest-summary", summary), ("manifest-files", list)] {
            try SnapshotsTests.write(text, to: "\(directory)/\(name).json")
            try SnapshotsTests.write(
                checksum(md5Sums(Array(text.utf8)).base64), to: "\(directory)/\(name).\(checksumEnding)")
        }
        try SnapshotsTests.write("", to: "\(directory)/_started")
        return directory
    }
}

extension String {
    fileprivate subscript(index: Int) -> Character { self[self.index(startIndex, offsetBy: index)] }
}

/// RFC 1321, written anew so that the fixtures do not lean on the code under test: base64 of the MD5, and S3's etag of one part.
func md5Sums(_ bytes: [UInt8]) -> (base64: String, etag: String) {
    let digest = md5(bytes)
    let hex = md5(digest).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    return (Data(digest).base64EncodedString(), hex + "-1")
}

private func md5(_ bytes: [UInt8]) -> [UInt8] {
    let shifts: [[UInt32]] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]]
    var message = bytes + [0x80]
    while message.count % 64 != 56 { message.append(0) }
    for i in 0..<8 { message.append(UInt8(truncatingIfNeeded: (bytes.count * 8) >> (8 * i))) }
    var state: [UInt32] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476]
    for block in stride(from: 0, to: message.count, by: 64) {
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        for i in 0..<64 {
            let (mix, word): (UInt32, Int) =
                switch i / 16 {
                case 0: (b & c | ~b & d, i)
                case 1: (d & b | ~d & c, (5 * i + 1) % 16)
                case 2: (b ^ c ^ d, (3 * i + 5) % 16)
                default: (c ^ (b | ~d), 7 * i % 16)
                }
            let chunk = (0..<4).reduce(UInt32(0)) { $0 | UInt32(message[block + word * 4 + $1]) << UInt32(8 * $1) }
            let constant = UInt32(abs(sin(Double(i + 1))) * 4_294_967_296)
            let sum = a &+ mix &+ constant &+ chunk
            let shift = shifts[i / 16][i % 4]
            (a, d, c, b) = (d, c, b, b &+ (sum << shift | sum >> (32 - shift)))
        }
        state = [state[0] &+ a, state[1] &+ b, state[2] &+ c, state[3] &+ d]
    }
    return state.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(8 * $0)) } }
}
