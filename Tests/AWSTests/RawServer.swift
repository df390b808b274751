import Foundation
import Synchronization

#if canImport(Glibc)
    private let streamSocket = Int32(SOCK_STREAM.rawValue)
    private let noSignal = Int32(MSG_NOSIGNAL)
#else
    private let streamSocket = SOCK_STREAM
    private let noSignal: Int32 = 0
#endif

/// A server on a free loopback port that answers byte for byte what a test says, a thread for each connection.
final class RawServer: Sendable {
    /// One request as it came.
    struct Request: Sendable {
        var line: String
        var headers: [(name: String, value: String)]
        var body: [UInt8]
        /// From 0, over all connections.
        var number: Int

        func header(_ name: String) -> String? {
            headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }
    }

    let port: UInt16
    private let socket: Int32
    private let connectionCount = Atomic(0)
    private let requestCount = Atomic(0)

    /// - Parameter serve: is called on a thread of its own for each connection, which is closed when it returns.
    init(_ serve: @escaping @Sendable (Connection) -> Void) {
        socket = Foundation.socket(AF_INET, streamSocket, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let socket = self.socket
        port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                precondition(bind(socket, pointer, length) == 0 && listen(socket, 1024) == 0)
                precondition(getsockname(socket, pointer, &length) == 0)
            }
            return UInt16(bigEndian: pointer.pointee.sin_port)
        }
        Thread { [self] in
            while true {
                let accepted = accept(socket, nil, nil)
                guard accepted >= 0 else { return }
                connectionCount.add(1, ordering: .relaxed)
                Thread {
                    let connection = Connection(accepted, self)
                    serve(connection)
                    close(accepted)
                }.start()
            }
        }.start()
    }

    /// A server that answers each request with what `answer` says, over kept-alive connections.
    static func answering(_ answer: @escaping @Sendable (Request) -> String) -> RawServer {
        RawServer { connection in
            while let request = connection.next() { connection.write(answer(request)) }
        }
    }

    /// Ends the thread that accepts; connections end when their other side does.
    func stop() {
        shutdown(socket, Int32(SHUT_RDWR))
        close(socket)
    }

    var connections: Int { connectionCount.load(ordering: .relaxed) }
    var requests: Int { requestCount.load(ordering: .relaxed) }
    var authority: String { "127.0.0.1:\(port)" }

    /// A whole answer with its length.
    static func answer(
        _ status: String = "200 OK", _ headers: [String] = [], body: String = "{}"
    ) -> String {
        (["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)"] + headers + ["", body]).joined(separator: "\r\n")
    }

    final class Connection {
        private let socket: Int32
        private let server: RawServer
        private var buffer: [UInt8] = []

        init(_ socket: Int32, _ server: RawServer) {
            self.socket = socket
            self.server = server
        }

        /// The next whole request; nil once the other side has closed.
        func next() -> Request? {
            while true {
                if let end = buffer.firstRange(of: Array("\r\n\r\n".utf8)) {
                    var lines = String(decoding: buffer[..<end.lowerBound], as: UTF8.self).components(
                        separatedBy: "\r\n")
                    let line = lines.removeFirst()
                    let headers = lines.map { line in
                        let colon = line.firstIndex(of: ":")!
                        return (
                            String(line[..<colon]),
                            line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
                        )
                    }
                    var request = Request(line: line, headers: headers, body: [], number: 0)
                    let length = request.header("content-length").flatMap { Int($0) } ?? 0
                    if buffer.count >= end.upperBound + length {
                        request.body = Array(buffer[end.upperBound..<end.upperBound + length])
                        buffer.removeFirst(end.upperBound + length)
                        request.number = server.requestCount.add(1, ordering: .relaxed).oldValue
                        return request
                    }
                }
                var block = [UInt8](repeating: 0, count: 65536)
                let count = recv(socket, &block, block.count, 0)
                guard count > 0 else { return nil }
                buffer += block[..<count]
            }
        }

        func write(_ text: String) { write(Array(text.utf8)) }

        func write(_ bytes: [UInt8]) {
            var sent = 0
            while sent < bytes.count {
                let count = bytes.withUnsafeBytes {
                    send(socket, $0.baseAddress! + sent, bytes.count - sent, noSignal)
                }
                guard count > 0 else { return }
                sent += count
            }
        }

        /// Waits until the other side closes the connection.
        func waitForClose() { while next() != nil {} }
    }
}
