package import ByteStreams
import Foundation
import Tables

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What `rekey control` may ask of a run.
package enum RunOrder: Sendable, Equatable {
    /// Other limits, in units a second; nil leaves one as it is.
    case rates(readUnits: Double?, writeUnits: Double?)
    case pause
    case go
    /// End with status 75; the run can be resumed.
    case stop
}

/// The process that works on a run takes orders from other terminals.
///
/// While it works it holds a lock on `working.json`, which names it by a token of its own; an order stands in `control.json` with the
/// token of the process it is for, and is removed as it is taken. So an order never outlives its process: a run that was paused and
/// killed is not paused when it is resumed, nor does an old limit hold.
final class RunControl: Sendable {
    /// `working.json`.
    struct Worker: Codable {
        var process: Int32
        var token: String
        var since: String
    }

    /// `control.json`.
    struct Message: Codable {
        var token: String
        var order: String
        var readUnits: Double?
        var writeUnits: Double?

        init(token: String, _ order: RunOrder) {
            self.token = token
            switch order {
            case .rates(let read, let write):
                self.order = "rates"
                readUnits = read
                writeUnits = write
            case .pause: self.order = "pause"
            case .go: self.order = "go"
            case .stop: self.order = "stop"
            }
        }

        var runOrder: RunOrder? {
            switch order {
            case "rates": .rates(readUnits: readUnits, writeUnits: writeUnits)
            case "pause": .pause
            case "go": .go
            case "stop": .stop
            default: nil
            }
        }
    }

    private let run: RunDirectory
    private let governor: CapacityGovernor?
    private let lock: Int32

    /// - Throws: `.preflightRefused` where another process works on the run.
    init(_ run: RunDirectory, governor: CapacityGovernor?, events: @escaping EventHandler) throws(RekeyError) {
        self.run = run
        self.governor = governor
        lock = open(run.workingPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            if lock >= 0 { close(lock) }
            throw RekeyError(
                .preflightRefused, "another process works on this run; wait for it to end", source: run.path)
        }
        let token = String(UInt64.random(in: 0...UInt64.max), radix: 16)
        let worker = Worker(process: getpid(), token: token, since: Timestamp.now().text)
        let bytes = (try? JSONEncoder().encode(worker)).map { Array($0) } ?? []
        // Orders for an earlier process; those for this one come once it is named.
        unlink(run.controlPath)
        unlink(Self.taken(run))
        ftruncate(lock, 0)
        _ = pwrite(lock, bytes, bytes.count, 0)
        governor?.listen { governor in
            guard let order = Self.take(run, token: token) else { return }
            Self.obey(order, governor, events)
        }
    }

    func end() {
        governor?.listen(nil)
        unlink(run.workingPath)
        unlink(run.controlPath)
        close(lock)
    }

    private static func taken(_ run: RunDirectory) -> String { run.controlPath + ".taken" }

    /// The order that stands there. It is moved aside before it is read: one that is given meanwhile stands for the next time.
    static func take(
        _ run: RunDirectory, token: String, read: (String) -> [UInt8]? = { try? readWhole($0, limit: 4096) }
    ) -> RunOrder? {
        guard fileExists(run.controlPath), rename(run.controlPath, taken(run)) == 0 else { return nil }
        defer { unlink(taken(run)) }
        guard let bytes = read(taken(run)),
            let message = try? JSONDecoder().decode(Message.self, from: Data(bytes)), message.token == token
        else {
            return nil
        }
        return message.runOrder
    }

    private static func obey(_ order: RunOrder, _ governor: CapacityGovernor, _ events: EventHandler) {
        switch order {
        case .rates(let read, let write):
            governor.setRates(readUnits: read, writeUnits: write)
            if let write {
                events(.information("Told to take at most \(ActivityPlot.text(write)) write units a second"))
            }
            if let read { events(.information("Told to take at most \(ActivityPlot.text(read)) read units a second")) }
        case .pause:
            governor.set(.paused)
            events(.information("Told to pause"))
        case .go:
            governor.set(.going)
            events(.information("Told to go on"))
        case .stop:
            governor.set(.stopped)
            events(.information("Told to stop"))
        }
    }

    // MARK: The other side

    /// Gives an order to the process that works on a run.
    ///
    /// - Returns: false where it was not taken within `patience`: the process waits for an answer of the table.
    /// - Throws: `.inputMissing` where no process works on it.
    fileprivate static func give(
        _ order: RunOrder, to run: RunDirectory, patience: Duration
    ) async throws(RekeyError) -> Bool {
        let worker = try worker(of: run)
        let bytes = (try? JSONEncoder().encode(Message(token: worker.token, order))).map { Array($0) } ?? []
        try run.write(bytes, to: run.controlPath)
        let end = ContinuousClock.now + patience
        while fileExists(run.controlPath) {
            if ContinuousClock.now >= end { return false }
            try? await Task.sleep(for: .milliseconds(50))
        }
        return true
    }

    /// Whether a process works on a run.
    static func isWorking(on run: RunDirectory) -> Bool { (try? worker(of: run)) != nil }

    private static func worker(of run: RunDirectory) throws(RekeyError) -> Worker {
        let idle = RekeyError(
            .inputMissing, "no process works on this run now; rekey status says where it stands", source: run.path)
        let file = open(run.workingPath, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw idle }
        defer { close(file) }
        // The lock ends with its process, whatever ended that.
        guard flock(file, LOCK_SH | LOCK_NB) != 0,
            let worker = try? JSONDecoder().decode(
                Worker.self, from: Data(try readWhole(run.workingPath, limit: 4096)))
        else { throw idle }
        return worker
    }
}

extension RunDirectory {
    /// A run that a process works on, by its path or its name below `runs`; it need not have a plan yet.
    package static func working(_ text: String, runs: String) throws(RekeyError) -> RunDirectory {
        for path in [text, runs + "/" + text] where fileExists(RunDirectory(path: path).workingPath) {
            return RunDirectory(path: path)
        }
        return try find(text, runs: runs)
    }

    /// Gives an order to the process that works on the run.
    ///
    /// - Returns: false where it was not taken within `patience`: the process waits for an answer of the table, and takes it then.
    /// - Throws: `.inputMissing` where no process works on it.
    package func give(_ order: RunOrder, patience: Duration = .seconds(5)) async throws(RekeyError) -> Bool {
        try await RunControl.give(order, to: self, patience: patience)
    }
}
