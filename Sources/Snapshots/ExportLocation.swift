package import ByteStreams

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Where the manifests of an AWS export or of a rekey snapshot lie.
package struct ExportLocation: Sendable {
    /// What holds all of it.
    package let store: any FileStore
    /// The directory that holds `manifest-summary.json`, as the user wrote its path.
    package let directory: String
    /// The same, absolute and without links.
    let resolvedDirectory: String
    /// No data file may lie outside: the directory above `AWSDynamoDB/<id>/` where that is the layout, for the data of incremental
    /// exports lies beside the export; else the directory itself.
    let root: String
    /// Whether the manifests lie in `AWSDynamoDB/<id>/`.
    let hasExportLayout: Bool

    init(directory: String, in store: any FileStore) throws(RekeyError) {
        self.store = store
        guard let resolved = store.resolved(directory) else {
            throw RekeyError(.inputMissing, "no such directory; check the path", source: directory)
        }
        self.directory = directory
        resolvedDirectory = resolved
        let above = parentDirectory(resolved)
        hasExportLayout = lastName(above) == Self.folder
        root = hasExportLayout ? parentDirectory(above) : resolved
    }

    /// The name AWS gives the folder of all exports under a prefix.
    static let folder = "AWSDynamoDB"
    static let summaryName = "manifest-summary.json"
    static let filesName = "manifest-files.json"

    /// Finds the export in a directory: its manifests lie there, or below `AWSDynamoDB/<id>/`. Nil where neither is so.
    ///
    /// - Throws: `.usage` where there are several, naming them; `.inputMissing` where there are data files without a manifest.
    package static func find(_ path: String, in store: any FileStore = Disk()) throws(RekeyError)
        -> ExportLocation?
    {
        guard try store.isFolder(path) else { return nil }
        if try store.exists(joined(path, summaryName)) {
            return try ExportLocation(directory: path, in: store)
        }
        let below = joined(path, folder)
        let isFolder = store.resolved(path).map { lastName($0) == folder } ?? false
        let parent = isFolder ? path : below
        let exports =
            try store.isFolder(parent) ? try store.names(in: parent).map { joined(parent, $0) } : []
        var found: [String] = []
        for export in exports where try store.exists(joined(export, summaryName)) {
            found.append(export)
        }
        switch found.count {
        case 1: return try ExportLocation(directory: found[0], in: store)
        case 0:
            try refuseDataWithoutManifest(
                [path, joined(path, "data"), parent] + exports.map { joined($0, "data") } + exports, store)
            return nil
        default:
            throw RekeyError(
                .usage, "holds \(found.count) exports (\(found.joined(separator: ", "))); name one of them",
                source: path)
        }
    }

    /// The same for a path that must hold one.
    ///
    /// - Throws: as `find`, and `.inputMissing` where there is none.
    package static func require(_ path: String, in store: any FileStore = Disk()) throws(RekeyError)
        -> ExportLocation
    {
        if let location = try find(path, in: store) { return location }
        if store is Disk, try !store.exists(path) {
            throw RekeyError(.inputMissing, "no such directory; check the path", source: path)
        }
        throw RekeyError(
            .inputMissing,
            "holds no \(summaryName), nor does a directory \(folder)/<id>/ in it; name the directory of an export or a snapshot",
            source: path)
    }

    private static func refuseDataWithoutManifest(
        _ directories: [String], _ store: any FileStore
    ) throws(RekeyError) {
        for directory in directories where try store.isFolder(directory) {
            guard let name = try store.names(in: directory).first(where: { $0.hasSuffix(".json.gz") })
            else { continue }
            throw RekeyError(
                .inputMissing,
                "holds data files (such as \(name)) but no \(summaryName) belongs to them; fetch the export's manifests too, or "
                    + "name the files one by one", source: directory)
        }
    }
}

/// `a` and `b` as one path.
func joined(_ directory: String, _ name: String) -> String {
    directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)"
}

/// What stands behind the last slash.
func lastName(_ path: String) -> String {
    path.utf8.split(separator: UInt8(ascii: "/")).last.map { String(Substring($0)) } ?? path
}
