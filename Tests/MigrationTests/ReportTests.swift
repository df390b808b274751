import ByteStreams
import Foundation
import TestSupport
import Testing

@testable import Migration

@Suite("Reports")
struct ReportTests {
    private func sample(
        _ time: Int, _ step: String, items: Int, writes: Double, first: Bool = false, p99: Double? = nil
    ) -> MetricsSample {
        var reading = ProgressCounters.Reading()
        reading.step = step
        reading.items = items
        reading.writeUnits = writes
        var sample = MetricsSample(reading, since: reading, isFirst: first)
        sample.time = 1_700_000_000_000 + time
        sample.p99 = p99
        return sample
    }

    @Test("Columns add up to what was done, over a pause and a new process too")
    func columns() {
        let samples = [
            sample(0, "", items: 0, writes: 0, first: true), sample(1, "put", items: 0, writes: 0),
            sample(10_000, "put", items: 500, writes: 600), sample(10_001, "delete", items: 0, writes: 600),
            sample(12_000, "delete", items: 100, writes: 700),
            // Killed, and resumed five minutes later.
            sample(300_000, "", items: 0, writes: 0, first: true), sample(300_001, "delete", items: 0, writes: 0),
            sample(310_000, "delete", items: 400, writes: 400, p99: 12),
        ]
        let columns = MetricsColumns(samples)
        let width = Double(columns.width)
        #expect(columns.count <= 60 && columns.width == 6)
        #expect(abs(columns.items.reduce(0, +) * width - 1000) < 0.001)
        #expect(abs(columns.writeUnits.reduce(0, +) * width - 1100) < 0.001)
        #expect(columns.totals.writeUnits == 1100)
        #expect(columns.items[20] == 0)
        #expect(columns.p99.last == .some(12))
        #expect(columns.steps.map(\.name) == ["put", "delete", "delete"])
        #expect(columns.plots.count == 3)
    }

    @Test("A run that was over at once has no pictures")
    func short() {
        #expect(MetricsColumns([]).plots.isEmpty)
        let samples = [sample(0, "", items: 0, writes: 0, first: true), sample(900, "put", items: 3, writes: 3)]
        #expect(MetricsColumns(samples).plots.isEmpty)
        #expect(MetricsColumns(samples).totals.writeUnits == 3)
    }

    @Test(
        "Axes end at round numbers", arguments: [(0.0, 1.0), (0.003, 0.005), (1, 1), (7, 10), (21, 25), (1800, 2000)])
    func axes(most: Double, top: Double) {
        #expect(abs(ReportSVG.niceTop(most) - top) < top / 1000)
    }

    @Test(
        "The lines of a grid say where they are",
        arguments: [
            (0.003, "0.0025", "0.005"), (0.21, "0.125", "0.25"), (2, "1", "2"), (2.2, "1.25", "2.5"),
            (240, "125", "250"),
            (2100, "1250", "2500"), (24_000, "12.5 k", "25 k"), (230_000, "125 k", "250 k"), (2.4e6, "1.25 M", "2.5 M"),
            (1.7e7, "10 M", "20 M"),
        ])
    func grid(most: Double, half: String, whole: String) {
        let top = ReportSVG.niceTop(most)
        #expect([ReportSVG.label(top / 2), ReportSVG.label(top)] == [half, whole])
        #expect(ReportSVG.label(0) == "0")
    }

    @Test(
        "A time that was measured is not rounded up",
        arguments: [
            (1, "1 s"), (119, "119 s"), (120, "2 min"), (122, "2 min 2 s"), (3600, "1 h"), (4870, "1 h 21 min"),
        ])
    func time(seconds: Int, text: String) {
        #expect(Message.time(seconds: seconds).description == text)
    }

    @Test("Hostile text stays text, in HTML and in Markdown")
    func hostile() throws {
        let evil = "<script>alert(1)</script>\"' onload=x &amp; \u{202E}\u{0} | `a` [x](http://e) @team\n# heading"
        let document = ReportDocument(
            language: .english, title: evil, verdict: .attention, summary: Message(verbatim: evil),
            sections: [
                ReportDocument.Section(
                    title: Message(verbatim: evil),
                    parts: [
                        .text(Message(verbatim: evil)),
                        .facts([ReportDocument.Fact(name: Message(verbatim: evil), value: .code(evil))]),
                        .table(
                            ReportDocument.Table(
                                caption: Message(verbatim: evil), columns: [Message(verbatim: evil)],
                                rows: [[.text(Message(verbatim: evil))], [.code(evil)]])),
                        .checks([ReportDocument.Check(isDone: false, text: Message(verbatim: evil), command: evil)]),
                        .commands([evil]),
                        .plot(
                            ReportPlot(
                                title: Message(verbatim: evil), unit: Message(verbatim: evil), width: 1,
                                series: [ReportPlot.Series(name: Message(verbatim: evil), values: [1, nil, 2])],
                                steps: [(evil, 0)])),
                    ])
            ])
        let html = ReportHTML.text(document)
        #expect(!html.contains("<script") && !html.contains("\u{202E}") && !html.contains("\u{0}"))
        #expect(!html.contains("\" onload") && !html.contains("' onload"))
        // Nothing is fetched, nothing runs.
        for outside in ["src=", "href=", "url(", "@import", "javascript:"] { #expect(!html.contains(outside)) }
        #if canImport(FoundationXML) || os(Linux)
            try requireWellFormed(html)
        #endif
        // What stands in code is text as it is.
        let whole = ReportMarkdown.text(document)
        let markdown = whole.split(separator: "\n").filter { !$0.hasPrefix("    ") }.joined(separator: "\n")
            .replacing(/``.*?``(?!`)/, with: "")
        #expect(!markdown.contains("<script") && !markdown.contains("\n# heading"))
        #expect(!markdown.contains("[x](http") && !markdown.contains(" @team |"))
        for line in whole.split(separator: "\n") where line.hasPrefix("| ") {
            #expect(line.replacing("\\|", with: "").filter { $0 == "|" }.count <= 3, "\(line)")
        }
    }

    /// Every element that is opened is closed in its turn.
    private func requireWellFormed(_ html: String) throws {
        let empty: Set<String> = ["meta", "br"]
        var open: [String] = []
        for tag in html.matches(of: /<(\/?)([a-z0-9]+)[^>]*?(\/?)>/) {
            let name = String(tag.2)
            if empty.contains(name) || tag.3 == "/" { continue }
            if tag.1 == "/" {
                try #require(open.last == name, "</\(name)> closes \(open.last ?? "nothing")")
                open.removeLast()
            } else {
                open.append(name)
            }
        }
        #expect(open.isEmpty, "never closed: \(open)")
    }
}
