import Foundation

/// The repository, read as text.
enum SourceTree {
    /// The repository's folder, found from this file's place in it.
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().standardizedFileURL

    /// One Swift file: `path` is written from the repository's folder.
    struct File: Sendable, CustomStringConvertible {
        var path: String
        var text: String

        var description: String { path }
        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
        /// `ByteStreams` of `Sources/ByteStreams/Zlib.swift`.
        var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

        /// The modules that the file imports, in any access level and in any branch of `#if`.
        var imports: [String] {
            lines.compactMap { line in
                line.firstMatch(
                    of:
                        /^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?import\s+(?:(?:struct|class|enum|protocol|typealias|func|var|let)\s+)?(\w+)/
                )
                .map { String($0.1) }
            }
        }

        /// The lines with comments and the insides of one-line string literals taken out, for looking for calls.
        var code: [(number: Int, text: String)] {
            var isInBlockString = false
            return lines.enumerated().map { index, line in
                let delimiters = line.ranges(of: "\"\"\"").count
                defer { if delimiters % 2 == 1 { isInBlockString.toggle() } }
                guard !isInBlockString else { return (index + 1, "") }
                let bare = line.replacing(/"(?:\\.|[^"\\])*"/, with: "\"\"")
                return (index + 1, String(bare.prefix(upTo: bare.firstRange(of: "//")?.lowerBound ?? bare.endIndex)))
            }
        }
    }

    /// All Swift files below a folder of the repository, in order.
    static func swiftFiles(_ folder: String) throws -> [File] {
        let base = root.appending(path: folder)
        let names = try FileManager.default.subpathsOfDirectory(atPath: base.path).filter { $0.hasSuffix(".swift") }
        return try names.sorted().map { name in
            File(path: "\(folder)/\(name)", text: try String(contentsOf: base.appending(path: name), encoding: .utf8))
        }
    }

    /// The names in a folder of the repository.
    static func names(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path).sorted()
    }

    static func text(_ path: String) -> String {
        (try? String(contentsOf: root.appending(path: path), encoding: .utf8)) ?? ""
    }
}
