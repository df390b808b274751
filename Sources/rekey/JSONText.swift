import Items
import Stages

/// A JSON value to print, members in the order given.
indirect enum JSONValue {
    case object([(String, JSONValue)])
    case array([JSONValue])
    case string(String)
    case integer(Int)
    case decimal(Double)
    case boolean(Bool)
    case null
    /// JSON that is written already, with white space between its parts or not.
    case encoded([UInt8])

    /// One line of JSON.
    var text: String {
        switch self {
        case .object(let members):
            "{" + members.map { "\(Self.quoted($0.0)):\($0.1.text)" }.joined(separator: ",") + "}"
        case .array(let values): "[" + values.map(\.text).joined(separator: ",") + "]"
        case .string(let text): Self.quoted(text)
        case .integer(let value): "\(value)"
        case .decimal(let value): Int(exactly: value).map { "\($0)" } ?? "\(value)"
        case .boolean(let value): value ? "true" : "false"
        case .null: "null"
        case .encoded(let bytes):
            (try? JSONReader.parse(bytes, source: "a result")).map { String(decoding: $0.compact, as: UTF8.self) }
                ?? "null"
        }
    }

    private static func quoted(_ text: String) -> String {
        var writer = ByteWriter()
        Array(text.utf8).withRawBytes { appendEscaped($0, to: &writer) }
        return "\"" + String(decoding: writer.array, as: UTF8.self) + "\""
    }
}

extension FactValue {
    var json: JSONValue {
        switch self {
        case .integer(let value): .integer(value)
        case .text(let text): .string(text)
        case .boolean(let value): .boolean(value)
        }
    }

    var text: String {
        switch self {
        case .integer(let value): "\(value)"
        case .text(let text): text
        case .boolean(let value): value ? "yes" : "no"
        }
    }
}

extension StageResult {
    /// `{"read":3,"passed":0,"changed":3,"rejected":0,…}`.
    func json(verb: String) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("command", .string(verb)), ("read", .integer(counts.read)), ("passed", .integer(counts.passed)),
            ("changed", .integer(counts.changed)), ("rejected", .integer(counts.rejected)),
        ]
        if let digest {
            members.append(("count", .integer(digest.count)))
            members.append(("digest", .string(digest.hex)))
        }
        members += facts.map { ($0.name, $0.value.json) }
        return .object(members)
    }
}
