/// A failure a user can act on: what kind, one full sentence, where, and what caused it.
///
/// Libraries throw it; only `Sources/rekey` turns it into a message and an exit status.
package struct RekeyError: Error, Sendable, Equatable {
    /// The kind of failure; each has one exit status, mapped in `Sources/rekey` alone.
    package enum Code: String, Sendable, CaseIterable {
        case unexpected
        case usage
        case badInput
        case inputMissing
        case serviceGaveUp
        case cannotCreate
        case inputOutput
        case stoppedResumable
        case differences
        case permission
        case rulesRefused
        case preflightRefused
        case interrupted
        case brokenPipe
    }

    package var code: Code
    /// What happened and what to do, without a final period.
    package var message: String
    /// The file, location or stream concerned.
    package var source: String?
    /// 1-based.
    package var line: Int?
    /// 0-based offset in the (decompressed) stream.
    package var byte: Int?

    package init(_ code: Code, _ message: String, source: String? = nil, line: Int? = nil, byte: Int? = nil) {
        self.code = code
        self.message = message
        self.source = source
        self.line = line
        self.byte = byte
    }

    /// The same failure, said to be at a place; a place already known is kept.
    package func at(source: String? = nil, line: Int? = nil, byte: Int? = nil) -> RekeyError {
        var copy = self
        copy.source = self.source ?? source
        copy.line = self.line ?? line
        copy.byte = self.byte ?? byte
        return copy
    }
}

extension RekeyError: CustomStringConvertible {
    /// `a.ndjson: line 3, byte 1021: message`.
    package var description: String {
        var text = ""
        if let source { text += "\(source): " }
        if let line { text += "line \(line)" }
        if let byte { text += line == nil ? "byte \(byte)" : ", byte \(byte)" }
        if line != nil || byte != nil { text += ": " }
        return text + message
    }
}
