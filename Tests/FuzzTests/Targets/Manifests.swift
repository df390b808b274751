import ByteStreams
import Items

@testable import Snapshots

func readManifests(_ bytes: [UInt8]) {
    func refused(_ body: () throws(RekeyError) -> Void) {
        do throws(RekeyError) { try body() } catch {
            require(error.code == .badInput && !error.message.isEmpty, "a refusal of another kind: \(error)")
        }
    }
    refused { () throws(RekeyError) in
        let summary = try ExportSummary(manifest: bytes, source: "manifest-summary.json")
        require(summary.itemCount >= 0 && summary.billedSize >= 0, "a count below 0")
        _ = (summary.region, summary.tableName)
    }
    refused { () throws(RekeyError) in
        require(try ExportDataFile(line: bytes, number: 1, source: "manifest-files.json").itemCount >= 0, "below 0")
    }
    refused { () throws(RekeyError) in
        let metadata = try RekeyMetadata(json: bytes, source: "rekey.json")
        let again = try RekeyMetadata(json: metadata.json, source: "written")
        require(again == metadata, "another description than was written")
    }
    refused { () throws(RekeyError) in
        for item in try readPlainBackup(MemorySource(bytes, name: "plan_backup.json")) {
            require((try? Item(validating: item.json)) != nil, "an item that is none")
        }
    }
}
