package import Items

/// What preflight, dry run and report say about a table.
package struct TableDescription: Sendable {
    /// The table's name.
    package var name: String
    /// `arn:aws:dynamodb:…`, or `arn:rekey:local:…` for an embedded table.
    package var arn: String
    /// Made when the table was created: another table of the same name has another one.
    package var id: String
    /// The region's code, as `ap-northeast-2`.
    package var region: String
    /// The 12-digit account number.
    package var account: String
    /// The names and types of the key attributes.
    package var schema: KeySchema
    /// `ACTIVE` when it can be read and written.
    package var status: String
    /// How it is paid.
    package var billing: BillingMode
    /// An estimate: hours old on a live table, exact on an embedded one.
    package var itemCount: Int
    /// An estimate in bytes, as `itemCount`.
    package var sizeBytes: Int
    /// Point-in-time recovery.
    package var recovery: PointInTimeRecovery
    /// Whether a stream is on: its consumers see a re-keying as inserts and removals.
    package var isStreamEnabled: Bool
    /// The attribute that holds each item's time of expiry, nil if time to live is off.
    package var timeToLiveAttribute: String?
    /// Why it is not known whether time to live is on; nil if it is known.
    package var timeToLiveRefusal: String?
    /// Whether the table is protected from being deleted.
    package var isDeletionProtected: Bool
    /// Global and local secondary indexes.
    package var indexes: [IndexDescription]
    /// The other regions of a global table.
    package var replicas: [String]

    package init(
        name: String, arn: String, id: String, region: String, account: String, schema: KeySchema,
        status: String = "ACTIVE", billing: BillingMode = .onDemand, itemCount: Int = 0, sizeBytes: Int = 0,
        recovery: PointInTimeRecovery = PointInTimeRecovery(isEnabled: false), isStreamEnabled: Bool = false,
        timeToLiveAttribute: String? = nil, isDeletionProtected: Bool = false, indexes: [IndexDescription] = [],
        replicas: [String] = []
    ) {
        self.name = name
        self.arn = arn
        self.id = id
        self.region = region
        self.account = account
        self.schema = schema
        self.status = status
        self.billing = billing
        self.itemCount = itemCount
        self.sizeBytes = sizeBytes
        self.recovery = recovery
        self.isStreamEnabled = isStreamEnabled
        self.timeToLiveAttribute = timeToLiveAttribute
        self.isDeletionProtected = isDeletionProtected
        self.indexes = indexes
        self.replicas = replicas
    }
}

/// How a table's capacity is paid.
package enum BillingMode: Sendable, Equatable {
    /// Per request.
    case onDemand
    /// Per hour, for so many units a second.
    case provisioned(readUnits: Int, writeUnits: Int)
}

/// Whether and how far back a table can be restored.
package struct PointInTimeRecovery: Sendable, Equatable {
    /// Whether it is on.
    package var isEnabled: Bool
    /// Seconds since 1970; nil if unknown.
    package var earliestRestorable: Int?
    /// Seconds since 1970; nil if unknown.
    package var latestRestorable: Int?
    /// What stands in for it where the table is none of AWS's.
    package var note: String?
    /// Why it is not known whether it is on; nil if it is known.
    package var refusal: String?

    package init(
        isEnabled: Bool, earliestRestorable: Int? = nil, latestRestorable: Int? = nil, note: String? = nil
    ) {
        self.isEnabled = isEnabled
        self.earliestRestorable = earliestRestorable
        self.latestRestorable = latestRestorable
        self.note = note
    }
}

/// A secondary index. Its key attributes, where an item has them, need the declared types.
package struct IndexDescription: Sendable, Equatable {
    /// Whether the index spans partitions.
    package enum Kind: String, Sendable { case global, local }

    /// The index's name.
    package var name: String
    /// Global or local.
    package var kind: Kind
    /// Names and types of its key attributes.
    package var schema: KeySchema
    /// `ALL`, `KEYS_ONLY` or `INCLUDE`.
    package var projection: String
    /// `ACTIVE` when it can be used.
    package var status: String

    package init(
        name: String, kind: Kind, schema: KeySchema, projection: String = "ALL", status: String = "ACTIVE"
    ) {
        self.name = name
        self.kind = kind
        self.schema = schema
        self.projection = projection
        self.status = status
    }
}
