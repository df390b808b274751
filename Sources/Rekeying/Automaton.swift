/// The 256 bytes in as few classes as a rule set can tell apart; automata read classes, so their tables stay small.
struct ByteAlphabet {
    /// The class of each byte. Classes are numbered so that those with a readable member come first.
    private(set) var classOfByte: [Int]
    /// The most readable byte of each class.
    private(set) var representatives: [UInt8]

    var count: Int { representatives.count }

    /// Tells apart what `sets` tell apart, and each of `bytes` from every other byte.
    init(sets: Set<ByteSet>, bytes: Set<UInt8>) {
        var classes: [[UInt8]: Int] = [:]
        classOfByte = Array(repeating: 0, count: 256)
        representatives = []
        let sets = Array(sets)
        for byte in Self.byReadability {
            var signature = sets.map { $0.contains(byte) ? UInt8(1) : 0 }
            if bytes.contains(byte) { signature.append(byte) }
            if let known = classes[signature] {
                classOfByte[Int(byte)] = known
            } else {
                classes[signature] = representatives.count
                classOfByte[Int(byte)] = representatives.count
                representatives.append(byte)
            }
        }
    }

    func bytes(_ word: [Int]) -> [UInt8] { word.map { representatives[$0] } }

    private static let byReadability: [UInt8] = {
        var order: [UInt8] = []
        order += UInt8(ascii: "a")...UInt8(ascii: "z")
        order += UInt8(ascii: "1")...UInt8(ascii: "9")
        order += [UInt8(ascii: "0")]
        order += UInt8(ascii: "A")...UInt8(ascii: "Z")
        order += (0x21...0xFF as ClosedRange<UInt8>).filter { !order.contains($0) }
        return order + (0...0x20).reversed()
    }()
}

/// A finite automaton over byte classes: one move per class from each state and at most one silent one.
struct Automaton {
    let width: Int
    /// `moves[state * width + class]`: the next state, or -1.
    private(set) var moves: [Int32] = []
    /// The state that is reached without reading, or -1.
    private(set) var silent: [Int32] = []
    private(set) var isAccepting: [Bool] = []
    private(set) var start = 0

    var stateCount: Int { isAccepting.count }

    init(width: Int) { self.width = width }

    private mutating func addState(accepting: Bool = false) -> Int {
        moves.append(contentsOf: repeatElement(-1, count: width))
        silent.append(-1)
        isAccepting.append(accepting)
        return stateCount - 1
    }

    func move(_ state: Int, _ letter: Int) -> Int { Int(moves[state * width + letter]) }

    /// All texts of at least one byte.
    static func nonEmpty(_ alphabet: ByteAlphabet) -> Automaton {
        values(at: CapturePlace(capture: 0, allowed: .any, literal: []), alphabet)
    }

    /// The values that `place` reads back: one or more allowed bytes, the literal behind them not found before their end.
    ///
    /// After the first byte a state is the length of the longest start of the literal that the value ends in (Knuth,
    /// Morris and Pratt), for the literal is looked for from the second byte on.
    static func values(at place: CapturePlace, _ alphabet: ByteAlphabet) -> Automaton {
        var result = Automaton(width: alphabet.count)
        let literal = place.literal
        result.start = result.addState()
        let fallback = borders(of: literal)
        for length in 0..<max(literal.count, 1) {
            var shift = length
            var endsEarly = false
            while shift > 0 {
                endsEarly = endsEarly || place.overlaps[shift]
                shift = fallback[shift]
            }
            _ = result.addState(accepting: !endsEarly)
        }
        for (letter, byte) in alphabet.representatives.enumerated() where place.allowed.contains(byte) {
            result.moves[letter] = 1
            for length in 0..<max(literal.count, 1) {
                var next = 0
                if !literal.isEmpty {
                    next = length
                    while next > 0, literal[next] != byte { next = fallback[next] }
                    if literal[next] == byte { next += 1 }
                    if next == literal.count { continue }
                }
                result.moves[(1 + length) * result.width + letter] = Int32(1 + next)
            }
        }
        return result
    }

