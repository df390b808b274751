import ArgumentParser
import ByteStreams
import Stages

/// `--compare`, for commands whose dry run can say what they would replace.
struct ComparisonArguments: ParsableArguments {
    @Flag(
        help:
            "In a dry run, read each key from a live table too, to say what would be replaced: half a read unit or more a key."
    )
    var compare = false

    /// Whether a live table is to be read. Throws `.usage` where the command writes.
    func wanted(execute: Bool) throws(RekeyError) -> Bool {
        if compare && execute {
            throw RekeyError(.usage, "--compare is for dry runs; leave it out, or leave out --execute")
        }
        return compare
    }
}

extension StageResult {
    /// What a dry run has to say of the items that are there; nil where something was written, and for a new table.
    func comparisonSentence(_ to: Location) -> String? {
        func fact(_ name: String) -> Int? {
            if case .integer(let count)? = facts.first(where: { $0.name == name })?.value { count } else { nil }
        }
        func isSet(_ name: String) -> Bool { facts.contains { $0.name == name && $0.value == .boolean(true) } }
        if isSet("executed") || isSet("newTable") { return nil }
        guard let replacing = fact("replacing"), let equal = fact("equal"), let adding = fact("adding"),
            let deleting = fact("deleting"), let deletes = fact("deletes")
        else {
            guard case .table = to else { return nil }
            return "what would be replaced is not known without reading \(to.text); --compare reads each key"
        }
        let puts = "puts: \(replacing) over a different item, \(equal) over an equal one, \(adding) new"
        return deletes == 0
            ? puts : "\(puts); deletes: \(deleting) of an item that is there, \(deletes - deleting) of none"
    }
}
