package import ByteStreams

/// Where a service is reached.
package struct ServiceEndpoint: Sendable, Equatable {
    /// `https` or `http`.
    package var scheme: String
    /// Host, with `:port` where it is not the scheme's own.
    package var authority: String
    /// Before each request's path; "" or `/folder`, without a slash at the end.
    package var basePath: String
    /// Whether a user set it, in place of AWS's own.
    package var isCustom: Bool

    package init(scheme: String = "https", authority: String, basePath: String = "", isCustom: Bool = false) {
        self.scheme = scheme
        self.authority = authority
        self.basePath = basePath
        self.isCustom = isCustom
    }

    /// A user's endpoint.
    ///
    /// - Parameter setting: where it was set, for errors.
    /// - Throws: `.usage` for what is not `http[s]://host[:port][/path]`.
    package init(url: String, setting: String = "--endpoint-url") throws(RekeyError) {
        let parts = url.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
        let scheme = parts[0].lowercased()
        guard parts.count == 2, scheme == "http" || scheme == "https" else {
            throw RekeyError(
                .usage, "the endpoint is not of the form http://host:port or https://host; check \(setting)")
        }
        let slash = parts[1].firstIndex(of: "/") ?? parts[1].endIndex
        var authority = String(parts[1][..<slash])
        let standardPort = scheme == "https" ? ":443" : ":80"
        if authority.hasSuffix(standardPort) { authority.removeLast(standardPort.count) }
        var basePath = String(parts[1][slash...])
        while basePath.hasSuffix("/") { basePath.removeLast() }
        self.init(scheme: scheme, authority: authority, basePath: basePath, isCustom: true)
        guard HTTPRequest(scheme: scheme, authority: authority, path: basePath + "/").url != nil else {
            throw RekeyError(
                .usage, "the endpoint has no host, or holds a user, a query or spaces; check \(setting)")
        }
    }
}
