import Items
import Tables
import Testing

extension TableContract {
    func putsOnCondition() async throws {
        let table = try await make(.standard)
        let first = item("p", "s", "1")
        #expect(try await failure(table.put(first, condition: .exists)) == .some(nil))
        #expect(try await failure(table.put(first, condition: .equals(first))) == .some(nil))
        #expect(try await table.get(key("p", "s")) == nil)
        #expect(try await failure(table.put(first, condition: .absent)) == nil)
        #expect(try await failure(table.put(item("p", "s", "2"), condition: .absent)) == "1")
        #expect(try await failure(table.put(item("p", "s", "2"), condition: .equals(item("p", "s", "0")))) == "1")
        #expect(try await table.get(key("p", "s")).map { value($0) } == "1")
        #expect(try await failure(table.put(item("p", "s", "2"), condition: .equals(first))) == nil)
        #expect(try await failure(table.put(item("p", "s", "3"), condition: .exists)) == nil)
        #expect(try await failure(table.put(item("p", "s", "4"), condition: .none)) == nil)
        #expect(try await table.get(key("p", "s")).map { value($0) } == "4")
        // Equal by value: numbers by value, members and attributes in any order. An attribute more is a difference.
        let stored = item(#"{"PK":{"S":"p"},"SK":{"S":"n"},"v":{"S":"n"},"n":{"N":"1.50"},"s":{"NS":["1","2"]}}"#)
        let equal = item(#"{"s":{"NS":["2.0","1"]},"n":{"N":"15e-1"},"SK":{"S":"n"},"v":{"S":"n"},"PK":{"S":"p"}}"#)
        let fewer = item(#"{"PK":{"S":"p"},"SK":{"S":"n"},"v":{"S":"n"},"n":{"N":"1.50"}}"#)
        try await load([stored], into: table)
        #expect(try await failure(table.put(stored, condition: .equals(fewer))) == "n")
        #expect(try await failure(table.put(fewer, condition: .equals(equal))) == nil)
        #expect(try await failure(table.put(stored, condition: .equals(equal))) == "n")
    }

    func putsManyOnCondition() async throws {
        let table = try await make(.standard)
        try await load([item("p", "1", "1"), item("p", "2", "2"), item("p", "3", "3")], into: table)
        let outcomes = try await table.put([
            ConditionalPut(item("p", "0", "new"), if: .absent),
            ConditionalPut(item("p", "1", "new"), if: .absent),
            ConditionalPut(item("p", "2", "new"), if: .equals(item("p", "2", "2"))),
            ConditionalPut(item("p", "3", "new"), if: .equals(item("p", "3", "2"))),
            ConditionalPut(item("p", "4", "new"), if: .equals(item("p", "4", "4"))),
        ])
        let currents = outcomes.map { outcome -> String? in
            guard case .conditionFailed(let current) = outcome else { return "done" }
            return current.map { value($0) }
        }
        #expect(currents == ["done", "1", "done", "3", nil])
        #expect(try await scanAll(table).map { value($0) }.sorted() == ["1", "3", "new", "new"])
        #expect(try await table.put([]).isEmpty)
    }

    func deletesOnCondition() async throws {
        let table = try await make(.standard)
        let first = item("p", "s", "1")
        #expect(try await failure(table.delete(key("p", "s"), condition: .none)) == nil)
        #expect(try await failure(table.delete(key("p", "s"), condition: .exists)) == .some(nil))
        #expect(try await failure(table.delete(key("p", "s"), condition: .equals(first))) == .some(nil))
        try await load([first, item("p", "t", "t")], into: table)
        #expect(try await failure(table.delete(key("p", "s"), condition: .equals(item("p", "s", "0")))) == "1")
        #expect(try await failure(table.delete(key("p", "s"), condition: .absent)) == "1")
        #expect(try await table.get(key("p", "s"))?.isEqual(to: first) == true)
        #expect(try await failure(table.delete(key("p", "s"), condition: .equals(first))) == nil)
        #expect(try await failure(table.delete(key("p", "t"), condition: .exists)) == nil)
        #expect(try await scanAll(table).isEmpty)
    }

    func movesInTransactions() async throws {
        let table = try await make(.standard)
        let moves = (0..<50).map {
            Move(old: item("PLAN#\($0)", "META", "\($0)"), new: item("PLAN", "META#\($0)", "\($0)"))
        }
        try await load(moves.map(\.old), into: table)
        // An equal item under the new key does not stand in the way.
        try await load([moves[3].new], into: table)
        let result = try await table.transactMove(moves)
        #expect(result.isCommitted)
        #expect(result.outcomes.count == 50)
        #expect(result.consumedWriteUnits == 200)
        let items = try await scanAll(table)
        #expect(items.count == 50)
        #expect(Set(items.map { $0.canonical() }) == Set(moves.map { $0.new.canonical() }))
        #expect(try await table.transactMove([]).outcomes.isEmpty)
    }

    func movesAllOrNone() async throws {
        let table = try await make(.standard)
        let moves = (0..<5).map {
            Move(old: item("PLAN#\($0)", "META", "\($0)"), new: item("PLAN", "META#\($0)", "\($0)"))
        }
        // 0 and 4 could move; 1 changed meanwhile, 2 is gone, 3 finds another item in its place.
        let before = [
            moves[0].old, item("PLAN#1", "META", "changed"), moves[3].old, item("PLAN", "META#3", "other"),
            moves[4].old,
        ]
        try await load(before, into: table)
        let result = try await table.transactMove(moves)
        #expect(!result.isCommitted)
        #expect(
            result.outcomes.map { name($0) } == [
                "cancelled", "changed changed", "changed -", "taken other", "cancelled",
            ])
        let after = try await scanAll(table)
        #expect(after.count == before.count)
        #expect(Set(after.map { $0.canonical() }) == Set(before.map { $0.canonical() }))
    }

    func refusesBadTransactions() async throws {
        let table = try await make(.standard)
        let words = "Transaction request cannot include multiple operations on one item"
        let a = item("p", "a", "1")
        let b = item("p", "b", "1")
        let c = item("p", "c", "1")
        await expectRefused(words) { _ = try await table.transactMove([Move(old: a, new: item("p", "a", "2"))]) }
        await expectRefused(words) { _ = try await table.transactMove([Move(old: a, new: b), Move(old: b, new: c)]) }
        await expectRefused(words) { _ = try await table.transactMove([Move(old: a, new: c), Move(old: b, new: c)]) }
        let moves = (0..<51).map { Move(old: item("o", "\($0)", ""), new: item("n", "\($0)", "")) }
        await expectRefused("less than or equal to 100") { _ = try await table.transactMove(moves) }
        let large = (0..<6).map { Move(old: item("o", "\($0)", size: 400_000), new: item("n", "\($0)", size: 400_000)) }
        await expectRefused { _ = try await table.transactMove(large) }
        #expect(try await scanAll(table).isEmpty)
    }

    /// nil if the write was done; else the value of the item that stood in its way, if there is one.
    private func failure(_ outcome: WriteOutcome) -> String?? {
        switch outcome {
        case .done: .none
        case .conditionFailed(let current): .some(current.map { value($0) })
        }
    }

    private func name(_ outcome: MoveOutcome) -> String {
        switch outcome {
        case .moved: "moved"
        case .cancelled: "cancelled"
        case .oldChanged(let current): "changed \(current.map { value($0) } ?? "-")"
        case .newTaken(let current): "taken \(current.map { value($0) } ?? "-")"
        }
    }
}
