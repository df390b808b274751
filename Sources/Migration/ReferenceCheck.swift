import ByteStreams
import Items
import Rekeying

/// Finds references that name no item, by sorting the keys that exist and the keys that are named together.
struct ReferenceCheck: ~Copyable {
    private enum Mark: UInt8 {
        /// An item stands there now and stays.
        case stays = 1
        /// An item stands there now and is moved away.
        case leaves = 2
        /// An item will stand there.
        case arrives = 3
        /// An item names this key.
        case named = 4
    }

    private let references: [Reference]
    private let partitionName: String
    private let sortName: String?
    private let sorter: ExternalSorter
    private var captures = CaptureTable()
    private var items = 0

    init(rules: RuleSet, temporaryDirectory: String) {
        references = rules.references
        partitionName = rules.partition
        sortName = rules.sort
        sorter = ExternalSorter(directory: temporaryDirectory, memoryLimit: 16 << 20)
    }

    /// Remembers an item's key, where there are references at all.
    mutating func add(_ key: ItemKey, isMoved: Bool, isAfter: Bool = false) throws(RekeyError) {
        if references.isEmpty { return }
        try add(key, mark: isAfter ? .arrives : isMoved ? .leaves : .stays, name: "")
    }

    private func add(_ key: ItemKey, mark: Mark, name: String) throws(RekeyError) {
        let value = [mark.rawValue] + Array(name.utf8)
        try key.sortableBytes.withRawBytes { key throws(RekeyError) in
            try value.withRawBytes { value throws(RekeyError) in try sorter.add(key: key, value: value) }
        }
    }

    /// Looks for references in one item.
    mutating func take(_ view: ItemView) throws {
        for reference in references {
            guard let partition = text(partitionName, in: view) else { continue }
            let sort = sortName.flatMap { text($0, in: view) }
            var key: ItemKey?
            var holder = ""
            withExtendedLifetime((partition, sort)) {
                partition.withRawBytes { partitionBytes in
                    (sort ?? []).withRawBytes { sortBytes in
                        captures.reset(count: reference.captureNames.count)
                        let matches = reference.source.match(
                            partitionKey: partitionBytes, sortKey: sort == nil ? nil : sortBytes, into: &captures)
                        guard matches, let value = value(of: reference, in: view), !value.isEmpty else { return }
                        value.withRawBytes { bytes in
                            guard captures.bind(reference.valueCapture, to: bytes) else { return }
                            key = render(reference)
                        }
                        holder = displayText(partition) + (sort.map { " / " + displayText($0) } ?? "")
                    }
                }
            }
            if let key {
                items += 1
                try add(key, mark: .named, name: "\(holder) names \(key)")
            }
        }
    }

    private func text(_ name: String, in view: ItemView) -> [UInt8]? {
        guard let slot = view.find(Array(name.utf8)), slot.type == .string else { return nil }
        return view.withText(slot) { Array($0) }
    }

    /// The text of the attribute: a string as it is, a number in plain decimal.
    private func value(of reference: Reference, in view: ItemView) -> [UInt8]? {
        guard let first = reference.attribute.names.first, let slot = view.find(Array(first.utf8)) else { return nil }
        let top = AttributeValue(
            type: slot.type, json: Array(view.bytes(slot.value)), text: view.withText(slot) { Array($0) })
        var value: AttributeValue? = top
        for name in reference.attribute.names.dropFirst() {
            guard let map = value, map.type == .map else { return nil }
            value = Item(trusted: map.text).attribute(name)
        }
        guard let value else { return nil }
        switch value.type {
        case .string: return value.text
        case .number: return plainNumber(value.text)
        default: return nil
        }
    }

    private func render(_ reference: Reference) -> ItemKey {
        var partition: [UInt8] = []
        reference.names.partition.render(captures, into: &partition)
        guard let template = reference.names.sort else { return ItemKey(partition: .string(partition)) }
        var sort: [UInt8] = []
        template.render(captures, into: &sort)
        return ItemKey(partition: .string(partition), sort: .string(sort))
    }

    /// Counts what resolves now and after the move.
    func finish() throws(RekeyError) -> Survey.References {
        var result = Survey.References()
        result.items = items
        guard items > 0 else { return result }
        var current: [UInt8] = []
        var now = false
        var after = false
        var named: [String] = []
        var namedCount = 0
        func close() {
            if !now { result.unresolvedNow += namedCount }
            if !after {
                result.unresolvedAfter += namedCount
                if result.examples.count < 5 { result.examples += named.prefix(5 - result.examples.count) }
            }
        }
        try sorter.forEach { key, value throws(RekeyError) in
            if !key.elementsEqual(current) {
                close()
                current = Array(key)
                (now, after, named, namedCount) = (false, false, [], 0)
            }
            switch Mark(rawValue: value[0]) {
            case .stays: (now, after) = (true, true)
            case .leaves: now = true
            case .arrives: after = true
            default:
                namedCount += 1
                if named.count < 5 { named.append(String(decoding: value[1...], as: UTF8.self)) }
            }
        }
        close()
        return result
    }
}
