#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Bytes in, in blocks of the caller's size.
///
/// A source is used by one thread at a time. After a failure every further read fails.
package protocol ByteSource: AnyObject {
    /// What messages call this source: a path, or `standard input`.
    var name: String { get }
    /// Fills `buffer` from its start with what is there, at least one byte, waiting if needed. 0 means the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(RekeyError) -> Int
}

/// Opens a file, FIFO or (`-`) standard input; gzip is recognised by its first bytes, whatever the name, and expanded.
///
/// - Throws: `.inputMissing` where there is no such file or it is a directory, `.permission`, `.inputOutput`.
package func openSource(_ path: String) throws(RekeyError) -> any ByteSource {
    try openSource(openRawSource(path))
}

/// The same bytes, or what they expand to where they begin as gzip does (`1f 8b`).
///
/// - Throws: `.badInput` where there are none and the name ends in `.gz`: gzip of nothing has 20 bytes.
package func openSource(_ source: any ByteSource) throws(RekeyError) -> any ByteSource {
    var prefix: [UInt8] = [0, 0]
    var count = 0
    while count < 2 {
        let got = try prefix.withUnsafeMutableBufferPointer { (buffer) throws(RekeyError) in
            try source.read(
                into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[count...]))
        }
        if got == 0 { break }
        count += got
    }
    if count == 0, source.name.hasSuffix(".gz") {
        throw RekeyError(
            .badInput, "is empty, which no gzip file is: it was cut; fetch or write it again", source: source.name)
    }
    let whole = PrefixedSource(Array(prefix[..<count]), then: source)
    return prefix == [0x1f, 0x8b] && count == 2 ? GzipSource(whole) : whole
}

/// Opens a file, FIFO or (`-`) standard input for its bytes as they are, compressed or not. `/dev/stdin`, `/dev/fd/N` and the like
/// are that descriptor, read on from where it stands.
///
/// - Throws: as `openSource`.
package func openRawSource(_ path: String) throws(RekeyError) -> any ByteSource {
    if path == "-" { return FileDescriptorSource(0, name: "standard input", closes: false) }
    let descriptor = try openForReading(path)
    let source = FileDescriptorSource(descriptor, name: path, closes: true)
    var status = stat()
    if fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
        throw RekeyError(.inputMissing, "is a directory where a file is needed; name a file in it", source: path)
    }
    return source
}

private func openForReading(_ path: String) throws(RekeyError) -> Int32 {
    if let number = namedDescriptor(path) {
        return try duplicateDescriptor(number, name: path, forWriting: false, code: .inputMissing)
    }
    let descriptor = retryingInterrupted { open(path, O_RDONLY | O_CLOEXEC) }
    if descriptor >= 0 { return descriptor }
    switch errno {
    case ENOENT, ENOTDIR: throw RekeyError(.inputMissing, "no such file; check the path", source: path)
    case EACCES, EPERM:
        throw RekeyError(.permission, "cannot be opened for reading: \(systemText(errno))", source: path)
    default:
        throw RekeyError(.inputOutput, "cannot be opened for reading: \(systemText(errno))", source: path)
    }
}

/// Reads an open descriptor: a file, a pipe, a terminal.
package final class FileDescriptorSource: ByteSource {
    package let name: String
    private let descriptor: Int32
    private let closes: Bool

    /// - Parameter closes: whether the descriptor is closed with this source.
    package init(_ descriptor: Int32, name: String, closes: Bool) {
        self.descriptor = descriptor
        self.name = name
        self.closes = closes
    }

    deinit { if closes { _ = close(descriptor) } }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(RekeyError) -> Int {
        guard buffer.count > 0 else { return 0 }
        while true {
            #if canImport(Glibc)
                let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            #else
                let count = Darwin.read(descriptor, buffer.baseAddress, buffer.count)
            #endif
            if count >= 0 { return count }
            switch errno {
            case EINTR: continue
            case EAGAIN: waitUntilReady(descriptor, for: Int16(POLLIN))
            default: throw RekeyError(.inputOutput, "reading failed: \(systemText(errno))", source: name)
            }
        }
    }
}

/// Bytes that are in memory already.
package final class MemorySource: ByteSource {
    package let name: String
    private let bytes: [UInt8]
    private var position = 0

    package init(_ bytes: [UInt8], name: String = "memory") {
        self.bytes = bytes
        self.name = name
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(RekeyError) -> Int {
        let count = min(buffer.count, bytes.count - position)
        bytes.withUnsafeBytes {
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[position..<position + count]))
        }
        position += count
        return count
    }
}

/// Some bytes already read, then the rest of their source.
final class PrefixedSource: ByteSource {
    var name: String { rest.name }
    private let rest: any ByteSource
    private var prefix: MemorySource?

    init(_ prefix: [UInt8], then rest: any ByteSource) {
        self.prefix = MemorySource(prefix)
        self.rest = rest
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(RekeyError) -> Int {
        if let prefix {
            let count = try prefix.read(into: buffer)
            if count > 0 { return count }
            self.prefix = nil
        }
        return try rest.read(into: buffer)
    }
}
