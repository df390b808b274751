import FaultServer
import Foundation

let usage = """
    usage: rekey-fault-server [--port PORT] [--upstream http://HOST:PORT] [--plan FILE.json] [FLAGS]

    Without --upstream it answers DynamoDB writes itself, at once, and keeps nothing.

      \(FaultKind.drawn.map { "--\($0.rawValue) SHARE" }.joined(separator: "\n  "))
      --seed N               the same seed and order of requests give the same faults (1)
      --sequence KIND,…      the faults of the first requests, or none
      --operations NAME,…    only these: BatchWriteItem, GetCallerIdentity; for S3 the method
      --skip N               so many requests pass before the first fault
      --limit N              no more faults than these
      --slow-milliseconds N  how slow is slow (500)
      --clock-skew-seconds N its clock is ahead
      --creating-descriptions N
                             each table is in CREATING so often

    GET /_fault/counts tells what it did, POST /_fault/plan sets another plan.
    """

/// Says what is wrong and ends with the status for wrong usage.
func refuse(_ problem: String) -> Never {
    FileHandle.standardError.write(Data("\(usage)\nrekey-fault-server: \(problem)\n".utf8))
    exit(64)
}

var plan = FaultPlan()
var upstream: String?
var port = 0
var words = CommandLine.arguments.dropFirst()
while let word = words.popFirst() {
    guard word.hasPrefix("--"), word != "--help", let value = words.popFirst() else {
        refuse("there is no \(word), or no value after it")
    }
    /// A number, or the end.
    func number<Number: LosslessStringConvertible>(_ type: Number.Type = Number.self) -> Number {
        Number(value) ?? { refuse("\(word): \(value) is not a number") }()
    }
    let list = value.split(separator: ",").map(String.init)
    switch word.dropFirst(2) {
    case "port": port = number()
    case "upstream": upstream = value
    case "plan":
        do {
            plan = try JSONDecoder().decode(FaultPlan.self, from: Data(contentsOf: URL(filePath: value)))
        } catch {
            refuse("\(value): \(error)")
        }
    case "seed": plan.seed = number()
    case "sequence":
        plan.sequence = list.map { FaultKind(rawValue: $0) ?? { refuse("\(word): there is no \(value)") }() }
    case "operations": plan.operations = list
    case "skip": plan.skip = number()
    case "limit": plan.limit = number(Int.self)
    case "slow-milliseconds": plan.slowMilliseconds = number()
    case "clock-skew-seconds": plan.clockSkewSeconds = number()
    case "creating-descriptions": plan.creatingDescriptions = number()
    case let name:
        guard let kind = FaultKind(rawValue: String(name)) else { refuse("there is no \(word), or no value after it") }
        plan.probabilities[kind] = number()
    }
}
let server: FaultServer
do {
    server = try FaultServer(upstream: upstream, plan: plan, port: port)
} catch {
    refuse("\(error)")
}
// Unbuffered, because a script waits for the line.
FileHandle.standardOutput.write(Data("\(server.endpoint)\n".utf8))
withExtendedLifetime(server) { dispatchMain() }
