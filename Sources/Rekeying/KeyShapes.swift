package import Items

/// Finds the shapes of keys in one pass and bounded memory; the order of the keys does not matter.
///
/// Keys are kept as a tree of their parts. Where the words at one place become too many to be names of kinds, they are taken
/// together as `{text}`: more than 64 at the beginning of a partition key, more than 16 elsewhere; and in the end also those that
/// hardly repeat and are not written in capitals, such as names of users.
package struct KeyShapes {
    private var nodes: [Node] = [Node()]
    private let firstLimit: Int
    private let limit: Int

    private struct Shape: Hashable {
        var partition: [KeyShape.Part]
        var sort: [KeyShape.Part]?
    }

    /// What is known of the items that end at a node.
    private struct Tally {
        var count = 0
        /// The first by key.
        var example: ItemKey
        var attributes: Set<[UInt8]> = []
        /// String attributes: their one value, or nil for several; and how many items have it.
        var constants: [[UInt8]: (value: [UInt8]?, count: Int)] = [:]
    }

    private struct Node {
        var children: [KeyToken: Int] = [:]
        var isCollapsed = false
        /// Keys below this node.
        var count = 0
        var tally: Tally?
    }

    /// Attributes of a shape that are remembered, and the longest value that can tell a kind.
    private static let attributeLimit = 32
    private static let valueLimit = 64

    /// Parts of keys that are told apart; beyond it, what is new is `{text}` to the end of its key attribute.
    private static let nodeLimit = 50_000

    package init(firstLimit: Int = 64, limit: Int = 16) {
        self.firstLimit = firstLimit
        self.limit = limit
    }

    /// Takes one item.
    package mutating func add(_ key: ItemKey, _ view: ItemView) {
        var tokens = KeyToken.tokens(of: key.partition)
        if let sort = key.sort { tokens += [.boundary] + KeyToken.tokens(of: sort) }
        var place = 0
        var isCut = false
        nodes[0].count += 1
        for (depth, token) in tokens.enumerated() {
            if isCut, token != .boundary { continue }
            isCut = nodes.count >= Self.nodeLimit && token != .boundary && nodes[place].children[token] == nil
            place =
                isCut
                ? child(of: place, .variable(.text), limit: limit)
                : child(of: place, token, limit: depth == 0 ? firstLimit : limit)
            nodes[place].count += 1
        }
        var tally = nodes[place].tally ?? Tally(example: key)
        nodes[place].tally = nil
        tally.count += 1
        if key.sortableBytes.lexicographicallyPrecedes(tally.example.sortableBytes) { tally.example = key }
        for slot in view.attributes where !slot.nameHasEscape {
            let name = Array(view.bytes(slot.name))
            Self.insert(name, into: &tally.attributes)
            guard slot.type == .string else { continue }
            let value = view.withText(slot) { $0.count <= Self.valueLimit ? Array($0) : nil }
            Self.note(name, value, count: 1, in: &tally)
        }
        nodes[place].tally = tally
    }

    /// The shapes, those with most keys first.
    package mutating func finish() -> [KeyShape] {
        settle(0, isFirst: true)
        var found: [Shape: Tally] = [:]
        gather(0, path: [], into: &found)
        return found.map(Self.shape).sorted { ($1.count, $0.text) < ($0.count, $1.text) }
    }

    private mutating func child(of place: Int, _ token: KeyToken, limit: Int) -> Int {
        var token = token
        if case .word = token, nodes[place].isCollapsed { token = .variable(.text) }
        if let known = nodes[place].children[token] { return known }
        if case .word = token, words(of: place).count >= limit {
            collapse(place)
            return child(of: place, .variable(.text), limit: limit)
        }
        nodes.append(Node())
        nodes[place].children[token] = nodes.count - 1
        return nodes.count - 1
    }

    private func words(of place: Int) -> [(word: [UInt8], node: Int)] {
        nodes[place].children.compactMap { token, node in
            if case .word(let word) = token { (word, node) } else { nil }
        }
    }

    /// Takes the words of a node together.
    private mutating func collapse(_ place: Int) {
        nodes[place].isCollapsed = true
        for (word, node) in words(of: place) {
            nodes[place].children[.word(word)] = nil
            if let text = nodes[place].children[.variable(.text)] {
                merge(node, into: text)
            } else {
                nodes[place].children[.variable(.text)] = node
            }
        }
    }

    private mutating func merge(_ source: Int, into target: Int) {
        let node = nodes[source]
        nodes[source] = Node()
        nodes[target].count += node.count
        if let tally = node.tally { nodes[target].tally = Self.merged(nodes[target].tally, tally) }
        if node.isCollapsed, !nodes[target].isCollapsed { collapse(target) }
        for (token, below) in node.children {
            var token = token
            if case .word = token, nodes[target].isCollapsed { token = .variable(.text) }
            if let known = nodes[target].children[token] {
                merge(below, into: known)
            } else {
                nodes[target].children[token] = below
            }
            if words(of: target).count > limit { collapse(target) }
        }
    }

    /// Takes words together that hardly repeat: each stands in fewer than two keys on average, or four where there are five or more.
    private mutating func settle(_ place: Int, isFirst: Bool) {
        let names = words(of: place).filter { word, _ in !word.allSatisfy { !(0x61...0x7A).contains($0) && $0 < 0x80 } }
        let total = names.reduce(0) { $0 + nodes[$1.node].count }
        let isUnlikeKinds = total < names.count * (names.count < 5 ? 2 : 4)
        if names.count >= (isFirst ? 8 : 3), names.count == words(of: place).count, isUnlikeKinds {
            collapse(place)
        }
        for node in nodes[place].children.values { settle(node, isFirst: false) }
    }

    private func gather(_ place: Int, path: [KeyToken], into found: inout [Shape: Tally]) {
        if let tally = nodes[place].tally {
            let halves = path.split(separator: .boundary, maxSplits: 1, omittingEmptySubsequences: false)
            let shape = Shape(
                partition: Self.parts(halves[0]), sort: halves.count > 1 ? Self.parts(halves[1]) : nil)
            found[shape] = Self.merged(found[shape], tally)
        }
        for (token, node) in nodes[place].children { gather(node, path: path + [token], into: &found) }
    }

    private static func shape(_ shape: Shape, _ tally: Tally) -> KeyShape {
        func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        var result = KeyShape(
            partition: shape.partition, sort: shape.sort, count: tally.count, example: tally.example)
        result.attributes = tally.attributes.sorted { $0.lexicographicallyPrecedes($1) }.map(text)
        result.constants = tally.constants.compactMap { name, known in
            guard let value = known.value, known.count == tally.count else { return nil }
            return (text(name), text(value))
        }.sorted { $0.name < $1.name }
        return result
    }

    private static func parts(_ tokens: ArraySlice<KeyToken>) -> [KeyShape.Part] {
        var parts: [KeyShape.Part] = []
        for token in tokens {
            let bytes: [UInt8]
            switch token {
            case .boundary: continue
            case .variable(let kind):
                // Two captures side by side are one: nothing says where the first ends.
                if case .variable = parts.last {
                    parts[parts.count - 1] = .variable(.text)
                } else {
                    parts.append(.variable(kind))
                }
                continue
            case .separator(let byte): bytes = [byte]
            case .word(let word): bytes = word
            }
            if case .literal(let before) = parts.last {
                parts[parts.count - 1] = .literal(before + bytes)
            } else if !bytes.isEmpty {
                parts.append(.literal(bytes))
            }
        }
        return parts
    }

    private static func merged(_ a: Tally?, _ b: Tally) -> Tally {
        guard var sum = a else { return b }
        sum.count += b.count
        if b.example.sortableBytes.lexicographicallyPrecedes(sum.example.sortableBytes) { sum.example = b.example }
        for name in b.attributes { insert(name, into: &sum.attributes) }
        for (name, known) in b.constants { note(name, known.value, count: known.count, in: &sum) }
        return sum
    }

    /// Keeps the first names by their bytes.
    private static func insert(_ name: [UInt8], into names: inout Set<[UInt8]>) {
        guard names.insert(name).inserted, names.count > attributeLimit,
            let last = names.max(by: { $0.lexicographicallyPrecedes($1) })
        else { return }
        names.remove(last)
    }

    private static func note(_ name: [UInt8], _ value: [UInt8]?, count: Int, in tally: inout Tally) {
        if let known = tally.constants[name] {
            tally.constants[name] = (known.value == value ? value : nil, known.count + count)
        } else if tally.constants.count < attributeLimit {
            tally.constants[name] = (value, count)
        }
    }
}
