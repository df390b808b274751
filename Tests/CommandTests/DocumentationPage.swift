import Foundation
import Testing

/// The commands that a page of documentation shows, and what it says they print.
///
/// A block is a run of lines indented by four spaces.
///
/// | in a block | is |
/// | --- | --- |
/// | `$ command` | run; what follows up to the next `$` must be what it prints |
/// | `…` | any lines, or any text within a line |
/// | `[65]` | the exit status, as the last line of what is printed |
/// | no `$` at all | run without comparing, unless a word in capitals, `[`, `<` or `…` makes it a pattern: then its options must exist |
///
/// | above a block, in the source alone | is |
/// | --- | --- |
/// | `<!-- not run: why -->` | the block is not run |
/// | `<!-- first: command -->` | run before the block, unseen; may span lines |
struct DocumentationPage: Sendable, CustomTestStringConvertible {
    struct Step: Sendable, Equatable {
        /// 1-based, of the command.
        var line: Int
        var command: String
        /// What the page shows, and the line of the first; nil where nothing is compared.
        var shown: [String]?
        var status: Int?
    }

    /// Where a page speaks of a command without running it.
    struct Mention: Sendable, Equatable {
        var line: Int
        var text: String
    }

    var testDescription: String { path }

    /// Written from the repository's folder.
    var path: String
    var steps: [Step] = []
    var mentions: [Mention] = []

    init(path: String, text: String) {
        self.path = path
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var index = 0
        var isSkipped = false
        var isFenced = false
        while index < lines.count {
            let line = lines[index]
            if line.hasPrefix("```") { isFenced.toggle() }
            if isFenced {
                index += 1
            } else if line.hasPrefix("<!--") {
                var comment = [line]
                while !lines[index].contains("-->"), index + 1 < lines.count {
                    index += 1
                    comment.append(lines[index])
                }
                index += 1
                take(comment: comment.joined(separator: "\n"), line: index, isSkipped: &isSkipped)
            } else if line.hasPrefix("    "),
                index == 0 || lines[index - 1].isEmpty || lines[index - 1].hasSuffix("-->")
            {
                let start = index
                while index < lines.count, lines[index].hasPrefix("    ") || isInside(lines, index) { index += 1 }
                let block = lines[start..<index].map { String($0.dropFirst(4)) }
                if isSkipped { note(block, from: start + 1) } else { take(block: block, from: start + 1) }
                isSkipped = false
            } else {
                for code in line.matches(of: /`(rekey [^`]+)`/) {
                    mentions.append(Mention(line: index + 1, text: String(code.1)))
                }
                if !line.isEmpty { isSkipped = false }
                index += 1
            }
        }
    }

    /// An empty line between two lines of one block.
    private func isInside(_ lines: [String], _ index: Int) -> Bool {
        guard lines[index].isEmpty, let next = lines[index...].first(where: { !$0.isEmpty }) else { return false }
        return next.hasPrefix("    ")
    }

    private mutating func take(comment: String, line: Int, isSkipped: inout Bool) {
        let body = comment.dropFirst("<!--".count).prefix(
            upTo: comment.range(of: "-->")?.lowerBound ?? comment.endIndex)
        let text = String(body).trimmingCharacters(in: .whitespacesAndNewlines)
        if text.hasPrefix("not run:") { isSkipped = true }
        if text.hasPrefix("first:") {
            let command = text.dropFirst("first:".count).trimmingCharacters(in: .whitespacesAndNewlines)
            steps.append(Step(line: line, command: command))
        }
    }

    private mutating func take(block: [String], from first: Int) {
        guard block.contains(where: { $0.hasPrefix("$ ") }) else {
            let commands = Self.commands(block)
            guard commands.contains(where: { $0.text.firstMatch(of: /^rekey [a-z-]/) != nil }) else { return }
            if commands.contains(where: { Self.isPattern($0.text) }) { return note(block, from: first) }
            for command in commands {
                steps.append(Step(line: first + command.offset, command: command.text))
            }
            return
        }
        var current: Step?
        for (offset, line) in block.enumerated() {
            if line.hasPrefix("$ ") {
                finish(&current)
                current = Step(line: first + offset, command: String(line.dropFirst(2)))
            } else if let last = current, last.shown == nil, last.command.hasSuffix("\\") {
                current?.command += "\n" + line
            } else if let status = line.wholeMatch(of: /\[(\d+)\]/) {
                current?.status = Int(status.1)
                if current?.shown == nil { current?.shown = [] }
            } else {
                if current?.shown == nil { current?.shown = [] }
                current?.shown?.append(line)
            }
        }
        finish(&current)
    }

    /// Adds a step, without the empty lines at its end.
    private mutating func finish(_ current: inout Step?) {
        while current?.shown?.last == "" { current?.shown?.removeLast() }
        if let current { steps.append(current) }
        current = nil
    }

    /// Remembers the lines of a block that is not run, where they are commands.
    private mutating func note(_ block: [String], from first: Int) {
        for command in Self.commands(block) where command.text.contains("rekey ") {
            let text = command.text.hasPrefix("$ ") ? String(command.text.dropFirst(2)) : command.text
            if text.firstMatch(of: #/^(?:\w+=\S* )*rekey [a-z-]+(?: |$)/#) != nil {
                mentions.append(Mention(line: first + command.offset, text: text))
            }
        }
    }

    /// The lines of a block, continued ones joined and remarks at their ends left out.
    private static func commands(_ block: [String]) -> [(offset: Int, text: String)] {
        var commands: [(offset: Int, text: String)] = []
        var isContinued = false
        for (offset, line) in block.enumerated() where !line.isEmpty {
            let text = String(line.prefix(upTo: line.firstRange(of: /\s{2,}#\s/)?.lowerBound ?? line.endIndex))
            if isContinued {
                commands[commands.count - 1].text += "\n" + text
            } else {
                commands.append((offset, text))
            }
            isContinued = text.hasSuffix("\\")
        }
        return commands
    }

    /// Whether a line stands for many: it has placeholders or optional parts.
    private static func isPattern(_ text: String) -> Bool {
        text.contains("…") || text.contains("[") || text.contains("<file")
            || text.firstMatch(
                of:
                    /(?:^|[ =:\/])(?!PLAN|META|USR|MIGRATE|ROLLBACK|PK|SK|REKEY|AWS|DYNAMODB)[A-Z][A-Z_-]*(?:\.db|\.ndjson)?(?:$|[ \/:=])/
            )
                != nil
    }
}
