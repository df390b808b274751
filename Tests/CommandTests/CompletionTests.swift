import Foundation
import TestSupport
import Testing

/// What the generated scripts and pages are to the programs that read them, where these are installed.
@Suite("Completions and manual pages")
struct CompletionTests {
    static func path(of program: String) -> String? {
        (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
            .map { "\($0)/\(program)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// Runs a script that finds `rekey` on its path, and returns what it prints.
    private func run(_ script: String) throws -> (output: String, status: Int32) {
        try withTemporaryDirectory { folder in
            let rekey = try Binaries.found.get().rekey
            let tools = URL(filePath: rekey).deletingLastPathComponent().path
            try script.write(toFile: folder + "/cmd", atomically: true, encoding: .utf8)
            let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
            let result = try runShell(
                script: folder + "/cmd", directory: folder,
                environment: ["PATH": "\(tools):\(path)", "HOME": folder, "LC_ALL": "C.UTF-8", "TERM": "vt100"],
                input: "/dev/null", output: folder + "/out", errors: folder + "/out2", limit: 60)
            let texts = try ["/out", "/out2"].map { try String(contentsOfFile: folder + $0, encoding: .utf8) }
            return (texts.joined(), result.status)
        }
    }

    @Test("fish completes commands and options", .enabled(if: path(of: "fish") != nil, "fish is not installed"))
    func fish() throws {
        let (output, status) = try run(
            """
            rekey completions fish > rekey.fish
            fish --no-config -c 'source rekey.fish; complete -C "rekey mig"; complete -C "rekey migrate --exe"; complete -C "rekey rules "'
            """)
        #expect(status == 0, "\(output)")
        for word in ["migrate", "--execute", "check", "invert"] { #expect(output.contains(word), "\(output)") }
    }

    @Test("zsh loads the script and completes with it", .enabled(if: path(of: "zsh") != nil, "zsh is not installed"))
    func zsh() throws {
        // A terminal of its own, so that the completion system does what it does for a user.
        let (output, status) = try run(
            """
            mkdir functions && rekey completions zsh > functions/_rekey && zsh -n functions/_rekey
            cat > drive.zsh <<'EOF'
            zmodload zsh/zpty
            zpty shell zsh -f
            zpty -w shell 'fpath=($PWD/functions $fpath); autoload -U compinit; compinit -u -D; PS1="> "; echo rea''dy'
            zpty -r shell seen '*ready*'
            zpty -n -w shell $'rekey migrate --exe\\t'
            zpty -r shell seen '*--execute*' && print -r -- "$seen"
            zpty -d shell
            EOF
            zsh -f drive.zsh
            """)
        #expect(status == 0, "\(output)")
        #expect(output.contains("--execute"), "\(output)")
    }

    @Test(
        "mandoc finds nothing wrong with the manual pages",
        .enabled(if: path(of: "mandoc") != nil, "mandoc is not installed"))
    func manual() throws {
        let (output, status) = try run("mkdir man && rekey manual man && mandoc -T lint -W warning man/*.1")
        #expect(status == 0, "\(output)")
    }
}
