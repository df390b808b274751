import Foundation
import TestSupport
import Testing

/// What every help page must have, by what the program says of itself.
@Suite("Help pages")
struct HelpTests {
    /// One command, as `--experimental-dump-help` describes it.
    struct Page: Sendable, CustomTestStringConvertible {
        var name: String
        var abstract: String
        var discussion: String
        /// Name of each option, flag and argument, and its help.
        var arguments: [(name: String, help: String)]
        /// Such as `--json`; hidden ones too.
        var options: Set<String>

        var testDescription: String { name }
    }

    /// All commands, `rekey` first, `help` left out.
    static func pages(withHidden: Bool = false) throws -> [Page] {
        let text = try output(of: ["--experimental-dump-help"])
        let tool = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        let root = try #require(tool?["command"] as? [String: Any])
        return collect(root, parents: [], withHidden: withHidden)
    }

    private static func collect(_ command: [String: Any], parents: [String], withHidden: Bool) -> [Page] {
        let path = parents + [command["commandName"] as? String ?? ""]
        if path.last == "help" { return [] }
        if command["shouldDisplay"] as? Bool == false, !withHidden { return [] }
        let arguments = (command["arguments"] as? [[String: Any]] ?? []).filter { $0["shouldDisplay"] as? Bool == true }
        let names = (command["arguments"] as? [[String: Any]] ?? []).flatMap {
            $0["names"] as? [[String: String]] ?? []
        }
        let page = Page(
            name: path.joined(separator: " "), abstract: command["abstract"] as? String ?? "",
            discussion: command["discussion"] as? String ?? "",
            arguments: arguments.map { ($0["valueName"] as? String ?? "?", $0["abstract"] as? String ?? "") },
            options: Set(names.map { "--" + ($0["name"] ?? "") }))
        return [page]
            + (command["subcommands"] as? [[String: Any]] ?? []).flatMap {
                collect($0, parents: path, withHidden: withHidden)
            }
    }

    /// What `rekey` prints for these arguments.
    static func output(of arguments: [String]) throws -> String {
        try withTemporaryDirectory { folder in
            let command = arguments.map { "'\($0)'" }.joined(separator: " ")
            let rekey = try Binaries.found.get().rekey
            try "'\(rekey)' \(command)\n".write(toFile: folder + "/cmd", atomically: true, encoding: .utf8)
            let result = try runShell(
                script: folder + "/cmd", directory: folder, environment: ["PATH": "/usr/bin:/bin"],
                input: "/dev/null", output: folder + "/out", errors: folder + "/err", limit: commandLimit)
            try #require(result.status == 0, "rekey \(command) ended with status \(result.status)")
            return try String(contentsOfFile: folder + "/out", encoding: .utf8)
        }
    }

    @Test("A page has an example and the exit statuses", arguments: try pages())
    func page(page: Page) {
        let lines = page.discussion.split(separator: "\n")
        #expect(
            lines.contains { $0.hasPrefix("  ") && $0.contains("rekey ") },
            "rekey help \(page.name): show an example: a line of the discussion that is indented and runs rekey")
        #expect(
            page.discussion.contains("Exit status: 0 done"), "rekey help \(page.name): end with \\(ExitStatus.help)")
        #expect(page.abstract.hasSuffix("."), "rekey help \(page.name): the abstract is a sentence")
        // A page is 80 columns wide: a longer example would break where no shell goes on, and a break of the source's
        // own within a paragraph would stand in the middle of a line.
        let texts = page.discussion.components(separatedBy: "Exit status:")[0]
            .split(separator: "\n", omittingEmptySubsequences: false)
        for (line, next) in zip(texts, texts.dropFirst()) where !line.isEmpty {
            #expect(
                !line.hasPrefix("  ") || line.count <= 80, "rekey help \(page.name): \(line.count) columns: \(line)")
            #expect(
                line.hasPrefix("  ") || next.isEmpty || next.hasPrefix("  "),
                "rekey help \(page.name): break no paragraph: \(line)")
        }
        for argument in page.arguments {
            #expect(
                argument.help.hasSuffix("."), "rekey help \(page.name): say what \(argument.name) is, in a sentence")
        }
    }

    @Test("The first page fits on a screen of 80 columns and 32 rows, and names every command")
    func firstPage() throws {
        let text = try Self.output(of: ["--help"])
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        #expect(lines.count <= 32, "rekey --help has \(lines.count) lines")
        for line in lines { #expect(line.count <= 80, "rekey --help: \(line.count) columns: \(line)") }
        for page in try Self.pages() where page.name.split(separator: " ").count == 2 {
            #expect(
                lines.contains { $0.contains("  \(page.name.dropFirst("rekey ".count)) ") },
                "rekey --help does not list \(page.name)")
        }
        #expect(try Self.output(of: []) == text)
        #expect(try Self.output(of: ["help"]) == text)
    }
}
