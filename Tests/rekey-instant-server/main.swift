#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Says what is wrong and ends with the status for wrong usage.
func refuse(_ problem: String) -> Never {
    let usage = """
        usage: rekey-instant-server [--port PORT] [--items FILE]

        Answers DynamoDB's BatchWriteItem, DescribeTable and Scan at once: writes are counted and forgotten, scans bring the
        {"Item":…} lines of FILE, whose keys are PK and SK, strings. GET / tells what came.
        """
    let text = "\(usage)\nrekey-instant-server: \(problem)\n"
    write(2, text, text.utf8.count)
    exit(64)
}

var port = 0
var items: String?
var words = CommandLine.arguments.dropFirst()
while let word = words.popFirst() {
    guard let value = words.popFirst() else { refuse("there is no \(word), or no value after it") }
    switch word {
    case "--port": port = Int(value) ?? { refuse("\(word): \(value) is not a number") }()
    case "--items": items = value
    default: refuse("there is no \(word)")
    }
}
do throws(Problem) {
    let server = try InstantServer(port: port)
    if let items { try server.load(items) }
    print("http://127.0.0.1:\(server.port)")
    fflush(nil)
    server.run()
} catch {
    refuse(error.text)
}
