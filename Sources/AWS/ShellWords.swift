/// Splits a line into words as a POSIX shell does, without its expansions (`shlex.split` of Python, which the AWS CLI uses
/// for `credential_process` and for names of sections).
enum ShellWords {
    /// nil where a quote is not closed or a backslash stands at the end.
    static func split(_ line: String) -> [String]? {
        var words: [String] = []
        var word: String.UnicodeScalarView?
        var quote: Unicode.Scalar?
        var isEscaped = false
        for scalar in line.unicodeScalars {
            if isEscaped {
                // In double quotes a backslash is one unless it protects a quote or another.
                if quote != nil, scalar != "\"", scalar != "\\" { word?.append("\\") }
                word?.append(scalar)
                isEscaped = false
            } else if scalar == "\\", quote != "'" {
                if word == nil { word = "".unicodeScalars }
                isEscaped = true
            } else if let open = quote {
                if scalar == open { quote = nil } else { word?.append(scalar) }
            } else if scalar == "\"" || scalar == "'" {
                if word == nil { word = "".unicodeScalars }
                quote = scalar
            } else if scalar == " " || scalar == "\t" || scalar == "\r" || scalar == "\n" {
                if let whole = word { words.append(String(whole)) }
                word = nil
            } else {
                if word == nil { word = "".unicodeScalars }
                word?.append(scalar)
            }
        }
        guard quote == nil, !isEscaped else { return nil }
        if let whole = word { words.append(String(whole)) }
        return words
    }
}
