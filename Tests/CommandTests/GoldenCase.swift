import Foundation
import TestServers
import Testing

/// One folder of `Cases`: a command, and what it must print and end with.
struct GoldenCase: Sendable, CustomTestStringConvertible {
    var name: String
    /// The case's own folder.
    var folder: URL

    var testDescription: String { name }

    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Cases")
    static let repository = folder.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .standardizedFileURL

    /// All cases, or those whose name contains `REKEY_TEST_CASE`.
    static func all() -> [GoldenCase] {
        let wanted = ProcessInfo.processInfo.environment["REKEY_TEST_CASE"] ?? ""
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.sorted()
            .filter { !$0.contains(".") && (wanted.isEmpty || $0.contains(wanted)) }
            .map { GoldenCase(name: $0, folder: folder.appending(path: $0)) }
    }

    /// True where the expected files are to be written and not compared.
    static let isRecording = ProcessInfo.processInfo.environment["REKEY_TEST_RECORD"] == "1"

    /// What the command printed and ended with, made equal on every machine.
    struct Outcome: Equatable {
        var stdout: String
        var stderr: String
        var exit: String

        static let files = ["expected-stdout", "expected-stderr", "expected-exit"]
        var parts: [String] { [stdout, stderr, exit] }
    }

    func expected() throws -> Outcome {
        let parts = try Outcome.files.map { try String(contentsOf: folder.appending(path: $0), encoding: .utf8) }
        return Outcome(stdout: parts[0], stderr: parts[1], exit: parts[2])
    }

    func record(_ outcome: Outcome) throws {
        for (file, part) in zip(Outcome.files, outcome.parts) {
            try part.write(to: folder.appending(path: file), atomically: true, encoding: .utf8)
        }
    }

    /// Runs `cmd` in a directory of its own below `temporary`. Returns also the names it left behind in `$TMPDIR`, and the files,
    /// its output among them, in which a secret of its AWS account stands.
    func run(in temporary: String) throws -> (outcome: Outcome, leftovers: [String], leaks: [String]) {
        let files = FileManager.default
        let root = URL(filePath: temporary).resolvingSymlinksInPath().path
        let (work, tools, scratch) = (root + "/work", root + "/tools", root + "/tmp")
        for path in [work, tools, scratch] {
            try files.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        let binaries = try Binaries.found.get()
        try files.createSymbolicLink(atPath: tools + "/rekey", withDestinationPath: binaries.rekey)
        let repository = Self.repository.path
        let inherited = ProcessInfo.processInfo.environment
        var environment = [
            "PATH": tools + ":" + (inherited["PATH"] ?? "/usr/bin:/bin"), "HOME": work, "TMPDIR": scratch,
            "LC_ALL": "C",
            "TZ": "UTC", "REKEY": binaries.rekey, "SAMPLE": binaries.sample, "DATA": repository + "/data",
            "RULES": repository + "/pipelines/plan-structure.yaml", "PIPELINES": repository + "/pipelines",
            "CASE": folder.path, "CASES": Self.folder.path, "REKEY_TEST_SEED": inherited["REKEY_TEST_SEED"] ?? "",
            "REKEY_LONG": inherited["REKEY_LONG"] ?? "", "REKEY_SANITIZER": inherited["REKEY_SANITIZER"] ?? "",
        ]
        let account = try servers(for: &environment)
        let input = folder.appending(path: "stdin").path
        let began = Date()
        let result = try runShell(
            script: folder.appending(path: "cmd").path, directory: work, environment: environment,
            input: files.fileExists(atPath: input) ? input : "/dev/null", output: root + "/stdout",
            errors: root + "/stderr", limit: commandLimit)
        let normalizer = Normalizer(
            temporary: root, caseFolder: folder.path, repository: repository, account: account?.id, from: began,
            to: Date())
        func text(_ name: String) throws -> String {
            normalizer.normalize(
                String(decoding: try Data(contentsOf: URL(filePath: root + "/" + name)), as: UTF8.self))
        }
        return (
            Outcome(
                stdout: try text("stdout"), stderr: try text("stderr"),
                exit: result.isTimedOut ? "no end after \(commandLimit) seconds\n" : "\(result.status)\n"),
            try files.contentsOfDirectory(atPath: scratch),
            try account.map { try Self.files(below: root, holding: [$0.secretAccessKey, $0.sessionToken]) } ?? []
        )
    }

    private static func files(below root: String, holding secrets: [String?]) throws -> [String] {
        let wanted = secrets.compactMap { $0.map { Data($0.utf8) } }
        let paths = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
        return try paths.filter { path in
            let url = URL(filePath: "\(root)/\(path)")
            // FIFOs would wait for a writer.
            guard try url.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile == true else { return false }
            let bytes = try Data(contentsOf: url)
            return wanted.contains { bytes.firstRange(of: $0) != nil }
        }
    }

    /// Where `cmd` mentions `MINISTACK` or `MOTO`, adds that server's address and a fresh account on it; with `PYTHON`, the
    /// interpreter that has boto3.
    private func servers(for environment: inout [String: String]) throws -> TestAccount? {
        let command = try String(contentsOf: folder.appending(path: "cmd"), encoding: .utf8)
        if command.contains("PYTHON") { environment["PYTHON"] = try Servers.python() }
        let name = ["MINISTACK", "MOTO"].first { command.contains($0) }
        guard let name else { return nil }
        var account = try (name == "MOTO" ? TestServer.moto() : .ministack()).account()
        // ministack takes any secret; one that stands nowhere else can be looked for.
        if name != "MOTO" { account.secretAccessKey = "secret-that-is-written-nowhere-\(account.id.reversed())" }
        environment["\(name)_ENDPOINT"] = account.server.endpoint
        environment.merge(account.environment()) { _, new in new }
        return account
    }
}

/// The programs under test, which the build puts beside the tests.
struct Binaries: Sendable {
    var rekey: String
    var sample: String

    struct NotFound: Error, CustomStringConvertible { var description: String }

    static let found: Result<Binaries, NotFound> = {
        #if os(Linux)
            let start = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        #else
            let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") } ?? Bundle.main
            let start = bundle.bundleURL.resolvingSymlinksInPath()
        #endif
        var folder = start.deletingLastPathComponent()
        for _ in 0..<6 {
            let candidate = folder.appending(path: "rekey").path
            if FileManager.default.isExecutableFile(atPath: candidate), !candidate.hasSuffix("/") {
                return .success(Binaries(rekey: candidate, sample: folder.appending(path: "rekey-sample").path))
            }
            folder.deleteLastPathComponent()
        }
        return .failure(
            NotFound(description: "no rekey beside \(start.path); build it with `swift build --build-tests`"))
    }()
}
