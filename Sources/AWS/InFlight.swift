import ByteStreams
import Synchronization

/// How many requests one table keeps in flight: one more for each round that went through, half after throttling.
///
/// Requests that were in flight together are held back together: after a halving as many answers as the new limit are waited for
/// before it is halved again. Source: additive increase and multiplicative decrease, RFC 5681, section 3.1.
final class InFlightLimit: Sendable {
    static let first = 4.0
    static let most = 32.0

    private struct State {
        var value = first
        /// Answers during which throttling does not count again.
        var grace = 0
    }

    private let state = Mutex(State())

    var current: Int { state.withLock { Int($0.value) } }

    /// A request was done whole, or the service held it or some of it back.
    func note(isThrottled: Bool) {
        state.withLock { state in
            if state.grace > 0 {
                state.grace -= 1
                if isThrottled { return }
            }
            if isThrottled {
                state.value = max(1, state.value / 2)
                state.grace = Int(state.value)
            } else {
                state.value = min(Self.most, state.value + 1 / state.value)
            }
        }
    }

    /// An attempt failed; it is made again by the one who sent it.
    func note(_ failure: ServiceError) {
        if failure.isThrottling { note(isThrottled: true) }
    }
}

/// Does every part, up to `limit` at a time as it then stands, and returns the results in the order of the parts.
///
/// After a failure nothing more is begun, what is under way is waited for, and the first failure is thrown.
func inFlight<Part: Sendable, Outcome: Sendable>(
    _ parts: [Part], limit: InFlightLimit,
    _ body: @escaping @Sendable (Part) async throws(RekeyError) -> Outcome
) async throws(RekeyError) -> [Outcome] {
    typealias Numbered = (index: Int, result: Result<Outcome, RekeyError>)
    if parts.count == 1 { return [try await body(parts[0])] }
    var outcomes = [Outcome?](repeating: nil, count: parts.count)
    var failure: RekeyError?
    await withTaskGroup(of: Numbered.self) { group in
        var next = 0
        var running = 0
        while running > 0 || (next < parts.count && failure == nil) {
            while next < parts.count, failure == nil, running < limit.current {
                let index = next
                group.addTask {
                    do throws(RekeyError) {
                        return (index, .success(try await body(parts[index])))
                    } catch {
                        return (index, .failure(error))
                    }
                }
                next += 1
                running += 1
            }
            guard let done = await group.next() else { break }
            running -= 1
            switch done.result {
            case .success(let outcome): outcomes[done.index] = outcome
            case .failure(let error): failure = failure ?? error
            }
        }
    }
    if let failure { throw failure }
    return outcomes.compactMap { $0 }
}
