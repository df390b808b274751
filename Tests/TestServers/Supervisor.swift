import Synchronization
import TestSupport

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Where the servers and the script that starts them are.
public enum Servers {
    /// The repository's folder, found from this file's place in it.
    static let repository = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }

    /// The Python virtual environment: `REKEY_TEST_SERVERS`, or `.build/servers`.
    static let folder = getenv("REKEY_TEST_SERVERS").map { String(cString: $0) } ?? repository + "/.build/servers"

    static let script = repository + "/pipelines/servers.sh"

    /// The interpreter that has boto3; an error that names the command to run where it is missing.
    public static func python() throws(TestServerError) -> String {
        guard access(folder + "/installed.txt", R_OK) == 0 else {
            throw TestServerError(
                "The test servers are not in \(folder); run pipelines/servers.sh, then the tests again.")
        }
        return folder + "/bin/python"
    }
}

/// Starts `pipelines/servers.sh serve`, which ends its server when this process does: it waits for the end of a pipe.
enum Supervisor {
    /// The write ends of the pipes. Never closed: the end of the process does it.
    private static let pipes = Mutex<[Int32]>([])

    /// Starts a server and waits until it answers. Returns its port.
    static func start(_ kind: String) throws(TestServerError) -> Int {
        _ = try Servers.python()
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw TestServerError("pipe: \(String(cString: strerror(errno)))") }
        defer { close(ends[0]) }
        // No other child may hold the pipe open.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        pipes.withLock { $0.append(ends[1]) }

        let stem = (getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp") + "/rekey-server-\(getpid())-\(kind)"
        let words = Words(stem)
        let child = try ChildProcess(
            ["bash", Servers.script, "serve", kind, words.port],
            changes: ["REKEY_TEST_SERVERS": Servers.folder],
            input: .descriptor(ends[0]), output: words.messages, errors: words.messages)
        defer { unlink(words.messages) }
        while true {
            let text = words.read(words.port)
            if let port = Int(text.prefix { $0.isNumber }) { return port }
            if let status = child.poll() {
                throw TestServerError("\(kind) ended with \(status) at its start: \(words.read(words.messages))")
            }
            usleep(10_000)
        }
    }

    /// The files of one start.
    private struct Words {
        var port: String
        var messages: String

        init(_ stem: String) {
            port = stem
            messages = stem + ".messages"
        }

        func read(_ path: String) -> String { (try? readText(path)) ?? "" }
    }
}

/// The whole of a small file.
func readText(_ path: String) throws(TestServerError) -> String {
    String(decoding: try readBytes(path), as: UTF8.self)
}

func readBytes(_ path: String) throws(TestServerError) -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw TestServerError("\(path): \(String(cString: strerror(errno)))") }
    defer { close(file) }
    return try readAll(file)
}

/// Everything up to the end of a file or connection.
func readAll(_ file: Int32) throws(TestServerError) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = read(file, &buffer, buffer.count)
        if count == 0 { return bytes }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw TestServerError("read: \(String(cString: strerror(errno)))") }
        bytes += buffer[..<count]
    }
}
