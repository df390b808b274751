extension ItemKey {
    /// The key whose `sortableBytes` these are; nil for other bytes.
    package init?(sortable bytes: [UInt8]) {
        var rest = bytes[...]
        guard let partition = KeyValue(sortable: &rest) else { return nil }
        self.init(partition: partition)
        if rest.isEmpty { return }
        guard let sort = KeyValue(sortable: &rest), rest.isEmpty else { return nil }
        self.sort = sort
    }
}

extension KeyValue {
    /// Reads one value off the front of sortable bytes.
    fileprivate init?(sortable rest: inout ArraySlice<UInt8>) {
        switch rest.popFirst() {
        case Self.stringTag:
            guard let text = Self.delimited(&rest) else { return nil }
            self = .string(text)
        case Self.numberTag:
            guard let text = Self.number(&rest) else { return nil }
            self = .number(text)
        case Self.binaryTag:
            guard let bytes = Self.delimited(&rest) else { return nil }
            self = .binary(bytes)
        default: return nil
        }
    }

    private static func delimited(_ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        while let byte = rest.popFirst() {
            if byte == 0 {
                guard rest.first == 0xFF else { return bytes }
                rest.removeFirst()
            }
            bytes.append(byte)
        }
        return nil
    }

    /// Canonical text of what `DecimalNumber.appendSortable` has written.
    private static func number(_ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
        guard let sign = rest.popFirst() else { return nil }
        if sign == 0x02 { return [UInt8(ascii: "0")] }
        let flip: UInt8 = sign == 0x01 ? 0xFF : 0x00
        guard let magnitude = rest.popFirst() else { return nil }
        var text: [UInt8] = sign == 0x01 ? [UInt8(ascii: "-")] : []
        var digits = 0
        while let byte = rest.popFirst() {
            if byte == flip {
                let exponent = Int(magnitude ^ flip) - 129 - digits
                return exponent == 0 ? text : text + Array("E\(exponent)".utf8)
            }
            text.append((byte ^ flip) &+ 0x2F)
            digits += 1
        }
        return nil
    }
}
