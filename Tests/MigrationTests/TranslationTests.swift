import Foundation
import Testing

@testable import Migration

/// Every sentence that the code says to people has a translation with the same arguments, and no translation is left over.
@Suite("Translations")
struct TranslationTests {
    /// The templates of all string literals that become a `Message`.
    static let templates: Set<String> = {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        var found: Set<String> = []
        for folder in ["Sources/Migration", "Sources/rekey"] {
            let path = root.appending(path: folder).path
            for name in try! FileManager.default.contentsOfDirectory(atPath: path) where name.hasSuffix(".swift") {
                let text = try! String(contentsOfFile: "\(path)/\(name)", encoding: .utf8)
                found.formUnion(templates(in: text))
            }
        }
        return found
    }()

    static func templates(in text: String) -> Set<String> {
        var found: Set<String> = []
        let starts = text.matches(of: /(?:\.information|\.success|\.warning|\.detail|Message|what:)\s*\(?\s*"(?!")/)
        for start in starts { found.insert(template(text[start.range.upperBound...])) }
        // A heading's lines stand in an array.
        for heading in text.matches(of: /\.heading\(\[\s*/) {
            var rest = text[heading.range.upperBound...]
            while let quote = rest.firstIndex(of: "\""), rest[..<quote].allSatisfy({ $0 == "," || $0.isWhitespace }) {
                let literal = rest[rest.index(after: quote)...]
                found.insert(template(literal))
                rest = literal[end(literal)...].dropFirst()
            }
        }
        return found
    }

    /// Where the literal ends that begins here, behind its first quote.
    private static func end(_ literal: Substring) -> Substring.Index {
        var depth = 0
        var place = literal.startIndex
        while place < literal.endIndex {
            switch literal[place] {
            case "\\":
                place = literal.index(after: place)
                if literal[place] == "(" { depth += 1 }
            case "(" where depth > 0: depth += 1
            case ")" where depth > 0: depth -= 1
            case "\"" where depth == 0: return place
            case "\"":
                let inner = literal[literal.index(after: place)...]
                place = end(inner)
            default: break
            }
            place = literal.index(after: place)
        }
        return place
    }

    private static func template(_ literal: Substring) -> String {
        let body = literal[..<end(literal)]
        var result = ""
        var depth = 0
        var count = 0
        var place = body.startIndex
        while place < body.endIndex {
            let character = body[place]
            if character == "\\", depth == 0 {
                place = body.index(after: place)
                if body[place] == "(" {
                    depth = 1
                    count += 1
                    result += "%\(count)"
                } else {
                    result.append(body[place])
                }
            } else if depth > 0 {
                if character == "(" { depth += 1 }
                if character == ")" { depth -= 1 }
            } else {
                result.append(character)
            }
            place = body.index(after: place)
        }
        return result
    }

    private static func placeholders(_ text: String) -> [String] {
        text.matches(of: /%\d+/).map { String($0.0) }.sorted()
    }

    private static func hasWords(_ template: String) -> Bool {
        template.replacing(/%\d+/, with: "").contains { $0.isLetter }
    }

    @Test("The reading of the sources finds arguments, nested ones too")
    func reader() {
        let text =
            #"events(.success("✓ Found \(counted: list.map { f("x", $0) }.count, noun) of \(b)"))  .heading(["A", "B: \(c)"])"#
        #expect(Self.templates(in: text) == ["✓ Found %1 of %2", "A", "B: %1"])
        #expect(Self.templates.count > 100)
    }

    @Test("No sentence lacks its Korean")
    func complete() {
        for template in Self.templates where Self.hasWords(template) {
            #expect(koreanSentences[template] != nil, "Korean.swift or KoreanReport.swift lacks \"\(template)\"")
        }
    }

    @Test("Korean takes the same arguments")
    func arguments() {
        for (english, korean) in koreanSentences {
            #expect(Self.placeholders(english) == Self.placeholders(korean), "\(english) → \(korean)")
        }
    }

    @Test("No translation is left over")
    func used() {
        for english in koreanSentences.keys where Self.hasWords(english) {
            #expect(Self.templates.contains(english), "nothing says \"\(english)\" any more")
        }
    }

    @Test("Arguments stand where the translation wants them")
    func order() {
        let message: Message = "… and \(3) more"
        #expect(message.text(in: .korean) == "… 외 3개")
        #expect(Message("To move \(counted: 1, "plan")").description == "To move 1 plan")
        #expect(Message("100 % of \(2)").description == "100 % of 2")
        #expect(Message(verbatim: "100%1 <\"%2\">").text(in: .korean) == "100%1 <\"%2\">")
    }
}
