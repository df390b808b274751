extension RuleSet {
    /// The rule file as text; `parse` of it gives an equal rule set.
    package var yaml: String {
        var text = "name: \(quoted(name))\n"
        if let title { text += "title: \(quoted(title))\n" }
        if noun != Self.defaultNoun { text += "noun: \(quoted(noun))\n" }
        if let label { text += "label: \(quoted(label.text))\n" }
        text += "key: {partition: \(word(partition))\(sort.map { ", sort: " + word($0) } ?? "")}\n"
        if isRoundtrip { text += "roundtrip: true\n" }
        if hookPlace != .after { text += "hook: \(hookPlace.rawValue)\n" }
        text += "rules:\n"
        for rule in rules {
            text += "  - from: \(side(rule.sourceBindings, rule.captureNames, withClasses: true))\n"
            text += "    to: \(side(rule.targetBindings, rule.captureNames, withClasses: false))\n"
            if !rule.conditions.isEmpty {
                let conditions = rule.conditions.map { "\(word($0.path.text)): \($0.value.text)" }
                text += "    where: {\(conditions.joined(separator: ", "))}\n"
            }
        }
        if !references.isEmpty { text += "references:\n" }
        for reference in references {
            let partition = AttributeName(partition)
            let sort = sort.map { AttributeName($0) }
            var source = [TemplateBinding(attribute: partition, template: reference.source.partition)]
            var names = [TemplateBinding(attribute: partition, template: reference.names.partition)]
            if let sort {
                if let template = reference.source.sort {
                    source.append(TemplateBinding(attribute: sort, template: template))
                }
                names.append(TemplateBinding(attribute: sort, template: reference.names.sort))
            }
            source += reference.sourceAttributes
            text += "  - in: \(side(source, reference.captureNames, withClasses: true))\n"
            text += "    attribute: \(quoted(reference.attribute.text))\n"
            text += "    names: \(side(names, reference.captureNames, withClasses: false))\n"
        }
        return text
    }

    private func side(_ bindings: [TemplateBinding], _ names: [String], withClasses: Bool) -> String {
        let entries = bindings.map { binding in
            let value = binding.template.map { quoted($0.syntax(names: names, withClasses: withClasses).text) }
            return "\(word(binding.attribute.text)): \(value ?? "null")"
        }
        return "{\(entries.joined(separator: ", "))}"
    }
}

/// `text` as a YAML scalar in double quotes.
func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar.value {
        case 0x22, 0x5C:
            result += "\\"
            result.unicodeScalars.append(scalar)
        case 0x0A: result += "\\n"
        case 0x0D: result += "\\r"
        case 0x09: result += "\\t"
        case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF:
            let digits = String(scalar.value, radix: 16, uppercase: true)
            result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}

/// A mapping's key: plain where every YAML version reads it as that text.
func word(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }
    let reserved = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"]
    let startsWithLetter = text.utf8.first.map { $0 >= UInt8(ascii: "A") && $0 != UInt8(ascii: "_") } ?? false
    return isPlain && startsWithLetter && !reserved.contains(text.lowercased()) ? text : quoted(text)
}
