/// What a client tells of its requests, for logs and counts: never a header, a body, a key or a query.
package enum RequestEvent: Sendable, Equatable {
    /// An answer came, whatever its status.
    case answered(operation: String, status: Int, time: Duration)
    /// An attempt failed, and another one will be made.
    ///
    /// - Parameter reason: the service's error code, or what became of the connection.
    case retrying(operation: String, reason: String, isThrottling: Bool, attempt: Int, pause: Duration)
}

/// Takes events as they come, on the thread of the request; it must not block.
package typealias RequestObserver = @Sendable (RequestEvent) -> Void

extension HTTPRequest {
    /// `DynamoDB.Scan`, or the method and the path of a request that names no operation.
    var operation: String {
        guard let target = headers.first(where: { $0.0 == "X-Amz-Target" })?.1 else {
            return "\(method) \(path.prefix { $0 != "?" })"
        }
        let parts = target.split(separator: ".")
        let service = parts.first?.split(separator: "_").first ?? ""
        return "\(service).\(parts.last ?? "")"
    }
}
