/// One HTTP request, in the parts that signing needs apart.
package struct HTTPRequest: Sendable {
    package var method: String
    /// `https` or `http`.
    package var scheme: String
    /// Host, with `:port` where it is not the scheme's own.
    package var authority: String
    /// Begins with `/`; percent-encoded, as it is sent.
    package var path: String
    /// Names and values without encoding; they are sent strictly encoded (RFC 3986), in this order.
    package var query: [(name: String, value: String)]
    /// Without `Host`, which is made of `authority`.
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    /// A longer answer fails with `.tooLarge`.
    package var responseLimit: Int
    /// To have the connection made, name lookup and TLS included.
    package var connectTimeout: Duration
    /// The longest time in which nothing at all moves.
    package var stallTimeout: Duration
    /// The longest time from the first byte to the last; nil for none.
    package var totalTimeout: Duration?

    package init(
        method: String = "GET", scheme: String = "https", authority: String, path: String = "/",
        query: [(name: String, value: String)] = [], headers: [(name: String, value: String)] = [], body: [UInt8] = [],
        responseLimit: Int = 32 << 20, connectTimeout: Duration = .seconds(5), stallTimeout: Duration = .seconds(30),
        totalTimeout: Duration? = nil
    ) {
        self.method = method
        self.scheme = scheme
        self.authority = authority
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.responseLimit = responseLimit
        self.connectTimeout = connectTimeout
        self.stallTimeout = stallTimeout
        self.totalTimeout = totalTimeout
    }
}

/// What a server answered, whatever the status.
package struct HTTPResponse: Sendable {
    private enum Head: Sendable {
        case received([UInt8])
        case listed([(name: String, value: String)])
    }

    package var status: Int
    package var body: [UInt8]
    private let head: Head

    package init(status: Int, headers: [(name: String, value: String)], body: [UInt8]) {
        self.status = status
        head = .listed(headers)
        self.body = body
    }

    /// - Parameter head: status line and headers as received; read only when a header is asked for.
    init(status: Int, head: [UInt8], body: [UInt8]) {
        self.status = status
        self.head = .received(head)
        self.body = body
    }

    /// In the order received; names as received.
    package var headers: [(name: String, value: String)] {
        switch head {
        case .received(let bytes): Self.headers(of: bytes)
        case .listed(let headers): headers
        }
    }

    /// The first header of this name, in any case.
    package func header(_ name: String) -> String? {
        switch head {
        case .received(let bytes): Self.header(name, of: bytes)
        case .listed(let headers): headers.first { $0.name.isEqualIgnoringCase(name) }?.value
        }
    }
}

/// No whole answer came.
package struct TransportError: Error, Sendable, Equatable {
    package enum Kind: Sendable {
        /// No connection: name, network, TLS or proxy. Nothing was sent.
        case unreachable
        /// The server's certificate was refused. Trying again does not help.
        case untrusted
        case timedOut
        /// The connection ended before the answer did. The request may have been carried out.
        case cut
        /// The answer passed the limit.
        case tooLarge
        case cancelled
        /// The request itself cannot be sent.
        case invalid
    }

    package var kind: Kind
    /// Without secrets; names the host.
    package var message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// Whether the same request may succeed later.
    package var isTransient: Bool {
        switch kind {
        case .unreachable, .timedOut, .cut: true
        case .untrusted, .tooLarge, .cancelled, .invalid: false
        }
    }
}
