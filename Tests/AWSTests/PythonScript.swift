import Foundation
import TestServers

/// Runs the scripts beside this file with the Python of the test servers, which has botocore.
enum PythonScript {
    struct Failure: Error { var text: String }

    static func process(_ script: String, _ arguments: [String] = []) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: try Servers.python())
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: script).path
        process.arguments = [file] + arguments
        return process
    }

    /// What the script prints; its error output is the failure's text.
    static func run(_ script: String, input: Data) throws -> String {
        let process = try process(script)
        let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
        (process.standardInput, process.standardOutput, process.standardError) = (stdin, stdout, stderr)
        try process.run()
        let output = Output()
        let thread = Thread { output.finish(stdout.fileHandleForReading.readDataToEndOfFile()) }
        thread.start()
        try stdin.fileHandleForWriting.write(contentsOf: input)
        try stdin.fileHandleForWriting.close()
        let errors = stderr.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let text = String(decoding: output.wait(), as: UTF8.self)
        guard process.terminationStatus == 0 else { throw Failure(text: String(decoding: errors, as: UTF8.self)) }
        return text
    }

    private final class Output: @unchecked Sendable {
        private var data = Data()
        private let done = DispatchSemaphore(value: 0)

        func finish(_ data: Data) {
            self.data = data
            done.signal()
        }

        func wait() -> Data {
            done.wait()
            return data
        }
    }
}
