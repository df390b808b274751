import Foundation
import TestSupport
import Testing

/// Runs the built `rekey` in a real shell, once for each folder of `Cases`; README.md tells how to add and rewrite cases.
@Suite("Golden cases")
struct GoldenCaseTests {
    @Test("Prints and ends as its expected files say", arguments: GoldenCase.all())
    func golden(golden: GoldenCase) throws {
        let (outcome, leftovers, leaks) = try withTemporaryDirectory { try golden.run(in: $0) }
        #expect(
            leftovers.isEmpty,
            "\(golden.name) left \(leftovers.joined(separator: ", ")) in $TMPDIR; remove temporary files on every way out"
        )
        #expect(leaks.isEmpty, "\(golden.name) wrote a secret into \(leaks.joined(separator: ", "))")
        if GoldenCase.isRecording {
            try #require(!outcome.exit.hasPrefix("no end"), "\(golden.name) did not end, and is not recorded")
            return try golden.record(outcome)
        }
        let expected = try golden.expected()
        for (file, (now, before)) in zip(GoldenCase.Outcome.files, zip(outcome.parts, expected.parts))
        where now != before {
            Issue.record(
                """
                \(golden.name): \(file) differs (- expected, + now). Where the new one is right, \
                REKEY_TEST_RECORD=1 REKEY_TEST_CASE=\(golden.name) swift test --filter GoldenCaseTests rewrites it.
                \(lineDifference(from: before, to: now))
                """)
        }
    }

    @Test("There are cases")
    func cases() {
        #expect(!GoldenCase.all().isEmpty, "no folder in \(GoldenCase.folder.path) matches REKEY_TEST_CASE")
    }
}

/// The lines that are only in one of two texts, `-` and `+`, between up to two lines that are in both.
func lineDifference(from old: String, to new: String) -> String {
    let before = old.split(separator: "\n", omittingEmptySubsequences: false)
    let after = new.split(separator: "\n", omittingEmptySubsequences: false)
    let difference = after.difference(from: before)
    let removed = Set(difference.removals.map(\.offset))
    let inserted = Set(difference.insertions.map(\.offset))
    var lines: [(mark: Character, text: Substring)] = []
    var (i, j) = (0, 0)
    while i < before.count || j < after.count {
        if removed.contains(i) {
            lines.append(("-", before[i]))
            i += 1
        } else if inserted.contains(j) {
            lines.append(("+", after[j]))
            j += 1
        } else {
            lines.append((" ", after[j]))
            i += 1
            j += 1
        }
    }
    let changed = lines.indices.filter { lines[$0].mark != " " }
    return lines.indices.filter { index in changed.contains { abs($0 - index) <= 2 } }
        .map { "\(lines[$0].mark) \(lines[$0].text)" }.joined(separator: "\n")
}

extension CollectionDifference.Change {
    /// The change's place in the old text (removals) or the new one (insertions).
    fileprivate var offset: Int {
        switch self {
        case .insert(let offset, _, _), .remove(let offset, _, _): offset
        }
    }
}
