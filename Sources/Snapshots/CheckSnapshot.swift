package import ByteStreams
package import Items

/// How much of a snapshot is read to check it.
package enum CheckLevel: Sendable, Equatable {
    /// The manifests, and the data files' presence and sizes.
    case manifests
    /// Every byte.
    case readData
    /// The manifests, and every byte of each t-th data file, beginning with the n-th (from 1); of fewer than t files one, so that n from 1 to
    /// t still reads all of them.
    case readDataSubset(Int, of: Int)
}

/// What a check found.
package struct CheckReport: Sendable {
    /// The directory of the manifests.
    package var path: String
    /// Whether rekey wrote it; else it is an export of AWS.
    package var isRekeySnapshot = false
    /// What is wrong, a sentence each. Empty means: nothing was found wrong.
    package var findings: [RekeyError] = []
    /// What is odd and no fault, a sentence each: files that S3 happens to hold beside those of an export.
    package var notes: [RekeyError] = []
    package var fileCount = 0
    /// Data files that were read whole.
    package var filesRead = 0
    /// Stored bytes of the data files that are there.
    package var bytes = 0
    /// Items as the manifests count them.
    package var itemCount = 0
    /// Items in the data files that were read.
    package var itemsRead = 0
    /// Of all items; nil unless all data files of a full export or snapshot were read.
    package var digest: Digest?

    package var isSound: Bool { findings.isEmpty }
}

/// Checks an AWS export or a rekey snapshot. What is wrong with it stands in the report.
///
/// - Parameter jobs: data files to read at a time.
/// - Throws: `.inputMissing` where there is none at the path, `.usage` where there are several or the subset is none,
///   `.permission` and `.inputOutput`.
package func checkSnapshot(
    _ path: String, in store: any FileStore = Disk(), level: CheckLevel,
    jobs: Int = availableProcessors()
) throws(RekeyError) -> CheckReport {
    if case .readDataSubset(let part, let parts) = level, part < 1 || part > parts {
        throw RekeyError(.usage, "\(part)/\(parts) is no part of a whole; write n/t with n from 1 to t")
    }
    var check = SnapshotCheck(
        location: try ExportLocation.require(path, in: store), level: level, jobs: jobs)
    try check.run()
    return check.report
}

/// One check under way.
private struct SnapshotCheck {
    let location: ExportLocation
    let level: CheckLevel
    let jobs: Int
    var report: CheckReport

    init(location: ExportLocation, level: CheckLevel, jobs: Int) {
        self.jobs = jobs
        self.location = location
        self.level = level
        report = CheckReport(path: location.directory)
    }

    mutating func run() throws(RekeyError) {
        var findings: [RekeyError] = []
        let opened: Export
        do throws(RekeyError) {
            opened = try Export(location) { (problem) throws(RekeyError) in findings.append(problem) }
        } catch  where error.code == .badInput || error.code == .inputMissing {
            report.findings = findings + [error]
            return
        }
        report.findings = findings
        report.isRekeySnapshot = opened.metadata != nil
        report.fileCount = opened.dataFiles.count
        report.itemCount = opened.summary.itemCount
        let paths = try present(opened)
        checkCounts(opened)
        if let metadata = opened.metadata { try checkListedFiles(metadata, opened) }
        try checkExtraFiles(opened)
        try readData(opened, paths)
    }

    private mutating func found(_ message: String, _ path: String? = nil) {
        report.findings.append(RekeyError(.badInput, message, source: path ?? location.directory))
    }

    private func size(_ path: String) throws(RekeyError) -> Int {
        try location.store.entry(path, followingLinks: true)?.size ?? 0
    }

    /// The paths of the data files; nil for one that is missing, empty or outside.
    private mutating func present(_ export: Export) throws(RekeyError) -> [String?] {
        var paths: [String?] = []
        for index in export.dataFiles.indices {
            do throws(RekeyError) {
                let path = try export.path(ofDataFile: index)
                let size = try size(path)
                report.bytes += size
                if size == 0 { found("is empty: even a data file without items has 20 bytes; fetch it again", path) }
                paths.append(size == 0 ? nil : path)
            } catch  where error.code == .badInput || error.code == .inputMissing {
                report.findings.append(error)
                paths.append(nil)
            }
        }
        return paths
    }

    private mutating func checkCounts(_ export: Export) {
        let sum = export.dataItemCount
        if sum != export.summary.itemCount {
            found(
                "\(ExportLocation.summaryName) counts \(export.summary.itemCount) items but the data files in "
                    + "\(ExportLocation.filesName) have \(sum) together")
        }
        if let metadata = export.metadata, metadata.digest.count != export.summary.itemCount {
            found(
                "\(RekeyMetadata.fileName) counts \(metadata.digest.count) items but \(ExportLocation.summaryName) "
                    + "\(export.summary.itemCount)")
        }
        var keys: Set<String> = []
        for file in export.dataFiles where !keys.insert(file.key).inserted {
            found("\(ExportLocation.filesName) names the data file \(file.key) twice")
        }
    }

