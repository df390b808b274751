import Foundation
import TestServers
import TestSupport

/// Runs the scripts beside this file with the Python of the test servers, which has botocore.
enum PythonScript {
    struct Failure: Error { var text: String }

    static func words(_ script: String, _ arguments: [String] = []) throws -> [String] {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: script).path
        return [try Servers.python(), file] + arguments
    }

    /// What the script prints; its error output is the failure's text.
    static func run(_ script: String, input: Data) throws -> String {
        try withTemporaryDirectory { directory in
            let file = directory + "/input"
            try input.write(to: URL(filePath: file))
            let ending = try runProgram(words(script), input: file)
            guard ending.status == 0 else { throw Failure(text: ending.errors) }
            return String(decoding: ending.output, as: UTF8.self)
        }
    }
}
