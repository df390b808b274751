import ArgumentParser
import ByteStreams

/// Writes broken and odd inputs.
struct FixturesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fixtures", abstract: "Write inputs that are broken in one way each, and odd ones that are not.")

    @Argument(help: "Folder to write into; files of the same names are replaced.")
    var directory: String

    func run() throws {
        for (name, bytes) in try GzipFixtures.all() { try saveFile("\(directory)/gzip/\(name)", bytes) }
        for (name, lines) in LineFixtures.bad { try saveFile("\(directory)/bad-lines/\(name).ndjson", lines) }
        try saveFile("\(directory)/odd-numbers.ndjson", LineFixtures.oddNumbers)
        try saveFile("\(directory)/odd-text.ndjson", LineFixtures.oddText)
        for lie in ManifestLie.allCases { try lie.write(to: "\(directory)/manifests/\(lie.rawValue)") }
    }
}
