/// A report as Markdown (GitHub's), for a pull request.
struct ReportMarkdown {
    private let language: Language

    static func text(_ document: ReportDocument) -> String {
        let writer = ReportMarkdown(language: document.language)
        let sign = document.verdict == .good ? "✅" : "⚠️"
        return "# \(escaped(document.title))\n\n\(sign) **\(writer.say(document.summary))**\n"
            + document.sections.map { "\n## \(writer.say($0.title))\n" + $0.parts.map(writer.part).joined() }.joined()
    }

    private func part(_ part: ReportDocument.Part) -> String {
        switch part {
        case .text(let message): return "\n\(say(message))\n"
        case .facts(let facts):
            return "\n| | |\n| --- | --- |\n" + facts.map { "| \(say($0.name)) | \(cell($0.value)) |\n" }.joined()
        case .table(let table): return self.table(table)
        case .plot(let plot):
            return "\n<details><summary>\(say(plot.title)), \(say(plot.unit))</summary>\n" + table(plot.table)
                + "\n</details>\n"
        case .checks(let checks):
            return "\n"
                + checks.map { check in
                    "- [\(check.isDone ? "x" : " ")] \(say(check.text))"
                        + (check.command.map { ": \(Self.code($0))" } ?? "") + "\n"
                }.joined()
        case .commands(let commands): return "\n" + commands.map { "    \(Self.oneLine($0))\n" }.joined()
        }
    }

    private func table(_ table: ReportDocument.Table) -> String {
        let rule = table.columns.indices.map { column in
            table.rows.contains { $0.indices.contains(column) && $0[column].isNumber } ? "---:" : "---"
        }
        return "\n| \(table.columns.map(say).joined(separator: " | ")) |\n| \(rule.joined(separator: " | ")) |\n"
            + table.rows.map { "| \($0.map(cell).joined(separator: " | ")) |\n" }.joined()
    }

    private func cell(_ cell: ReportDocument.Cell) -> String {
        cell.isCode ? Self.code(cell.text.text(in: language)) : say(cell.text)
    }

    private func say(_ message: Message) -> String { Self.escaped(message.text(in: language)) }

    private static func oneLine(_ text: String) -> String {
        String(text.map { $0.isNewline || $0 == "\t" ? " " : $0 })
    }

    /// A code span; a table's cells end at a bar even there.
    private static func code(_ text: String) -> String {
        let text = oneLine(text).replacing("|", with: "\\|")
        let fence = text.contains("`") ? "``" : "`"
        return text.contains("``")
            ? escaped(text) : "\(fence)\(fence.count > 1 ? " " : "")\(text)\(fence.count > 1 ? " " : "")\(fence)"
    }

    /// Text that means nothing to Markdown and HTML, and mentions nobody.
    static func escaped(_ text: String) -> String {
        var result = ""
        for character in oneLine(text) {
            switch character {
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "&": result += "&amp;"
            case "\\", "`", "*", "_", "[", "]", "|", "~", "!": result += "\\\(character)"
            // A mention would call people.
            case "@": result += "@\u{200B}"
            default: result.append(character)
            }
        }
        return result
    }

    private init(language: Language) { self.language = language }
}
