/// What each error code means for the one who sent the request: the one table of it.
///
/// Sources: "Error handling with DynamoDB" (DynamoDB Developer Guide, Programming.Errors), "Common Errors" of the DynamoDB, STS,
/// CloudWatch and CloudWatch Logs API references, "Error Responses" of the S3 API reference, and "Retry behavior" of the AWS SDKs and
/// Tools Reference Guide.
package enum ErrorCodes {
    /// A code that is not in the table is judged by its status. Reasons of a cancelled transaction are codes too (status 0).
    package static func kind(code: String, status: Int) -> ServiceError.Kind {
        if let kind = kinds[code] { return kind }
        switch status {
        case 429: return .throttling
        case 500, 502, 503, 504: return .transient
        case 401, 403: return .denied
        case 404: return .notFound
        default: return .other
        }
    }

    private static let kinds: [String: ServiceError.Kind] = {
        var kinds: [String: ServiceError.Kind] = [:]
        for (kind, codes) in table {
            for code in codes { kinds[code] = kind }
        }
        return kinds
    }()

    private static let table: [(ServiceError.Kind, [String])] = [
        (
            .throttling,
            [
                "ProvisionedThroughputExceededException", "ThrottlingException", "Throttling", "ThrottledException",
                "RequestThrottled", "RequestThrottledException", "RequestLimitExceeded", "TooManyRequestsException",
                "BandwidthLimitExceeded", "PriorRequestNotComplete", "EC2ThrottledException", "SlowDown",
                "ProvisionedThroughputExceeded", "ThrottlingError",
            ]
        ),
        (
            .transient,
            [
                "InternalServerError", "InternalServerErrorException", "InternalFailure", "InternalError",
                "InternalServiceError", "InternalServiceFault", "ServiceUnavailable", "ServiceUnavailableException",
                "RequestTimeout", "RequestTimeoutException", "ReplicatedWriteConflictException",
                "TransactionInProgressException", "IDPCommunicationError", "OperationAborted",
                "BadDigest", "XAmzContentSHA256Mismatch", "IncompleteBody",
            ]
        ),
        (
            .expiredCredentials,
            [
                "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "UnrecognizedClientException",
                "InvalidClientTokenId", "InvalidAccessKeyId", "InvalidToken", "CredentialsExpired",
            ]
        ),
        (.clockSkew, ["RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"]),
        (
            .denied,
            [
                "AccessDenied", "AccessDeniedException", "AuthFailure", "UnauthorizedAccess", "UnauthorizedOperation",
                "InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature", "NotAuthorized",
                "IncompleteSignatureException", "MissingAuthenticationToken", "MissingAuthenticationTokenException",
                "OptInRequired", "AllAccessDisabled", "AccountProblem", "InvalidIdentityToken",
                "IDPRejectedClaim", "KMSAccessDeniedException",
            ]
        ),
        (.conditionFailed, ["ConditionalCheckFailedException", "ConditionalCheckFailed", "PreconditionFailed"]),
        (.transactionConflict, ["TransactionConflictException", "TransactionConflict"]),
        (.transactionCanceled, ["TransactionCanceledException"]),
        (
            .notFound,
            [
                "ResourceNotFoundException", "TableNotFoundException", "ExportNotFoundException",
                "ImportNotFoundException", "BackupNotFoundException", "NoSuchBucket", "NoSuchKey", "NoSuchUpload",
                "NotFound", "ResourceNotFound", "IndexNotFoundException",
            ]
        ),
        (
            .invalid,
            [
                "ValidationException", "ValidationError", "SerializationException",
                "ItemCollectionSizeLimitExceededException", "ItemCollectionSizeLimitExceeded",
                "IdempotentParameterMismatchException",
                "InvalidParameterException", "InvalidParameterValue", "InvalidParameterCombination",
                "MissingParameter", "MissingRequiredParameter", "MalformedQueryString", "InvalidAction",
                "InvalidQueryParameter", "UnknownOperationException", "InvalidArgument", "InvalidBucketName",
                "InvalidRequest", "MalformedXML", "EntityTooLarge", "KeyTooLongError", "InvalidDigest",
                "InvalidRestoreTimeException", "InvalidExportTimeException", "PointInTimeRecoveryUnavailableException",
                "InvalidEndpointException", "PermanentRedirect", "AuthorizationHeaderMalformed",
            ]
        ),
        (.limit, ["LimitExceededException", "LimitExceeded", "TooManyBuckets"]),
    ]
}
