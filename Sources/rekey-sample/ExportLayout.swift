import ByteStreams
import Crypto

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What an export says about itself and where it goes.
struct ExportOptions {
    /// The folder that stands for bucket and prefix.
    var directory: String
    var seed: UInt64
    /// Data files that hold items; one empty file, as of an empty partition, is added.
    var files: Int
    /// Key prefix inside the bucket, or empty for none.
    var prefix: String
    /// When the export was asked for, in milliseconds since 1970.
    var time: Int
}

/// One line of a data file and the text by which lines are spread and ordered.
struct ExportLine {
    var key: String
    var bytes: [UInt8]
}

/// Writes the files and manifests of one export as DynamoDB writes them to S3.
struct ExportLayout {
    /// An export of the whole table, or of what changed in a window that ends five minutes before it was asked for.
    enum Kind {
        case full
        case incremental(view: ImageView)
    }

    private static let account = "123456789012"
    private static let region = "ap-northeast-2"
    private static let table = "algoitny_main"

    let options: ExportOptions
    let kind: Kind
    /// The last part of the export's ARN: 14 digits of milliseconds and 8 hexadecimal digits.
    let identifier: String
    private var random: SampleRandom

    init(_ options: ExportOptions, kind: Kind) {
        self.options = options
        self.kind = kind
        var random = SampleRandom(seed: options.seed ^ UInt64(truncatingIfNeeded: options.time))
        identifier = padded(options.time, 14) + "-" + random.text(8, from: Array("0123456789abcdef"))
        self.random = random
    }

    /// The end of the window, to the second, in milliseconds since 1970.
    var exportTime: Int { (options.time / 1000 - 300) * 1000 }
    /// The begin of an incremental export's window: 24 hours before its end.
    var windowStart: Int { exportTime - 86_400_000 }

    /// Writes everything and gives the folder with the manifests.
    mutating func write(_ lines: [ExportLine]) throws(RekeyError) -> String {
        let root = "AWSDynamoDB/\(identifier)"
        let dataFolder: String
        switch kind {
        case .full: dataFolder = "\(root)/data"
        case .incremental: dataFolder = "AWSDynamoDB/data"
        }
        var entries = ""
        for part in spread(lines) {
            let body = try gzip(Array(part.map(\.bytes).joined()))
            let name = "\(dataFolder)/\(dataFileName()).json.gz"
            try writeFile(name, body)
            entries += manifestEntry(items: part.count, name: name, body: body)
        }
        try writeWithChecksum("\(root)/manifest-files", entries)
        let size = lines.reduce(0) { $0 + $1.bytes.count }
        try writeWithChecksum("\(root)/manifest-summary", summary(items: lines.count, size: size, root: root))
        try writeFile("\(root)/_started", [])
        return "\(options.directory)/\(root)"
    }

    /// Puts a file into the shared data folder that this export's manifest does not name, as another export would.
    mutating func writeForeign(_ lines: [ExportLine]) throws(RekeyError) {
        try writeFile("AWSDynamoDB/data/\(dataFileName()).json.gz", try gzip(Array(lines.map(\.bytes).joined())))
    }

    /// The lines of each data file, in hash order, and an empty file at the end.
    private func spread(_ lines: [ExportLine]) -> [[ExportLine]] {
        let hashed = lines.map { (hash: stableHash($0.key, seed: options.seed), line: $0) }
        let ordered = hashed.sorted { $0.hash < $1.hash }
        var parts = [[ExportLine]](repeating: [], count: options.files)
        for entry in ordered { parts[Int(mixed(entry.hash) % UInt64(options.files))].append(entry.line) }
        return parts + [[]]
    }

    private mutating func dataFileName() -> String {
        random.text(26, from: Array("abcdefghijklmnopqrstuvwxyz234567"))
    }

    private func manifestEntry(items: Int, name: String, body: [UInt8]) -> String {
        let digest = md5(body)
        return """
            {"itemCount":\(items),"md5Checksum":"\(base64(digest))","etag":"\(hexadecimal(md5(digest)))-1",\
            "dataFileS3Key":"\(objectKey(name))"}

            """
    }

    private func summary(items: Int, size: Int, root: String) -> String {
        let tableARN = "arn:aws:dynamodb:\(Self.region):\(Self.account):table/\(Self.table)"
        let times: String
        let version: String
        let end: String
        let billed: Int
        switch kind {
        case .full:
            version = "2020-06-30"
            times = "\"exportTime\":\"\(iso8601(exportTime))\""
            end = ""
            billed = size
        case .incremental(let view):
            version = "2023-08-01"
            times = "\"exportFromTime\":\"\(iso8601(windowStart))\",\"exportToTime\":\"\(iso8601(exportTime))\""
            end = ",\"outputView\":\"\(view.rawValue)\",\"exportType\":\"INCREMENTAL_EXPORT\""
            billed = max(size, 10_000_000)
        }
        let prefix = options.prefix.isEmpty ? "null" : "\"\(options.prefix)\""
        return """
            {"version":"\(version)","exportArn":"\(tableARN)/export/\(identifier)",\
            "startTime":"\(iso8601(options.time))","endTime":"\(iso8601(options.time + 271_493))",\
            "tableArn":"\(tableARN)","tableId":"3f1c9a52-7d0e-4b8c-9a43-5e2d8f6b7c10",\(times),\
            "s3Bucket":"algoitny-exports","s3Prefix":\(prefix),"s3SseAlgorithm":"AES256","s3SseKmsKeyId":null,\
            "manifestFilesS3Key":"\(objectKey("\(root)/manifest-files.json"))","billedSizeBytes":\(billed),\
            "itemCount":\(items),"outputFormat":"DYNAMODB_JSON"\(end)}
            """
    }

    private func objectKey(_ name: String) -> String {
        options.prefix.isEmpty ? name : "\(options.prefix)/\(name)"
    }

    private func writeWithChecksum(_ name: String, _ text: String) throws(RekeyError) {
        let bytes = Array(text.utf8)
        try writeFile("\(name).json", bytes)
        try writeFile("\(name).md5", Array(base64(md5(bytes)).utf8))
    }

    private func writeFile(_ name: String, _ bytes: [UInt8]) throws(RekeyError) {
        try saveFile("\(options.directory)/\(name)", bytes)
    }
}

/// Writes a file as it is, making its folders; replaces one of that name.
func saveFile(_ path: String, _ bytes: [UInt8]) throws(RekeyError) {
    try makeDirectories(parentDirectory(path), mode: 0o755)
    let sink = try openSink(path, compression: .none)
    try sink.write(bytes)
    try sink.finish()
}

/// One gzip member that holds the bytes.
func gzip(_ bytes: [UInt8]) throws(RekeyError) -> [UInt8] {
    let memory = MemorySink()
    let sink = GzipSink(over: memory)
    try sink.write(bytes)
    try sink.finish()
    return memory.bytes
}

/// The 16 bytes of the MD5 that S3 and the manifests use as a checksum.
func md5(_ bytes: [UInt8]) -> [UInt8] {
    var hash = Insecure.MD5()
    bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
    return Array(hash.finalize())
}

/// A number with zeros in front.
func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

/// `2025-11-23T12:20:00.000Z` of milliseconds since 1970.
func iso8601(_ milliseconds: Int) -> String {
    var seconds = time_t(milliseconds / 1000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    let date = "\(parts.tm_year + 1900)-\(padded(Int(parts.tm_mon) + 1, 2))-\(padded(Int(parts.tm_mday), 2))"
    let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { padded(Int($0), 2) }.joined(separator: ":")
    return "\(date)T\(clock).\(padded(milliseconds % 1000, 3))Z"
}
