import ByteStreams
package import Snapshots

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// One file of records, opened when its turn comes.
package enum FeedSource: Sendable {
    /// A path, or `-` for standard input.
    case path(String)
    /// A file of lines, gzip or not, that lies elsewhere than on a disk.
    case stored(any FileStore, String)
    /// A data file of an export, by its number in the manifest.
    case dataFile(Export, Int)
    /// Lines in memory.
    case bytes([UInt8], name: String)

    /// How many records a manifest says it has.
    var expectedCount: Int? {
        if case .dataFile(let export, let number) = self { export.dataFiles[number].itemCount } else { nil }
    }

    /// The length of a plain file; nil for what expands, and for a stream.
    var plainBytes: Int? {
        guard case .path(let path) = self else { return nil }
        var status = stat()
        guard (path == "-" ? fstat(0, &status) : stat(path, &status)) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return nil
        }
        return path.hasSuffix(".gz") ? nil : Int(status.st_size)
    }

    /// Whether it gives its bytes as often as it is opened; standard input where it is a file that is set back in between.
    var canBeReadAgain: Bool {
        switch self {
        case .path("-"): return standardInputOffset() != nil
        case .path(let path):
            // A descriptor stands at its end after the first time.
            return namedDescriptor(path) == nil && FileVersion(path) != nil
        case .stored, .dataFile, .bytes: return true
        }
    }

    /// Differs where the bytes may have changed; nil where they are held to something else, as a data file to its manifest's MD5.
    ///
    /// - Throws: `.inputMissing` where a file is no more there; as `FileStore.version`.
    func version() throws(RekeyError) -> String? {
        switch self {
        case .path(let path):
            guard let version = FileVersion(path) else {
                throw RekeyError(.inputMissing, "is no longer there; check the path", source: path)
            }
            return version.text
        case .stored(let store, let path): return try store.version(path)
        case .dataFile(let export, let number):
            guard export.dataFiles[number].md5 == nil else { return nil }
            return try export.location.store.version(try export.path(ofDataFile: number))
        case .bytes: return nil
        }
    }

    func open() throws(RekeyError) -> any ByteSource {
        switch self {
        case .path(let path): try openSource(path)
        case .stored(let store, let path): try openSource(store.open(path))
        case .dataFile(let export, let number): try export.openDataFile(number)
        case .bytes(let bytes, let name): MemorySource(bytes, name: name)
        }
    }
}
