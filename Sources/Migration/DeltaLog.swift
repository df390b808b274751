import ByteStreams
import Items
import Tables

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The old items that a run moves and its snapshot does not hold as they are: changed since, or come since. `delta.ndjson` in the run's
/// directory, `{"Item":…}` a line.
///
/// An item is written here and synced before anything of it is written under its new key, so that every way on and back knows it. The
/// ledger says how many bytes are whole and what their digest is; what follows them a crash has torn, and it is cut off.
final class DeltaLog {
    /// Of the file: it is read whole.
    static let mostFileBytes = 1 << 30
    /// How much one round takes in: the rest is for the next one.
    static let mostItems = 50_000
    static let mostBytes = 64 << 20

    /// All forms of each old item, the last one last.
    private(set) var versions: [ItemKey: [Item]] = [:]
    private let path: String
    let ledger: Ledger
    private let schema: KeySchema
    private let limit: Int
    private var digest = Digest()
    private var wholeBytes = 0

    /// Reads what was written.
    ///
    /// - Parameter limit: of the file, in bytes; nothing is written past it.
    /// - Throws: `.badInput` where it is not what the ledger says.
    init(_ run: RunDirectory, _ ledger: Ledger, schema: KeySchema, limit: Int = mostFileBytes) throws(RekeyError) {
        path = run.deltaPath
        self.limit = limit
        self.ledger = ledger
        self.schema = schema
        guard let facts = ledger.facts(of: .delta) else { return }
        let damaged = RekeyError(
            .badInput, "it does not hold the items that the ledger says; restore the run directory from a copy",
            source: path)
        guard let bytes = facts["bytes"].flatMap({ Int($0) }), let hex = facts["digest"],
            let count = facts["count"].flatMap({ Int($0) }), fileExists(path)
        else { throw damaged }
        let text = try readWhole(path, limit: limit)
        guard text.count >= bytes else { throw damaged }
        for line in text[..<bytes].split(separator: 0x0A) {
            let start = Self.lineStart.count
            guard line.starts(with: Self.lineStart), line.last == UInt8(ascii: "}"),
                let item = try? Item(validating: Array(line.dropFirst(start).dropLast())),
                let key = try? item.key(schema)
            else { throw damaged }
            take(item, key)
        }
        guard digest.count == count, digest.hex == hex else { throw damaged }
        wholeBytes = bytes
    }

    private static let lineStart = Array("{\"Item\":".utf8)

    var isEmpty: Bool { versions.isEmpty }

    private func take(_ item: Item, _ key: ItemKey) {
        versions[key, default: []].append(item)
        item.canonical().withUnsafeBytes { digest.add(canonical: $0) }
    }

    /// Writes items and syncs them, then says so in the ledger.
    ///
    /// - Throws: `.stoppedResumable` where no more could be read back; then nothing was written.
    func append(_ items: [Item]) throws(RekeyError) {
        if items.isEmpty { return }
        var lines = ByteWriter(capacity: 4096)
        for item in items {
            lines.append(Self.lineStart)
            // Outside strings, the only place where JSON allows it, a newline means as much as a space.
            lines.append(item.json.map { $0 == 0x0A ? 0x20 : $0 })
            lines.append("}\n" as StaticString)
        }
        guard wholeBytes + lines.array.count <= limit else { throw Ledger.full(path, limit: limit) }
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw RekeyError(.cannotCreate, "cannot be written: \(String(cString: strerror(errno)))", source: path)
        }
        guard ftruncate(descriptor, off_t(wholeBytes)) == 0 else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw RekeyError(.inputOutput, "a torn line cannot be cut off: \(reason)", source: path)
        }
        let sink = FileDescriptorSink(descriptor, name: path, closes: true)
        try sink.write(lines.array)
        try sink.flush()
        try sink.sync()
        try sink.finish()
        if wholeBytes == 0 { try syncDirectory(parentDirectory(path)) }
        for item in items { take(item, try item.requiredKey(schema)) }
        wholeBytes += lines.array.count
        try ledger.append(
            .delta, [("count", "\(digest.count)"), ("bytes", "\(wholeBytes)"), ("digest", digest.hex)])
    }
}

/// Old items that a survey found after the moves, up to what one round takes.
struct DeltaItems {
    private(set) var items: [Item] = []
    private var bytes = 0

    mutating func add(_ item: UnsafeRawBufferPointer) {
        guard items.count < DeltaLog.mostItems, bytes + item.count <= DeltaLog.mostBytes else { return }
        items.append(Item(trusted: Array(item)))
        bytes += item.count
    }
}
