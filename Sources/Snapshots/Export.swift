package import ByteStreams

/// An AWS export or a rekey snapshot whose manifests were read.
package struct Export: Sendable {
    package let location: ExportLocation
    package let summary: ExportSummary
    /// In the order of the manifest.
    package let dataFiles: [ExportDataFile]
    /// What rekey wrote beside the manifests; nil in an export of AWS.
    package let metadata: RekeyMetadata?

    /// Finds and opens the export or snapshot at a path.
    ///
    /// - Throws: as `ExportLocation.require` and `init(_:)`.
    package static func open(_ path: String, in store: any FileStore = Disk()) throws(RekeyError)
        -> Export
    {
        try Export(ExportLocation.require(path, in: store))
    }

    /// Reads the manifests and checks their checksum files.
    ///
    /// - Throws: `.badInput` where a manifest cannot be read or differs from its checksum; `.inputMissing`, `.inputOutput`.
    package init(_ location: ExportLocation) throws(RekeyError) {
        try self.init(location) { (problem) throws(RekeyError) in throw problem }
    }

    /// Reads the manifests. What is wrong with them but does not keep them from being read goes to `report`.
    init(
        _ location: ExportLocation, report: (RekeyError) throws(RekeyError) -> Void
    ) throws(RekeyError) {
        self.location = location
        let directory = location.directory
        let store = location.store
        metadata = try RekeyMetadata(directory: directory, in: store, report: report)

        let summaryPath = joined(directory, ExportLocation.summaryName)
        let summaryBytes = try store.readWhole(summaryPath, limit: 1 << 20)
        try Self.check(
            .of(summaryBytes), of: ExportLocation.summaryName, in: location, metadata, report)
        summary = try ExportSummary(manifest: summaryBytes, source: summaryPath)

        let filesPath = joined(directory, ExportLocation.filesName)
        guard try store.exists(filesPath) else {
            throw RekeyError(
                .inputMissing, "is missing beside \(ExportLocation.summaryName); fetch it", source: filesPath)
        }
        let source = ChecksumSource(try store.open(filesPath))
        var files: [ExportDataFile] = []
        try LineReader(source, maximumLineLength: 64 << 10).forEachLine {
            (line, number, _, isOversized) throws(RekeyError) in
            guard !isOversized else {
                throw RekeyError(.badInput, "is longer than any line of a manifest", source: filesPath, line: number)
            }
            if line.allSatisfy({ $0 == 0x20 || $0 == 0x0D }) { return }
            files.append(try ExportDataFile(line: Array(line), number: number, source: filesPath))
        }
        dataFiles = files
        try Self.check(source.checksums, of: ExportLocation.filesName, in: location, metadata, report)
    }

    /// Opens a data file, expanded. At its end the stored bytes are held against the manifest's MD5: another one throws
    /// `.badInput`.
    ///
    /// - Throws: as `path(ofDataFile:)`.
    package func openDataFile(_ index: Int) throws(RekeyError) -> any ByteSource {
        let path = try path(ofDataFile: index)
        let raw = try location.store.open(path)
        guard let md5 = dataFiles[index].md5 else { return try openSource(raw) }
        return try openSource(
            ChecksumSource(raw) { (checksums) throws(RekeyError) in
                guard checksums.md5Base64 != md5 else { return }
                throw RekeyError(
                    .badInput, "differs from its MD5 in \(ExportLocation.filesName); fetch the file again", source: path
                )
            })
    }

    /// Where a data file lies: at its key below the bucket's copy, or else below this export's own folder.
    ///
    /// - Throws: `.inputMissing` where it is not there, naming it; `.badInput` where its key or a link on the way points outside.
    package func path(ofDataFile index: Int) throws(RekeyError) -> String {
        let key = dataFiles[index].key
        let parts = key.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard !key.utf8.contains(0), !parts.contains(where: { ["", ".", ".."].contains($0) }) else {
            throw RekeyError(
                .badInput, "names the data file \(key), which points outside the export",
                source: joined(location.directory, ExportLocation.filesName), line: index + 1)
        }
        for candidate in candidates(parts) {
            guard let entry = try location.store.entry(candidate, followingLinks: true), !entry.isFolder
            else { continue }
            guard let resolved = location.store.resolved(candidate),
                resolved.hasPrefix(joined(location.root, ""))
            else {
                throw RekeyError(
                    .badInput, "is a link that points outside the export; put the file itself there", source: candidate)
            }
            return candidate
        }
        throw RekeyError(
            .inputMissing, "the data file \(key) of this export is missing; fetch it", source: location.directory)
    }

    /// Items in all data files together, as their manifest counts them.
    package var dataItemCount: Int {
        dataFiles.reduce(0) { $0.addingReportingOverflow($1.itemCount).partialValue }
    }

    /// Holds the counts of the two manifests against each other, for those who read a part of the data files only.
    ///
    /// - Throws: `.badInput` where they differ.
    package func requireCounts() throws(RekeyError) {
        guard dataItemCount != summary.itemCount else { return }
        throw RekeyError(
            .badInput,
            "\(ExportLocation.summaryName) counts \(summary.itemCount) items but the data files in "
                + "\(ExportLocation.filesName) have \(dataItemCount) together; fetch both again",
            source: location.directory)
    }

    /// The paths of all data files in the order of the manifest.
    ///
    /// - Throws: as `path(ofDataFile:)`, for the first that is missing.
    package func dataFilePaths() throws(RekeyError) -> [String] {
        var paths: [String] = []
        for index in dataFiles.indices { paths.append(try path(ofDataFile: index)) }
        return paths
    }

    /// Where a key's file may lie, likeliest first.
    private func candidates(_ parts: [String]) -> [String] {
        let directory = location.directory
        let name = parts[parts.count - 1]
        var paths: [String] = []
        if let folder = parts.lastIndex(of: ExportLocation.folder) {
            // In the bucket the prefix stands before the folder; the copy's root stands for both.
            let inFolder = parts[folder...].joined(separator: "/")
            if location.hasExportLayout { paths.append(joined(location.root, inFolder)) }
            paths.append(joined(directory, inFolder))
            paths.append(joined(directory, parts[(folder + 1)...].dropFirst().joined(separator: "/")))
        }
        paths.append(joined(directory, parts.joined(separator: "/")))
        paths.append(joined(directory, "data/\(name)"))
        if summary.isIncremental, location.hasExportLayout {
            paths.append(joined(location.root, "\(ExportLocation.folder)/data/\(name)"))
        }
        return paths
    }

    /// Holds a manifest against its checksum files, and against rekey's list where there is one.
    private static func check(
        _ checksums: Checksums, of name: String, in location: ExportLocation,
        _ metadata: RekeyMetadata?,
        _ report: (RekeyError) throws(RekeyError) -> Void
    ) throws(RekeyError) {
        let (directory, store) = (location.directory, location.store)
        let path = joined(directory, name)
        // The guide says .checksum, every export seen has .md5.
        for ending in ["md5", "checksum"] {
            let sidecar = joined(directory, "\(name.dropLast("json".count))\(ending)")
            guard try store.exists(sidecar) else { continue }
            let bytes = try store.readWhole(sidecar, limit: 4096)
            let text =
                String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).first ?? ""
            if text != checksums.md5Base64, text != hexadecimal(checksums.md5) {
                try report(
                    RekeyError(
                        .badInput, "differs from its MD5 in \(lastName(sidecar)); fetch both again", source: path))
            }
        }
        if let file = metadata?.files.first(where: { $0.path == name }), file.sha256 != checksums.sha256 {
            try report(
                RekeyError(
                    .badInput, "differs from its SHA-256 in \(RekeyMetadata.fileName); restore the file", source: path))
        }
    }
}
