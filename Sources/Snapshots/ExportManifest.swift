import ByteStreams
import Items

/// What `manifest-summary.json` says.
///
/// Source: DynamoDB developer guide, "DynamoDB table export output format".
package struct ExportSummary: Sendable, Equatable {
    /// What an export holds.
    package enum Kind: Sendable, Equatable {
        /// All items at one time.
        case full(exportTime: String)
        /// The changes between two times; `view` is `NEW_AND_OLD_IMAGES` or `NEW_IMAGE`.
        case incremental(from: String, to: String, view: String?)
    }

    package var kind: Kind
    /// The layout's version: a date.
    package var version: String
    package var exportARN: String
    package var startTime: String
    package var endTime: String
    package var tableARN: String
    package var tableID: String
    package var bucket: String
    package var prefix: String?
    /// Items, or changes in an incremental export.
    package var itemCount: Int
    package var billedSize: Int

    package var isIncremental: Bool {
        if case .incremental = kind { return true }
        return false
    }

    /// Whether each change of an incremental export has what its item was: one without an OldImage is of a new item.
    package var hasOldImages: Bool {
        if case .incremental(_, _, "NEW_AND_OLD_IMAGES") = kind { return true }
        return false
    }

    /// The table's region, from its ARN; nil where that has another form.
    package var region: String? { TableARN(tableARN)?.region }

    /// The table's name, from its ARN; nil where that has another form.
    package var tableName: String? { TableARN(tableARN)?.table }

    /// Reads the manifest. Throws `.badInput` where it is none, or is of a format that cannot be read.
    init(manifest bytes: [UInt8], source: String) throws(RekeyError) {
        let json = try JSONReader.parse(bytes, source: source)
        func bad(_ message: String) -> RekeyError { RekeyError(.badInput, message, source: source) }
        func text(_ name: String) -> String? { json[name]?.string }
        guard let format = text("outputFormat") else {
            throw bad("is no manifest of an export: it has no outputFormat")
        }
        if format == "ION" {
            throw bad("is of an export in Amazon Ion, which is not read; export the table again as DYNAMODB_JSON")
        }
        guard format == "DYNAMODB_JSON" else {
            throw bad(
                "is of an export in the format \(format), which is not read; export the table again as DYNAMODB_JSON")
        }
        guard let tableARN = text("tableArn") else { throw bad("is no manifest of an export: it has no tableArn") }
        guard let itemCount = json["itemCount"]?.count else {
            throw bad("has no itemCount that is an integer; fetch the manifest again")
        }
        let type = text("exportType")
        switch type {
        case "INCREMENTAL_EXPORT":
            guard let from = text("exportFromTime"), let to = text("exportToTime") else {
                throw bad(
                    "is of an incremental export but has no exportFromTime and exportToTime; fetch the manifest again")
            }
            kind = .incremental(from: from, to: to, view: text("outputView"))
        case nil, "FULL_EXPORT":
            guard let time = text("exportTime") else {
                throw bad("is no manifest of a full export: it has no exportTime")
            }
            kind = .full(exportTime: time)
        case .some(let other): throw bad("is of an export of the type \(other), which is not known")
        }
        self.tableARN = tableARN
        self.itemCount = itemCount
        version = text("version") ?? ""
        exportARN = text("exportArn") ?? ""
        startTime = text("startTime") ?? ""
        endTime = text("endTime") ?? ""
        tableID = text("tableId") ?? ""
        bucket = text("s3Bucket") ?? ""
        prefix = text("s3Prefix")
        billedSize = json["billedSizeBytes"]?.count ?? 0
    }
}

/// `arn:aws:dynamodb:REGION:ACCOUNT:table/NAME`, taken apart.
package struct TableARN: Sendable, Equatable {
    package var region: String
    package var account: String
    package var table: String

    /// Nil where the text is no table's ARN.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn", parts[2] == "dynamodb", parts[5].hasPrefix("table/") else {
            return nil
        }
        let name = parts[5].dropFirst("table/".count).prefix { $0 != "/" }
        guard !name.isEmpty else { return nil }
        region = String(parts[3])
        account = String(parts[4])
        table = String(name)
    }
}

/// One line of `manifest-files.json`.
package struct ExportDataFile: Sendable, Equatable {
    package var itemCount: Int
    /// Base64 of the MD5 of the file as it is stored, compressed.
    package var md5: String?
    package var etag: String?
    /// The key in the bucket, with or without the export's prefix.
    package var key: String

    init(line: [UInt8], number: Int, source: String) throws(RekeyError) {
        let json = try JSONReader.parse(line, source: source, line: number)
        guard let count = json["itemCount"]?.count else {
            throw RekeyError(
                .badInput, "has no itemCount that is an integer; fetch the manifest again", source: source, line: number
            )
        }
        guard let key = json["dataFileS3Key"]?.string else {
            throw RekeyError(
                .badInput, "names no data file (dataFileS3Key); fetch the manifest again", source: source, line: number)
        }
        itemCount = count
        self.key = key
        md5 = json["md5Checksum"]?.string
        etag = json["etag"]?.string
    }
}
