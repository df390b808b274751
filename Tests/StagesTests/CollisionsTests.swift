import ByteStreams
import Items
import Stages
import TestSupport
import Testing

@Suite struct CollisionsTests {
    /// Against a dictionary, with memory for a few keys and for all.
    @Test(arguments: [1 << 10, 1 << 24])
    func everyCollisionIsFound(memoryLimit: Int) throws {
        let seed = testSeed("everyCollisionIsFound")
        var random = SeededGenerator(seed: seed)
        try withTemporaryDirectory { directory in
            let collisions = Collisions(temporaryDirectory: directory, memoryLimit: memoryLimit)
            var produced: [String: [(old: String, content: UInt8)]] = [:]
            var present: [String: UInt8] = [:]
            for number in 0..<4000 {
                let name = "k\(Int.random(in: 0..<5000, using: &random))"
                let content = UInt8.random(in: 0...1, using: &random)
                let key = ItemKey(partition: KeyValue("PLAN"), sort: KeyValue(name))
                let old = ItemKey(partition: KeyValue("old\(number)"))
                if Bool.random(using: &random) {
                    produced[name, default: []].append(("old\(number)", content))
                    try [content].withUnsafeBytes { try collisions.add(.produced, key: key, oldKey: old, content: $0) }
                } else if present[name] == nil {
                    present[name] = content
                    try [content].withUnsafeBytes { try collisions.add(.present, key: key, oldKey: key, content: $0) }
                }
            }
            var expected: [String: Collisions.Finding.Kind] = [:]
            for (name, all) in produced {
                if all.count > 1 {
                    expected[name] = .severalProduced
                } else if let there = present[name] {
                    expected[name] = there == all[0].content ? .takenByEqual : .takenByDifferent
                }
            }
            var found: [String: Collisions.Finding.Kind] = [:]
            try collisions.forEachFinding { finding throws(RekeyError) in
                let name = String(finding.key.dropFirst("PLAN / ".count))
                #expect(found[name] == nil)
                found[name] = finding.kind
                #expect(finding.oldKeys == produced[name]?.prefix(3).map(\.old))
                #expect(finding.sortableKey == ItemKey(partition: KeyValue("PLAN"), sort: KeyValue(name)).sortableBytes)
            }
            #expect(found == expected && !expected.isEmpty)
        }
    }
}
