import ArgumentParser
import ByteStreams
import Items

/// `rekey manual`, which the packages are built with.
struct ManualCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manual",
        abstract: "Write the manual pages, one for each command.",
        discussion: """
              rekey manual share/man/man1

            \(ExitStatus.help)
            """,
        shouldDisplay: false)

    @Argument(help: ArgumentHelp("An existing directory.", valueName: "dir"), completion: .directory)
    var directory: String

    func run() throws {
        let tool = try JSONReader.parse(Array(Rekey._dumpHelp().utf8), source: "help")
        guard let root = tool["command"] else { return }
        for page in ManualPage.pages(root, parents: []) {
            let sink = try openSink("\(directory)/\(page.fileName)", compression: .none)
            do throws(RekeyError) {
                try sink.write(utf8: page.text)
                try sink.finish()
            } catch {
                sink.abandon()
                throw error
            }
        }
    }
}
