import ByteStreams
import Items

/// Writes items in one form.
final class ItemWriter {
    private let form: Convert.Form
    private let isLossy: Bool
    private var buffer = ByteWriter(capacity: 1 << 16)
    private var plain = PlainForm()
    /// nil while the first items are gathered.
    private var table: CSVTable?
    private var waiting: [Item] = []
    private var waitingBytes = 0

    /// Items whose attributes become the columns of CSV, and their bytes at most.
    private static let sampleCount = 1000
    private static let sampleBytes = 16 << 20

    init(form: Convert.Form, isLossy: Bool, columns: [String]?) {
        self.form = form
        self.isLossy = isLossy
        if let columns {
            let named = CSVTable(columns: columns.map { Array($0.utf8) })
            named.appendHeader(to: &buffer)
            table = named
        }
    }

    var isFull: Bool { buffer.count >= 1 << 16 }

    func append(_ item: UnsafeRawBufferPointer, _ view: ItemView) throws(ItemError) {
        switch form {
        case .export:
            buffer.append("{\"Item\":" as StaticString)
            buffer.append(item)
            buffer.append("}\n" as StaticString)
        case .items:
            buffer.append(item)
            buffer.append(UInt8(ascii: "\n"))
        case .json:
            let start = buffer.count
            plain.append(item: item, to: &buffer)
            guard isLossy || plain.losses.isEmpty else {
                buffer.truncate(to: start)
                let what = plain.losses.sets > 0 ? "a set, which" : "a binary, which"
                plain = PlainForm()
                throw ItemError(
                    "the item holds \(what) has no plain form; --lossy writes sets as arrays and binaries as base64",
                    at: 0)
            }
            buffer.append(UInt8(ascii: "\n"))
        case .csv:
            if table != nil {
                table!.append(view, to: &buffer)
            } else {
                waiting.append(Item(trusted: Array(item)))
                waitingBytes += item.count
                if waiting.count >= Self.sampleCount || waitingBytes >= Self.sampleBytes { end() }
            }
        }
    }

    /// Writes the first items of CSV, where they wait for its columns.
    func end() {
        guard form == .csv, table == nil, !waiting.isEmpty else { return }
        var columns: [[UInt8]] = []
        var seen: Set<[UInt8]> = []
        for item in waiting {
            item.withView { view in
                for name in CSVTable.names(view) where seen.insert(name).inserted { columns.append(name) }
            }
        }
        let table = CSVTable(columns: columns)
        table.appendHeader(to: &buffer)
        for item in waiting { item.withView { table.append($0, to: &buffer) } }
        self.table = table
        waiting = []
    }

    func flush(to sink: any ByteSink) throws(RekeyError) {
        try sink.write(buffer.bytes)
        buffer.removeAll()
    }

    private var losses: PlainForm.Losses { table?.losses ?? plain.losses }

    var facts: [(name: String, value: FactValue)] {
        guard form == .json || form == .csv else { return [] }
        var facts: [(name: String, value: FactValue)] = [
            ("setsAsArrays", .integer(losses.sets)), ("binariesAsText", .integer(losses.binaries)),
        ]
        if form == .csv {
            facts.append(("columns", .integer(table?.columns.count ?? 0)))
            facts.append(("valuesWithoutColumn", .integer(table?.leftOut ?? 0)))
            facts.append(("guardedCells", .integer(table?.guarded ?? 0)))
        }
        return facts
    }

    var sentences: [String] {
        var sentences: [String] = []
        if table != nil { sentences.append("types, which CSV does not hold") }
        if losses.sets > 0 { sentences.append("sets, which are arrays now: \(losses.sets)") }
        if losses.binaries > 0 { sentences.append("binaries, which are base64 text now: \(losses.binaries)") }
        if let leftOut = table?.leftOut, leftOut > 0 {
            let names = (table?.leftOutNames ?? []).map { displayText($0) }.sorted().joined(separator: ", ")
            sentences.append("values without a column (\(names)), unless --columns names one: \(leftOut)")
        }
        if let guarded = table?.guarded, guarded > 0 {
            sentences.append(
                "text as it was, in cells that begin with a single quote now so that no spreadsheet runs them: \(guarded)"
            )
        }
        return sentences
    }
}
