package import ByteStreams
package import Items

/// What `rekey.json` says: what rekey knows of a snapshot beyond AWS's manifests.
package struct RekeyMetadata: Sendable, Equatable {
    /// One file of the snapshot.
    package struct File: Sendable, Equatable {
        /// Relative to the snapshot.
        package var path: String
        package var size: Int
        /// 64 lower-case hexadecimal digits.
        package var sha256: String
    }

    package static let fileName = "rekey.json"
    /// The SHA-256 of `rekey.json` as `sha256sum -c` reads it: that file cannot hold its own.
    package static let checksumName = "rekey.json.sha256"
    static let format = "rekey-snapshot-1"

    /// The version that wrote it.
    package var tool: String
    package var tableARN: String
    package var tableID: String
    package var keySchema: KeySchema
    /// The rules that the items were chosen by.
    package var rules: SnapshotRules?
    /// Count and digest of all items.
    package var digest: Digest
    /// Every file but `rekey.json` and its checksum, in the order written.
    package var files: [File]

}

extension RekeyMetadata {
    /// The bytes of `rekey.json`.
    var json: [UInt8] {
        func key(_ attribute: KeyAttribute) -> JSONTree {
            .members(["name": .text(attribute.name), "type": .text(attribute.type.rawValue)])
        }
        let table = JSONTree.members([
            "arn": .text(tableARN), "id": .text(tableID), "partitionKey": key(keySchema.partition),
            "sortKey": keySchema.sort.map(key) ?? .null,
        ])
        let rulesTree: JSONTree =
            rules.map { .members(["name": .text($0.name), "sha256": .text($0.sha256), "text": .text($0.text)]) }
            ?? .null
        let list = files.map { file in
            JSONTree.members(["path": .text(file.path), "size": .integer(file.size), "sha256": .text(file.sha256)])
        }
        return JSONTree.members([
            "format": .text(Self.format), "tool": .text(tool), "table": table, "rules": rulesTree,
            "count": .integer(digest.count), "digest": .text(digest.hex), "files": .array(list),
        ]).pretty
    }

    /// The bytes of `rekey.json.sha256` for these bytes of `rekey.json`.
    static func checksumLine(_ json: [UInt8]) -> [UInt8] {
        Array("\(Checksums.of(json).sha256)  \(fileName)\n".utf8)
    }

    /// Reads and checks `rekey.json` in a directory; nil where it has none.
    ///
    /// - Parameter report: told of what is wrong but does not keep the file from being read.
    /// - Throws: `.badInput` where it cannot be read as what it should be.
    init?(
        directory: String, in store: any FileStore, report: (RekeyError) throws(RekeyError) -> Void
    ) throws(RekeyError) {
        let path = joined(directory, Self.fileName)
        let checksumPath = joined(directory, Self.checksumName)
        guard try store.exists(path) else {
            if try store.exists(checksumPath) {
                try report(
                    RekeyError(.inputMissing, "is missing although its checksum is there; restore it", source: path))
            }
            return nil
        }
        let bytes = try store.readWhole(path, limit: 256 << 20)
        if try !store.exists(checksumPath) {
            try report(
                RekeyError(
                    .inputMissing, "is missing; without it \(Self.fileName) is unproven", source: checksumPath
                ))
        } else if try store.readWhole(checksumPath, limit: 4096) != Self.checksumLine(bytes) {
            try report(
                RekeyError(.badInput, "differs from its SHA-256 in \(Self.checksumName); restore both", source: path))
        }
        try self.init(json: bytes, source: path)
        if let rules, Checksums.of(Array(rules.text.utf8)).sha256 != rules.sha256 {
            try report(
                RekeyError(.badInput, "holds rules that differ from their SHA-256; restore the file", source: path))
        }
    }

    /// Reads the bytes of `rekey.json`.
    ///
    /// - Throws: `.badInput` where they are not what rekey writes.
    package init(json bytes: [UInt8], source: String) throws(RekeyError) {
        let json = try JSONReader.parse(bytes, source: source)
        func bad(_ what: String) -> RekeyError {
            RekeyError(.badInput, "is no description of a snapshot: \(what); restore the file", source: source)
        }
        guard json["format"]?.string == Self.format else { throw bad("its format is not \(Self.format)") }
        func text(_ tree: JSONTree?, _ name: String) throws(RekeyError) -> String {
            guard let text = tree?[name]?.string else { throw bad("it has no \(name)") }
            return text
        }
        func key(_ tree: JSONTree?) throws(RekeyError) -> KeyAttribute {
            guard let type = KeyType(rawValue: try text(tree, "type")) else { throw bad("a key has no type S, N or B") }
            return KeyAttribute(name: try text(tree, "name"), type: type)
        }
        let table = json["table"]
        tool = try text(json, "tool")
        tableARN = try text(table, "arn")
        tableID = try text(table, "id")
        var schema = KeySchema(partition: try key(table?["partitionKey"]))
        if let sort = table?["sortKey"], sort != .null { schema.sort = try key(sort) }
        keySchema = schema
        rules = nil
        if let tree = json["rules"], tree != .null {
            rules = SnapshotRules(
                name: try text(tree, "name"), text: try text(tree, "text"), sha256: try text(tree, "sha256"))
        }
        guard let count = json["count"]?.count, let digest = Digest(count: count, hex: try text(json, "digest")) else {
            throw bad("it has no count and digest")
        }
        self.digest = digest
        guard let list = json["files"]?.elements else { throw bad("it has no list of files") }
        files = []
        for tree in list {
            guard let size = tree["size"]?.count else { throw bad("a file has no size") }
            files.append(File(path: try text(tree, "path"), size: size, sha256: try text(tree, "sha256")))
        }
    }
}

/// The rules that belong to a snapshot.
package struct SnapshotRules: Sendable, Equatable {
    package var name: String
    /// The rule file's text.
    package var text: String
    /// Of the text: 64 lower-case hexadecimal digits.
    package var sha256: String

    package init(name: String, text: String) {
        self.init(name: name, text: text, sha256: Checksums.of(Array(text.utf8)).sha256)
    }

    init(name: String, text: String, sha256: String) {
        self.name = name
        self.text = text
        self.sha256 = sha256
    }
}
