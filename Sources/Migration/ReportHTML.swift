/// A report as one HTML file: no outside parts, no script, for screen, phone, print and screen reader.
struct ReportHTML {
    private let document: ReportDocument
    private var number = 0

    init(_ document: ReportDocument) { self.document = document }

    /// The whole file.
    static func text(_ document: ReportDocument) -> String {
        var writer = ReportHTML(document)
        return writer.page()
    }

    private mutating func page() -> String {
        let title = Self.escaped(document.title)
        let sections = document.sections.map { section($0) }.joined()
        let verdict = document.verdict == .good ? "good" : "attention"
        return """
            <!DOCTYPE html>
            <html lang="\(document.language.rawValue)">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>\(title)</title>
            <style>
            \(Self.style)
            </style>
            </head>
            <body>
            <main>
            <header>
            <h1><bdi>\(title)</bdi></h1>
            <p class="verdict \(verdict)"><span aria-hidden="true">\(document.verdict.sign)</span> \(say(document.summary))</p>
            </header>
            \(sections)</main>
            </body>
            </html>

            """
    }

    private mutating func section(_ section: ReportDocument.Section) -> String {
        number += 1
        let id = "s\(number)"
        let parts = section.parts.map { part($0) }.joined()
        return "<section aria-labelledby=\"\(id)\">\n<h2 id=\"\(id)\">\(say(section.title))</h2>\n\(parts)</section>\n"
    }

    private mutating func part(_ part: ReportDocument.Part) -> String {
        switch part {
        case .text(let message): return "<p>\(say(message))</p>\n"
        case .facts(let facts):
            let rows = facts.map { "<div><dt>\(say($0.name))</dt><dd>\(cell($0.value))</dd></div>\n" }
            return "<dl>\n\(rows.joined())</dl>\n"
        case .table(let table): return self.table(table)
        case .plot(let plot):
            number += 1
            return ReportSVG(plot, language: document.language, id: "p\(number)").figure
                + "<details><summary>\(say(Message("The same as a table")))</summary>\n\(self.table(plot.table))</details>\n</figure>\n"
        case .checks(let checks):
            let rows = checks.map { check -> String in
                let state = say(check.isDone ? Message("done") : Message("to do"))
                let command = check.command.map { "<br><code>\(Self.escaped($0))</code>" } ?? ""
                return
                    "<li class=\"\(check.isDone ? "done" : "open")\"><span class=\"box\" role=\"img\" aria-label=\"\(state)\">\(check.isDone ? "✓" : "")</span><div>\(say(check.text))\(command)</div></li>\n"
            }
            return "<ul class=\"checks\">\n\(rows.joined())</ul>\n"
        case .commands(let commands):
            return "<pre tabindex=\"0\"><code>\(commands.map(Self.escaped).joined(separator: "\n"))</code></pre>\n"
        }
    }

    private func table(_ table: ReportDocument.Table) -> String {
        let caption = say(table.caption)
        let numeric = table.columns.indices.map { column in
            !table.rows.isEmpty && table.rows.allSatisfy { $0.indices.contains(column) && $0[column].isNumber }
        }
        func kind(_ column: Int) -> String { numeric[column] ? " class=\"number\"" : "" }
        let head = table.columns.enumerated().map { "<th scope=\"col\"\(kind($0))>\(say($1))</th>" }.joined()
        let rows = table.rows.map { row in
            let cells = row.enumerated().map { column, value in
                column == 0
                    ? "<th scope=\"row\"\(kind(column))>\(cell(value))</th>" : "<td\(kind(column))>\(cell(value))</td>"
            }
            return "<tr>\(cells.joined())</tr>\n"
        }
        return """
            <div class="scroll" role="region" tabindex="0" aria-label="\(caption)">
            <table>
            <caption>\(caption)</caption>
            <thead><tr>\(head)</tr></thead>
            <tbody>
            \(rows.joined())</tbody>
            </table>
            </div>

            """
    }

    private func cell(_ cell: ReportDocument.Cell) -> String {
        let kind = cell.lines == .free ? "" : " class=\"\(cell.lines.rawValue)\""
        return cell.isCode ? "<code\(kind)><bdi>\(say(cell.text))</bdi></code>" : "<bdi>\(say(cell.text))</bdi>"
    }

    private func say(_ message: Message) -> String { Self.escaped(message.text(in: document.language)) }

