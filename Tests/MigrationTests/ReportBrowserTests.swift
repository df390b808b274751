import ByteStreams
import Foundation
import TestServers
import TestSupport
import Testing

@testable import Migration

/// Reports in a headless Chromium: nothing too wide, cut off, too pale, on each other, unnamed for a screen reader or out of the keyboard's
/// reach, on a wide screen in light and dark, on a phone and on paper. `REKEY_SCREENSHOTS=DIR` keeps what it looked like.
@Suite("Reports in a browser")
struct ReportBrowserTests {
    private struct Look: Decodable {
        var faults: [String]
        var pages: Int
        var light: Screen
        var roles: [String: Int]

        struct Screen: Decodable {
            var texts: Int
            var pictures: Int
        }
    }

    /// `REKEY_CHROMIUM`, or the first of the usual names on the path.
    private static func chromium() throws -> String {
        let environment = ProcessInfo.processInfo.environment
        if let named = environment["REKEY_CHROMIUM"] { return named }
        for folder in (environment["PATH"] ?? "").split(separator: ":") {
            for name in ["chromium", "chromium-browser", "google-chrome"] {
                let file = "\(folder)/\(name)"
                if FileManager.default.isExecutableFile(atPath: file) { return file }
            }
        }
        throw RekeyError(.inputMissing, "Chromium is not here; install the package chromium, then run the tests again")
    }

    /// What Chromium makes of pages, by their names.
    private func look(_ pages: [(name: String, html: String)]) throws -> [String: Look] {
        try withTemporaryDirectory { folder in
            let files = try pages.map { page in
                let file = "\(folder)/\(page.name).html"
                try page.html.write(toFile: file, atomically: false, encoding: .utf8)
                return file
            }
            let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "browser.py")
            let said = try Python.run(
                String(contentsOf: script, encoding: .utf8), [Self.chromium()] + files, environment: ["HOME": folder])
            return try JSONDecoder().decode([String: Look].self, from: Data(said.utf8))
        }
    }

    /// Ten minutes of a run that was throttled, paused and killed once.
    private func longMetrics(_ start: Int) -> [UInt8] {
        let steps = [("survey", 20), ("put", 200), ("verify", 60), ("delete", 300), ("final check", 20)]
        var samples: [MetricsSample] = []
        var reading = ProgressCounters.Reading()
        var second = 0
        for (step, seconds) in steps {
            reading.step = step
            reading.items = 0
            for tick in 0..<seconds {
                let isPaused = step == "put" && (80..<110).contains(tick)
                if !isPaused {
                    let rate = 60 + 40 * sin(Double(second) / 9)
                    reading.items += Int(rate)
                    if step == "put" || step == "delete" { reading.writeUnits += rate }
                    // Up to 20,000 a second: `12.5 k` is the longest of the numbers beside a plot.
                    if step != "put" { reading.readUnits += rate * 200 }
                    reading.requests += 4
                    if second % 7 == 0 { reading.retries += 3 }
                    if second % 7 == 0 { reading.throttled += 3 }
                }
                var sample = MetricsSample(reading, since: reading, isFirst: second == 0)
                sample.time = start + second * 1000
                sample.p50 = isPaused ? nil : 8 + 3 * sin(Double(second) / 20)
                sample.p99 = isPaused ? nil : 40 + (second % 50 == 0 ? 900 : 0)
                samples.append(sample)
                second += 1
            }
        }
        return samples.flatMap(\.line)
    }

    @Test func reportsAreReadable() async throws {
        var pages: [(name: String, html: String)] = []
        try await withWorld { world in
            try await world.put(someItems(300))
            _ = try await world.migrate().execute()
            let run = try world.run
            for language in Language.allCases {
                pages.append(("short-\(language.rawValue)", try RunReport(run, language: language).html))
            }
            let began = Timestamp(text: try run.plan().startedAt)?.seconds ?? 0
            // In the past, since the rollback goes on with them now.
            try run.write(longMetrics((began - 700) * 1000), to: run.metricsPath)
            for language in Language.allCases {
                pages.append(("long-\(language.rawValue)", try RunReport(run, language: language).html))
            }
            _ = try await world.rollback().execute(runs: world.runs)
            pages.append(("back-en", try RunReport(run, language: .english).html))
        }
        try await withWorld { world in
            try await world.put(someItems(30))
            let table = WatchedTable(
                world.table,
                before: { (_, call) throws(RekeyError) in
                    if case .deleteUnchanged = call { throw RekeyError(.serviceGaveUp, "the table does not answer") }
                })
            await #expect(throws: RekeyError.self) { _ = try await world.migrate(table).execute() }
            pages.append(("stopped-ko", try RunReport(try world.run, language: .korean).html))
        }
        let looks = try look(pages)
        #expect(looks.count == pages.count)
        for page in pages {
            let look = try #require(looks["\(page.name).html"])
            #expect(look.faults == [], "\(page.name)")
            #expect(look.light.texts > 60 && look.pages > 1 && look.roles["main"] == 1, "\(page.name)")
            // A short run has plots only where the machine was slow.
            let isShort = page.name.hasPrefix("short") || page.name.hasPrefix("stopped")
            #expect(isShort || look.light.pictures == 4, "\(page.name)")
        }
    }

    @Test func findsWhatIsWrong() throws {
        let bad = """
            <!DOCTYPE html><html><head><style>.pale { color: #aaa } summary { outline: none }</style></head><body>
            <p class="pale">pale</p><p style="width: 1500px">wide</p><h3>no first heading</h3><img src="away.png">
            <svg viewBox="0 0 100 20" width="100%"><text x="1" y="15">under</text><text x="4" y="15">over</text></svg>
            <svg role="img" viewBox="0 0 9 9"></svg><table><tr><td>1</td></tr></table>
            <div class="scroll" style="overflow-x: auto"><div style="width: 1200px">a table</div></div>
            <details><summary>more</summary>text</details></body></html>
            """
        let look = try #require(try look([("bad", bad)])["bad.html"])
        for sign in [
            "dark: contrast", "phone: the page is", "light: under and over lie on each other", "not one first heading",
            "an image has no name", "a table has no caption", "language, title or main part is missing",
            "asks for file:",
            "what has the keyboard is not shown", "phone: a table is wider than its place",
        ] {
            #expect(look.faults.contains { $0.contains(sign) }, "\(sign) is not among \(look.faults)")
        }
    }
}
