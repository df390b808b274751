import TestSupport

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Python with boto3, the client that rekey is compared with.
public enum Python {
    /// Runs a program and waits for it, on the thread of its caller. An exit status other than 0 is an error with what it said.
    ///
    /// - Parameters:
    ///   - arguments: `sys.argv[1...]`.
    ///   - environment: changes to this process's environment.
    /// - Returns: what it printed.
    public static func run(_ code: String, _ arguments: [String] = [], environment: [String: String] = [:])
        throws(TestServerError) -> String
    {
        let python = try Servers.python()
        do {
            return try withTemporaryDirectory { folder in
                // A file, because the kernel bounds the length of one argument.
                let program = folder + "/program.py"
                try writeText(code, to: program)
                let (output, errors) = (folder + "/stdout", folder + "/stderr")
                let child = try ChildProcess(
                    [python, program] + arguments, changes: environment, output: output, errors: errors)
                let status = child.wait()
                guard status == 0 else {
                    throw TestServerError("Python ended with \(status): \(try readText(errors))")
                }
                return try readText(output)
            }
        } catch {
            throw error as? TestServerError ?? TestServerError("\(error)")
        }
    }
}

private func writeText(_ text: String, to path: String) throws(TestServerError) {
    guard let file = fopen(path, "w") else { throw TestServerError("\(path): \(String(cString: strerror(errno)))") }
    let bytes = Array(text.utf8)
    let count = fwrite(bytes, 1, bytes.count, file)
    guard fclose(file) == 0, count == bytes.count else { throw TestServerError("\(path): not written") }
}