    /// Every file that `rekey.json` lists is there in its size, the small ones with their SHA-256; every data file is listed.
    private mutating func checkListedFiles(_ metadata: RekeyMetadata, _ export: Export) throws(RekeyError) {
        var listed: Set<String> = []
        for file in metadata.files {
            listed.insert(file.path)
            let isData = file.path.hasPrefix("data/")
            let parts = file.path.split(separator: "/", omittingEmptySubsequences: false)
            guard !parts.contains(where: { ["", ".", ".."].contains($0) }) else {
                found("\(RekeyMetadata.fileName) lists the file \(file.path), which points outside the snapshot")
                continue
            }
            let path = joined(location.directory, file.path)
            guard let size = try location.store.entry(path, followingLinks: true)?.size else {
                // A data file was reported by its manifest already.
                if !isData { found("is missing although \(RekeyMetadata.fileName) lists it; restore it", path) }
                continue
            }
            if size != file.size {
                found("has \(size) bytes but \(file.size) in \(RekeyMetadata.fileName); restore it", path)
            } else if !isData, !path.hasSuffix(".json") {
                let checksums = Checksums.of(try location.store.readWhole(path, limit: 4096))
                if checksums.sha256 != file.sha256 {
                    found("differs from its SHA-256 in \(RekeyMetadata.fileName); restore it", path)
                }
            }
        }
        for file in export.dataFiles where !listed.contains(file.key) {
            found("\(RekeyMetadata.fileName) lists no SHA-256 of the data file \(file.key)")
        }
        let keys = Set(export.dataFiles.map(\.key))
        for file in metadata.files where file.path.hasPrefix("data/") && !keys.contains(file.path) {
            found(
                "\(ExportLocation.filesName) does not name the data file \(file.path) that \(RekeyMetadata.fileName) lists"
            )
        }
    }

    /// Files that no manifest names. Readers go by the manifest, but ImportTable would take them for data, so that rekey's own
    /// snapshots may not have them.
    private mutating func checkExtraFiles(_ export: Export) throws(RekeyError) {
        let directory = location.directory
        let data = joined(directory, "data")
        if try location.store.isFolder(data) {
            let named = Set(export.dataFiles.map { lastName($0.key) })
            for name in try location.store.names(in: data) where !named.contains(name) {
                let message = "is no file of this export but lies among its data; take it away"
                if export.metadata != nil {
                    found(message, joined(data, name))
                } else {
                    report.notes.append(RekeyError(.badInput, message, source: joined(data, name)))
                }
            }
        }
        guard let metadata = export.metadata else { return }
        let known = Set(metadata.files.map(\.path)).union([
            "data", RekeyMetadata.fileName, RekeyMetadata.checksumName,
        ])
        for name in try location.store.names(in: directory) where !known.contains(name) {
            found("is no file of this snapshot; take it away", joined(directory, name))
        }
    }

    private mutating func readData(_ export: Export, _ paths: [String?]) throws(RekeyError) {
        let wanted: (Int) -> Bool
        switch level {
        case .manifests: return
        case .readData: wanted = { _ in true }
        case .readDataSubset(let part, let parts):
            // A check that read nothing would call sound what nobody looked at.
            let count = max(1, paths.count)
            wanted = parts > count ? { $0 == (part - 1) % count } : { $0 % parts == part - 1 }
        }
        let results = try readDataFiles(export, paths.indices.map { wanted($0) ? paths[$0] : nil }, jobs: jobs)
        var digest = Digest()
        var previousKey: [UInt8]?
        for (index, result) in results.enumerated() {
            guard let result else {
                previousKey = nil
                continue
            }
            report.findings += result.findings
            report.filesRead += 1
            report.itemsRead += result.count
            digest.combine(result.digest)
            if let previousKey, let firstKey = result.firstKey, !previousKey.lexicographicallyPrecedes(firstKey) {
                found("begins with an item that does not come after the last of the file before", paths[index])
            }
            previousKey = result.lastKey ?? previousKey
        }
        guard report.filesRead == paths.count, !export.summary.isIncremental else { return }
        report.digest = digest
        if let metadata = export.metadata, metadata.digest != digest {
            found(
                "the items have the digest \(digest.hex) (\(digest.count) items) but \(metadata.digest.hex) "
                    + "(\(metadata.digest.count)) in \(RekeyMetadata.fileName)")
        }
    }
}
