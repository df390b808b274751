import Foundation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// How a command ended: its exit status, or 128 and the number of the signal that ended it.
struct ShellResult {
    var status: Int32
    /// True where the time limit ended it.
    var isTimedOut: Bool
}

/// A command that could not be started at all.
struct ShellError: Error, CustomStringConvertible {
    var description: String
}

/// Seconds after which a command that has not ended is ended. Under a sanitizer everything takes several times as long.
let commandLimit = ProcessInfo.processInfo.environment["REKEY_SANITIZER", default: ""].isEmpty ? 120 : 1200

/// What a sanitizer wants to find in the environment of each program.
private let sanitizerEnvironment = ProcessInfo.processInfo.environment.filter {
    ["ASAN_OPTIONS", "TSAN_OPTIONS", "LD_PRELOAD"].contains($0.key)
}

/// Leaves behind what other tests of this process have open, goes to `$1`, and becomes the script `$2`.
private let prologue = """
    for file in /dev/fd/*; do
      [ "${file##*/}" -le 2 ] || eval "exec ${file##*/}>&-"
    done
    cd "$1" && exec bash -o pipefail "$2"
    """

/// Runs `bash -o pipefail` on a script, with files as its streams, and waits for it.
///
/// The shell has its own process group, default signals and no open file but its three streams, whatever the other tests of this
/// process do meanwhile. It blocks its thread, so that no more cases run at once than there are cores.
func runShell(
    script: String, directory: String, environment: [String: String], input: String, output: String, errors: String,
    limit seconds: Int
) throws(ShellError) -> ShellResult {
    func check(_ code: Int32, _ what: String) throws(ShellError) {
        guard code == 0 else { throw ShellError(description: "\(what): \(String(cString: strerror(code)))") }
    }
    #if canImport(Glibc)
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
    #else
        var actions: posix_spawn_file_actions_t?
        var attributes: posix_spawnattr_t?
    #endif
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }

    try check(posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0), input)
    let fresh = O_WRONLY | O_CREAT | O_TRUNC
    try check(posix_spawn_file_actions_addopen(&actions, 1, output, fresh, 0o600), output)
    try check(posix_spawn_file_actions_addopen(&actions, 2, errors, fresh, 0o600), errors)
    var all = sigset_t()
    var none = sigset_t()
    sigfillset(&all)
    sigemptyset(&none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
        &attributes, Int16(Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETPGROUP)))

    let words = ["bash", "-c", prologue, "bash", directory, script]
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    var variables: [UnsafeMutablePointer<CChar>?] =
        environment.merging(sanitizerEnvironment) { own, _ in own }
        .map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for pointer in arguments + variables { free(pointer) } }
    var child: pid_t = 0
    try check(posix_spawnp(&child, "bash", &actions, &attributes, &arguments, &variables), "bash")

    var status: Int32 = 0
    var isTimedOut = false
    let start = time(nil)
    while true {
        let ended = waitpid(child, &status, WNOHANG)
        if ended == child { break }
        guard ended == 0 || errno == EINTR else {
            throw ShellError(description: "waitpid: \(String(cString: strerror(errno)))")
        }
        if !isTimedOut, time(nil) - start > seconds {
            isTimedOut = true
            kill(-child, SIGKILL)
        }
        usleep(3000)
    }
    let signal = status & 0x7F
    return ShellResult(status: signal == 0 ? (status >> 8) & 0xFF : 128 + signal, isTimedOut: isTimedOut)
}