    /// Text as it may stand in an element or in a quoted attribute; control characters do not get through.
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case "\n", "\t": result.unicodeScalars.append(scalar)
            case _ where scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value): result += "\u{FFFD}"
            // Marks that turn the direction of what follows.
            case "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}": result += "\u{FFFD}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static let style = """
        :root { --paper: #fff; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --shade: #f6f8fa; --good: #116329; --good-shade: #dafbe1;
          --attention: #7d4e00; --attention-shade: #fff1c9; --one: #0550ae; --two: #953800; }
        @media (prefers-color-scheme: dark) { :root { --paper: #0d1117; --ink: #e6edf3; --soft: #9ba5b0; --line: #3d444d; --shade: #161b22;
          --good: #7ee787; --good-shade: #12261e; --attention: #f2cc60; --attention-shade: #2e2a1f; --one: #79c0ff; --two: #ffa657; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", "Noto Sans", "Noto Sans KR",
          "Noto Sans CJK KR", "Apple SD Gothic Neo", "Malgun Gothic", sans-serif; overflow-wrap: break-word; }
        :lang(ko) { word-break: keep-all; }
        main { max-width: 54rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
        h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .75rem; text-wrap: balance; }
        h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); }
        p { margin: .6rem 0; }
        .verdict { padding: .7rem 1rem; border-radius: .4rem; font-weight: 600; border: 1px solid currentColor; }
        .verdict span { display: inline-block; width: 1.2em; }
        .good { color: var(--good); background: var(--good-shade); }
        .attention { color: var(--attention); background: var(--attention-shade); }
        dl { margin: 0; }
        dl div { display: grid; grid-template-columns: minmax(9rem, 14rem) 1fr; gap: .2rem 1rem; padding: .35rem 0; border-bottom: 1px solid var(--line); }
        dt { color: var(--soft); } dd { margin: 0; min-width: 0; }
        code { font: .875em/1.5 ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
        pre { background: var(--shade); border: 1px solid var(--line); border-radius: .4rem; padding: .8rem 1rem; white-space: pre-wrap; margin: .6rem 0; }
        code.one { white-space: nowrap; } .scroll { overflow-x: auto; margin: .6rem 0; }
        table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
        caption { text-align: start; color: var(--soft); padding-bottom: .4rem; }
        th, td { text-align: start; vertical-align: top; padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line); font-weight: 400; }
        thead th { color: var(--soft); } .number { text-align: end; white-space: nowrap; }
        tr > :last-child { padding-inline-end: 0; }
        figure { margin: 1.5rem 0; break-inside: avoid; }
        figcaption { margin-bottom: .2rem; } figcaption b { display: block; } figcaption span { color: var(--soft); }
        svg { display: block; width: 100%; height: auto; }
        svg text { fill: var(--soft); font-size: 12px; font-family: inherit; } svg .grid { stroke: var(--line); }
        svg .step { stroke: var(--soft); stroke-dasharray: 2 3; }
        .one { --colour: var(--one); } .two { --colour: var(--two); }
        svg path { stroke: var(--colour); stroke-width: 2; fill: none; } svg .two { stroke-dasharray: 6 3; }
        svg .area { stroke: none; fill: var(--colour); opacity: .14; }
        .key { color: var(--colour) !important; font-weight: 600; margin-inline-end: 1rem; white-space: nowrap; }
        summary { cursor: pointer; color: var(--soft); }
        :focus-visible { outline: 3px solid var(--one); outline-offset: 2px; }
        .checks { list-style: none; margin: 0; padding: 0; }
        .checks li { display: flex; gap: .8rem; padding: .45rem 0; border-bottom: 1px solid var(--line); }
        .box { flex: none; width: 1.25rem; height: 1.25rem; margin-top: .15rem; border: 2px solid var(--soft); border-radius: .25rem; line-height: 1.05rem;
          text-align: center; font-weight: 700; font-size: .95rem; }
        .done .box { color: var(--good); border-color: var(--good); background: var(--good-shade); }
        @media screen and (min-width: 54rem) { code.wide { white-space: nowrap; } }
        @media (max-width: 34rem) { svg .roomy { display: none; } dl div { grid-template-columns: 1fr; gap: 0; } svg text { font-size: 20px; } main { padding-top: 1rem; }
          .scroll code.one { white-space: normal; overflow-wrap: normal; } }
        @media print { :root { --paper: #fff; --ink: #000; --soft: #444; --line: #bbb; --shade: #fff; --good: #000; --good-shade: #fff; --attention: #000;
          --attention-shade: #fff; --one: #0550ae; --two: #953800; } main { max-width: none; padding: 0; } body { font-size: 10pt; }
          h2, caption, thead { break-after: avoid; } li, tr, dl div, pre { break-inside: avoid; } details { display: none; } }
        """
}
