/// DynamoDB's limit of 300 operators in an expression, which emulators do not have.
/// Source: "Service, account, and table quotas", Amazon DynamoDB Developer Guide.
extension FaultAnswer {
    static func tooManyOperators(_ request: FaultRequest) -> FaultAnswer? {
        guard ["PutItem", "DeleteItem", "UpdateItem", "TransactWriteItems"].contains(request.operation),
            let count = request.conditions.map(FaultRequest.operators).max(), count > 300
        else { return nil }
        return FaultAnswer(
            status: 400,
            json:
                #"{"__type":"com.amazon.coral.validate#ValidationException","message":"Invalid ConditionExpression: The expression contains too many operators; operator count: \#(count)"}"#
        )
    }
}

extension FaultRequest {
    /// The condition expressions of a write or a transaction.
    fileprivate var conditions: [String] {
        let spans = JSONSpans(bytes: body)
        var writes = [spans.all]
        if let actions = spans.member("TransactItems", of: spans.all) {
            writes = spans.elements(of: actions.value).flatMap { spans.members(of: $0).map(\.value) }
        }
        return writes.compactMap { write in
            spans.member("ConditionExpression", of: write).map { spans.text($0.value) }
        }
    }

    /// AND, OR, comparators, and functions, which may count.
    fileprivate static func operators(_ expression: String) -> Int {
        expression.matches(of: /=|\bAND\b|\bOR\b|[a-z_]+ *\(/).count
    }
}
