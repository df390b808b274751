import Foundation
import Testing

/// Each promise and each fault of the documents names a test that is there.
@Suite("Promises and their tests")
struct PromiseTests {
    @Test("Every row of a table names a test that exists", arguments: ["docs/promises.md", "docs/faults.md"])
    func names(page: String) throws {
        let suites = Set(
            try SourceTree.swiftFiles("Tests").flatMap { file in
                file.text.matches(of: /struct (\w+Tests)\b/).map { String($0.1) }
            })
        let cases = Set(try SourceTree.names(in: "Tests/CommandTests/Cases"))
        var rows = 0
        for (index, line) in SourceTree.text(page).split(separator: "\n", omittingEmptySubsequences: false).enumerated()
        {
            guard line.hasPrefix("| "), !line.hasPrefix("| ---"),
                let cell = line.split(separator: "|").last(where: { $0 != " " })
            else { continue }
            let names = cell.matches(of: /`([^`]+)`/).map { String($0.1) }
            let isHead = cell.trimmingCharacters(in: .whitespaces) == "test"
            if isHead { continue }
            rows += 1
            var found = 0
            for name in names {
                let exists: Bool
                if name.wholeMatch(of: /[A-Z]\w+Tests/) != nil {
                    exists = suites.contains(name)
                } else if name.contains("/") {
                    let path = SourceTree.root.appending(path: name).path
                    exists = FileManager.default.fileExists(atPath: path)
                } else if name.wholeMatch(of: /[a-z]+(-[a-z0-9]+)+/) != nil {
                    exists = cases.contains(name)
                } else {
                    continue
                }
                #expect(exists, "\(page):\(index + 1) names `\(name)`: there is no such suite, golden case or file")
                found += 1
            }
            #expect(found > 0, "\(page):\(index + 1) names no test in its last column: \(line)")
        }
        #expect(rows > 10, "\(page) has its tables")
    }
}
