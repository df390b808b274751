/// A report as its parts, before it is HTML or Markdown.
package struct ReportDocument: Sendable {
    package var language: Language
    package var title: String
    package var verdict: Verdict
    package var summary: Message
    package var sections: [Section]

    /// How the run stands, for the colour and the sign.
    package enum Verdict: Sendable {
        case good
        case attention

        var sign: String { self == .good ? "✓" : "!" }
    }

    package struct Section: Sendable {
        var title: Message
        var parts: [Part]
    }

    package enum Part: Sendable {
        case text(Message)
        /// Names and what they are.
        case facts([Fact])
        case table(Table)
        case plot(ReportPlot)
        case checks([Check])
        /// Commands to copy.
        case commands([String])
    }

    package struct Fact: Sendable {
        var name: Message
        var value: Cell
    }

    package struct Table: Sendable {
        var caption: Message
        var columns: [Message]
        var rows: [[Cell]]
    }

    /// One value: its text, and whether it is for machines (keys, digests, paths).
    package struct Cell: Sendable {
        var text: Message
        var isCode = false
        var isNumber = false
        /// Whether its lines are never broken (a time), or only where there is no room for all of it (a digest).
        var lines = Lines.free

        enum Lines: String { case free, one, wide }

        static func time(_ text: String) -> Cell { Cell(text: Message(verbatim: text), isCode: true, lines: .one) }
        static func digest(_ text: String) -> Cell { Cell(text: Message(verbatim: text), isCode: true, lines: .wide) }
        static func code(_ text: String) -> Cell { Cell(text: Message(verbatim: text), isCode: true) }
        static func number(_ text: String) -> Cell { Cell(text: Message(verbatim: text), isNumber: true) }
        static func text(_ message: Message) -> Cell { Cell(text: message) }
    }

    package struct Check: Sendable {
        var isDone: Bool
        var text: Message
        var command: String?
    }
}
