import Foundation
import TestServers
import TestSupport
import Testing

/// Runs every command that README.md and docs/*.md show, and compares what they print.
@Suite("Documentation")
struct DocumentationTests {
    /// The pages, or those whose path contains `REKEY_TEST_PAGE`.
    static func pages() throws -> [DocumentationPage] {
        let wanted = ProcessInfo.processInfo.environment["REKEY_TEST_PAGE"] ?? ""
        let folder = GoldenCase.repository
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "docs").path)
        let paths = ["README.md"] + names.filter { $0.hasSuffix(".md") }.sorted().map { "docs/\($0)" }
        return try paths.filter { wanted.isEmpty || $0.contains(wanted) }.map { path in
            DocumentationPage(path: path, text: try String(contentsOf: folder.appending(path: path), encoding: .utf8))
        }
    }

    private static let mending = """
        Mend the page, or the program. In what is shown, … stands for any lines or any text; `<!-- not run: why -->` on the line \
        above a block keeps it from being run, `<!-- first: command -->` prepares what it needs.
        """

    @Test("The commands of a page print what it shows", arguments: try pages())
    func commands(page: DocumentationPage) throws {
        guard !page.steps.isEmpty else { return }
        try withTemporaryDirectory { root in
            let results = try run(page, in: root)
            for (step, result) in zip(page.steps, results) {
                let place = "\(page.path):\(step.line): $ \(step.command)"
                if let status = step.status ?? (step.shown == nil ? 0 : nil), status != result.status {
                    Issue.record(
                        "\(place)\nended with status \(result.status), not \(status), and printed:\n\(result.output)\n\(Self.mending)"
                    )
                    continue
                }
                guard let shown = step.shown, !shown.isEmpty, let missing = firstMissing(shown, in: result.output)
                else {
                    continue
                }
                let what =
                    missing < shown.count
                    ? "did not print line \(step.line + 1 + missing): \(shown[missing])" : "printed more"
                Issue.record("\(place)\n\(what)\nIt printed:\n\(result.output)\n\(Self.mending)")
            }
        }
    }

    @Test("Options that a page speaks of exist", arguments: try pages())
    func options(page: DocumentationPage) throws {
        let known = try HelpTests.pages(withHidden: true)
        for mention in page.mentions {
            for part in mention.text.components(separatedBy: " | ") {
                let words = part.split(whereSeparator: { " []\n\\".contains($0) }).map(String.init)
                guard let start = words.firstIndex(of: "rekey") else { continue }
                var name = "rekey"
                var rest = words[(start + 1)...]
                while let word = rest.first?.split(separator: "|").first,
                    let page = known.first(where: { $0.name == "\(name) \(word)" })
                {
                    name = page.name
                    rest.removeFirst()
                }
                let first = rest.first ?? ""
                let isVerb = first.wholeMatch(of: /[a-z]+/) != nil && first != "help"
                #expect(
                    !isVerb || !known.contains { $0.name.hasPrefix(name + " ") },
                    "\(page.path):\(mention.line): `\(part)`: \(name) has no command \(first). \(Self.mending)")
                let options = known.first { $0.name == name }?.options ?? []
                for word in rest {
                    for option in word.matches(of: /--[a-z][a-z-]*/) where word.hasPrefix("--") {
                        #expect(
                            options.contains(String(option.0)),
                            "\(page.path):\(mention.line): `\(part)`: \(name) has no option \(option.0). \(Self.mending)"
                        )
                    }
                }
            }
        }
    }

    private struct Result {
        var output: String
        var status: Int
    }

    /// Runs the commands of a page in one shell, in a folder with the repository's `data` and `pipelines`.
    private func run(_ page: DocumentationPage, in root: String) throws -> [Result] {
        let files = FileManager.default
        let work = root + "/work"
        for folder in [work, root + "/tools", root + "/tmp"] {
            try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
        }
        let repository = GoldenCase.repository.path
        for name in ["data", "pipelines", "docs", "README.md"] {
            try files.createSymbolicLink(atPath: "\(work)/\(name)", withDestinationPath: "\(repository)/\(name)")
        }
        let binaries = try Binaries.found.get()
        try files.createSymbolicLink(atPath: root + "/tools/rekey", withDestinationPath: binaries.rekey)
        var environment = [
            "PATH": "\(root)/tools:" + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"), "HOME": work,
            "TMPDIR": root + "/tmp", "LC_ALL": "C.UTF-8", "TZ": "UTC", "REKEY": binaries.rekey,
            "CASES": GoldenCase.folder.path,
        ]
        if page.steps.contains(where: { step in
            ["dynamodb:", "s3:", "live_table"].contains(where: step.command.contains)
        }) {
            let account = try TestServer.ministack().account()
            environment.merge(account.environment()) { _, new in new }
            environment["AWS_REGION"] = "ap-northeast-2"
            environment["AWS_DEFAULT_REGION"] = "ap-northeast-2"
            environment["PYTHON"] = try Servers.python()
        }
        var script = "set +o pipefail\n. \"$CASES/helpers.sh\"\nunset -f digest plan moved sample\nlast=0\n"
        for (number, step) in page.steps.enumerated() {
            script += "{ (exit $last)\n\(Self.prepared(step.command))\n} > \(root)/\(number).out 2>&1 < /dev/null\n"
            script += "last=$?; echo $last > \(root)/\(number).status\n"
        }
        try script.write(toFile: root + "/script", atomically: true, encoding: .utf8)
        let result = try runShell(
            script: root + "/script", directory: work, environment: environment, input: "/dev/null",
            output: root + "/out", errors: root + "/err", limit: 300)
        #expect(!result.isTimedOut, "\(page.path): its commands did not end within 300 seconds")
        return page.steps.indices.map { number in
            let output = (try? String(contentsOfFile: "\(root)/\(number).out", encoding: .utf8)) ?? ""
            let status = (try? String(contentsOfFile: "\(root)/\(number).status", encoding: .utf8)) ?? "-1"
            return Result(
                output: output.replacing(URL(filePath: work).resolvingSymlinksInPath().path + "/", with: ""),
                status: Int(status.trimmingCharacters(in: .newlines)) ?? -1)
        }
    }

    /// A command as a script runs it: the word is given, and the page's run is the newest one.
    private static func prepared(_ command: String) -> String {
        var command = command
        for (verb, word) in [("migrate", "MIGRATE"), ("rollback", "ROLLBACK")]
        where command.contains("rekey \(verb) ") && command.contains("--execute") && !command.contains("--confirm")
            && !command.contains("/dev/null")
        {
            command = command.replacing("--execute", with: "--execute --confirm \(word)")
        }
        return command.replacing(/\d{8}_\d{6}-[a-z-]+/, with: "$(ls .rekey/runs | tail -n 1)")
    }
}

