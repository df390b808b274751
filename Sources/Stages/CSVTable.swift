import Items

/// Items as rows of CSV (RFC 4180, with a newline alone at the end of a row), for looking at.
///
/// The columns are those that the user names, or the attributes of the first items in the order of their appearance. A string's
/// cell is its text, a number's its text, all else JSON; a missing attribute is an empty cell, an empty string `""`.
final class CSVTable {
    /// Top-level names, without escapes.
    private(set) var columns: [[UInt8]]
    /// Values that had no column.
    private(set) var leftOut = 0
    /// The first names without a column, for the message.
    private(set) var leftOutNames: Set<[UInt8]> = []
    /// Cells that a spreadsheet would have run as a formula, each now behind a single quote.
    private(set) var guarded = 0
    private var form = PlainForm()
    private var cell = ByteWriter()
    private let known: Set<[UInt8]>

    var losses: PlainForm.Losses { form.losses }

    init(columns: [[UInt8]]) {
        self.columns = columns
        known = Set(columns)
    }

    func appendHeader(to writer: inout ByteWriter) {
        for (number, column) in columns.enumerated() {
            if number > 0 { writer.append(UInt8(ascii: ",")) }
            column.withUnsafeBytes { appendCell($0, mayBeFormula: true, to: &writer) }
        }
        writer.append(UInt8(ascii: "\n"))
    }

    func append(_ view: ItemView, to writer: inout ByteWriter) {
        for (number, column) in columns.enumerated() {
            if number > 0 { writer.append(UInt8(ascii: ",")) }
            if let slot = view.find(column) { append(slot, of: view, to: &writer) }
        }
        writer.append(UInt8(ascii: "\n"))
        for name in Self.names(view) where !known.contains(name) {
            leftOut += 1
            if leftOutNames.count < 8 { leftOutNames.insert(name) }
        }
    }

    /// The names of an item's attributes, without escapes.
    static func names(_ view: ItemView) -> [[UInt8]] {
        view.attributes.map { slot in
            let written = view.bytes(slot.name)
            guard slot.nameHasEscape else { return Array(written) }
            guard case .string(let name)? = try? JSONReader.parse([0x22] + written + [0x22], source: "") else {
                return Array(written)
            }
            return name
        }
    }

    private func append(_ slot: AttributeSlot, of view: ItemView, to writer: inout ByteWriter) {
        switch slot.type {
        case .string:
            let text = view.withText(slot) { Array($0) }
            text.withUnsafeBytes { appendCell($0, mayBeFormula: true, to: &writer) }
        default:
            cell.removeAll()
            form.append(value: view.bytes(slot.value), to: &cell)
            // A binary comes as a JSON string; its base64 needs no quotes.
            let isQuoted = slot.type == .binary
            let text = isQuoted ? Array(cell.bytes.dropFirst().dropLast()) : cell.array
            text.withUnsafeBytes { appendCell($0, mayBeFormula: false, to: &writer) }
        }
    }

    private func appendCell(
        _ text: UnsafeRawBufferPointer, mayBeFormula: Bool, to writer: inout ByteWriter
    ) {
        let isFormula = mayBeFormula && (text.first.map { "=+-@\t\r".utf8.contains($0) } ?? false)
        if isFormula { guarded += 1 }
        let isQuoted = text.isEmpty || text.contains { "\",\n\r".utf8.contains($0) }
        if isQuoted { writer.append(UInt8(ascii: "\"")) }
        if isFormula { writer.append(UInt8(ascii: "'")) }
        for byte in text {
            if byte == UInt8(ascii: "\"") { writer.append(byte) }
            writer.append(byte)
        }
        if isQuoted { writer.append(UInt8(ascii: "\"")) }
    }
}
