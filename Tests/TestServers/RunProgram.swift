import TestSupport

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// How a program ended, and what it wrote.
public struct ProgramEnding: Sendable {
    /// Its exit status, or 128 and the number of the signal that ended it.
    public var status: Int32
    public var output: [UInt8]
    public var errors: String
}

/// Runs a program of the system to its end.
///
/// - Parameter input: a file that it reads as its standard input.
public func runProgram(_ words: [String], input: String = "/dev/null") throws -> ProgramEnding {
    try withTemporaryDirectory { folder in
        let file = open(input, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw TestServerError("\(input): \(String(cString: strerror(errno)))") }
        defer { close(file) }
        let (output, errors) = (folder + "/stdout", folder + "/stderr")
        let child = try ChildProcess(words, changes: [:], input: .descriptor(file), output: output, errors: errors)
        let status = child.wait()
        return ProgramEnding(status: status, output: try readBytes(output), errors: try readText(errors))
    }
}

/// The id of a process that is no more.
public func endedProcess() throws -> String {
    String(decoding: try runProgram(["sh", "-c", "printf %d $$"]).output, as: UTF8.self)
}

/// A program that is spoken to while it runs.
public struct Conversation: Sendable {
    private let child: ChildProcess
    private let input: Int32
    private let output: String

    /// - Parameter directory: for what it writes.
    public init(_ words: [String], in directory: String) throws(TestServerError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw TestServerError(String(cString: strerror(errno))) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        input = ends[1]
        output = directory + "/said-\(UInt32.random(in: 0 ... .max))"
        do throws(TestServerError) {
            child = try ChildProcess(
                words, changes: [:], input: .descriptor(ends[0]), output: output, errors: output + ".errors")
        } catch {
            close(ends[1])
            throw error
        }
    }

    public func say(_ text: String) throws(TestServerError) {
        let bytes = Array(text.utf8)
        guard write(input, bytes, bytes.count) == bytes.count else {
            throw TestServerError("not taken: \(String(cString: strerror(errno)))")
        }
    }

    /// The first line that it writes, waited for for a minute.
    public func firstLine() async throws -> String {
        for _ in 0..<6000 {
            let text = try readText(output)
            if let end = text.firstIndex(of: "\n") { return String(text[..<end]) }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw TestServerError("nothing was said: \(try readText(output + ".errors"))")
    }

    /// Ends its input, and waits for its end.
    @discardableResult
    public func end() -> Int32 {
        close(input)
        return child.wait()
    }
}
