#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Sends bytes to a port of this machine and returns what comes back until the server closes the connection: a client that adds,
/// hides and retries nothing. Blocks the thread of its caller; gives up after 30 seconds of silence.
public func rawRequest(port: Int, _ request: String) throws(TestServerError) -> [UInt8] {
    try rawRequest(port: port, Array(request.utf8))
}

/// The same for bytes that are no text.
public func rawRequest(port: Int, _ request: [UInt8]) throws(TestServerError) -> [UInt8] {
    func failure(_ what: String) -> TestServerError { TestServerError("\(what): \(String(cString: strerror(errno)))") }
    #if canImport(Glibc)
        let connection = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #else
        let connection = socket(AF_INET, SOCK_STREAM, 0)
    #endif
    guard connection >= 0 else { throw failure("socket") }
    defer { close(connection) }
    _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
    var limit = timeval(tv_sec: 30, tv_usec: 0)
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))

    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let connected = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(connection, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
    guard connected == 0 else { throw failure("connect to port \(port)") }
    var sent = 0
    while sent < request.count {
        #if canImport(Glibc)
            let flags = Int32(MSG_NOSIGNAL)
        #else
            let flags: Int32 = 0
        #endif
        let count = request.withUnsafeBytes { send(connection, $0.baseAddress! + sent, request.count - sent, flags) }
        guard count > 0 else { throw failure("send") }
        sent += count
    }
    return try readAll(connection)
}
