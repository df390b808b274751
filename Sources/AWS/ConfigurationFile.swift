package import ByteStreams

/// The settings of one section. Names are in lower case, those within a group as they are written.
package struct ConfigurationSection: Sendable, Equatable {
    package var values: [String: String]
    /// Settings whose values are settings themselves: `s3 =` with indented lines below it.
    package var groups: [String: [String: String]]

    package init(values: [String: String] = [:], groups: [String: [String: String]] = [:]) {
        self.values = values
        self.groups = groups
    }

    /// The value; nil where it is empty too.
    package subscript(name: String) -> String? {
        guard let value = values[name], !value.isEmpty else { return nil }
        return value
    }

    /// Takes over all settings of `other`, which win.
    mutating func merge(_ other: ConfigurationSection) {
        for (name, value) in other.values {
            values[name] = value
            groups[name] = nil
        }
        for (name, group) in other.groups {
            groups[name] = group
            values[name] = nil
        }
    }
}

/// One file of the AWS tools, `config` or `credentials`, read as the AWS CLI reads it (Python's `configparser`): `=` or `:`
/// after a name, comments on lines of their own after `#` or `;`, deeper lines as a continuation, no section and no name twice.
package struct ConfigurationFile: Sendable {
    /// In the order of the file, by the text between the brackets.
    package private(set) var sections: [(name: String, section: ConfigurationSection)] = []

    package subscript(name: String) -> ConfigurationSection? { sections.first { $0.name == name }?.section }

    /// Files are small; a larger one is none of them.
    private static let largest = 4 << 20

    /// The file's sections; none where it is missing or no regular file.
    ///
    /// - Throws: `.permission` or `.inputOutput` where it cannot be read, and as `init(_:source:)`.
    package static func read(_ path: String) throws(RekeyError) -> ConfigurationFile {
        guard isRegularFile(path) else { return ConfigurationFile() }
        return try ConfigurationFile(readWhole(path, limit: largest), source: path)
    }

    package init() {}

    /// - Throws: `.badInput` with the line, never with its text, which may be a secret.
    package init(_ bytes: [UInt8], source: String) throws(RekeyError) {
        var reader = ConfigurationReader(source: source)
        // UTF-8 files of some editors begin with a mark.
        var rest = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes[3...] : bytes[...]
        var number = 0
        while !rest.isEmpty {
            number += 1
            let end = rest.firstIndex { $0 == 0x0A || $0 == 0x0D } ?? rest.endIndex
            guard let line = String(validating: rest[..<end], as: UTF8.self) else {
                throw RekeyError(.badInput, "the line is not UTF-8; correct the file", source: source, line: number)
            }
            rest = rest[end...]
            if rest.starts(with: [0x0D, 0x0A]) { rest = rest.dropFirst() }
            rest = rest.dropFirst()
            try reader.take(line, number)
        }
        sections = try reader.finish()
    }
}

/// The lines of one file, one after the other.
private struct ConfigurationReader {
    private struct Setting {
        var name: String
        /// The first is what stands after `=`; the others are the lines below it.
        var lines: [(text: String, number: Int)]
    }

    /// `[DEFAULT]` in capitals gives its settings to all other sections.
    private static let shared = "DEFAULT"

    let source: String
    private var sections: [(name: String, settings: [Setting])] = []
    private var defaults: [Setting] = []
    private var current: [Setting] = []
    /// nil before the first section.
    private var currentName: String?
    /// Whether the next line may continue the last setting.
    private var mayContinue = false
    private var indent = 0

    init(source: String) { self.source = source }

    mutating func take(_ line: String, _ number: Int) throws(RekeyError) {
        let text = line.trimmed
        if let first = text.unicodeScalars.first, first == "#" || first == ";" { return }
        if text.isEmpty {
            // A blank line belongs to a value that goes on below it.
            if mayContinue { current[current.count - 1].lines.append(("", number)) }
            return
        }
        let depth = line.unicodeScalars.prefix { $0.properties.isWhitespace }.count
        if mayContinue, depth > indent {
            current[current.count - 1].lines.append((text, number))
            return
        }
        indent = depth
        if let header = Self.header(text) { return try open(header, number) }
        guard currentName != nil else { throw bad("there is no [section] above this line; write one", number) }
        guard let separator = text.unicodeScalars.firstIndex(where: { $0 == "=" || $0 == ":" }) else {
            throw bad("the line is no `name = value`; correct it", number)
        }
        let name = String(text[..<separator]).trimmed.lowercased()
        guard !name.isEmpty else { throw bad("the line has no name before its `=`; correct it", number) }
        guard !current.contains(where: { $0.name == name }) else {
            throw bad("the setting of this line stands twice in its section; remove one", number)
        }
        let value = String(text[text.unicodeScalars.index(after: separator)...]).trimmed
        current.append(Setting(name: name, lines: [(value, number)]))
        mayContinue = true
    }

    /// What stands between the first and the last bracket; nil where the line is no header.
    private static func header(_ text: String) -> String? {
        let scalars = text.unicodeScalars
        guard scalars.first == "[", let close = scalars.lastIndex(of: "]") else { return nil }
        let start = scalars.index(after: scalars.startIndex)
        return start < close ? String(text[start..<close]) : nil
    }

    private mutating func open(_ name: String, _ number: Int) throws(RekeyError) {
        closeSection()
        guard !sections.contains(where: { $0.name == name }) else {
            throw bad("the section [\(name)] stands twice in the file; join the two", number)
        }
        currentName = name
        current = name == Self.shared ? defaults : []
        mayContinue = false
    }

    mutating func finish() throws(RekeyError) -> [(name: String, section: ConfigurationSection)] {
        closeSection()
        var result: [(name: String, section: ConfigurationSection)] = []
        for (name, settings) in sections {
            // What no section takes over is not looked into, as `configparser` does not.
            let own = Set(settings.map(\.name))
            result.append((name, try section(defaults.filter { !own.contains($0.name) } + settings)))
        }
        return result
    }

    private mutating func closeSection() {
        guard let name = currentName else { return }
        if name == Self.shared { defaults = current } else { sections.append((name, current)) }
    }

    private func section(_ settings: [Setting]) throws(RekeyError) -> ConfigurationSection {
        var section = ConfigurationSection()
        for setting in settings {
            var lines = setting.lines
            while let last = lines.last, last.text.isEmpty { lines.removeLast() }
            guard lines.count > 1, lines[0].text.isEmpty else {
                section.values[setting.name] = lines.map(\.text).joined(separator: "\n")
                continue
            }
            var group: [String: String] = [:]
            for line in lines where !line.text.isEmpty {
                guard let equals = line.text.unicodeScalars.firstIndex(of: "=") else {
                    throw bad("the indented line is no `name = value`; correct it", line.number)
                }
                let value = String(line.text[line.text.unicodeScalars.index(after: equals)...])
                group[String(line.text[..<equals]).trimmed] = value.trimmed
            }
            section.groups[setting.name] = group
        }
        return section
    }

    private func bad(_ message: String, _ line: Int) -> RekeyError {
        RekeyError(.badInput, message, source: source, line: line)
    }
}

extension String {
    /// Without white space at both ends.
    var trimmed: String {
        let scalars = unicodeScalars
        guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
            let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
        else { return "" }
        return String(scalars[first...last])
    }
}
