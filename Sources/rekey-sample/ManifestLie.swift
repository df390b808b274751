import ByteStreams

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Ways in which an export's manifests can be wrong; each has a folder with a small export that is right but for it.
enum ManifestLie: String, CaseIterable {
    /// Nothing is wrong: what the others start from.
    case none = "good"
    /// A manifest entry counts more items than its file has.
    case fileItemCount = "bad-file-item-count"
    /// The summary counts one item more than the files have.
    case summaryItemCount = "bad-summary-item-count"
    /// A manifest entry has another file's checksum.
    case fileChecksum = "bad-file-checksum"
    /// The checksum beside the summary is another one.
    case summaryChecksum = "bad-summary-checksum"
    /// The checksum beside the list of files is another one.
    case listChecksum = "bad-list-checksum"
    /// A file that the manifest names is not there.
    case missingFile = "bad-missing-file"
    /// A file that the manifest does not name lies beside those it names.
    case unnamedFile = "good-unnamed-file"
    /// A manifest entry leads out of the export by `..`.
    case parentFolder = "bad-outside-parent"
    /// A manifest entry is an absolute path.
    case absolutePath = "bad-outside-absolute"
    /// The same file is listed twice.
    case listedTwice = "bad-listed-twice"
    /// The list of files ends in the middle of an entry.
    case cutList = "bad-cut-list"
    /// The list of files is empty though the summary counts items.
    case emptyList = "bad-empty-list"
    /// The summary is not JSON.
    case summaryText = "bad-summary-text"
    /// The summary says that the data is Amazon Ion.
    case outputFormat = "bad-output-format"
    /// The list of files is missing.
    case missingList = "bad-missing-list"
    /// There is no summary: the export did not end.
    case unfinished = "bad-unfinished"
    /// The checksum files have the names that the guide gives them.
    case checksumNames = "good-checksum-names"

    /// Writes the export with this lie in it.
    func write(to directory: String) throws(RekeyError) {
        let options = ExportOptions(directory: directory, seed: 7, files: 2, prefix: "p", time: 1_763_986_800_000)
        var layout = ExportLayout(options, kind: .full)
        let items = (1...4).map { (number: Int) -> Attributes in
            ["PK": .s("PLAN#\(number)"), "SK": .s("META"), "tp": .s("plan"), "max": .n("\(number)0")]
        }
        let root = try layout.write(items.map { fullLine($0, seed: 7) })
        try tell(in: root)
    }

    private func tell(in root: String) throws(RekeyError) {
        let summary = "\(root)/manifest-summary"
        let list = "\(root)/manifest-files"
        switch self {
        case .none: break
        case .fileItemCount: try edit(list) { replace(in: &$0, "{\"itemCount\":", with: "{\"itemCount\":1") }
        case .summaryItemCount: try edit(summary) { replace(in: &$0, "\"itemCount\":4", with: "\"itemCount\":5") }
        case .fileChecksum: try edit(list) { swapChecksums(in: &$0) }
        case .summaryChecksum: try saveFile("\(summary).md5", Array("1B2M2Y8AsgTpgAmY7PhCfg==".utf8))
        case .listChecksum: try saveFile("\(list).md5", Array("1B2M2Y8AsgTpgAmY7PhCfg==".utf8))
        case .missingFile: try removeTree(largestDataFile(root))
        case .unnamedFile:
            try saveFile("\(root)/data/aaaaaaaaaaaaaaaaaaaaaaaaaa.json.gz", try gzip(LineFixtures.good(9)))
        case .parentFolder: try edit(list) { replace(in: &$0, "/data/", with: "/data/../../../../../") }
        case .absolutePath:
            try edit(list) { replace(in: &$0, "\"dataFileS3Key\":\"p/", with: "\"dataFileS3Key\":\"/etc/") }
        case .listedTwice: try edit(list) { $0 += firstLine(of: $0) }
        case .cutList: try edit(list) { $0.removeLast(40) }
        case .emptyList: try edit(list) { $0 = "" }
        case .summaryText: try edit(summary) { $0 = "<Error><Code>AccessDenied</Code></Error>" }
        case .outputFormat: try edit(summary) { replace(in: &$0, "DYNAMODB_JSON", with: "ION") }
        case .missingList: try removeTree("\(list).json")
        case .unfinished: for name in ["\(summary).json", "\(summary).md5"] { try removeTree(name) }
        case .checksumNames:
            for name in [summary, list] {
                try saveFile("\(name).checksum", try readWhole("\(name).md5", limit: 100))
                try removeTree("\(name).md5")
            }
        }
    }

    /// Changes a manifest and makes its own checksum right again, so that only the one thing is wrong.
    private func edit(_ path: String, _ change: (inout String) -> Void) throws(RekeyError) {
        var text = String(decoding: try readWhole("\(path).json", limit: 1 << 20), as: UTF8.self)
        change(&text)
        try saveFile("\(path).json", Array(text.utf8))
        try saveFile("\(path).md5", Array(base64(md5(Array(text.utf8))).utf8))
    }

    /// A data file that has items: the empty one has 20 bytes.
    private func largestDataFile(_ root: String) throws(RekeyError) -> String {
        var largest = (path: "", size: -1)
        for name in try listFiles("\(root)/data") {
            let path = "\(root)/data/\(name)"
            let size = try fileSize(path)
            if size > largest.size { largest = (path, size) }
        }
        return largest.path
    }
}

/// Replaces the first place only.
private func replace(in text: inout String, _ old: String, with new: String) {
    guard let place = text.firstRange(of: old) else { preconditionFailure("\(old) is not in the manifest") }
    text.replaceSubrange(place, with: new)
}

/// Gives the first entry the second one's checksum and the other way round.
private func swapChecksums(in text: inout String) {
    let marker = "\"md5Checksum\":\""
    let places = text.ranges(of: marker).prefix(2).map { $0.upperBound..<text.index($0.upperBound, offsetBy: 24) }
    let (first, second) = (String(text[places[0]]), String(text[places[1]]))
    text.replaceSubrange(places[1], with: first)
    text.replaceSubrange(places[0], with: second)
}

private func firstLine(of text: String) -> String {
    text.prefix { $0 != "\n" } + "\n"
}
