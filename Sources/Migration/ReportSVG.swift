/// A plot as a figure of HTML with an SVG inside; the caller closes the figure.
struct ReportSVG {
    private let plot: ReportPlot
    private let language: Language
    private let id: String

    private static let size = (width: 720.0, height: 208.0)
    /// Around the values: names above, times below, numbers to the left.
    private static let margin = (left: 78.0, right: 8.0, top: 30.0, bottom: 24.0)

    init(_ plot: ReportPlot, language: Language, id: String) {
        self.plot = plot
        self.language = language
        self.id = id
    }

    private var columns: Int { plot.series.first?.values.count ?? 0 }
    private var top: Double { Self.niceTop(plot.most) }

    var figure: String {
        let title = say(plot.title)
        let keys = plot.series.enumerated().map { place, series in
            "<span class=\"key \(Self.kind(place))\">\(place == 0 ? "━" : "╍") \(say(series.name))</span>"
        }.joined()
        return """
            <figure>
            <figcaption><b>\(title), \(say(plot.unit))</b> \(keys)</figcaption>
            <svg viewBox="0 0 \(Self.number(Self.size.width)) \(Self.number(Self.size.height))" role="img" aria-labelledby="\(id)t \(id)d">
            <title id="\(id)t">\(title)</title>
            <desc id="\(id)d">\(summary)</desc>
            \(grid)\(steps)\(plot.series.enumerated().map { lines($1, $0) }.joined())</svg>

            """
    }

    /// What the picture shows, in words.
    private var summary: String {
        let seconds = columns * plot.width
        let parts = plot.series.map { series -> String in
            let values = series.values.compactMap { $0 }
            let mean = values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
            return say(
                Message(
                    "\(series.name.text(in: language)): at most \(Self.short(values.max() ?? 0)), on average \(Self.short(mean))"
                ))
        }
        return say(Message("Over \(Message.span(seconds: seconds))")) + ". " + parts.joined(separator: "; ") + "."
    }

    private var grid: String {
        var text = ""
        for share in [0.0, 0.5, 1] {
            let y = self.y(top * share)
            text +=
                "<line class=\"grid\" x1=\"\(Self.number(Self.margin.left))\" x2=\"\(Self.number(Self.size.width - Self.margin.right))\" y1=\"\(Self.number(y))\" y2=\"\(Self.number(y))\"/>\n"
            text +=
                "<text x=\"\(Self.number(Self.margin.left - 6))\" y=\"\(Self.number(y + 4))\" text-anchor=\"end\">\(Self.label(top * share))</text>\n"
        }
        for (share, anchor) in [(0.0, "start"), (0.5, "middle"), (1.0, "end")] {
            let x = Self.margin.left + share * (Self.size.width - Self.margin.left - Self.margin.right)
            let seconds = Int((Double(columns * plot.width) * share).rounded())
            text +=
                "<text x=\"\(Self.number(x))\" y=\"\(Self.number(Self.size.height - 6))\" text-anchor=\"\(anchor)\">\(Self.clock(seconds))</text>\n"
        }
        return text
    }

    /// A line where each step begins, and the names of those that there is room for: longer steps before shorter ones.
    private var steps: String {
        // A phone's letters are larger against the picture.
        let (all, phone) = (named(letter: 7), named(letter: 12))
        var text = ""
        for (place, step) in plot.steps.enumerated() {
            let x = self.x(step.column)
            text +=
                "<line class=\"step\" x1=\"\(Self.number(x))\" x2=\"\(Self.number(x))\" y1=\"\(Self.number(Self.margin.top - 6))\" y2=\"\(Self.number(Self.size.height - Self.margin.bottom))\"/>\n"
            guard all.contains(place) else { continue }
            let kind = phone.contains(place) ? "" : " class=\"roomy\""
            text +=
                "<text\(kind) x=\"\(Self.number(x + 3))\" y=\"\(Self.number(Self.margin.top - 9))\">\(say(Self.title(step.name)))</text>\n"
        }
        return text
    }

    /// The places of the steps whose names do not run into each other, at so many units a letter.
    private func named(letter: Double) -> Set<Int> {
        let ends = plot.steps.dropFirst().map(\.column) + [columns]
        let lengths = zip(plot.steps, ends).map { $1 - $0.column }
        var taken: [(from: Double, to: Double)] = []
        var named: Set<Int> = []
        for place in plot.steps.indices.sorted(by: { (lengths[$0], $1) > (lengths[$1], $0) }) {
            let from = x(plot.steps[place].column)
            let to = from + Self.width(Self.title(plot.steps[place].name).text(in: language)) * letter + 10
            guard to <= Self.size.width, taken.allSatisfy({ to <= $0.from || $0.to <= from }) else { continue }
            taken.append((from, to))
            named.insert(place)
        }
        return named
    }

