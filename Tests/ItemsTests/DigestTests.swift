import Items
import ReferenceItems
import TestSupport
import Testing

@Suite("Canonical form and digest")
struct DigestTests {
    private func canonical(_ json: [UInt8]) -> String {
        String(decoding: Item(trusted: json).canonical(), as: UTF8.self)
    }

    /// The same item written otherwise: attributes and members in another order, numbers in another text.
    private func disguised(
        _ attributes: [ReferenceAttribute], _ generator: inout RecordGenerator
    ) -> [ReferenceAttribute] {
        var result: [ReferenceAttribute] = []
        for attribute in attributes {
            result.append(ReferenceAttribute(name: attribute.name, value: disguised(attribute.value, &generator)))
        }
        result.shuffle(using: &generator.random)
        return result
    }

    private func disguised(_ value: ReferenceValue, _ generator: inout RecordGenerator) -> ReferenceValue {
        switch value {
        case .number(let text): return .number(disguised(text, &generator))
        case .map(let attributes): return .map(disguised(attributes, &generator))
        case .list(let members): return .list(members.map { disguised($0, &generator) })
        case .set(let tag, let members):
            var texts = members
            if tag == "NS" {
                texts = members.map { Array(disguised(String(decoding: $0, as: UTF8.self), &generator).utf8) }
            }
            texts.shuffle(using: &generator.random)
            return .set(tag, texts)
        default: return value
        }
    }

    private func disguised(_ text: String, _ generator: inout RecordGenerator) -> String {
        guard let number = ReferenceNumber(text), !number.digits.isEmpty else {
            return generator.pick(["0", "-0.0", "0E5"])
        }
        let sign = number.isNegative ? "-" : generator.pick(["", "+", "00"])
        let zeros = generator.below(3)
        let digits = number.digits + String(repeating: "0", count: zeros)
        return generator.pick([
            sign + digits + "E\(number.exponent - zeros)",
            sign + "0.0" + digits + "e\(number.exponent + number.digits.utf8.count + 1)",
        ])
    }

    @Test("Equal items have the canonical form that a second implementation gives")
    func agreesWithReference() {
        let seed = testSeed("canonical")
        var generator = RecordGenerator(seed: seed)
        for number in 0..<3_000 {
            let item = generator.item()
            let expected = referenceCanonical(item)
            for attributes in [item, disguised(item, &generator)] {
                var json: [UInt8] = []
                generator.noise = generator.pick([0, 40])
                generator.write(attributes, &json)
                let text = canonical(json)
                if text != expected || canonical(Array(text.utf8)) != expected {
                    Issue.record("seed \(seed), item \(number): \(text) for \(String(decoding: json, as: UTF8.self))")
                    return
                }
            }
        }
    }

