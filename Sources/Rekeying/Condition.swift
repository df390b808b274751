/// The way to a value inside an item: names of maps' entries from the top, `dat.plan_id`.
package struct AttributePath: Sendable, Hashable {
    /// At least one; each not empty.
    package let names: [String]

    /// Reads a dotted path; `\.` is a dot inside a name and `\\` a backslash. Nil if a name is empty.
    package init?(_ text: String) {
        var names = [""]
        var isEscaped = false
        for scalar in text.unicodeScalars {
            if isEscaped {
                guard scalar == "." || scalar == "\\" else { return nil }
                names[names.count - 1].unicodeScalars.append(scalar)
                isEscaped = false
            } else if scalar == "\\" {
                isEscaped = true
            } else if scalar == "." {
                names.append("")
            } else {
                names[names.count - 1].unicodeScalars.append(scalar)
            }
        }
        guard !isEscaped, !names.contains("") else { return nil }
        self.names = names
    }

    package static func == (a: AttributePath, b: AttributePath) -> Bool {
        a.names.map(AttributeName.init) == b.names.map(AttributeName.init)
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(names.map(AttributeName.init)) }

    /// As it is written in a rule file.
    package var text: String {
        names.map { name in
            var text = ""
            for scalar in name.unicodeScalars {
                if scalar == "." || scalar == "\\" { text += "\\" }
                text.unicodeScalars.append(scalar)
            }
            return text
        }.joined(separator: ".")
    }
}

/// One line of `where`: an item is moved only if its attribute has this value; an absent one has not.
package struct Condition: Sendable, Equatable {
    /// A scalar of DynamoDB.
    package enum Value: Sendable, Equatable {
        case string(String)
        /// `text` exactly as in the rule file; `canonical` as the digest writes numbers (`1.50` is `15E-1`), equal for
        /// equal values.
        case number(text: String, canonical: [UInt8])
        case boolean(Bool)
        case null
    }

    package let path: AttributePath
    package let value: Value

    /// `tp = "plan"`, for messages.
    package var description: String { path.text + " = " + value.text }
}

extension Condition.Value {
    /// Whether no attribute can have both values.
    func excludes(_ other: Condition.Value) -> Bool {
        switch (self, other) {
        case (.string(let a), .string(let b)): !a.utf8.elementsEqual(b.utf8)
        case (.number(_, let a), .number(_, let b)): a != b
        case (.boolean(let a), .boolean(let b)): a != b
        case (.null, .null): false
        default: true
        }
    }

    /// As YAML.
    var text: String {
        switch self {
        case .string(let text): quoted(text)
        case .number(let text, _): text
        case .boolean(let value): value ? "true" : "false"
        case .null: "null"
        }
    }

    /// A number of the grammar `-1.50e+3`; nil if `text` is none, or one that DynamoDB cannot hold (38 digits,
    /// 1E-130 to under 1E126).
    package static func reading(number text: String) -> Condition.Value? {
        var rest = Array(text.utf8)[...]
        func takeDigits() -> [UInt8] {
            let digits = rest.prefix { ByteSet.digits.contains($0) }
            rest = rest.dropFirst(digits.count)
            return Array(digits)
        }
        func takeSign() -> Bool {
            guard let first = rest.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") else { return false }
            rest.removeFirst()
            return first == UInt8(ascii: "-")
        }
        let isNegative = takeSign()
        var digits = takeDigits()
        var exponent = 0
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            let fraction = takeDigits()
            digits += fraction
            exponent = -fraction.count
        }
        guard !digits.isEmpty else { return nil }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest.removeFirst()
            let isNegativeExponent = takeSign()
            let power = takeDigits()
            guard !power.isEmpty, let value = Int(String(decoding: power, as: UTF8.self)), value < 1_000_000 else {
                return nil
            }
            exponent += isNegativeExponent ? -value : value
        }
        guard rest.isEmpty else { return nil }
        while digits.last == UInt8(ascii: "0") {
            digits.removeLast()
            exponent += 1
        }
        digits = Array(digits.drop { $0 == UInt8(ascii: "0") })
        guard !digits.isEmpty else { return .number(text: text, canonical: [UInt8(ascii: "0")]) }
        guard digits.count <= 38, (-130...125).contains(exponent + digits.count - 1) else { return nil }
        let power = exponent == 0 ? [] : Array("E\(exponent)".utf8)
        return .number(text: text, canonical: (isNegative ? [UInt8(ascii: "-")] : []) + digits + power)
    }
}
