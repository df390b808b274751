/// The language of what a person reads.
package enum Language: String, Sendable, CaseIterable {
    case english = "en"
    case korean = "ko"
}

/// A sentence for people: English as it is written in the code, and every other language from a table by its English template.
///
/// `"Deleted \(count) old items"` has the template `Deleted %1 old items`. What is not in the table stays English.
package struct Message: Sendable, ExpressibleByStringInterpolation, CustomStringConvertible {
    /// What stands in a template's place.
    fileprivate enum Argument: Sendable {
        case text(String)
        /// `3 plans`, `plan 3개`.
        case counted(Int, String)
        case message(Message)
    }

    /// With `%1`, `%2`, … where the arguments go.
    package private(set) var template: String
    private var arguments: [Argument]

    package init(stringLiteral value: String) {
        template = value
        arguments = []
    }

    package init(stringInterpolation: StringInterpolation) {
        template = stringInterpolation.template
        arguments = stringInterpolation.arguments
    }

    /// A text that is the same in every language.
    package init(verbatim text: String) {
        template = "%1"
        arguments = [.text(text)]
    }

    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var template = ""
        fileprivate var arguments: [Argument] = []

        package init(literalCapacity: Int, interpolationCount: Int) {}

        package mutating func appendLiteral(_ literal: String) { template += literal }

        package mutating func appendInterpolation(_ value: some CustomStringConvertible) {
            append(.text(value.description))
        }

        /// A sentence within a sentence.
        package mutating func appendInterpolation(_ message: Message) { append(.message(message)) }

        /// So many of what a noun names.
        package mutating func appendInterpolation(counted count: Int, _ noun: String) { append(.counted(count, noun)) }

        private mutating func append(_ argument: Argument) {
            arguments.append(argument)
            template += "%\(arguments.count)"
        }
    }

    package func text(in language: Language) -> String {
        let pattern: String
        switch language {
        case .english: pattern = template
        case .korean: pattern = koreanSentences[template] ?? template
        }
        var text = ""
        var rest = pattern[...]
        while let mark = rest.firstIndex(of: "%") {
            text += rest[..<mark]
            rest = rest[rest.index(after: mark)...]
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            if let number = Int(digits), arguments.indices.contains(number - 1) {
                text += Self.text(of: arguments[number - 1], in: language)
                rest = rest[digits.endIndex...]
            } else {
                text += "%"
            }
        }
        return text + rest
    }

    private static func text(of argument: Argument, in language: Language) -> String {
        switch (argument, language) {
        case (.text(let text), _): text
        case (.message(let message), _): message.text(in: language)
        case (.counted(let count, let noun), .english): "\(count) \(noun)\(count == 1 ? "" : "s")"
        case (.counted(let count, let noun), .korean): "\(noun) \(count)개"
        }
    }

    /// In English.
    package var description: String { text(in: .english) }

    /// With a text taken out wherever an argument has it.
    func without(_ part: String) -> Message {
        var copy = self
        copy.arguments = arguments.map {
            switch $0 {
            case .text(let text): .text(text.replacing(part, with: ""))
            case .message(let message): .message(message.without(part))
            case .counted: $0
            }
        }
        return copy
    }
}

extension Message {
    /// `90 s`, `12 min`, `5 h 20 min`, `1 h`; rounded up to minutes from two minutes on.
    static func span(seconds: Int) -> Message {
        if seconds < 120, seconds != 60 { return Message("\(seconds) s") }
        let minutes = (seconds + 59) / 60
        if minutes < 60 { return Message("\(minutes) min") }
        return minutes % 60 == 0 ? Message("\(minutes / 60) h") : Message("\(minutes / 60) h \(minutes % 60) min")
    }

    /// A time that was measured: `90 s`, `2 min 5 s`, `5 h 20 min`; to the second below an hour.
    static func time(seconds: Int) -> Message {
        if seconds < 120 { return Message("\(seconds) s") }
        let minutes = seconds / 60
        if minutes < 60 {
            return seconds % 60 == 0 ? Message("\(minutes) min") : Message("\(minutes) min \(seconds % 60) s")
        }
        return minutes % 60 == 0 ? Message("\(minutes / 60) h") : Message("\(minutes / 60) h \(minutes % 60) min")
    }
}

extension Message: Equatable {
    /// Equal where they read the same in English.
    package static func == (one: Message, other: Message) -> Bool { one.description == other.description }
}