    @Test(
        "Each rule of the canonical form",
        arguments: [
            (#"{"b":{"N":"1.50"},"a":{"N":"100"}}"#, #"{"a":{"N":"1E2"},"b":{"N":"15E-1"}}"#),
            (
                #"{"a":{"L":[{"N":"-0.0"},{"N":"7"},{"N":"1e-130"}]}}"#,
                #"{"a":{"L":[{"N":"0"},{"N":"7"},{"N":"1E-130"}]}}"#
            ),
            (
                // The most digits there are: whole, behind the point, at both ends of the range.
                #"{"a":{"L":[{"N":"12345678901234567890123456789012345678"},{"N":"-1.2345678901234567890123456789012345678"}]}}"#,
                #"{"a":{"L":[{"N":"12345678901234567890123456789012345678"},{"N":"-12345678901234567890123456789012345678E-37"}]}}"#
            ),
            (
                #"{"a":{"L":[{"N":"9.9999999999999999999999999999999999999E+125"},{"N":"1234567890123456789012345678901234567e1"}]}}"#,
                #"{"a":{"L":[{"N":"99999999999999999999999999999999999999E88"},{"N":"1234567890123456789012345678901234567E1"}]}}"#
            ),
            (#"{"a":{"NS":["3","20","1.0","-2"]}}"#, #"{"a":{"NS":["-2","1","2E1","3"]}}"#),
            (#"{"a":{"SS":["b\n","\u00e9","B",""]}}"#, #"{"a":{"SS":["","B","b\n","é"]}}"#),
            (#"{"a":{"BS":["Zg==","Zh==\u002f","AA=="]}}"#, ""),
            (#"{"a":{"BS":["\u005Ag==","AA=="]}}"#, #"{"a":{"BS":["AA==","Zg=="]}}"#),
            (#"{"a":{"\u0053":"\/\u001F\u007f\u2028"}}"#, "{\"a\":{\"S\":\"/\\u001f\u{7F}\u{2028}\"}}"),
            (
                #"{ "a" : { "NULL" : true } , "m":{"M":{ }} , "l":{"L":[ ]} }"#,
                #"{"a":{"NULL":true},"l":{"L":[]},"m":{"M":{}}}"#
            ),
        ])
    func rule(json: String, expected: String) {
        if let item = try? Item(validating: Array(json.utf8)) {
            #expect(String(decoding: item.canonical(), as: UTF8.self) == expected)
        } else {
            #expect(expected.isEmpty)
        }
    }

    @Test("Names sort by UTF-16 code units, members of sets by UTF-8 bytes")
    func utf16Order() throws {
        // RFC 8785, section 3.2.3: the names of its example, with their order.
        let names = ["\r", "1", "\u{80}", "ö", "€", "😀", "\u{FB33}"]
        let written = names.reversed().map { "\"\($0 == "\r" ? "\\r" : $0)\":{\"NULL\":true}" }
        let sorted = names.map { "\"\($0 == "\r" ? "\\r" : $0)\":{\"NULL\":true}" }
        let item = try Item(validating: Array("{\(written.joined(separator: ","))}".utf8))
        #expect(String(decoding: item.canonical(), as: UTF8.self) == "{\(sorted.joined(separator: ","))}")

        let set = try Item(validating: Array("{\"a\":{\"SS\":[\"😀\",\"\u{FB33}\",\"\u{FB3}\"]}}".utf8))
        #expect(String(decoding: set.canonical(), as: UTF8.self) == "{\"a\":{\"SS\":[\"\u{FB3}\",\"\u{FB33}\",\"😀\"]}}")
    }

    private func digest(_ items: some Sequence<[UInt8]>) -> Digest {
        var digest = Digest()
        for item in items { item.withUnsafeBytes { digest.add(canonical: $0) } }
        return digest
    }

    @Test("Order and split make no difference; parts combine and subtract; hexadecimal reads back")
    func sums() {
        var random = SeededGenerator(seed: testSeed("digest"))
        let items = (0..<200).map { Array("{\"a\":{\"S\":\"\($0) \(random.next())\"}}".utf8) }
        let whole = digest(items)
        for _ in 0..<50 {
            let order = items.shuffled(using: &random)
            let cut = Int.random(in: 0...order.count, using: &random)
            let (left, right) = (digest(order[..<cut]), digest(order[cut...]))
            var sum = left
            sum.combine(right)
            #expect(sum == whole)
            sum.subtract(left)
            #expect(sum == right)
            #expect(Digest(count: left.count, hex: left.hex) == left)
        }
        #expect(digest(items.dropLast()) != whole)
        #expect(Digest().hex == String(repeating: "0", count: 64))
    }

    @Test("Only 64 hexadecimal digits are a digest")
    func hex() {
        let zeros = String(repeating: "0", count: 64)
        #expect(Digest(count: 0, hex: zeros) == Digest())
        #expect(Digest(count: 0, hex: String(zeros.dropLast())) == nil)
        #expect(Digest(count: 0, hex: "+" + zeros.dropLast()) == nil)
        #expect(Digest(count: 0, hex: zeros.dropLast() + "g") == nil)
        #expect(Digest(count: -1, hex: zeros) == nil)
    }

    /// The sums are those of Python's hashlib.
    @Test("The worked examples of docs/digest.md")
    func documented() throws {
        let first = #"{"SK":{"S":"META#1"},"PK":{"S":"PLAN"},"price":{"N":"1.50"}}"#
        let second = #"{"PK":{"S":"PLAN"},"SK":{"S":"META#2"},"tags":{"SS":["b","a"]}}"#
        let every =
            #"{"ﬁ":{"NULL":true},"😀":{"NS":["10","9","-1.0"]},"a\u002fb":{"S":"\u00e9\t\u001F\/"},"#
            + #""m":{"M":{"z":{"L":[]},"B":{"B":"AAE="}}}}"#
        func forms(_ items: [String]) throws -> [[UInt8]] {
            try items.map { try Item(validating: Array($0.utf8)).canonical() }
        }
        let two = digest(try forms([first, second]))
        #expect(two.hex == "2c5f4afc37b1fce0623431bbec84615608b4efd1d2e92bf503d74bf7de4a5a32")
        #expect(digest(try forms([every])).hex == "f1daa57f0846071a541fc03f8d16392653514442dcb2354fbac208ac4ab931ad")
        var sealed = two
        let deletion = try forms([#"{"SK":{"S":"META"},"PK":{"S":"PLAN#1"}}"#]).map { [UInt8(ascii: "-")] + $0 }
        sealed.combine(digest(deletion))
        #expect(
            Seal(count: sealed.count, digest: sealed.hex).line
                == #"{"Rekey":{"Seal":{"count":3,"digest":"#
                + "\"12277664e91fe564e97d5e93308081901df55603b4beb408247cee95f33fee04\"}}}\n")
    }
}
