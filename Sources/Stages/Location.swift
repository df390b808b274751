import AWS
package import ByteStreams

/// Where items come from or go to, as every command writes it.
package enum Location: Sendable, Equatable {
    /// `-`: standard input or output.
    case standardStream
    /// One file of lines, gzip or not.
    case file(String)
    /// An AWS export or a snapshot of rekey.
    case directory(String)
    /// `s3://BUCKET/PREFIX`: an object of lines, or the prefix of an export or snapshot; S3 tells which.
    case s3(bucket: String, prefix: String)
    /// `local:FILE.db`, an embedded table.
    case local(String)
    /// `dynamodb:TABLE`, a live table by its name or ARN.
    case table(String)

    /// Reads a location as a user writes it. Throws `.usage` where it is none.
    package static func parse(_ text: String) throws(RekeyError) -> Location {
        if text.isEmpty {
            throw RekeyError(
                .usage,
                "a location is empty; write a file, a directory, s3://BUCKET/PREFIX, dynamodb:TABLE, local:FILE or -")
        }
        if text == "-" { return .standardStream }
        if text.hasPrefix("local:") {
            let path = String(text.dropFirst("local:".count))
            guard !path.isEmpty else { throw RekeyError(.usage, "local: needs a file, as in local:table.db") }
            return .local(path)
        }
        if text.hasPrefix("dynamodb:") { return .table(try tableName(String(text.dropFirst("dynamodb:".count)))) }
        if text.hasPrefix("s3:") {
            let path = try S3Path(text)
            return .s3(bucket: path.bucket, prefix: path.key)
        }
        if text.hasSuffix("/") || isDirectory(text) { return .directory(text) }
        if let scheme = unknownScheme(text), !fileExists(text) {
            throw RekeyError(
                .usage,
                "\(text): there is no scheme \(scheme): here; write a file, a directory, s3://BUCKET/PREFIX, dynamodb:TABLE, local:FILE or -"
            )
        }
        return .file(text)
    }

    /// The letters before a colon, which begin no path that people write.
    private static func unknownScheme(_ text: String) -> Substring? {
        let letters = text.prefix { $0.isASCII && $0.isLetter }
        return !letters.isEmpty && text[letters.endIndex...].hasPrefix(":") ? letters : nil
    }

    /// As a user writes it.
    package var text: String {
        switch self {
        case .standardStream: "-"
        case .file(let path), .directory(let path): path
        case .s3(let bucket, let prefix): S3Path(bucket: bucket, key: prefix).text
        case .local(let path): "local:\(path)"
        case .table(let name): "dynamodb:\(name)"
        }
    }

    /// Whether this is a table, embedded or live.
    package var isTable: Bool {
        switch self {
        case .local, .table: true
        case .standardStream, .file, .directory, .s3: false
        }
    }

    /// A table's name (3 to 255 of `A-Za-z0-9_.-`), or an ARN as it is: the service checks that.
    private static func tableName(_ text: String) throws(RekeyError) -> String {
        if text.hasPrefix("arn:") { return text }
        let isName = text.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
                || "_.-".utf8.contains(byte)
        }
        guard isName, (3...255).contains(text.utf8.count) else {
            throw RekeyError(
                .usage,
                "dynamodb:\(text) names no table; write dynamodb:NAME with 3 to 255 of A-Z a-z 0-9 _ . -, or its ARN"
            )
        }
        return text
    }
}
