import ByteStreams

@testable import AWS

func readConfiguration(_ bytes: [UInt8]) {
    do {
        let file = try ConfigurationFile(bytes, source: "config")
        let names = file.sections.map(\.name)
        require(Set(names).count == names.count, "a section twice")
    } catch {
        require(error.code == .badInput && error.line != nil, "a refusal of another kind: \(error)")
        // The files hold secrets: no message may repeat what stands in them, but for a section's name.
        require(!error.message.contains("SECRET"), "a message with a secret: \(error)")
    }
    if let line = String(validating: bytes, as: UTF8.self), let words = ShellWords.split(line) {
        require(words.reduce(0) { $0 + $1.utf8.count } <= bytes.count, "more words than there are")
    }
}