    /// In letters; one of Korean takes the room of two.
    private static func width(_ text: String) -> Double {
        text.unicodeScalars.reduce(0) { $0 + ($1.value < 0x1100 ? 1 : 1.8) }
    }

    /// For people, what `metrics.ndjson` calls a step.
    private static func title(_ step: String) -> Message {
        switch step {
        case "survey": Message("survey")
        case "put": Message("put")
        case "move": Message("move")
        case "verify": Message("verify")
        case "delete": Message("delete")
        case "hook": Message("hook")
        case "final check": Message("final check")
        case "look": Message("look")
        case "restore": Message("restore")
        case "remove": Message("remove")
        default: Message(verbatim: step)
        }
    }

    /// A series as steps, interrupted where nothing was measured.
    private func lines(_ series: ReportPlot.Series, _ place: Int) -> String {
        var path = ""
        var area = ""
        var isDown = false
        let floor = Self.number(y(0))
        for (column, value) in series.values.enumerated() {
            guard let value else {
                isDown = false
                continue
            }
            let (left, right, height) = (Self.number(x(column)), Self.number(x(column + 1)), Self.number(y(value)))
            path += isDown ? "V\(height)H\(right)" : "M\(left) \(height)H\(right)"
            area += "M\(left) \(floor)V\(height)H\(right)V\(floor)Z"
            isDown = true
        }
        let kind = Self.kind(place)
        let shade = place == 0 ? "<path class=\"area \(kind)\" d=\"\(area)\"/>\n" : ""
        return shade + "<path class=\"\(kind)\" d=\"\(path)\"/>\n"
    }

    private func x(_ column: Int) -> Double {
        Self.margin.left + Double(column) / Double(max(1, columns))
            * (Self.size.width - Self.margin.left - Self.margin.right)
    }

    private func y(_ value: Double) -> Double {
        let height = Self.size.height - Self.margin.top - Self.margin.bottom
        return Self.margin.top + height * (1 - (top > 0 ? value / top : 0))
    }

    private func say(_ message: Message) -> String { ReportHTML.escaped(message.text(in: language)) }

    private static func kind(_ place: Int) -> String { place == 0 ? "one" : "two" }

    /// The next of 1, 2, 2.5, 5 and 10 times a power of ten.
    static func niceTop(_ value: Double) -> Double {
        guard value > 0, value.isFinite else { return 1 }
        var power = 1.0
        while power * 10 < value { power *= 10 }
        while power > value { power /= 10 }
        return [1, 2, 2.5, 5, 10].map { $0 * power }.first { $0 >= value } ?? 10 * power
    }

    /// With one decimal.
    private static func number(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(abs(tenths % 10))"
    }

    /// What stands at a line of the grid: the number itself, so that lines at even distances read so.
    static func label(_ value: Double) -> String {
        guard value > 0, value < 1 else { return short(value) }
        // The tops of axes have two digits, and their halves three.
        var (digits, places) = (value, 0)
        while abs(digits - digits.rounded()) > 1e-6 * digits, places < 9 {
            digits *= 10
            places += 1
        }
        let text = "\(Int(digits.rounded()))"
        return "0." + String(repeating: "0", count: max(0, places - text.count)) + text
    }

    /// `12 k`, `1.25 M`: at most two decimals.
    static func short(_ value: Double) -> String {
        if value >= 1e6 { return "\(ActivityPlot.text(value / 1e6)) M" }
        if value >= 1e4 { return "\(ActivityPlot.text((value / 100).rounded() / 10)) k" }
        return ActivityPlot.text(value >= 100 ? value.rounded() : value)
    }

    static func clock(_ seconds: Int) -> String {
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return seconds < 3600
            ? "\(seconds / 60):\(two(seconds % 60))"
            : "\(seconds / 3600):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
    }
}

extension ReportPlot {
    /// The same values in rows, at most a dozen: the mean of the columns that a row stands for.
    var table: ReportDocument.Table {
        let count = series.first?.values.count ?? 0
        let step = max(1, (count + 11) / 12)
        let rows = stride(from: 0, to: count, by: step).map { start -> [ReportDocument.Cell] in
            [.number(ReportSVG.clock(start * width))]
                + series.map { series in
                    let values = series.values[start..<min(start + step, count)].compactMap { $0 }
                    return .number(values.isEmpty ? "–" : ReportSVG.short(values.reduce(0, +) / Double(values.count)))
                }
        }
        return ReportDocument.Table(caption: title, columns: [Message("from")] + series.map(\.name), rows: rows)
    }
}
