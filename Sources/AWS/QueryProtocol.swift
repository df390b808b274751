/// One parameter of a call of the query protocol.
package struct QueryParameter: Sendable, Equatable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

extension ServiceClient {
    /// Calls an operation of a service that speaks the query protocol (a form goes out, XML comes back): STS, CloudWatch.
    ///
    /// - Parameters:
    ///   - action: `GetMetricData`.
    ///   - version: the API's date: `2010-08-01`.
    /// - Returns: the element `GetMetricDataResult`.
    package func query(
        _ action: String, version: String, _ parameters: [QueryParameter] = [], policy: RetryPolicy? = nil
    ) async throws(ServiceError) -> XMLElement {
        let form = ([QueryParameter("Action", action), QueryParameter("Version", version)] + parameters)
            .map { "\(PercentEncoding.encode($0.name))=\(PercentEncoding.encode($0.value))" }
        let request = HTTPRequest(
            method: "POST", authority: endpoint.authority,
            headers: [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")],
            body: Array(form.joined(separator: "&").utf8))
        let body = try await send(request, policy: policy).body
        if let root = try? XMLElement.parse(body, source: service.displayName), let result = root["\(action)Result"] {
            return result
        }
        throw ServiceError(
            code: "", message: "\(endpoint.authority) did not answer \(action) as \(service.displayName) does",
            kind: .other)
    }
}

extension InternetDate {
    /// `2026-01-31T12:00:00Z` of seconds since 1970.
    package static func text(_ seconds: Int) -> String {
        let days = Int((Double(seconds) / 86_400).rounded(.down))
        let (year, month, day) = CivilDate.date(days)
        let second = seconds - days * 86_400
        func padded(_ value: Int, _ width: Int = 2) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return "\(padded(year, 4))-\(padded(month))-\(padded(day))T"
            + "\(padded(second / 3600)):\(padded(second / 60 % 60)):\(padded(second % 60))Z"
    }
}
