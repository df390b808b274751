#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Bytes out, buffered.
///
/// A sink is used by one thread at a time. After a failure every further call but `abandon` fails the same way.
/// A sink that is dropped without `finish` never leaves a file under the final name.
package protocol ByteSink: AnyObject {
    /// What messages call this sink: a path, or `standard output`.
    var name: String { get }
    /// Takes all the bytes. Throws `.brokenPipe` where the reader is gone, `.inputOutput` with the system's text.
    func write(_ bytes: UnsafeRawBufferPointer) throws(RekeyError)
    /// Hands on what is buffered, so that a reader can see it now; nothing is synced.
    func flush() throws(RekeyError)
    /// Ends the stream: flushes and, for files, syncs, closes and renames into place. Called once.
    func finish() throws(RekeyError)
    /// Removes what was made. Does nothing after `finish`, or the second time.
    func abandon()
}

extension ByteSink {
    /// A sink that has nothing to hand on.
    package func flush() throws(RekeyError) {}

    /// Takes all the bytes.
    package func write(_ bytes: [UInt8]) throws(RekeyError) {
        try bytes.withUnsafeBufferPointer { (buffer) throws(RekeyError) in
            try write(UnsafeRawBufferPointer(buffer))
        }
    }

    /// Takes the text as UTF-8.
    package func write(utf8 text: String) throws(RekeyError) { try write(Array(text.utf8)) }
}

/// Whether a sink compresses.
package enum Compression: Sendable {
    /// gzip where the path ends in `.gz`.
    case byName
    case gzip
    case none
}

/// Opens a location for writing: `-` is standard output; `/dev/stdout`, `/dev/fd/N` and the like are that descriptor, written on
/// from where it stands; a FIFO or a device is written directly; anything else becomes a file that appears under its name, whole and
/// synced, only with `finish`.
///
/// A file or symbolic link of that name is replaced; what a link points to is not touched. What killed processes left of the same
/// output is removed.
///
/// - Parameter jobs: threads that compress.
/// - Throws: `.cannotCreate` where the directory is missing or closed to us, or the path is a directory.
package func openSink(
    _ path: String, compression: Compression = .byName, jobs: Int = 1
) throws(RekeyError) -> any ByteSink {
    let sink = try openPlainSink(path)
    switch compression {
    case .none: return sink
    case .gzip: return GzipSink(over: sink, jobs: jobs)
    case .byName: return path.utf8.suffix(3).elementsEqual(".gz".utf8) ? GzipSink(over: sink, jobs: jobs) : sink
    }
}

private func openPlainSink(_ path: String) throws(RekeyError) -> any ByteSink {
    if path == "-" { return FileDescriptorSink(1, name: "standard output", closes: false) }
    if let number = namedDescriptor(path) {
        let copy = try duplicateDescriptor(number, name: path, forWriting: true, code: .cannotCreate)
        return FileDescriptorSink(copy, name: path, closes: true)
    }
    guard isWrittenDirectly(path) else {
        removeAbandonedFiles(of: path)
        return try AtomicFileSink(path)
    }
    let descriptor = retryingInterrupted { open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY) }
    guard descriptor >= 0 else {
        throw RekeyError(.cannotCreate, "cannot be opened for writing: \(systemText(errno))", source: path)
    }
    return FileDescriptorSink(descriptor, name: path, closes: true)
}

/// Whether a path names something that exists to be written to, rather than a file to be replaced.
private func isWrittenDirectly(_ path: String) -> Bool {
    // These are links to open files, even where the open file is a regular one.
    if ["/dev/fd/", "/dev/std", "/proc/"].contains(where: path.hasPrefix) { return true }
    if case .special = FileKind(of: path, followingLinks: true) { return true }
    return false
}

/// Writes to an open descriptor: a pipe, a terminal, a device.
package final class FileDescriptorSink: ByteSink {
    package let name: String
    private var descriptor: Int32
    private let closes: Bool
    private let buffer: UnsafeMutableRawBufferPointer
    private var used = 0
    private var failure: RekeyError?

    /// - Parameter closes: whether the descriptor is closed with this sink.
    package init(_ descriptor: Int32, name: String, closes: Bool) {
        self.descriptor = descriptor
        self.name = name
        self.closes = closes
        buffer = .allocate(byteCount: 128 << 10, alignment: 16)
    }

    deinit {
        abandon()
        buffer.deallocate()
    }

    package func write(_ bytes: UnsafeRawBufferPointer) throws(RekeyError) {
        if let failure { throw failure }
        if bytes.count > buffer.count - used {
            try flush()
            if bytes.count >= buffer.count { return try writeOut(bytes) }
        }
        UnsafeMutableRawBufferPointer(rebasing: buffer[used...]).copyMemory(from: bytes)
        used += bytes.count
    }

    package func flush() throws(RekeyError) {
        if let failure { throw failure }
        let count = used
        used = 0
        try writeOut(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }

    package func finish() throws(RekeyError) {
        try flush()
        if closes { try closeDescriptor() } else { try closeCopy() }
    }

    package func abandon() {
        used = 0
        if closes, descriptor >= 0 { _ = close(descriptor) }
        descriptor = -1
    }

    /// Forces what was flushed to the disk.
    package func sync() throws(RekeyError) {
        let number = synchronize(descriptor)
        if number != 0 { throw failed("cannot be synced to the disk", number) }
    }

    /// A disk over the network may say only at a close that it had no room for what it took; the stream itself stays open.
    private func closeCopy() throws(RekeyError) {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        if copy >= 0, close(copy) != 0, errno != EINTR { throw failed("closing failed", errno) }
    }

    private func closeDescriptor() throws(RekeyError) {
        guard descriptor >= 0 else { return }
        let status = close(descriptor)
        descriptor = -1
        // After EINTR the descriptor is closed on Linux and must not be closed again.
        if status != 0, errno != EINTR { throw failed("closing failed", errno) }
    }

    private func writeOut(_ bytes: UnsafeRawBufferPointer) throws(RekeyError) {
        var rest = bytes
        while !rest.isEmpty {
            #if canImport(Glibc)
                let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            #else
                let count = Darwin.write(descriptor, rest.baseAddress, rest.count)
            #endif
            if count >= 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN: waitUntilReady(descriptor, for: Int16(POLLOUT))
            default: throw failed("writing failed", errno)
            }
        }
    }

    private func failed(_ what: String, _ number: Int32) -> RekeyError {
        let error =
            number == EPIPE
            ? RekeyError(.brokenPipe, "the reader closed the stream early", source: name)
            : RekeyError(.inputOutput, "\(what): \(systemText(number))", source: name)
        failure = error
        return error
    }
}

/// Keeps the bytes in memory.
package final class MemorySink: ByteSink {
    package let name: String
    /// All that was written.
    package private(set) var bytes: [UInt8] = []
    /// Whether `finish` was called.
    package private(set) var isFinished = false

    package init(name: String = "memory") { self.name = name }

    package func write(_ bytes: UnsafeRawBufferPointer) throws(RekeyError) { self.bytes.append(contentsOf: bytes) }
    package func finish() throws(RekeyError) { isFinished = true }
    package func abandon() { if !isFinished { bytes = [] } }
}
