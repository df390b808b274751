package import ByteStreams
import Items
import Snapshots
package import Tables

/// Makes a snapshot of the backup that the script in the migration guide writes (`plan_backup_*.json`), as of the table it is to go back to.
///
/// - Parameters:
///   - noun: of the rules; the array of the items may be named by it.
///   - path: the new snapshot's directory.
/// - Throws: `.badInput` for a file that is no such backup, or an item without the table's key; `.cannotCreate`, `.inputOutput`.
package func makeSnapshot(
    ofPlainBackup backup: String, noun: String, for table: any Table, at path: String, tool: String,
    temporaryDirectory: String
) async throws(RekeyError) {
    let description = try await table.describe()
    let form = PlainBackupForm(
        noun: noun, keyNames: description.schema.names, nounSource: "the rule file's noun")
    let writer = try SnapshotWriter(
        path: path,
        information: SnapshotInformation(
            tableARN: description.arn, tableID: description.id, keySchema: description.schema, tool: tool),
        temporaryDirectory: temporaryDirectory)
    do throws(RekeyError) {
        for (number, item) in try readPlainBackup(backup, form: form).enumerated() {
            let key: ItemKey
            do { key = try item.key(description.schema) } catch {
                throw RekeyError(.badInput, "item \(number + 1): \(error.reason)", source: backup)
            }
            try item.json.withRawBytes { bytes throws(RekeyError) in try writer.add(line: bytes, key: key) }
        }
        _ = try writer.finish()
    } catch {
        writer.abandon()
        throw error
    }
}
