import Rekeying
import Testing

@Suite struct ExplanationTests {
    static let rules = """
          - {from: {PK: 'PLAN#{id:int}', SK: 'META'}, to: {PK: 'PLAN', SK: 'META#{id}'}, where: {tp: plan}}
          - {from: {PK: 'U#{a}#{b}', SK: '{b}x', G: 'g{c}'}, to: {PK: 'V#{a}##{b}', SK: '{b}#{c}', H: '{c}'}}
        """

    @Test(arguments: [
        (
            "PLAN#1", "META",
            ["rule 1: matches", "  {id} is \"1\"", "  only if tp = \"plan\"", "  new key: PLAN / META#1"]
        ),
        (
            "PLAN#x", "META",
            [
                "rule 1: PK: {id} is \"x\", which is not int at byte 5",
                "rule 2: PK: differs from \"U#\" at byte 0", "no rule matches: the item is left alone",
            ]
        ),
        (
            "PLAN#1", "METADATA",
            [
                "rule 1: SK: \"DATA\" is left over at byte 4", "rule 2: PK: differs from \"U#\" at byte 0",
                "no rule matches: the item is left alone",
            ]
        ),
        (
            "PLAN", "META#7",
            [
                "rule 1: PK: differs from \"PLAN#\" at byte 4", "rule 2: PK: differs from \"U#\" at byte 0",
                "rule 1 can make this key: it looks as if moved already",
            ]
        ),
        (
            "PLAN", "META#x",
            [
                "rule 1: PK: differs from \"PLAN#\" at byte 4", "rule 2: PK: differs from \"U#\" at byte 0",
                "no rule matches: the item is left alone",
            ]
        ),
        (
            "U#1#2", "2x",
            [
                "rule 1: PK: differs from \"PLAN#\" at byte 0", "rule 2: matches", "  {a} is \"1\"", "  {b} is \"2\"",
                "  only if G is a text like \"g{c}\"", "  only if H is absent", "  new key: V#1##2 / 2#{c}",
            ]
        ),
        (
            "U#1#2", "3x",
            [
                "rule 1: PK: differs from \"PLAN#\" at byte 0",
                "rule 2: SK: {b} is \"3\" at byte 0, and something else before",
                "no rule matches: the item is left alone",
            ]
        ),
        (
            "U#1", "3x",
            [
                "rule 1: PK: differs from \"PLAN#\" at byte 0",
                "rule 2: PK: nothing ends {a}, which begins at byte 2: no \"#\" follows",
                "no rule matches: the item is left alone",
            ]
        ),
    ])
    func explains(partition: String, sort: String, lines: [String]) throws {
        #expect(try ruleSet(Self.rules).explain(partition: partition, sort: sort).lines == lines)
    }
}