/// The first line of `shown` that is not found where it must be; `shown.count` where more was printed; nil where all is as shown.
private func firstMissing(_ shown: [String], in output: String) -> Int? {
    var printed = output.split(separator: "\n", omittingEmptySubsequences: false).map { steady(String($0)) }
    while printed.last == "" { printed.removeLast() }
    // Pages may leave out what a stage says of its counts.
    let sum = #/^rekey [a-z ]+: read \d+ = passed .*/#
    if !shown.contains(where: { $0.wholeMatch(of: sum) != nil }) { printed.removeAll { $0.wholeMatch(of: sum) != nil } }
    var farthest = 0
    func matches(_ i: Int, _ j: Int) -> Bool {
        farthest = max(farthest, i)
        if i == shown.count { return j == printed.count }
        if shown[i] == "…" { return (j...printed.count).contains { matches(i + 1, $0) } }
        return j < printed.count && isLike(printed[j], shown[i]) && matches(i + 1, j + 1)
    }
    return matches(0, 0) ? nil : farthest
}

/// Whether a line is the one shown, in which `…` stands for any text.
private func isLike(_ line: String, _ shown: String) -> Bool {
    let parts = steady(shown).components(separatedBy: "…")
    guard parts.count > 1 else { return line == parts[0] }
    guard line.hasPrefix(parts[0]) else { return false }
    var rest = line.dropFirst(parts[0].count)
    for part in parts.dropFirst().dropLast() where !part.isEmpty {
        guard let found = rest.firstRange(of: part) else { return false }
        rest = rest[found.upperBound...]
    }
    return rest.hasSuffix(parts.last ?? "")
}

/// Takes out what differs from run to run: times, and sizes that depend on the build of zlib.
private func steady(_ line: String) -> String {
    line.replacing(/\d{8}_\d{6}/, with: "TIME").replacing(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/, with: "TIME")
        .replacing(/\d+ bytes/, with: "N bytes")
}
