package import ByteStreams
import Foundation
import Tables

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What a run was begun with. It goes on only while all of this is still so.
package struct RunPlan: Sendable, Equatable, Codable {
    package var id: String
    /// The table as the user wrote it, such as `local:t.db`.
    package var table: String
    package var account: String
    package var region: String
    package var tableARN: String
    package var tableID: String
    package var rulesName: String
    package var rulesSHA256: String
    /// `batch` or `transact`.
    package var strategy: String
    package var startedAt: String
    /// Of the table's runs that began in the same second and directory, how many did so before; nil for none.
    package var turn: Int?
    /// Count and digest of the whole table before.
    package var tableCount: Int
    package var tableDigest: String
    /// Count and digest of the old items, and the digest of what they become.
    package var oldCount: Int
    package var oldDigest: String
    package var newDigest: String
    /// How many new keys `present.ndjson` names.
    package var presentCount: Int
    /// How many keys `standing.ndjson` names; nil in runs of versions that did not write it.
    package var standingCount: Int?
    /// The snapshot's folder inside the run directory.
    package var snapshot: String
    /// The command of the run's hook, and after how many seconds it is stopped; nil without one.
    package var hook: String?
    package var hookSeconds: Int?
}

/// One run's directory: `plan.json`, `rules.yaml`, `ledger.ndjson`, `present.ndjson`, `standing.ndjson`,
/// `delta.ndjson` and the snapshot.
///
/// It holds all that is needed to go on or back, so that it may be copied to another machine.
package struct RunDirectory: Sendable {
    package let path: String
    /// Where its table is locked and other runs of it are looked for. The first is the directory above it.
    package let homes: [String]

    package init(path: String) { self.init(path: path, homes: [parentDirectory(path)]) }

    init(path: String, homes: [String]) {
        self.path = path
        self.homes = homes
    }

    package var planPath: String { path + "/plan.json" }
    package var rulesPath: String { path + "/rules.yaml" }
    package var ledgerPath: String { path + "/ledger.ndjson" }
    package var presentPath: String { path + "/present.ndjson" }
    package var standingPath: String { path + "/standing.ndjson" }
    package var deltaPath: String { path + "/delta.ndjson" }
    package var reportPath: String { path + "/report.json" }
    /// What hooks printed.
    package var hookLogPath: String { path + "/hook.log" }
    package var metricsPath: String { path + "/metrics.ndjson" }
    /// What was reckoned and checked before the run.
    package var forecastPath: String { path + "/forecast.json" }
    var workingPath: String { path + "/working.json" }
    var controlPath: String { path + "/control.json" }

    package func snapshotPath(_ plan: RunPlan) -> String { path + "/" + plan.snapshot }

    /// Makes the directory of a new run below `runs`; its name begins with the time.
    package static func create(in runs: String, at time: Timestamp, name: String) throws(RekeyError) -> RunDirectory {
        try makeDirectories(runs, mode: 0o700)
        for attempt in 1...100 {
            let id = "\(time.compact)-\(name)" + (attempt == 1 ? "" : "-\(attempt)")
            let path = runs + "/" + id
            if mkdir(path, 0o700) == 0 {
                // The way back lies in it: it has to outlive a power cut.
                try syncDirectory(runs)
                try syncDirectory(parentDirectory(runs))
                return RunDirectory(path: path)
            }
            guard errno == EEXIST else {
                throw RekeyError(
                    .cannotCreate, "cannot make the run directory: \(String(cString: strerror(errno)))", source: path)
            }
        }
        throw RekeyError(.cannotCreate, "too many runs began in the same second", source: runs)
    }

    package var id: String { path.split(separator: "/").last.map(String.init) ?? path }

    /// Finds a run by its path or by its name below `runs`. Its path is then one of the directory itself; the table is locked there, where
    /// it was named, and in `runs`, for a run may have been moved and a link left in its place.
    package static func find(_ text: String, runs: String) throws(RekeyError) -> RunDirectory {
        for path in [text, runs + "/" + text] {
            guard try isPresent(path + "/plan.json") else { continue }
            return RunDirectory(path: try pathOfItself(path), namedBy: path, runs: runs)
        }
        throw RekeyError(
            .inputMissing, "there is no run \(text) here or in \(runs); rekey status lists the runs", source: text)
    }

    /// Writes a file whole, synced, mode 0600.
    func write(_ bytes: [UInt8], to path: String) throws(RekeyError) {
        let sink = try openSink(path, compression: .none)
        do {
            try sink.write(bytes)
            try sink.finish()
        } catch {
            sink.abandon()
            throw error
        }
    }

    func write(_ plan: RunPlan) throws(RekeyError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            try write(Array(try encoder.encode(plan)) + [0x0A], to: planPath)
        } catch let error as RekeyError {
            throw error
        } catch {
            throw RekeyError(.unexpected, "the plan cannot be written as JSON: \(error)", source: planPath)
        }
    }

    package func plan() throws(RekeyError) -> RunPlan {
        let bytes = try readWhole(planPath, limit: 1 << 20)
        do {
            return try JSONDecoder().decode(RunPlan.self, from: Data(bytes))
        } catch {
            throw RekeyError(
                .badInput, "the run's plan is damaged; restore the run directory from a copy", source: planPath)
        }
    }
}

/// One run at a time for each table: an advisory lock that ends with the process.
package final class RunLock {
    private let descriptor: Int32

    /// Throws `.preflightRefused` naming the run that holds the lock.
    package init(runs: String, tableARN: String, tableID: String, holder: String) throws(RekeyError) {
        try makeDirectories(runs, mode: 0o700)
        let name = (tableARN + "-" + tableID).utf8.map { byte -> Character in
            let isPlain = (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            return isPlain || byte == UInt8(ascii: "-") ? Character(UnicodeScalar(byte)) : "_"
        }
        let path = runs + "/.lock-" + String(name.suffix(180))
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw RekeyError(.cannotCreate, "cannot lock the table: \(String(cString: strerror(errno)))", source: path)
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let other = (try? readWhole(path, limit: 4096)).map { String(decoding: $0, as: UTF8.self) } ?? "another run"
            // `deinit` runs, since every property is set, and closes the descriptor.
            throw RekeyError(
                .preflightRefused, "\(other) is working on this table; wait for it to end", source: path)
        }
        say(holder)
    }

    /// Says who holds it, to those who are refused.
    package func say(_ holder: String) {
        ftruncate(descriptor, 0)
        _ = Array(holder.utf8).withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }
}
