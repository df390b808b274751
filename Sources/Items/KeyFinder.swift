/// Finds the keys of many items by one schema.
package struct KeyFinder: Sendable {
    package let schema: KeySchema
    private let partitionName: [UInt8]
    private let sortName: [UInt8]

    package init(_ schema: KeySchema) {
        self.schema = schema
        partitionName = Array(schema.partition.name.utf8)
        sortName = Array((schema.sort?.name ?? "").utf8)
    }

    /// Appends the sortable bytes of an item's key (`ItemKey.sortableBytes`).
    ///
    /// Throws as `ItemView.key`; part of the key may have been appended then.
    package func appendSortable(of view: ItemView, to writer: inout ByteWriter) throws(ItemError) {
        try append(schema.partition, partitionName, isSort: false, of: view, to: &writer)
        if let sort = schema.sort { try append(sort, sortName, isSort: true, of: view, to: &writer) }
    }

    private func append(
        _ attribute: KeyAttribute, _ name: [UInt8], isSort: Bool, of view: ItemView, to writer: inout ByteWriter
    ) throws(ItemError) {
        // A string without escapes holds no zero byte, so it stands in the key as it is.
        if attribute.type == .string, let slot = view.find(name), slot.type == .string, !slot.contentHasEscape,
            (1...(isSort ? 1024 : 2048)).contains(slot.content.count)
        {
            writer.append(KeyValue.stringTag)
            writer.append(view.bytes(slot.content))
            writer.append(0)
        } else {
            try view.keyValue(attribute, isSort: isSort).appendSortable(to: &writer)
        }
    }
}
