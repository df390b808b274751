import ByteStreams

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The last lines of a terminal, shared by the stages of a pipe: one line each, redrawn in place.
///
/// The stages do not know each other; they meet in a small file, named after the terminal and the process group, that holds the lines
/// which stand on the screen. Whoever draws takes the file's lock, replaces its own line, and draws all of them:
///
///     2                              how many lines stand on the screen
///     4711 extract  700 items …      one line a stage, by process
///     4712 load  650 items …
///
/// A stage that was killed leaves its line until the next one draws. The file goes with the last stage.
struct SharedScreen {
    private let path: String
    private let process = getpid()

    /// Nil where lines cannot be drawn: no terminal, one without a cursor, or a job in the background.
    init?(directory: String, isDumb: Bool) {
        var status = stat()
        guard !isDumb, isatty(2) == 1, fstat(2, &status) == 0, tcgetpgrp(2) == getpgrp() else { return nil }
        path = "\(directory)/rekey-progress-\(getuid())-\(status.st_rdev)-\(getpgrp())"
    }

    private struct Lines {
        var height = 0
        var lines: [(process: Int32, text: String)] = []
    }

    /// Draws this process's line, or takes it away where it is nil.
    ///
    /// - Parameters:
    ///   - message: whole lines that are to stand above, for good.
    ///   - write: writes the message.
    func draw(_ text: String?, message: String? = nil, write: (String) -> Void = { _ in }) {
        guard let file = lock() else {
            // Nobody to share with: what has to be said is said.
            if let message { write(message) }
            return
        }
        defer { close(file) }
        var lines = read(file)
        lines.lines.removeAll { $0.process == process || (kill($0.process, 0) != 0 && errno == ESRCH) }
        if let text { lines.lines.append((process, text)) }
        lines.lines.sort { $0.process < $1.process }

        var output = ""
        if lines.height > 0 { output = "\r" + (lines.height > 1 ? "\u{1B}[\(lines.height - 1)A" : "") }
        if let message {
            if lines.height > 0 { output += "\u{1B}[J" }
            put(output)
            output = ""
            write(message)
        }
        let width = Terminal.columns(2)
        output += lines.lines.map { Self.cut($0.text, to: width) + "\u{1B}[K" }.joined(separator: "\r\n")
        if lines.lines.count < lines.height { output += "\u{1B}[J" }
        put(output)
        lines.height = lines.lines.count
        if lines.lines.isEmpty { unlink(path) } else { save(lines, in: file) }
    }

    /// The file, locked; nil where it is not to be had, or is another user's.
    private func lock() -> Int32? {
        for _ in 0..<16 {
            let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard file >= 0 else { return nil }
            var own = stat()
            var named = stat()
            guard flock(file, LOCK_EX) == 0, fstat(file, &own) == 0, own.st_uid == getuid() else {
                close(file)
                return nil
            }
            // The last stage may have removed it meanwhile.
            if stat(path, &named) == 0, named.st_ino == own.st_ino { return file }
            close(file)
        }
        return nil
    }

    private func read(_ file: Int32) -> Lines {
        var bytes = [UInt8](repeating: 0, count: 1 << 14)
        let count = pread(file, &bytes, bytes.count, 0)
        var lines = Lines()
        for (number, line) in String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(separator: "\n")
            .enumerated()
        {
            if number == 0 {
                lines.height = Int(line) ?? 0
            } else {
                let parts = line.split(separator: " ", maxSplits: 1)
                if parts.count == 2, let process = Int32(parts[0]) { lines.lines.append((process, String(parts[1]))) }
            }
        }
        return lines
    }

    private func save(_ lines: Lines, in file: Int32) {
        var text = "\(lines.height)\n"
        for line in lines.lines { text += "\(line.process) \(line.text)\n" }
        let bytes = Array(text.utf8)
        if ftruncate(file, 0) == 0 { _ = pwrite(file, bytes, bytes.count, 0) }
    }

    private func put(_ text: String) {
        guard !text.isEmpty else { return }
        let sink = FileDescriptorSink(2, name: "standard error", closes: false)
        try? sink.write(utf8: text)
        try? sink.finish()
    }

    /// As much as fits into a line, so that it does not wrap: then the lines above would be counted wrong.
    private static func cut(_ text: String, to width: Int) -> String {
        text.count < width ? text : String(text.prefix(max(0, width - 2))) + "…"
    }
}
