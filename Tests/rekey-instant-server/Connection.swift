#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A request inside a connection's buffer; valid until it is dropped.
struct Request {
    let isGet: Bool
    /// Of `X-Amz-Target`, behind the point.
    let operation: String
    let body: UnsafeRawBufferPointer
    /// Bytes of head and body.
    let count: Int
}

/// One kept-alive connection.
final class Connection {
    let socket: Int32
    private(set) var isClosed = false
    private var buffer = UnsafeMutableRawPointer.allocate(byteCount: 64 << 10, alignment: 16)
    private var capacity = 64 << 10
    private var used = 0
    /// What the socket did not take at once.
    private var output: [UInt8] = []
    private var sent = 0

    init(_ socket: Int32) { self.socket = socket }

    deinit {
        close(socket)
        buffer.deallocate()
    }

    var hasOutput: Bool { !output.isEmpty }

    func receive() {
        if used == capacity { grow() }
        let count = recv(socket, buffer + used, capacity - used, 0)
        if count > 0 {
            used += count
        } else if count == 0 || errno != EAGAIN {
            isClosed = true
        }
    }

    /// The request at the beginning of what was received; nil where it is not whole.
    func nextRequest() -> Request? {
        let received = UnsafeRawBufferPointer(start: buffer, count: used)
        guard let end = position(of: "\r\n\r\n", in: received) else { return nil }
        let headCount = end + 4
        let head = UnsafeRawBufferPointer(start: buffer, count: headCount)
        let length = Int(value(of: "content-length:", in: head)) ?? 0
        guard used >= headCount + length else { return nil }
        let target = value(of: "x-amz-target:", in: head)
        return Request(
            isGet: head.starts(with: "GET".utf8), operation: target.split(separator: ".").last.map(String.init) ?? "",
            body: UnsafeRawBufferPointer(start: buffer + headCount, count: length), count: headCount + length)
    }

    func drop(_ request: Request) {
        used -= request.count
        if used > 0 { memmove(buffer, buffer + request.count, used) }
    }

    func send(_ bytes: [UInt8]) {
        output = bytes
        sent = 0
        flush()
    }

    func flush() {
        while sent < output.count {
            let count = output.withUnsafeBytes {
                #if canImport(Glibc)
                    Glibc.send(socket, $0.baseAddress! + sent, $0.count - sent, 0)
                #else
                    Darwin.send(socket, $0.baseAddress! + sent, $0.count - sent, 0)
                #endif
            }
            guard count > 0 else {
                if errno != EAGAIN {
                    isClosed = true
                    output = []
                }
                return
            }
            sent += count
        }
        output = []
    }

    private func grow() {
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity * 2, alignment: 16)
        larger.copyMemory(from: buffer, byteCount: used)
        buffer.deallocate()
        buffer = larger
        capacity *= 2
    }

    /// What stands behind a header's name, given in lower case with its colon; "" where there is none.
    private func value(of name: StaticString, in head: UnsafeRawBufferPointer) -> String {
        let count = name.utf8CodeUnitCount
        var start = 0
        while start < head.count, let end = memchr(head.baseAddress! + start, 0x0A, head.count - start) {
            let line = UnsafeRawBufferPointer(
                rebasing: head[start..<(UnsafeRawPointer(end) - head.baseAddress!)])
            start += line.count + 1
            guard line.count > count, line[count - 1] == UInt8(ascii: ":") else { continue }
            let isNamed = (0..<count).allSatisfy { index in
                line[index] | (line[index] >= 0x41 && line[index] <= 0x5A ? 0x20 : 0) == name.utf8Start[index]
            }
            if isNamed {
                return String(decoding: line[count...].filter { $0 > 0x20 }, as: UTF8.self)
            }
        }
        return ""
    }
}
