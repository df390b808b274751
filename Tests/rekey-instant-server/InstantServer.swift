import CZlib

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Answers DynamoDB requests at once from answers made before, on one thread and with little CPU of its own, so that what is
/// measured beside it is the client.
///
/// Writes are counted and forgotten. A scan brings the items it was given, in pages of about 1 MB.
final class InstantServer {
    private let listener: Int32
    private var connections: [Connection] = []
    private var pages = ScanPages()
    private(set) var port = 0
    private var requests = 0
    private var writes = 0
    private var bodyBytes = 0

    private let written = InstantServer.answer(#"{"UnprocessedItems":{}}"#)
    private let writtenWithUnits = InstantServer.answer(
        #"{"UnprocessedItems":{},"ConsumedCapacity":[{"TableName":"instant","CapacityUnits":25.0}]}"#)

    /// Listens on this machine alone; port 0 takes a free one.
    init(port: Int) throws(Problem) {
        #if canImport(Glibc)
            listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            listener = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var on: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                guard bind(listener, name, length) == 0, listen(listener, 128) == 0 else { return false }
                return getsockname(listener, name, &length) == 0
            }
        }
        guard listener >= 0, result else { throw Problem("port \(port): \(String(cString: strerror(errno)))") }
        self.port = Int(UInt16(bigEndian: address.sin_port))
    }

    /// Gives scans the items of a file of `{"Item":…}` lines.
    func load(_ path: String) throws(Problem) { try pages.load(path) }

    /// Serves for ever.
    func run() -> Never {
        signal(SIGPIPE, SIG_IGN)
        var polled: [pollfd] = []
        while true {
            polled.removeAll(keepingCapacity: true)
            polled.append(pollfd(fd: listener, events: Int16(POLLIN), revents: 0))
            for connection in connections {
                let events = connection.hasOutput ? POLLOUT : POLLIN
                polled.append(pollfd(fd: connection.socket, events: Int16(events), revents: 0))
            }
            guard poll(&polled, nfds_t(polled.count), -1) > 0 else { continue }
            for index in connections.indices where polled[index + 1].revents != 0 { move(connections[index]) }
            connections.removeAll { $0.isClosed }
            if polled[0].revents != 0 { accept() }
        }
    }

    private func accept() {
        #if canImport(Glibc)
            let socket = Glibc.accept(listener, nil, nil)
        #else
            let socket = Darwin.accept(listener, nil, nil)
        #endif
        guard socket >= 0 else { return }
        var on: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        _ = fcntl(socket, F_SETFL, O_NONBLOCK)
        connections.append(Connection(socket))
    }

    private func move(_ connection: Connection) {
        if connection.hasOutput {
            connection.flush()
            return
        }
        connection.receive()
        while !connection.isClosed, !connection.hasOutput, let request = connection.nextRequest() {
            connection.send(answer(request))
            connection.drop(request)
        }
    }

    private func answer(_ request: Request) -> [UInt8] {
        if request.isGet {
            return Self.answer(#"{"requests":\#(requests),"writes":\#(writes),"bodyBytes":\#(bodyBytes)}"#)
        }
        requests += 1
        bodyBytes += request.body.count
        switch request.operation {
        case "BatchWriteItem":
            // The q is rare; the rest of PutRequest and DeleteRequest would not be found sooner.
            writes += occurrences(of: "quest\":", in: request.body)
            let beginning = UnsafeRawBufferPointer(rebasing: request.body.prefix(64))
            return position(of: "ReturnConsumedCapacity", in: beginning) == nil ? written : writtenWithUnits
        case "DescribeTable":
            return Self.answer(
                #"{"Table":{"TableName":"instant","TableStatus":"ACTIVE","TableArn":"arn:aws:dynamodb:us-east-1:000000000000:table/instant","TableSizeBytes":\#(pages.byteCount),"ItemCount":\#(pages.itemCount),"BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST"},"AttributeDefinitions":[{"AttributeName":"PK","AttributeType":"S"},{"AttributeName":"SK","AttributeType":"S"}],"KeySchema":[{"AttributeName":"PK","KeyType":"HASH"},{"AttributeName":"SK","KeyType":"RANGE"}]}}"#
            )
        case "Scan": return pages.answer(to: request.body)
        default: return Self.answer("{}")
        }
    }

    /// A whole answer with its checksum.
    static func answer(_ json: String) -> [UInt8] { answer(Array(json.utf8)) }

    static func answer(_ body: [UInt8]) -> [UInt8] {
        let checksum = body.withUnsafeBufferPointer { crc32(0, $0.baseAddress, UInt32($0.count)) }
        let head =
            "HTTP/1.1 200 OK\r\nServer: Server\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: \(body.count)\r\nConnection: keep-alive\r\nx-amzn-RequestId: INSTANT0000000000000000000000000000000000000000000000\r\nx-amz-crc32: \(checksum)\r\n\r\n"
        return Array(head.utf8) + body
    }
}

/// Why the server cannot serve.
struct Problem: Error {
    let text: String

    init(_ text: String) { self.text = text }
}

/// Where a text first stands in bytes at or after a place; nil for nowhere. Quick where its first byte is rare.
func position(of text: UnsafeRawBufferPointer, in bytes: UnsafeRawBufferPointer, from start: Int = 0) -> Int? {
    guard let base = bytes.baseAddress, let wanted = text.baseAddress else { return nil }
    var place = start
    while place + text.count <= bytes.count,
        let found = memchr(base + place, Int32(text[0]), bytes.count - text.count + 1 - place)
    {
        place = UnsafeRawPointer(found) - base
        if memcmp(found, wanted, text.count) == 0 { return place }
        place += 1
    }
    return nil
}

func position(of text: StaticString, in bytes: UnsafeRawBufferPointer, from start: Int = 0) -> Int? {
    position(of: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount), in: bytes, from: start)
}

/// How often a text stands in bytes.
func occurrences(of text: StaticString, in bytes: UnsafeRawBufferPointer) -> Int {
    var count = 0
    var place = 0
    while let found = position(of: text, in: bytes, from: place) {
        count += 1
        place = found + text.utf8CodeUnitCount
    }
    return count
}
