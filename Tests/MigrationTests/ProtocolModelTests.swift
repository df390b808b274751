import Migration
import Testing

/// Every order of events of the small protocol, and that mistakes made on purpose are found.
@Suite struct ProtocolModelTests {
    typealias Phase = MoveDecisions<Int8>.Phase

    private static let everything = ProtocolModel.Operation.allCases

    @Test(arguments: [ProtocolModel.Strategy.batch, .transact], [true, false])
    func nothingIsLostInAnyOrder(strategy: ProtocolModel.Strategy, hasBoth: Bool) throws {
        let model = ProtocolModel(
            strategy: strategy, operations: Self.everything, writes: 3, crashes: 1, hasBoth: hasBoth)
        let result = try model.run()
        #expect(result.violation == nil, "\(result.violation.map { "\($0)" } ?? "")")
        #expect(result.finishes > 0)
        print(
            "model of \(strategy), second plan \(hasBoth ? "there" : "to come"): \(result.states) states, \(result.finishes) ends, \(result.stops) stops"
        )
    }

    /// A put that is said to be done and is not: the run stops, and goes on.
    @Test func aLostPutIsFound() throws {
        let model = ProtocolModel(operations: [.updateOld], writes: 1, crashes: 1, lostPuts: 1)
        let result = try model.run()
        #expect(result.violation == nil, "\(result.violation.map { "\($0)" } ?? "")")
        #expect(result.finishes > 0 && result.stops > 0)
    }

    /// Any other order of the steps loses something, or never comes to an end, where nothing but the order is trusted.
    @Test(arguments: [
        [Phase.put, .delete, .verify], [.verify, .put, .delete], [.verify, .delete, .put], [.delete, .put, .verify],
        [.delete, .verify, .put],
    ])
    func anotherOrderIsFound(order: [Phase]) throws {
        #expect(order != MoveDecisions<Int8>.batchOrder)
        let faulty = try ProtocolModel(
            order: order, looksBeforeDelete: false, operations: [.updateOld], writes: 1, crashes: 1, lostPuts: 1
        ).run()
        let calm = try ProtocolModel(order: order, looksBeforeDelete: false).run()
        #expect(faulty.violation != nil || calm.finishes == 0)
        print("\(order.map(\.rawValue)): \(faulty.violation?.what ?? "never ends")")
    }

    @Test(arguments: [
        (ProtocolModel.Mistake.deleteWhatChanged, ProtocolModel.Strategy.batch), (.overwriteStrangers, .batch),
        (.overwriteStrangers, .transact), (.believeWithoutReading, .batch), (.replaceWhateverIsThere, .batch),
        (.replaceWhateverIsThere, .transact), (.moveWhatChanged, .transact), (.takeEveryCopyForReadBack, .batch),
    ])
    func aMistakeIsFound(mistake: ProtocolModel.Mistake, strategy: ProtocolModel.Strategy) throws {
        // A look before each deletion finds a lost put as well.
        let result = try ProtocolModel(
            strategy: strategy, mistake: mistake, looksBeforeDelete: mistake != .believeWithoutReading,
            operations: Self.everything, writes: 3, crashes: 1, lostPuts: 1
        ).run()
        #expect(result.violation != nil)
        print("\(mistake) in \(strategy): \(result.violation?.what ?? "not found") among \(result.states) states")
    }
}
