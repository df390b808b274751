package import AWS
package import ByteStreams
import Tables

/// A live table into S3 by DynamoDB itself: one state of the table, read without its capacity. Then it is a location like any export.
package struct ExportToS3: Sendable {
    package var services: LiveServices
    /// Told how it goes on, a line each.
    package var progress: @Sendable (String) -> Void

    package init(services: LiveServices, progress: @escaping @Sendable (String) -> Void) {
        self.services = services
        self.progress = progress
    }

    /// Asks for an export of the table below a prefix, and waits for it.
    ///
    /// - Returns: where its manifests lie.
    /// - Throws: as `TableExports.begin` and `wait`.
    package func run(table: Location, to place: S3Path) async throws(RekeyError) -> Location {
        guard case .table(let name) = table else {
            throw RekeyError(
                .usage, "is no live table; --export-to exports dynamodb:TABLE", source: table.text)
        }
        let description = try await services.table(name).describe()
        guard description.recovery.isEnabled || description.recovery.refusal != nil else {
            throw RekeyError(
                .preflightRefused,
                "point-in-time recovery is off, and DynamoDB exports no table without it; turn it on, or leave --export-to out to read the table itself",
                source: name)
        }
        let token =
            String(UInt64.random(in: .min ... .max), radix: 16) + String(UInt64.random(in: .min ... .max), radix: 16)
        let exports = try TableExports(try services.session())
        let export = try await exports.begin(tableARN: description.arn, to: place, token: token)
        progress("asked for the export \(export.arn)")
        progress("it goes on in AWS if this command is stopped; then give --export-arn \(export.arn)")
        return try await wait(for: export.arn, isNew: true)
    }

    /// Waits for an export of a table that was asked for before.
    ///
    /// - Throws: `.usage` where the ARN is of another table; as `wait(for:)`.
    package func wait(for arn: String, of table: Location) async throws(RekeyError) -> Location {
        guard case .table(let name) = table else {
            throw RekeyError(
                .usage, "is no live table; --export-arn is of an export of dynamodb:TABLE", source: table.text)
        }
        let plain = name.split(separator: "/").last.map(String.init) ?? name
        guard arn.contains(":table/\(plain)/export/") else {
            throw RekeyError(.usage, "--export-arn \(arn) is no export of the table \(plain)", source: table.text)
        }
        return try await wait(for: arn)
    }

    /// Waits until an export is there.
    ///
    /// - Parameter isNew: true where it was just asked for, and need not be known at once.
    /// - Returns: where its manifests lie.
    /// - Throws: `.serviceGaveUp` where it failed, with DynamoDB's reason; `.inputMissing` where it is not known; `.interrupted`.
    private func wait(for arn: String, isNew: Bool = false) async throws(RekeyError) -> Location {
        let exports = try TableExports(try services.session())
        var waiting = Waiting()
        while true {
            let export: TableExport
            do throws(RekeyError) {
                export = try await exports.describe(arn)
            } catch {
                guard isNew, error.code == .inputMissing, waiting.isEarly else { throw error }
                _ = try await waiting.pause(arn)
                continue
            }
            switch export.status {
            case .completed:
                let place = export.place
                progress("the export is complete: \(export.itemCount.map { "\($0) items in " } ?? "")\(place.text)")
                return .s3(bucket: place.bucket, prefix: place.key)
            case .failed:
                throw RekeyError(
                    .serviceGaveUp,
                    "the export failed: \(export.failure ?? "DynamoDB says no reason"); check that the bucket may be written, and run it again",
                    source: arn)
            case .inProgress:
                if let minutes = try await waiting.pause(arn) { progress("the export is under way, \(minutes) min") }
            }
        }
    }
}

/// The pauses between two looks at something that AWS does: short ones first, 20 s later.
struct Waiting {
    private let start = ContinuousClock.now
    private var delay = Duration.milliseconds(500)
    private var told = 0

    /// Whether what was asked for at the beginning may still be unknown: AWS's answers are eventually consistent.
    var isEarly: Bool { .now - start < .seconds(120) }

    /// Waits.
    ///
    /// - Returns: the minutes since the beginning, where another one has passed.
    /// - Throws: `.interrupted` where the task was cancelled.
    mutating func pause(_ source: String) async throws(RekeyError) -> Int? {
        do {
            try await Task.sleep(for: delay)
        } catch {
            throw RekeyError(.interrupted, "stopped waiting; it goes on in AWS", source: source)
        }
        delay = min(delay * 2, .seconds(20))
        let minutes = Int((ContinuousClock.now - start).components.seconds / 60)
        guard minutes > told else { return nil }
        told = minutes
        return minutes
    }
}
