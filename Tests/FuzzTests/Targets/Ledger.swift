import ByteStreams
import Migration
import TestSupport

func readLedger(_ bytes: [UInt8]) {
    do {
        try withTemporaryDirectory { folder in
            let run = RunDirectory(path: folder)
            try write(bytes, to: run.ledgerPath)
            try write(bytes, to: run.planPath)
            refused { () throws(RekeyError) in _ = try run.plan() }
            refused { () throws(RekeyError) in
                let ledger = try Ledger(run.ledgerPath)
                let count = ledger.entries.count
                // What a crash has torn is cut off, and nothing else.
                try ledger.append(.failed, [("reason", "fuzz")])
                let again = try Ledger(run.ledgerPath)
                require(again.entries.count == count + 1 && again.has(.failed), "a ledger that lost an entry")
                require(again.facts(of: .failed) == ["reason": "fuzz"], "an entry that changed")
            }
        }
    } catch {
        violated("a file cannot be written: \(error)")
    }
}

private func refused(_ body: () throws(RekeyError) -> Void) {
    do throws(RekeyError) { try body() } catch {
        require(error.code == .badInput && !error.message.isEmpty, "a refusal of another kind: \(error)")
    }
}

private func write(_ bytes: [UInt8], to path: String) throws {
    let sink = try openSink(path, compression: .none)
    try sink.write(bytes)
    try sink.finish()
}
