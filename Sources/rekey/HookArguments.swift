import ArgumentParser
import ByteStreams
import Migration

/// `--hook`, the command that a run waits for.
struct HookArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Run this by sh and wait for it where the rule file says: hook: before-delete, or after (the default).",
            valueName: "command"))
    var hook: String?

    @Option(
        help: ArgumentHelp(
            "Stop a hook that takes longer, and the run with it. 3600 unless given.", valueName: "seconds"))
    var hookTimeout: Int?

    private static let standardSeconds = 3600

    func validate() throws {
        if let hook, hook.isEmpty { throw ValidationError("--hook takes a command for sh") }
        if let hookTimeout, !(1...1_000_000).contains(hookTimeout) {
            throw ValidationError("--hook-timeout takes seconds, 1 to 1000000")
        }
    }

    /// The hook of a run that begins.
    ///
    /// - Throws: `.usage` for a time without a command.
    func begun() throws(RekeyError) -> Hook? {
        guard let hook else {
            guard hookTimeout == nil else { throw RekeyError(.usage, "--hook-timeout is for --hook") }
            return nil
        }
        return Self.made(hook, seconds: hookTimeout)
    }

    /// The hook of a run that goes on: what is given now, else what it was begun with.
    func resumed(_ plan: RunPlan) -> Hook? {
        (hook ?? plan.hook).map { Self.made($0, seconds: hookTimeout ?? plan.hookSeconds) }
    }

    private static func made(_ command: String, seconds: Int?) -> Hook {
        Hook(command: command, timeLimit: .seconds(seconds ?? standardSeconds), environment: Environment.all)
    }
}
