import ByteStreams
import Items

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The new keys under which an equal item stood before the run, which the run may neither overwrite nor remove.
///
/// They may be as many as the table's items, so they are looked up in `present.ndjson`, where they stand in their order.
struct PresentKeys {
    private let path: String
    private let count: Int
    /// Longer than the longest line: 3 KiB of key, for people at most six bytes each, in digits two.
    private static let blockSize = 32 << 10

    /// - Throws: `.badInput` where the file does not name so many keys as the plan, or not in order.
    init(_ run: RunDirectory, _ plan: RunPlan) throws(RekeyError) {
        path = run.presentPath
        count = plan.presentCount
        guard count > 0 else { return }
        var found = 0
        var last: [UInt8] = []
        try run.forEachKey(of: path) { key in
            if found == 0 || last.lexicographicallyPrecedes(key) { found += 1 }
            last = key
        }
        guard found == count else {
            throw RekeyError(
                .badInput,
                "the run found \(count) items under their new keys already, this file names \(found) in order; restore the run directory from a copy",
                source: path)
        }
    }

    /// - Throws: `.inputMissing`, `.inputOutput`.
    func contains(_ key: ItemKey) throws(RekeyError) -> Bool {
        guard count > 0 else { return false }
        // Digits are in the order of what they stand for.
        let wanted = RunDirectory.hexadecimal(key.sortableBytes)
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            throw RekeyError(.inputMissing, "cannot be read: \(String(cString: strerror(errno)))", source: path)
        }
        defer { close(file) }
        // The line of the key, if there is one, begins from `low` on and before `high`.
        var low = 0
        var high = Int(lseek(file, 0, SEEK_END))
        while low < high {
            let middle = low + (high - low) / 2
            guard let (start, line) = try line(from: middle, before: high, file) else {
                high = middle
                continue
            }
            guard let end = line.lastIndex(of: UInt8(ascii: "\"")),
                let begin = line[..<end].lastIndex(of: UInt8(ascii: "\""))
            else { throw RekeyError(.badInput, "a line names no key", source: path) }
            let digits = line[(begin + 1)..<end]
            if digits.elementsEqual(wanted) { return true }
            if digits.lexicographicallyPrecedes(wanted) { low = start + line.count + 1 } else { high = middle }
        }
        return false
    }

    /// The first line that begins at an offset or behind it, and before another; nil where there is none.
    private func line(
        from offset: Int, before end: Int, _ file: Int32
    ) throws(RekeyError) -> (start: Int, line: ArraySlice<UInt8>)? {
        // A line begins at 0 and behind each newline.
        let begin = max(0, offset - 1)
        let size = 2 * Self.blockSize
        var block = [UInt8](repeating: 0, count: size)
        let read = pread(file, &block, size, off_t(begin))
        guard read >= 0 else {
            throw RekeyError(.inputOutput, "cannot be read: \(String(cString: strerror(errno)))", source: path)
        }
        let bytes = block[..<read]
        var start = 0
        if offset > 0 {
            guard let newline = bytes.firstIndex(of: 0x0A) else { return nil }
            start = newline + 1
        }
        guard begin + start < end, let newline = bytes[start...].firstIndex(of: 0x0A) else { return nil }
        return (begin + start, bytes[start..<newline])
    }
}
