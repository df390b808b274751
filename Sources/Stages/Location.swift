package import ByteStreams

/// Where items come from or go to, as every command writes it.
package enum Location: Sendable, Equatable {
    /// `-`: standard input or output.
    case standardStream
    /// One file of lines, gzip or not.
    case file(String)
    /// An AWS export or a snapshot of rekey.
    case directory(String)
    /// `local:FILE.db`, an embedded table.
    case local(String)

    /// Reads a location as a user writes it. Throws `.usage` where it is none.
    package static func parse(_ text: String) throws(RekeyError) -> Location {
        if text.isEmpty { throw RekeyError(.usage, "a location is empty; write a file, a directory, local:FILE or -") }
        if text == "-" { return .standardStream }
        if text.hasPrefix("local:") {
            let path = String(text.dropFirst("local:".count))
            guard !path.isEmpty else { throw RekeyError(.usage, "local: needs a file, as in local:table.db") }
            return .local(path)
        }
        for scheme in ["dynamodb:", "s3:"] where text.hasPrefix(scheme) {
            throw RekeyError(
                .usage, "\(text): this build reads and writes files and local: tables; \(scheme) is not one of them")
        }
        if text.hasSuffix("/") || isDirectory(text) { return .directory(text) }
        return .file(text)
    }

    /// As a user writes it.
    package var text: String {
        switch self {
        case .standardStream: "-"
        case .file(let path), .directory(let path): path
        case .local(let path): "local:\(path)"
        }
    }
}
