import Items

/// One manual page in mdoc(7), from what the command says in its help.
struct ManualPage {
    /// Such as `snapshot-create.1` behind `rekey-`.
    var fileName: String
    var text: String

    /// The page of a command, and those of all below it, by its description from `--experimental-dump-help`.
    static func pages(_ command: JSONTree, parents: [String]) -> [ManualPage] {
        let path = parents + [command["commandName"]?.string ?? ""]
        if path.count > 1, path.last == "help" { return [] }
        let below = (command["subcommands"]?.elements ?? []).filter(isShown)
        return [ManualPage(command, path: path, below: below)] + below.flatMap { pages($0, parents: path) }
    }

    private static func isShown(_ tree: JSONTree) -> Bool {
        tree["shouldDisplay"] != .boolean(false) && tree["commandName"]?.string != "help"
    }

    private init(_ command: JSONTree, path: [String], below: [JSONTree]) {
        let name = path.joined(separator: "-")
        let abstract = command["abstract"]?.string ?? ""
        let arguments = (command["arguments"]?.elements ?? []).filter { $0["shouldDisplay"] != .boolean(false) }
        var lines = [
            ".\\\" Written by rekey manual.", ".Dd $Mdocdate$", ".Dt \(name.uppercased()) 1", ".Os",
            ".Sh NAME", ".Nm \(name)",
            ".Nd \(Self.escaped(abstract.hasSuffix(".") ? String(abstract.dropLast()) : abstract))",
            ".Sh SYNOPSIS", ".Nm \(path.joined(separator: " "))",
        ]
        for argument in arguments where !Self.isOfEveryCommand(argument) { lines.append(Self.synopsis(argument)) }
        if !below.isEmpty { lines.append(".Ar command Op Ar options") }
        lines.append(".Sh DESCRIPTION")
        let (discussion, statuses) = Self.split(command["discussion"]?.string ?? "")
        lines += discussion.isEmpty ? [Self.escaped(abstract)] : Self.body(discussion)
        if !below.isEmpty {
            lines += [".Pp", "The commands are:", ".Bl -tag -width transform"]
            for command in below {
                let verb = command["commandName"]?.string ?? ""
                lines += [".It Xr \(name)-\(verb) 1", Self.escaped(command["abstract"]?.string ?? "")]
            }
            lines.append(".El")
        }
        if arguments.contains(where: { !Self.isOfEveryCommand($0) }) {
            lines += [".Pp", "The arguments are:", ".Bl -tag -width Ds"]
            for argument in arguments where !Self.isOfEveryCommand(argument) { lines += Self.item(argument) }
            lines.append(".El")
        }
        lines += [".Sh EXIT STATUS"] + Self.statuses(statuses)
        lines += [".Sh SEE ALSO", path.count > 1 ? ".Xr \(path.dropLast().joined(separator: "-")) 1" : ".Xr jq 1"]
        fileName = "\(name).1"
        text = lines.joined(separator: "\n") + "\n"
    }

    /// `--help` and `--version`, which every page would repeat.
    private static func isOfEveryCommand(_ argument: JSONTree) -> Bool {
        ["help", "version"].contains(argument["valueName"]?.string)
    }

    private static func names(_ argument: JSONTree) -> [String] {
        (argument["names"]?.elements ?? []).map { name in
            (name["kind"]?.string == "short" ? "-" : "--") + (name["name"]?.string ?? "")
        }
    }

    /// `.Op Fl -prefix Ar text`.
    private static func synopsis(_ argument: JSONTree) -> String {
        let isOptional = argument["isOptional"] == .boolean(true)
        return ".\(isOptional ? "Op " : "")\(form(argument, names(argument).last))"
    }

    private static func form(_ argument: JSONTree, _ name: String?) -> String {
        let value = escaped(argument["valueName"]?.string ?? "")
        let dots = argument["isRepeating"] == .boolean(true) ? " ..." : ""
        guard let name else { return "Ar \(value)\(dots)" }
        let flag = "Fl \(escaped(String(name.dropFirst())))"
        return argument["kind"]?.string == "flag" ? flag : "\(flag) Ar \(value)\(dots)"
    }

    private static func item(_ argument: JSONTree) -> [String] {
        let all = names(argument)
        let forms = all.isEmpty ? [form(argument, nil)] : all.map { form(argument, $0) }
        var text = escaped(argument["abstract"]?.string ?? "")
        if let value = argument["defaultValue"]?.string, !value.isEmpty {
            text += "\nThe default is \(escaped(value))."
        }
        return [".It \(forms.joined(separator: " , "))", text]
    }

    /// A discussion without its exit statuses, and those.
    private static func split(_ discussion: String) -> (String, String) {
        guard let start = discussion.firstRange(of: "Exit status:")?.lowerBound else { return (discussion, "") }
        return (String(discussion[..<start]), String(discussion[start...].dropFirst("Exit status:".count)))
    }

    /// Paragraphs, and indented lines as they are.
    private static func body(_ text: String) -> [String] {
        var lines: [String] = []
        var isExample = false
        var needsParagraph = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.allSatisfy(\.isWhitespace) {
                needsParagraph = true
                continue
            }
            if line.hasPrefix("  ") != isExample {
                lines.append(isExample ? ".Ed" : ".Bd -literal -offset indent")
                isExample.toggle()
                needsParagraph = needsParagraph && !isExample
            }
            if needsParagraph, !lines.isEmpty { lines.append(isExample ? "" : ".Pp") }
            needsParagraph = false
            // An example keeps the indent of a line that goes on.
            lines.append(escaped(String(isExample ? line.dropFirst(2) : line.drop { $0 == " " })))
        }
        if isExample { lines.append(".Ed") }
        return lines
    }

    /// `0 done · 1 unexpected` as a list.
    private static func statuses(_ text: String) -> [String] {
        var lines = [".Bl -tag -width 100"]
        for status in text.split(whereSeparator: { $0 == "·" || $0 == "\n" }) {
            let words = status.split(separator: " ", maxSplits: 1)
            if words.count == 2 { lines += [".It \(words[0])", escaped(String(words[1]))] }
        }
        return lines + [".El"]
    }

    /// Text that mdoc takes as text.
    private static func escaped(_ text: String) -> String {
        // mdoc wants a line for each sentence.
        let plain = text.replacing("\\", with: "\\e").replacing("-", with: "\\-").replacing("…", with: "...")
            .replacing(". ", with: ".\n")
        return plain.hasPrefix(".") || plain.hasPrefix("'") ? "\\&" + plain : plain
    }
}
