import Foundation
import TestServers
import TestSupport
import Testing

/// The built `rekey`, started as its users start it, and killed as nobody should be.
struct Program: Sendable {
    /// For its temporary files and what it says.
    var directory: String
    var environment: [String: String] = [:]

    struct Failure: Error, CustomStringConvertible { var description: String }

    struct Ending: Sendable {
        /// The exit status, or 128 and the number of the signal.
        var status: Int32
        /// Both streams.
        var said: String
        var duration: Duration
    }

    private static let path: Result<String, Failure> = {
        // Another build of it: an optimized one is killed more often in the same time.
        if let named = ProcessInfo.processInfo.environment["REKEY_TEST_COMMAND"] { return .success(named) }
        #if os(Linux)
            let start = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        #else
            let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") } ?? Bundle.main
            let start = bundle.bundleURL.resolvingSymlinksInPath()
        #endif
        var folder = start.deletingLastPathComponent()
        for _ in 0..<6 {
            let candidate = folder.appending(path: "rekey").path
            if FileManager.default.isExecutableFile(atPath: candidate) { return .success(candidate) }
            folder.deleteLastPathComponent()
        }
        return .failure(Failure(description: "no rekey beside \(start.path); build it with swift build --build-tests"))
    }()

    /// Runs to the end, or is killed by SIGKILL after `limit`, whatever it is doing then.
    func run(_ arguments: [String], killedAfter limit: Duration? = nil) async throws -> Ending {
        let output = directory + "/said-\(UInt32.random(in: .min ... .max))"
        defer { try? FileManager.default.removeItem(atPath: output) }
        let start = ContinuousClock.now
        let child = try ChildProcess(
            [try Self.path.get()] + arguments, changes: environment.merging(["TMPDIR": directory]) { own, _ in own },
            output: output, errors: output)
        var isKilled = false
        while true {
            if let status = child.poll() {
                let said = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
                return Ending(status: status, said: said, duration: ContinuousClock.now - start)
            }
            let elapsed = ContinuousClock.now - start
            if !isKilled, let limit, elapsed >= limit {
                child.kill()
                isKilled = true
            }
            let rest = limit.map { isKilled ? .milliseconds(1) : $0 - elapsed } ?? .milliseconds(5)
            try await Task.sleep(for: max(.microseconds(100), min(rest, .milliseconds(5))))
        }
    }

    /// Runs to the end, which has to be a good one.
    @discardableResult
    func finish(_ arguments: [String], _ place: String) async throws -> Ending {
        let ending = try await run(arguments)
        guard ending.status == 0 else {
            throw Failure(
                description:
                    "\(place): rekey \(arguments.joined(separator: " ")) ended with \(ending.status): \(ending.said)")
        }
        return ending
    }
}

/// Whether the long forms of tests are asked for: `pipelines/test.sh --long`.
let isLongRun = ProcessInfo.processInfo.environment["REKEY_LONG"] == "1"

/// The seed of a test, printed; the same seed makes the same choices.
func choices(_ name: String) -> (seed: UInt64, random: SeededGenerator) {
    let seed = testSeed(name)
    return (seed, SeededGenerator(seed: seed))
}
