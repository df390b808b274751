import Foundation

/// Replaces what differs from run to run and from machine to machine.
///
/// | was | is |
/// | --- | --- |
/// | the case's folder, the temporary directory, the repository | `CASE`, `TMP`, `REPO` |
/// | a time within the run, `20261124_001500` or `2026-11-24T00:15:00Z` | `TIME`; times in data stay |
/// | a UUID | `UUID` |
/// | the sign of life that a command gives after half a minute, `rekey migrate: put  1,000 items  500/s` | nothing |
/// | a port of this machine, `127.0.0.1:39117`; the number of the case's AWS account | `127.0.0.1:PORT`; `ACCOUNT` |
struct Normalizer {
    private let paths: [(path: String, name: String)]
    private let account: String?
    private let days: Set<String>

    init(temporary: String, caseFolder: String, repository: String, account: String?, from: Date, to: Date) {
        self.account = account
        paths = [(caseFolder, "CASE"), (temporary, "TMP"), (repository, "REPO")]
        days = Set([from, to].map(Self.day))
    }

    /// `20261124`, in UTC.
    private static func day(_ date: Date) -> String {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = TimeZone(secondsFromGMT: 0)!
        let parts = calendar.dateComponents([.year, .month, .day], from: date)
        return "\(parts.year! * 10_000 + parts.month! * 100 + parts.day!)"
    }

    func normalize(_ text: String) -> String {
        var text = text
        for (path, name) in paths { text = text.replacing(path, with: name) }
        text = text.replacing(/(\d{8})_\d{6}/) { days.contains(String($0.1)) ? "TIME" : String($0.0) }
        text = text.replacing(/(\d{4})-(\d{2})-(\d{2})T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z/) {
            days.contains("\($0.1)\($0.2)\($0.3)") ? "TIME" : String($0.0)
        }
        text = text.replacing(/(?m)^rekey [a-z]+(?:: [a-z ]+)?  [\d,]+ (?:of [\d,]+ )?items  .*\n/, with: "")
        let hex = /[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}/
        text = text.replacing(hex, with: "UUID").replacing(/127\.0\.0\.1:\d+/, with: "127.0.0.1:PORT")
        return account.map { text.replacing($0, with: "ACCOUNT") } ?? text
    }
}
