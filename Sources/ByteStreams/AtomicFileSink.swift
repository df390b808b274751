#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Where an output goes while it is being made: `.NAME.partial-PID-RANDOM` in the directory of its final path.
struct PartialPath {
    /// The path asked for, without trailing slashes.
    let final: String
    let directory: String
    let partial: String
    /// Of the names of all unfinished work of this output, whoever makes it.
    let beginning: String

    /// A name not used before; nothing is created.
    ///
    /// - Throws: `.cannotCreate` where the path has no last name.
    init(_ path: String) throws(RekeyError) {
        final = withoutTrailingSlashes(path)
        directory = parentDirectory(final)
        let name = final.utf8.split(separator: UInt8(ascii: "/")).last.map { String(Substring($0)) } ?? ""
        guard !["", ".", ".."].contains(name) else {
            throw RekeyError(.cannotCreate, "is no name for an output; give a file name", source: path)
        }
        // A name may have 255 bytes on most file systems; 60 characters have at most 240, and most names fit whole.
        let stem = name.utf8.count <= 200 ? name : String(name.unicodeScalars.prefix(50).map(Character.init))
        beginning = ".\(stem).partial-"
        let random = String(UInt32.random(in: .min ... .max), radix: 16)
        partial = "\(directory == "/" ? "" : directory)/\(beginning)\(getpid())-\(random)"
    }

    /// The failure to make something at this place.
    func cannotCreate(_ number: Int32) -> RekeyError {
        let reason = systemText(number)
        return number == ENOENT || number == ENOTDIR
            ? RekeyError(.cannotCreate, "its directory \(directory) does not exist; make it first", source: final)
            : RekeyError(.cannotCreate, "cannot be created: \(reason)", source: final)
    }
}

/// A file that appears under its name, whole and synced, only with `finish`; until then it is a hidden file beside it.
///
/// Mode 0600. What stood under the name, a symbolic link too, is replaced.
package final class AtomicFileSink: ByteSink {
    package var name: String { path.final }

    private let path: PartialPath
    private let output: FileDescriptorSink
    private var isOpen = true
    private var failure: RekeyError?

    /// - Throws: `.cannotCreate` where the directory is missing or closed to us, or the path is a directory.
    package init(_ path: String) throws(RekeyError) {
        if path.utf8.last == UInt8(ascii: "/") || isDirectory(path) {
            throw RekeyError(
                .cannotCreate, "is a directory where a file is to be written; name a file in it", source: path)
        }
        let place = try PartialPath(path)
        TemporaryPaths.register(place.partial)
        let descriptor = retryingInterrupted {
            open(place.partial, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        }
        guard descriptor >= 0 else {
            let number = errno
            TemporaryPaths.forget(place.partial)
            throw place.cannotCreate(number)
        }
        // Tells others, on other machines too, that the file is in hand; closed with the descriptor.
        _ = flock(descriptor, LOCK_EX | LOCK_NB)
        self.path = place
        output = FileDescriptorSink(descriptor, name: place.final, closes: true)
    }

    deinit { abandon() }

    package func write(_ bytes: UnsafeRawBufferPointer) throws(RekeyError) {
        if let failure { throw failure }
        try output.write(bytes)
    }

    package func flush() throws(RekeyError) { try output.flush() }

    package func finish() throws(RekeyError) {
        if let failure { throw failure }
        precondition(isOpen, "finish() after finish() or abandon()")
        do throws(RekeyError) {
            try output.flush()
            try output.sync()
            try output.finish()
            guard rename(path.partial, path.final) == 0 else {
                let number = errno
                if number == EISDIR || number == ENOTEMPTY || number == EEXIST { throw path.cannotCreate(number) }
                throw RekeyError(.inputOutput, "renaming into place failed: \(systemText(number))", source: name)
            }
        } catch {
            failure = error
            abandon()
            throw error
        }
        isOpen = false
        TemporaryPaths.forget(path.partial)
        try syncDirectory(path.directory)
    }

    package func abandon() {
        guard isOpen else { return }
        isOpen = false
        output.abandon()
        _ = unlink(path.partial)
        TemporaryPaths.forget(path.partial)
    }
}