    /// The texts of both; neither has silent moves. Nil if it would take more than `limit` states.
    func product(_ other: Automaton, limit: Int) -> Automaton? {
        var result = Automaton(width: width)
        var numbers: [Int: Int] = [:]
        var pairs: [(Int, Int)] = []
        func number(_ a: Int, _ b: Int) -> Int {
            let id = a * other.stateCount + b
            if let known = numbers[id] { return known }
            numbers[id] = pairs.count
            pairs.append((a, b))
            return result.addState(accepting: isAccepting[a] && other.isAccepting[b])
        }
        result.start = number(start, other.start)
        var next = 0
        while next < pairs.count {
            guard pairs.count <= limit else { return nil }
            let (a, b) = pairs[next]
            for letter in 0..<width {
                let (toA, toB) = (move(a, letter), other.move(b, letter))
                guard toA >= 0, toB >= 0 else { continue }
                let target = Int32(number(toA, toB))
                result.moves[next * width + letter] = target
            }
            next += 1
        }
        return result
    }

    /// The texts that `template` renders if each capture independently takes any of its `values`.
    init(_ template: Template, values: [Automaton], _ alphabet: ByteAlphabet) {
        self.init(width: alphabet.count)
        var end = addState()
        func append(_ bytes: ArraySlice<UInt8>, to automaton: inout Automaton) {
            for byte in bytes {
                let next = automaton.addState()
                let move = end * alphabet.count + alphabet.classOfByte[Int(byte)]
                automaton.moves[move] = Int32(next)
                end = next
            }
        }
        append(template.literals[..<template.prefixCount], to: &self)
        for segment in template.segments {
            let value = values[segment.capture]
            let offset = stateCount
            silent[end] = Int32(offset + value.start)
            for state in 0..<value.stateCount {
                _ = addState()
                for letter in 0..<width where value.move(state, letter) >= 0 {
                    moves[(offset + state) * width + letter] = Int32(offset + value.move(state, letter))
                }
            }
            end = addState()
            for state in 0..<value.stateCount where value.isAccepting[state] { silent[offset + state] = Int32(end) }
            append(template.literals[segment.literal], to: &self)
        }
        isAccepting[end] = true
    }

    /// A shortest text that both read, as classes; nil if there is none.
    func common(_ other: Automaton) -> [Int]? {
        search(other) { isAccepting[$0] && $1 >= 0 && other.isAccepting[$1] }
    }

    /// A shortest text that this one reads and `other`, which has no silent moves, does not; nil if there is none.
    func beyond(_ other: Automaton) -> [Int]? {
        search(other, otherMayFail: true) { isAccepting[$0] && ($1 < 0 || !other.isAccepting[$1]) }
    }

    /// Breadth first over pairs of states, silent moves first among equals; `-1` is the other's failure.
    private func search(_ other: Automaton, otherMayFail: Bool = false, isGoal: (Int, Int) -> Bool) -> [Int]? {
        struct Step {
            var state: Int
            var other: Int
            var parent: Int
            var letter: Int
        }
        let stride = other.stateCount + 1
        var isSeen = Array(repeating: false, count: stateCount * stride)
        var steps: [Step] = []
        func visit(_ step: Step) {
            let id = step.state * stride + step.other + 1
            if !isSeen[id] {
                isSeen[id] = true
                steps.append(step)
            }
        }
        visit(Step(state: start, other: other.start, parent: -1, letter: -1))
        var levelStart = 0
        while levelStart < steps.count {
            var index = levelStart
            while index < steps.count {
                let step = steps[index]
                if isGoal(step.state, step.other) {
                    var word: [Int] = []
                    var at = index
                    while at >= 0 {
                        if steps[at].letter >= 0 { word.append(steps[at].letter) }
                        at = steps[at].parent
                    }
                    return word.reversed()
                }
                if silent[step.state] >= 0 {
                    visit(Step(state: Int(silent[step.state]), other: step.other, parent: index, letter: -1))
                }
                if step.other >= 0, other.silent[step.other] >= 0 {
                    visit(Step(state: step.state, other: Int(other.silent[step.other]), parent: index, letter: -1))
                }
                index += 1
            }
            let level = levelStart..<steps.count
            levelStart = steps.count
            for index in level {
                for letter in 0..<width {
                    let step = steps[index]
                    let next = move(step.state, letter)
                    let nextOther = step.other < 0 ? -1 : other.move(step.other, letter)
                    if next >= 0, nextOther >= 0 || otherMayFail {
                        visit(Step(state: next, other: nextOther, parent: index, letter: letter))
                    }
                }
            }
        }
        return nil
    }
}
