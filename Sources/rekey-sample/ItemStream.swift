/// Items without end, made by copying prepared lines and filling in what differs.
///
/// Lines are made by the same code as those of an export, with marks where identifiers go, and cut at the marks.
final class ItemStream {
    private let items: UInt64
    private let plans: UInt64
    private let users: UInt64
    private let step: UInt64
    private var position: UInt64
    private var written: UInt64 = 0
    private var random: SampleRandom
    private let kinds: LineKinds
    private let buffer: UnsafeMutableRawBufferPointer

    /// - Parameters:
    ///   - items: how many there are, at most 4,294,967,295.
    ///   - plans: how many of them are plans; one in five of the others is a user.
    init(seed: UInt64, items: Int, plans: Int) {
        self.items = UInt64(items)
        self.plans = UInt64(plans)
        users = UInt64((items - plans) / 5)
        random = SampleRandom(seed: seed)
        // Steps that share no divisor with the count visit every number once, far apart.
        var step = UInt64(items) * 618 / 1000 | 1
        while Self.greatestDivisor(step, self.items) != 1 { step += 1 }
        self.step = step % self.items
        position = random.next() % self.items
        kinds = LineKinds(seed: seed)
        buffer = .allocate(byteCount: (1 << 20) + kinds.longestLine, alignment: 16)
    }

    deinit { buffer.deallocate() }

    /// The next million or so bytes, whole lines, valid until the next call; nothing at the end.
    func nextBlock() -> UnsafeRawBufferPointer? {
        guard written < items, let base = buffer.baseAddress else { return nil }
        var out = base
        let full = base + (1 << 20)
        while written < items, out < full {
            append(position, to: &out)
            position += step
            if position >= items { position -= items }
            written += 1
        }
        return UnsafeRawBufferPointer(start: base, count: out - base)
    }

    /// Numbers from 0: first the plans, then the users, then everything else.
    private func append(_ number: UInt64, to out: inout UnsafeMutableRawPointer) {
        let drawn = random.next()
        // Odd, so that it never ends in a zero that the stored form of a number would not have.
        let micros = (100_000 + (((drawn >> 44) * 900_000) >> 20)) | 1
        let choice = drawn & 0xFFFF_FFFF
        if number < plans {
            kinds.plans.append(choice, Numbers(number + 1, number + 1, micros), to: &out)
        } else if number < plans + users {
            let plan = 1 + random.next() % max(plans, 3)
            kinds.users.append(choice, Numbers(number - plans + 1, plan, micros), to: &out)
        } else {
            let user = 1 + random.next() % max(users, 1)
            kinds.others.append(choice, Numbers(number - plans - users + 1, user, micros), to: &out)
        }
    }

    private static func greatestDivisor(_ a: UInt64, _ b: UInt64) -> UInt64 { b == 0 ? a : greatestDivisor(b, a % b) }
}

/// The prepared lines of each kind.
private struct LineKinds: Sendable {
    let plans: PreparedLines
    let users: PreparedLines
    let others: PreparedLines

    var longestLine: Int { max(plans.longestLine, users.longestLine, others.longestLine) }

    init(seed: UInt64) {
        var content = SampleContent(seed: seed)
        let (id, other, micros) = (Mark.identifier, Mark.reference, Mark.micros)
        let order = (0..<128).map { _ in content.random.next() }
        plans = PreparedLines(
            (0..<96).map { content.plan(id: id, tier: $0 % 3, micros: micros) }, orders: order)
        users = PreparedLines((0..<128).map { _ in content.user(id: id, plan: other, micros: micros) }, orders: order)
        let rest = (0..<128).map { (number: Int) -> Attributes in
            switch number % 20 {
            case 0: content.problem(slug: "leetcode#\(content.random.pick(Words.slugs))-\(id)", micros: micros)
            case 1..<3: content.testCase(slug: "leetcode#\(content.random.pick(Words.slugs))-\(other)", id: id)
            case 3..<12: content.submission(user: other, id: id, micros: micros)
            case 12..<17: content.search(user: other, id: id, micros: micros)
            default: content.progress(user: other, id: id, micros: micros)
            }
        }
        others = PreparedLines(rest, orders: order)
    }
}

