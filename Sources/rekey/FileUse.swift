import AWS
import ByteStreams
import Stages

/// One check, before anything is opened, that a command loses nothing by its own outputs: none may be a file that the command reads,
/// or another of its outputs.
enum FileUse {
    /// An option or argument, as messages name it, and the path or location it was given; nil where it was not given.
    typealias Given = (option: String, text: String?)

    /// The result that a command prints on standard output itself.
    static func result(_ isPrinted: Bool) -> Given { ("the result", isPrinted ? "-" : nil) }

    /// Whether a stream goes to standard output, however that is written.
    static func isStandardOutput(_ path: String) -> Bool { path == "-" || namedDescriptor(path) == 1 }

    /// - Parameters:
    ///   - reads: what is read, and tables that are written by other means than as a stream.
    ///   - writes: files, `-` for standard output, and objects in S3.
    ///   - files: outputs that can be no object in S3.
    /// - Throws: `.usage`, naming both options and the file.
    static func check(reads: [Given], writes: [Given], files: [Given] = []) throws(RekeyError) {
        for (option, text) in files { try requireFile(option, text) }
        let inputs = reads.compactMap { Use($0, isOutput: false) }
        let outputs = (writes + files).compactMap { Use($0, isOutput: true) }
        for (number, output) in outputs.enumerated() {
            for input in inputs { try output.requireApart(from: input) }
            for other in outputs[..<number] { try other.requireOther(than: output) }
        }
        for (number, input) in inputs.enumerated() {
            for other in inputs[..<number] where input.readsStandardInput && other.readsStandardInput {
                throw RekeyError(
                    .usage,
                    "\(other.option) and \(input.option) are both standard input, which is read once; name a file for one of them"
                )
            }
        }
    }

    private static func requireFile(_ option: String, _ text: String?) throws(RekeyError) {
        guard let text, ["s3:", "local:", "dynamodb:"].contains(where: text.lowercased().hasPrefix) else { return }
        throw RekeyError(
            .usage, "\(option) writes to a plain file, and \(text) is none; name a file")
    }
}

/// What one option reads or writes.
private struct Use {
    private enum Place {
        case file(FileIdentity)
        case object(S3Path)
    }

    let option: String
    private let text: String
    private let place: Place
    /// An export or snapshot that is read: its files are inputs too.
    private let isTree: Bool

    /// Nil for what is not given, and for a live table.
    init?(_ given: FileUse.Given, isOutput: Bool) {
        guard let text = given.text else { return nil }
        option = given.option
        self.text = text
        if isOutput {
            isTree = false
            if let object = try? S3Path(text) {
                place = .object(object)
            } else {
                place = .file(FileIdentity(ofOutput: text))
            }
            return
        }
        switch try? Location.parse(text) {
        case nil, .table?: return nil
        case .s3(let bucket, let key)?:
            place = .object(S3Path(bucket: bucket, key: key))
            isTree = true
        case .directory(let path)?:
            place = .file(FileIdentity(ofInput: path))
            isTree = true
        case .file(let path)?, .local(let path)?:
            place = .file(FileIdentity(ofInput: path))
            isTree = false
        case .standardStream?:
            place = .file(FileIdentity(ofInput: "-"))
            isTree = false
        }
    }

    var readsStandardInput: Bool { identity?.descriptor == 0 }

    /// The option and its file, as `--rejects in.ndjson`.
    private var name: String {
        if option == "the result" { return option }
        guard text == "-", let number = identity?.descriptor else { return "\(option) \(text)" }
        return "\(option) (standard \(number == 0 ? "input" : "output"))"
    }

    private var identity: FileIdentity? { if case .file(let identity) = place { identity } else { nil } }

    func requireApart(from input: Use) throws(RekeyError) {
        let isSame: Bool
        switch (place, input.place) {
        case (.file(let output), .file(let read)): isSame = output.overwrites(read)
        case (.object(let output), .object(let read)): isSame = output == read
        default: return
        }
        if isSame {
            throw RekeyError(
                .usage, "\(name) and \(input.name) are one file, which would be overwritten; name another for \(option)"
            )
        }
        if let names = names(below: input), Self.belongToExport(names) {
            throw RekeyError(
                .usage, "\(name) is a file of the export that \(input.name) reads; name another for \(option)")
        }
    }

    func requireOther(than other: Use) throws(RekeyError) {
        switch (place, other.place) {
        case (.file(let one), .file(let two)):
            guard one.isSameOutput(as: two) else { return }
            if one.descriptor == 1, two.descriptor == 1 {
                throw RekeyError(
                    .usage, "\(option) and \(other.option) are both standard output; name a file for one of them")
            }
        case (.object(let one), .object(let two)): guard one == two else { return }
        default: return
        }
        throw RekeyError(
            .usage, "\(name) and \(other.name) are one file, and only one of them would be left; name two files")
    }

    private func names(below input: Use) -> [Substring]? {
        guard input.isTree else { return nil }
        switch (place, input.place) {
        case (.file(let output), .file): return output.names(below: input.text)
        case (.object(let output), .object(let read)):
            let above = read.key.isEmpty || read.key.hasSuffix("/") ? read.key : read.key + "/"
            guard output.bucket == read.bucket, output.key.hasPrefix(above) else { return nil }
            return output.key.dropFirst(above.count).split(separator: "/")
        default: return nil
        }
    }

    /// Whether names below an export's directory are those of its data files and manifests.
    private static func belongToExport(_ names: [Substring]) -> Bool {
        guard let first = names.first else { return false }
        if names.count > 1 { return first == "data" || first == "AWSDynamoDB" }
        return first == "rekey.json" || first.hasPrefix("manifest-")
    }
}
