/// The shape of a JSON value, to be printed as JSON Schema (draft 2020-12).
indirect enum Schema: Sendable {
    case string(String)
    case integer(String)
    case number(String)
    case boolean(String)
    /// Always this text.
    case constant(String)
    case choice([String], String)
    case array(Schema, String)
    /// Members that are not named are not allowed.
    case object([Member])
    /// Names that are not known before.
    case map(Schema, String)
    case either([Schema])
    case nullable(Schema)

    struct Member: Sendable {
        var name: String
        var schema: Schema
        var isRequired = true
    }

    var json: JSONValue {
        switch self {
        case .string(let text): Self.typed("string", text)
        case .integer(let text): Self.typed("integer", text)
        case .number(let text): Self.typed("number", text)
        case .boolean(let text): Self.typed("boolean", text)
        case .constant(let value): .object([("const", .string(value))])
        case .choice(let values, let text):
            .object([("enum", .array(values.map { .string($0) })), ("description", .string(text))])
        case .array(let element, let text):
            .object([("type", .string("array")), ("items", element.json), ("description", .string(text))])
        case .object(let members):
            .object([
                ("type", .string("object")), ("properties", .object(members.map { ($0.name, $0.schema.json) })),
                ("required", .array(members.filter(\.isRequired).map { .string($0.name) })),
                ("additionalProperties", .boolean(false)),
            ])
        case .map(let element, let text):
            .object([
                ("type", .string("object")), ("additionalProperties", element.json), ("description", .string(text)),
            ])
        case .either(let schemas): .object([("anyOf", .array(schemas.map(\.json)))])
        case .nullable(let schema): .object([("anyOf", .array([schema.json, .object([("type", .string("null"))])]))])
        }
    }

    private static func typed(_ type: String, _ text: String) -> JSONValue {
        .object([("type", .string(type)), ("description", .string(text))])
    }

    /// The whole document.
    func document(title: String) -> JSONValue {
        guard case .object(let members) = json else { return json }
        return .object(
            [
                ("$schema", .string("https://json-schema.org/draft/2020-12/schema")), ("title", .string(title)),
            ] + members)
    }
}

/// A member that is always there.
func member(_ name: String, _ schema: Schema) -> Schema.Member { Schema.Member(name: name, schema: schema) }

/// A member that may be missing.
func optional(_ name: String, _ schema: Schema) -> Schema.Member {
    Schema.Member(name: name, schema: schema, isRequired: false)
}