/// What stands for a number to be filled in: characters that no sample text has.
private enum Mark {
    static let identifier = "\u{E000}"
    static let reference = "\u{E001}"
    static let micros = "\u{E002}"

    /// The first two of the three bytes of every mark; the third is 0x80 and the number of the mark.
    static let lead: [UInt8] = [0xEE, 0x80]
}

/// The numbers a line is filled in with, by the number of their mark.
private struct Numbers {
    private let identifier: UInt64
    private let reference: UInt64
    private let micros: UInt64

    init(_ identifier: UInt64, _ reference: UInt64, _ micros: UInt64) {
        self.identifier = identifier
        self.reference = reference
        self.micros = micros
    }

    subscript(mark: Int32) -> UInt64 { mark == 0 ? identifier : mark == 1 ? reference : micros }
}

/// Lines cut into pieces: fixed bytes, each but a line's last followed by a number.
private final class PreparedLines: Sendable {
    /// A range of `bytes` and which number follows it, or -1 at the end of a line.
    private struct Piece {
        var start: Int32
        var count: Int32
        var number: Int32
    }

    private let bytes: [UInt8]
    private let pieces: [Piece]
    /// The first piece of each line.
    private let starts: [Int]
    /// Upper bound of a line's length with its numbers filled in.
    let longestLine: Int

    init(_ items: [Attributes], orders: [UInt64]) {
        var bytes: [UInt8] = []
        var pieces: [Piece] = []
        var starts: [Int] = []
        var longest = 0
        for (item, order) in zip(items, orders) {
            let line = fullLine(item, seed: order).bytes
            starts.append(pieces.count)
            longest = max(longest, line.count)
            var rest = line[...]
            while true {
                let mark = rest.indices.first { $0 + 2 < rest.endIndex && rest[$0..<$0 + 2].elementsEqual(Mark.lead) }
                let piece = rest[..<(mark ?? rest.endIndex)]
                let number = mark.map { Int32(line[$0 + 2] & 0x3F) } ?? -1
                pieces.append(Piece(start: Int32(bytes.count), count: Int32(piece.count), number: number))
                bytes += piece
                guard let mark else { break }
                rest = rest[(mark + 3)...]
                longest += 20
            }
        }
        self.bytes = bytes
        self.pieces = pieces
        self.starts = starts
        longestLine = longest
    }

    /// Copies one line, `choice` (32 bits) saying which, with the numbers in it.
    func append(_ choice: UInt64, _ numbers: Numbers, to out: inout UnsafeMutableRawPointer) {
        var index = starts[Int((choice * UInt64(starts.count)) >> 32)]
        bytes.withUnsafeBytes { source in
            pieces.withUnsafeBufferPointer { pieces in
                while true {
                    let piece = pieces[index]
                    out.copyMemory(from: source.baseAddress! + Int(piece.start), byteCount: Int(piece.count))
                    out += Int(piece.count)
                    if piece.number < 0 { break }
                    writeDecimal(numbers[piece.number], to: &out)
                    index += 1
                }
            }
        }
    }
}

/// Writes a number in decimal digits and moves on.
private func writeDecimal(_ number: UInt64, to out: inout UnsafeMutableRawPointer) {
    var length = 1
    var bound: UInt64 = 10
    while number >= bound {
        length += 1
        bound *= 10
    }
    var rest = number
    var place = length
    while place > 0 {
        place -= 1
        out.storeBytes(of: UInt8(truncatingIfNeeded: 48 + rest % 10), toByteOffset: place, as: UInt8.self)
        rest /= 10
    }
    out += length
}
