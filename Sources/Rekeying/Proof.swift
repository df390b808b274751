/// One thing that `check` has to say about a rule set.
package struct Finding: Sendable, Equatable {
    /// What is the matter; in this order they are looked for.
    package enum Code: String, Sendable, CaseIterable {
        /// `from` matches no key that a table can hold.
        case neverMatches
        /// `to` uses a capture that `from` has not.
        case unknownCapture
        /// A value of the old item is in no attribute of the new one, so that there is no inverse.
        case valueLost
        /// `to` does not read back to the value it was rendered from.
        case doesNotReadBack
        /// Two rules can make the same new key.
        case sameNewKey
        /// A new key is again matched by a `from`.
        case movesAgain
        /// Two rules match the same item.
        case sameItem
        /// A new key is longer than DynamoDB allows, whatever the captures hold.
        case keyTooLong
        /// The proof would take too much memory.
        case tooComplex
    }

    package enum Severity: String, Sendable {
        /// The rule set must not be used.
        case refusal
        /// Worth knowing.
        case note
    }

    package let code: Code
    package let severity: Severity
    /// Index into the rules.
    package let rule: Int
    /// The other rule of a pair.
    package let otherRule: Int?
    /// Of the rule, in its file; 0 if it stands in none.
    package let line: Int
    /// What is the matter, with the witness, and what to do; no final period.
    package let message: String
    /// A shortest example that shows it.
    package let witness: Witness?
}

/// An example that shows a finding, as bytes.
package enum Witness: Sendable, Equatable {
    /// A key; `sort` is nil in a table without a sort key.
    case key(partition: [UInt8], sort: [UInt8]?)
    /// A value of one capture.
    case value(capture: String, [UInt8])
}

/// What `check` found: the rule set is safe for every possible key, or why not.
package struct Proof: Sendable, Equatable {
    /// By rule, then by code.
    package let findings: [Finding]
    /// The inverse as a rule file; nil if there is none.
    package let inverse: String?

    /// Whether the rule set may be used.
    package var isAccepted: Bool { !findings.contains { $0.severity == .refusal } }
}

extension RuleSet {
    /// Proves, without data, for every possible key: distinct old keys get distinct new ones, each new key leads back
    /// to its old one, and no new key is moved again. `oneWay` gives up the way back: then two old keys of one rule may
    /// collide, which only the data can show.
    package func check(oneWay: Bool = false) -> Proof {
        let findings = Prover(self).findings(oneWay: oneWay)
        let hasInverse = !findings.contains { finding in
            finding.severity == .refusal || finding.code == .valueLost
                || (finding.code == .doesNotReadBack && !isRoundtrip)
        }
        return Proof(findings: findings, inverse: hasInverse ? uncheckedInverse().yaml : nil)
    }
}

/// `bytes` for a message: as text, with what cannot be shown as `\xNN`.
func displayed(_ bytes: some Collection<UInt8>) -> String {
    let text = String(decoding: bytes, as: UTF8.self)
    if text.utf8.elementsEqual(bytes), text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }) {
        return text
    }
    return bytes.map { byte in
        if (0x20..<0x7F).contains(byte) { return String(UnicodeScalar(byte)) }
        let digits = String(byte, radix: 16)
        return "\\x" + (digits.count == 1 ? "0" : "") + digits
    }.joined()
}
