import ByteStreams
import Rekeying

func readRules(_ bytes: [UInt8]) {
    guard let text = String(validating: bytes, as: UTF8.self) else { return }
    let rules: RuleSet
    do {
        rules = try RuleSet.parse(yaml: text, source: "rules.yaml")
    } catch {
        return require(error.code == .rulesRefused && !error.message.isEmpty, "a refusal of another kind: \(error)")
    }
    do {
        let again = try RuleSet.parse(yaml: rules.yaml, source: "written.yaml")
        require(again == rules, "other rules than were written: \(rules.yaml)")
    } catch {
        violated("written rules are refused (\(error)): \(rules.yaml)")
    }
    _ = rules.explain(partition: "PLAN#1", sort: rules.sort.map { _ in "META" })
    let proof = rules.check()
    guard proof.isAccepted else { return }
    do {
        let inverse = try rules.inverted()
        require(
            try RuleSet.parse(yaml: inverse.yaml, source: "inverse.yaml") == inverse, "an inverse that cannot be read")
        require(proof.inverse == nil || proof.inverse == inverse.yaml, "two inverses")
    } catch {
        violated("accepted rules without an inverse: \(error)")
    }
}
