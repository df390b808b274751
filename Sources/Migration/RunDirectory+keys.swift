import ByteStreams

/// The run's lists of keys: what stood under new keys before it.
extension RunDirectory {
    /// A line of such a list: the key for people, and its sortable bytes in hexadecimal digits, which no two keys share.
    static func keyLine(_ key: String, _ sortableKey: [UInt8]) -> [UInt8] {
        Array("{\"key\":\(quoted(key)),\"bytes\":\"".utf8) + hexadecimal(sortableKey) + Array("\"}\n".utf8)
    }

    /// In lower case.
    static func hexadecimal(_ bytes: [UInt8]) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    }

    /// The new keys, by `sortableBytes`, under which an equal item stood before the run: a rollback leaves them alone.
    ///
    /// Throws `.badInput` where they are not those that the plan counts: too few would delete what the run never wrote.
    func presentKeys() throws(RekeyError) -> Set<[UInt8]> {
        var keys: Set<[UInt8]> = []
        try forEachKey(of: presentPath) { key in keys.insert(key) }
        try require(keys.count, of: try plan().presentCount, presentPath)
        return keys
    }

    /// Calls `body` with the keys, by `sortableBytes`, in the range of new keys under which any item stood before the run.
    ///
    /// Throws `.badInput` where they are not those that the plan counts: of one too few a rollback would say that it came later.
    func forEachStandingKey(_ body: ([UInt8]) throws(RekeyError) -> Void) throws(RekeyError) {
        var count = 0
        try forEachKey(of: standingPath) { key throws(RekeyError) in
            count += 1
            try body(key)
        }
        try require(count, of: try plan().standingCount ?? 0, standingPath)
    }

    private func require(_ count: Int, of expected: Int, _ path: String) throws(RekeyError) {
        guard count == expected else {
            throw RekeyError(
                .badInput,
                "the run found \(expected) items under their new keys already, this file names \(count); restore the run directory from a copy",
                source: path)
        }
    }

    func forEachKey(
        of path: String, _ body: ([UInt8]) throws(RekeyError) -> Void
    ) throws(RekeyError) {
        guard fileExists(path) else { return }
        let start = Array("\"bytes\":\"".utf8)
        let reader = LineReader(try openSource(path))
        while let block = try reader.nextBlock() {
            for line in block.bytes.split(separator: 0x0A) {
                let line = Array(line)[...]
                guard let range = line.lastRange(of: start), line.suffix(2).elementsEqual("\"}".utf8),
                    let key = bytes(ofHexadecimal: line[range.upperBound...].dropLast(2))
                else { continue }
                try body(key)
            }
        }
    }
}

extension ArraySlice<UInt8> {
    /// The last place where `other` stands.
    fileprivate func lastRange(of other: [UInt8]) -> Range<Int>? {
        var start = endIndex - other.count
        while start >= startIndex {
            if self[start..<start + other.count].elementsEqual(other) { return start..<start + other.count }
            start -= 1
        }
        return nil
    }
}

/// Nil where the text is not pairs of hexadecimal digits.
private func bytes(ofHexadecimal text: ArraySlice<UInt8>) -> [UInt8]? {
    var result: [UInt8] = []
    var high: UInt8?
    for digit in text {
        guard let value = Character(UnicodeScalar(digit)).hexDigitValue.map({ UInt8($0) }) else { return nil }
        if let first = high {
            result.append(first << 4 | value)
            high = nil
        } else {
            high = value
        }
    }
    return high == nil ? result : nil
}
