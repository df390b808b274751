import AWS
package import ByteStreams
package import Snapshots

extension LiveServices {
    /// The objects of a bucket below a prefix. Nothing is sent.
    ///
    /// - Throws: as `session`.
    package func files(_ bucket: String, root: String) throws(RekeyError) -> S3Files {
        S3Files(try S3Client(bucket: bucket, session: try session()), root: root)
    }
}

/// What stands at a place in S3.
enum S3Content {
    /// An object of lines: its store and path.
    case object(S3Files, String)
    case export(Export)
}

/// Looks what stands at `s3://BUCKET/KEY`: the object of that key, else the export or snapshot below that prefix. A slash at the end
/// always means the prefix.
///
/// - Throws: `.usage` where there are both, `.inputMissing` where there is neither; as `Export.open`.
func openS3(_ location: Location, services: LiveServices?) throws(RekeyError) -> S3Content {
    guard case .s3(let bucket, let prefix) = location else {
        throw RekeyError(.unexpected, "is no place in S3", source: location.text)
    }
    let files = try services.require(for: location).files(bucket, root: prefix)
    if !prefix.isEmpty, !prefix.hasSuffix("/") {
        do throws(RekeyError) {
            if try files.client.head(prefix) != nil {
                try files.requireNoExport(below: location.text)
                return .object(files, location.text)
            }
        } catch {
            // Who may read what is below a prefix need not be allowed to ask for an object of its name.
            guard error.code == .permission, try files.entry(location.text, followingLinks: true) != nil else {
                throw error
            }
        }
    }
    guard try files.entry(location.text, followingLinks: true) != nil else {
        throw RekeyError(
            .inputMissing,
            "there is no object of that key, and none below it as a prefix; check the bucket and the key",
            source: location.text)
    }
    return .export(try Export.open(location.text, in: files))
}

/// Opens a location in S3 for reading.
func openS3Feed(
    _ location: Location, segment: Segment?, options: StreamOptions, wantsDigest: Bool
) throws(RekeyError) -> RecordFeed {
    switch try openS3(location, services: options.services) {
    case .object(let files, let path):
        if let segment { throw segment.refuse(location) }
        return try RecordFeed(
            name: path, sources: [.stored(files, path)], options: options,
            // A seal may come, and its end is not read before its beginning.
            wantsDigest: true)
    case .export(let export):
        if options.requiresSeal { throw sealForExport(location.text) }
        return try openExportFeed(export, segment: segment, options: options, wantsDigest: wantsDigest)
    }
}

/// An export has no end to seal.
func sealForExport(_ path: String) -> RekeyError {
    RekeyError(.usage, "--sealed is for streams; an export is checked by its manifests", source: path)
}

/// Opens an export or snapshot for what is to be known of it: a directory, or a prefix in S3. Nil for every other location.
///
/// - Throws: as `Export.open`.
package func openExport(_ location: Location, services: LiveServices?) throws(RekeyError) -> Export? {
    switch location {
    case .directory(let path): return try Export.open(path)
    case .s3:
        guard case .export(let export) = try openS3(location, services: services) else { return nil }
        return export
    case .standardStream, .file, .local, .table: return nil
    }
}

/// Where the snapshots at a path lie, as commands are given it: a disk, or a bucket.
///
/// - Throws: `.usage` for a place in S3 that is none.
package func fileStore(of path: String, services: LiveServices?) throws(RekeyError) -> any FileStore {
    guard S3Path.isOne(path) else { return Disk() }
    let place = try S3Path(path)
    return try services.require(for: .s3(bucket: place.bucket, prefix: place.key)).files(
        place.bucket, root: place.key)
}

/// As `fileStore`, for a path at which a snapshot or export is to be read.
///
/// - Throws: `.usage` where an object in S3 has the same name, as for every command that reads.
package func snapshotStore(of path: String, services: LiveServices?) throws(RekeyError) -> any FileStore {
    let store = try fileStore(of: path, services: services)
    if let files = store as? S3Files, !path.hasSuffix("/"), try files.hasObject(path) {
        try files.requireNoExport(below: path)
    }
    return store
}

/// Opens a stage's output: as `openSink`, and `s3://BUCKET/KEY`, an object that appears only when the stage has finished. What ends in
/// `.gz` is compressed.
///
/// - Parameter jobs: threads that compress.
package func openOutput(
    _ path: String, jobs: Int = 1, services: LiveServices?
) throws(RekeyError) -> any ByteSink {
    guard S3Path.isOne(path) else {
        let scheme = path.lowercased()
        if scheme.hasPrefix("local:") || scheme.hasPrefix("dynamodb:") {
            throw RekeyError(
                .usage, "is a table, to which items do not go as a stream; pipe into rekey load \(path)", source: path)
        }
        if scheme.hasPrefix("s3:") {
            throw RekeyError(.usage, "is no place in S3; write s3://BUCKET/KEY", source: path)
        }
        return try openSink(path, jobs: jobs)
    }
    let place = try S3Path(path)
    guard !place.key.isEmpty, !place.key.hasSuffix("/") else {
        throw RekeyError(.usage, "names no object to write; write s3://BUCKET/KEY", source: path)
    }
    let session = try services.require(for: .s3(bucket: place.bucket, prefix: place.key)).session()
    let sink = S3Sink(try S3Client(bucket: place.bucket, session: session), key: place.key)
    return place.key.hasSuffix(".gz") ? GzipSink(over: sink, jobs: jobs) : sink
}
